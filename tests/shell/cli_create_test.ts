/** Creating torrents: paths, contents, and sharing content behind links. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { byteText } from "../../core/bencode/node.ts";
import { readMetainfo } from "../../shell/read_metainfo.ts";
import {
  assertContent,
  assertOneSentence,
  LOCAL,
  makeBytes,
  makeFile,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";
import { exists } from "./disk/support.ts";

const PIECE = 16 * 1024;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

async function filesOf(torrent: string): Promise<string[]> {
  const read = readMetainfo(await Deno.readFile(torrent));
  if (!read.ok) throw new Error(read.error.code);
  return read.value.files.filter(({ pad }) => !pad).map(({ path }) => path.slice(1).join("/"));
}

Deno.test("a torrent of the current folder does not contain itself", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("set"));
  await Deno.writeFile(dir.at("set", "a"), makeBytes(100));
  const first = await runTt(["create", "."], { cwd: dir.at("set") });
  assertEquals(first.code, 0, first.stderr);
  assertMatch(first.stderr, /^\.: checked 100 % of 100 B\n$/);
  const bytes = await Deno.readFile(dir.at("set", "set.torrent"));
  const again = await runTt(["create", ".", "--json"], { cwd: dir.at("set") });
  assertEquals(again.code, 0, again.stderr);
  assertEquals(await Deno.readFile(dir.at("set", "set.torrent")), bytes);
  assertEquals(await filesOf(dir.at("set", "set.torrent")), ["a"]);
  const { path, reason } = again.said.find(({ event }) => event === "left-out")!;
  assertEquals([path.endsWith("set/set.torrent"), reason], [true, "output"]);
});

Deno.test("an unwritable output path is reported before anything is hashed", async () => {
  await using dir = await scratch();
  // Enough that hashing it would take minutes.
  await Deno.writeFile(dir.at("large"), new Uint8Array(1));
  await Deno.truncate(dir.at("large"), 300e9);
  await Deno.writeFile(dir.at("taken"), new Uint8Array(1));
  await Deno.writeFile(dir.at("other"), makeBytes(5));
  const other = await runTt(["create", "other"], { cwd: dir.path });
  assertEquals(other.code, 0, other.stderr);
  const cases: [string, number, RegExp][] = [
    ["nowhere/x.torrent", 5, /Cannot write nowhere\/x\.torrent: its folder does not exist/],
    [".", 2, /Cannot write \.: it is a folder/],
    ["taken", 2, /taken exists and is not a torrent of this content; .*--force/],
    ["other.torrent", 2, /other\.torrent exists and is not a torrent of this content/],
  ];
  for (const [out, code, message] of cases) {
    const ended = await runTt(["create", "large", "--out", out], { cwd: dir.path });
    assertMatch(assertOneSentence(ended, code), message);
  }
  assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), [
    "large",
    "other",
    "other.torrent",
    "taken",
  ]);
});

Deno.test("--force overwrites an existing file, also through a link", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("a"), makeBytes(PIECE));
  await Deno.writeFile(dir.at("old"), makeBytes(5));
  await Deno.symlink("old", dir.at("a.torrent"));
  const ended = await runTt(["create", "a", "--force"], { cwd: dir.path });
  assertEquals(ended.code, 0, ended.stderr);
  assert((await Deno.lstat(dir.at("a.torrent"))).isSymlink);
  assert(readMetainfo(await Deno.readFile(dir.at("old"))).ok);
});

Deno.test("--out - writes only the torrent to stdout", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("a"), makeBytes(PIECE));
  const made = await runTt(["create", "a"], { cwd: dir.path });
  const piped = await runTt(["create", "a", "--out", "-"], { cwd: dir.path });
  assertEquals(piped.code, 0, piped.stderr);
  assertMatch(piped.stderr, /\nCreated the \.torrent: [^\n]+\n$/);
  assertEquals(
    piped.stdout,
    new TextDecoder().decode(await Deno.readFile(dir.at("a.torrent"))),
    made.stderr,
  );
});

Deno.test("skipped files are named even with --quiet, and are events in --json", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("set"));
  await Deno.writeFile(dir.at("set", "a"), makeBytes(5));
  await Deno.writeFile(dir.at("set", "Thumbs.db"), makeBytes(5));
  await Deno.symlink("a", dir.at("set", "b"));
  const quiet = await runTt(["create", "set", "--quiet"], { cwd: dir.path });
  assertMatch(
    quiet.stderr,
    /^Skipped \S+set\/b: it is a symbolic link; use --follow-symlinks .*\n$/,
  );
  const json = await runTt(["create", "set", "--json"], { cwd: dir.path });
  const reasons = json.said.filter(({ event }) => event === "left-out").map(({ reason }) => reason);
  assertEquals([reasons.sort(), json.stderr], [["symlink", "system-file"], ""]);
});

Deno.test("a download reports symbolic links in a torrent as skipped", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.path, "name", PIECE);
  const bytes = await Deno.readFile(torrent);
  // The same torrent as a folder of that file and a link.
  const text = byteText(bytes).replace(
    "6:lengthi16384e",
    "5:filesld6:lengthi16384e4:pathl4:nameeed4:attr1:l6:lengthi0e4:pathl4:link" +
      "e12:symlink pathl4:nameeee",
  );
  await Deno.writeFile(dir.at("linked.torrent"), bytesOf(text));
  await Deno.mkdir(dir.at("D", "name"), { recursive: true });
  await Deno.copyFile(dir.at("name"), dir.at("D", "name", "name"));
  const args = ["--dir", dir.at("D"), "--no-seed", "--host", "127.0.0.1", "--port", "0"];
  const json = await runTt(["get", dir.at("linked.torrent"), ...args, "--json"]);
  assertEquals(json.code, 0, json.stderr);
  const { path, reason } = json.said.find(({ event }) => event === "left-out")!;
  assertEquals([path, reason], ["name/link", "torrent-symlink"]);
  const quiet = await runTt(["get", dir.at("linked.torrent"), ...args, "--quiet"]);
  assertEquals(quiet.stderr, "Skipped name/link: it is a symbolic link\n");
  assert(!await exists(dir.at("D", "name", "link")));
});

Deno.test("content behind a link given by the user is served", async () => {
  await using dir = await scratch();
  const bytes = makeBytes(3 * PIECE + 5);
  await Deno.mkdir(dir.at("real", "set"), { recursive: true });
  await Deno.writeFile(dir.at("real", "set", "film"), bytes);
  await Deno.symlink("real/set/film", dir.at("film.bin"));
  await Deno.symlink("real/set", dir.at("folder"));
  for (const name of ["film.bin", "folder"]) {
    await using seed = await startSeed([name], { cwd: dir.path });
    const args = [dir.at(`${name}.torrent`), "--dir", dir.at("D"), "--peer", seed.peer];
    await using get = await startGet([...args, "--no-seed"]);
    const ended = await get.end();
    assertEquals(ended.code, 0, ended.stderr);
  }
  await assertContent(dir.at("D", "film.bin"), bytes);
  await assertContent(dir.at("D", "folder", "film"), bytes);
});

Deno.test("links below a folder are served with --follow-symlinks only", async () => {
  await using dir = await scratch();
  const bytes = makeBytes(PIECE + 5);
  await Deno.mkdir(dir.at("set"));
  await Deno.writeFile(dir.at("real"), bytes);
  await Deno.symlink("../real", dir.at("set", "linked"));
  const made = await runTt(["create", "set", "--follow-symlinks"], { cwd: dir.path });
  assertEquals(made.code, 0, made.stderr);
  const refused = await runTt(["seed", "set.torrent", ...LOCAL], { cwd: dir.path });
  assertMatch(
    assertOneSentence(refused, 5),
    /symbolic link .*tt seed follows it with --follow-sym/,
  );
  await Deno.rename(dir.at("set.torrent"), dir.at("SET.TORRENT"));
  await using seed = await startSeed(["SET.TORRENT", "--follow-symlinks"], { cwd: dir.path });
  const args = [dir.at("SET.TORRENT"), "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
  await using get = await startGet(args);
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  await assertContent(dir.at("D", "set", "linked"), bytes);
});

Deno.test("a state of an earlier version, which contains its torrent, is resumed", async () => {
  await using dir = await scratch();
  const { torrent, bytes } = await makeFile(dir.at("S"), "old.bin", 4 * PIECE, [
    "--piece-length",
    "16K",
  ]);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  const args = ["--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
  await using get = await startGet([torrent, ...args, "--down-limit", "20K"]);
  await get.event("progress", ({ bytesDone }) => bytesDone > 0);
  await get.stop();
  const state =
    [...Deno.readDirSync(dir.at("D", ".tt"))].find(({ name }) => name.endsWith(".resume"))!.name;
  const kept = dir.at("D", ".tt", state.replace(".resume", ".torrent"));
  const bytesKept = await Deno.readFile(kept);
  assertEquals(bytesKept, await Deno.readFile(torrent));
  await Deno.remove(kept);
  const text = await Deno.readFile(dir.at("D", ".tt", state));
  const inside = `7:torrent${bytesKept.length}:${byteText(bytesKept)}`;
  const old = byteText(text).replace("8:uploaded", `${inside}8:uploaded`);
  assert(text.length < 500 && old.length > text.length);
  await Deno.writeFile(dir.at("D", ".tt", state), bytesOf(old));
  await using again = await startGet(["--resume", ...args]);
  const ended = await again.end();
  assertEquals(ended.code, 0, ended.stderr);
  assert(ended.said.find(({ event }) => event === "resumed")!.piecesKept > 0);
  await assertContent(dir.at("D", "old.bin"), bytes);
});
