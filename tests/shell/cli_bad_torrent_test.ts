/** Torrents and settings that are invalid: one sentence, an exit code, nothing written. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { type Bencodable, encodeBencode } from "../../core/bencode/encode.ts";
import {
  assertContent,
  assertNoTrace,
  assertOneSentence,
  forEachAtOnce,
  LOCAL,
  makeBytes,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";

const PIECE = 16 * 1024;
const SIZE = 3 * PIECE + 1;
const CONTENT = makeBytes(SIZE, 9);

/** A valid single-file info dictionary, with changes; undefined removes a key. */
function infoWith(changes: Record<string, Bencodable | undefined>): Record<string, Bencodable> {
  const info = { name: "f.bin", length: SIZE, "piece length": PIECE, pieces: hashesOf(CONTENT) };
  const entries = Object.entries({ ...info, ...changes });
  return Object.fromEntries(entries.filter((entry) => entry[1] !== undefined)) as Record<
    string,
    Bencodable
  >;
}

function hashesOf(bytes: Uint8Array): Uint8Array {
  const hashes: number[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    hashes.push(...createHash("sha1").update(bytes.subarray(at, at + PIECE)).digest());
  }
  return Uint8Array.from(hashes);
}

function torrentWith(changes: Record<string, Bencodable | undefined>): Uint8Array {
  return encodeBencode({ info: infoWith(changes) });
}

const text = (written: string) => new TextEncoder().encode(written);
const good = torrentWith({});
const inInfo = (rest: string) => text(`d4:info${rest}e`);

/** The fault, the bytes, and what the message must contain. */
const BAD_TORRENTS: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["an empty file", new Uint8Array(), /not a valid torrent/],
  ["a web page", text("<!doctype html><title>Sign in</title>"), /not a valid torrent/],
  ["a truncated file", good.subarray(0, good.length - 40), /not a valid torrent/],
  [
    "bytes after the end",
    text(new TextDecoder("latin1").decode(good) + "x"),
    /not a valid torrent/,
  ],
  ["lists within lists, 100,000 deep", text("l".repeat(100_000)), /not a valid torrent/],
  ["a string of 999,999,999,999 bytes", inInfo("999999999999:abc"), /not a valid torrent/],
  ["a number with leading zeros", inInfo("d6:lengthi007ee"), /not a valid torrent/],
  ["a minus zero", inInfo("d6:lengthi-0ee"), /not a valid torrent/],
  ["keys out of order", inInfo("d4:name1:a6:lengthi1ee"), /not a valid torrent/],
  ["a key twice", inInfo("d4:name1:a4:name1:be"), /not a valid torrent/],
  ["a list instead of a dictionary", text("le"), /is not a dictionary/],
  ["no info dictionary", text("d8:announce3:abce"), /no info dictionary/],
  ["no name", torrentWith({ name: undefined }), /no name/],
  ["no pieces", torrentWith({ pieces: undefined }), /no piece hashes/],
  ["a piece length of zero", torrentWith({ "piece length": 0 }), /piece length of 0/],
  ["a negative piece length", torrentWith({ "piece length": -1 }), /piece length of -1/],
  ["a piece length that is too large", torrentWith({ "piece length": 2 ** 40 }), /piece length of/],
  ["a wrong piece length", torrentWith({ "piece length": 2 * PIECE }), /4 piece hashes, but.* 2 /],
  ["too few hashes", torrentWith({ pieces: new Uint8Array(20) }), /1 piece hashes, but.* 4 /],
  ["half a hash", torrentWith({ pieces: new Uint8Array(70) }), /not a multiple of 20/],
  ["a negative length", torrentWith({ length: -5 }), /no valid length/],
  ["neither length nor files", torrentWith({ length: undefined }), /either a length or a list/],
  [
    "a file without a path",
    torrentWith({
      length: undefined,
      files: [{ length: SIZE, path: [] }],
    }),
    /no valid path/,
  ],
  [
    "files of more than 2^53 bytes",
    torrentWith({
      length: undefined,
      files: [{ length: Number.MAX_SAFE_INTEGER, path: ["a"] }, { length: 2, path: ["b"] }],
    }),
    /more than 2\^53 bytes/,
  ],
  ["no content", torrentWith({ length: 0, pieces: new Uint8Array() }), /no content/],
];

Deno.test("an invalid torrent gives one sentence and exit code 3, and nothing is written", async () => {
  await using dir = await scratch();
  await forEachAtOnce(BAD_TORRENTS, async ([what, bytes, pattern], index) => {
    const path = dir.at(`${index}.torrent`);
    await Deno.writeFile(path, bytes);
    const ended = await runTt(["get", path, "--dir", dir.at("D"), "--no-seed", ...LOCAL]);
    const sentence = assertOneSentence(ended, 3);
    assertMatch(sentence, pattern, what);
    assert(sentence.includes(path), sentence);
    assert(ended.said.some(({ event, code }) => event === "error" && code !== "internal"), what);
  });
  const names = (await listTree(dir.path)).filter((name) => !name.endsWith(".torrent"));
  assertEquals(names, []);
});

Deno.test("a file of gigabytes is not read as a torrent", async () => {
  await using dir = await scratch();
  using file = await Deno.create(dir.at("huge.torrent"));
  await file.truncate(8 * 2 ** 30);
  const ended = await runTt(["show", dir.at("huge.torrent")]);
  assertMatch(assertOneSentence(ended, 3), /larger than/);
});

Deno.test("missing sources, folders and magnet links have different errors", async () => {
  await using dir = await scratch();
  const [missing, folder, magnet] = await Promise.all([
    runTt(["get", dir.at("missing.torrent"), ...LOCAL]),
    runTt(["get", dir.path, ...LOCAL]),
    runTt(["get", "magnet:?xt=urn:btih:aaaa", ...LOCAL]),
  ]);
  assertMatch(assertOneSentence(missing, 3), /There is no file .*missing\.torrent/);
  assertMatch(assertOneSentence(folder, 3), /is not a file/);
  assertMatch(assertOneSentence(magnet, 3), /magnet link cannot be used: .* is not an info hash/);
});

/** Content of one piece, in files whose names point elsewhere, or to the same place. */
const ODD_PATHS: readonly (readonly string[])[] = [
  ["..", "..", "..", "escaped"],
  ["/etc/absolute"],
  ["a/../../b"],
  ["..\\..\\windows"],
  ["twice"],
  ["twice"],
  ["twice", "inside a file"],
  [""],
];

for (const name of ["..", ".tt", "/", "folder"]) {
  Deno.test(`traversing, colliding and absolute paths stay inside, below "${name}"`, async () => {
    await using dir = await scratch();
    const files = ODD_PATHS.map((path, index) => ({ length: 1000 + index, path }));
    const total = files.reduce((sum, { length }) => sum + length, 0);
    const bytes = CONTENT.subarray(0, total);
    const torrent = dir.at("odd.torrent");
    const info = infoWith({ name, length: undefined, files, pieces: hashesOf(bytes) });
    await Deno.writeFile(torrent, encodeBencode({ info }));
    const shown = await runTt(["show", torrent, "--json"]);
    const placed: { path: string; length: number }[] = shown.said[0]!.files;
    assertEquals(new Set(placed.map(({ path }) => path)).size, ODD_PATHS.length);
    let at = 0;
    for (const { path, length } of placed) {
      await Deno.mkdir(dirname(dir.at("S", path)), { recursive: true });
      await Deno.writeFile(dir.at("S", path), bytes.subarray(at, at += length));
    }
    const before = await listTree(dir.path);
    await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
    await using get = await startGet([
      ...[torrent, "--dir", dir.at("deep", "D"), "--peer", seed.peer, "--no-seed"],
    ]);
    assertEquals((await get.end()).code, 0);
    at = 0;
    for (const { path, length } of placed) {
      await assertContent(dir.at("deep", "D", path), bytes.subarray(at, at += length));
    }
    const made = (await listTree(dir.path)).filter((path) => !before.includes(path));
    const state = join("deep", "D", ".tt");
    const content = made.filter((path) => !path.startsWith(state));
    assertEquals(content.sort(), placed.map(({ path }) => join("deep", "D", path)).sort());
    // Our folder contains nothing but our own state.
    for (const path of made.filter((path) => path.startsWith(state))) {
      assertMatch(path, /\/[0-9a-f]{40}\.(resume|torrent|lock|options)$/);
    }
  });
}

Deno.test("a usage error gives one sentence and exit code 2", async () => {
  await using dir = await scratch();
  await Deno.writeTextFile(dir.at("config"), "no-such-setting = 1\n");
  await Deno.writeFile(dir.at("binary"), makeBytes(1000));
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["gte"], /did you mean get/],
    [["get"], /needs a SOURCE/],
    [["get", "x.torrent", "--no-sed"], /--no-sed/],
    [["get", "x.torrent", "--port", "70000"], /--port/],
    [["get", "x.torrent", "--down-limit", "fast"], /--down-limit/],
    [["get", "x.torrent", "--share-rule", "101"], /--share-rule/],
    [["get", "x.torrent", "--peer", "somewhere"], /--peer/],
    [["get", "x.torrent", "--no-seed", "--seed-ratio", "1"], /--seed-ratio/],
    [["create", dir.path, "--piece-length", "100"], /--piece-length/],
    [["show", "x.torrent", "--config", dir.at("missing")], /missing/],
    [["show", "x.torrent", "--config", dir.at("config")], /no-such-setting/],
    [["show", "x.torrent", "--config", dir.at("binary")], /binary/],
    [["show", "x.torrent", "--config", dir.path], /config file/],
  ];
  await forEachAtOnce(cases, async ([args, pattern]) => {
    assertMatch(assertOneSentence(await runTt(args, { cwd: dir.path }), 2), pattern);
  });
});

Deno.test("missing or wrong content is not seeded", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("f.torrent"), good);
  const missing = await runTt(["seed", dir.at("f.torrent"), ...LOCAL]);
  assertMatch(assertOneSentence(missing, 6), /4 of its pieces are bad or missing/);
  const damaged = CONTENT.slice();
  damaged[PIECE]! ^= 1;
  await Deno.writeFile(dir.at("f.bin"), damaged);
  const [wrong, verified] = await Promise.all([
    runTt(["seed", dir.at("f.torrent"), ...LOCAL]),
    runTt(["verify", dir.at("f.torrent")]),
  ]);
  assertMatch(assertOneSentence(wrong, 6), /1 of its pieces/);
  assertEquals(verified.code, 6);
  assertNoTrace(verified.stderr);
});

/** Paths of all files below `root`, relative to it. */
async function listTree(root: string, below = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(join(root, below))) {
    const path = join(below, entry.name);
    if (entry.isDirectory) paths.push(...await listTree(root, path));
    else paths.push(path);
  }
  return paths;
}
