import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { createGeometry } from "../../core/metainfo/geometry.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { listContent, type ListOptions } from "../../shell/list_content.ts";
import { ContentError, type ContentErrorCode } from "../../shell/content_error.ts";
import { makeTorrent, type MakeTorrentOptions } from "../../shell/make_torrent.ts";
import { byteText } from "../../core/bencode/node.ts";
import { parseGlob } from "../../core/metainfo/glob.ts";
import { toHex } from "../../core/bytes/hex.ts";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tt_make_" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function write(folder: string, name: string, size: number): Uint8Array {
  const place = join(folder, name);
  Deno.mkdirSync(join(place, ".."), { recursive: true });
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff);
  Deno.writeFileSync(place, bytes);
  return bytes;
}

function hashesOf(content: Uint8Array, pieceLength: number): string {
  let text = "";
  for (let at = 0; at < content.length; at += pieceLength) {
    text += toHex(sha1(content.subarray(at, at + pieceLength)));
  }
  return text;
}

async function assertRefused(
  path: string,
  code: ContentErrorCode,
  options?: MakeTorrentOptions,
): Promise<void> {
  const error = await assertRejects(() => makeTorrent(path, options), ContentError);
  assertEquals((error as ContentError).code, code);
  assert(/^[^\n]+;[^\n]+[^.]$/.test((error as ContentError).message));
}

Deno.test("a file becomes a torrent with its name, pieces and hashes", () =>
  withFolder(async (folder) => {
    const content = write(folder, "a b.bin", 100_001);
    const progress: number[] = [];
    const made = await makeTorrent(join(folder, "a b.bin"), {
      announceTiers: [["http://127.0.0.1:1/announce", "http://127.0.0.1:3/a"], [
        "udp://127.0.0.1:2",
      ]],
      webSeeds: ["http://127.0.0.1:1/w"],
      source: "X",
      isPrivate: true,
      comment: "hi",
      createdBy: "tt",
      onProgress: (done, total) => {
        assertEquals(total, content.length);
        progress.push(done);
      },
    });
    const { metainfo } = made;
    assertEquals([metainfo.name, metainfo.isFolder, metainfo.isPrivate], ["a b.bin", false, true]);
    assertEquals(metainfo.geometry, createGeometry(100_001, 16_384));
    assertEquals(toHex(metainfo.pieceHashes), hashesOf(content, 16_384));
    assertEquals(metainfo.announceTiers, [
      ["http://127.0.0.1:1/announce", "http://127.0.0.1:3/a"],
      ["udp://127.0.0.1:2"],
    ]);
    assertEquals(metainfo.webSeeds, ["http://127.0.0.1:1/w"]);
    assert(byteText(metainfo.infoBytes).includes("6:source1:X"));
    assertEquals([metainfo.comment, metainfo.createdBy], ["hi", "tt"]);
    assertEquals([progress.length, progress.at(-1)], [7, 100_001]);
  }));

Deno.test("a folder becomes one torrent, its files sorted and concatenated", () =>
  withFolder(async (folder) => {
    const root = join(folder, "album");
    const last = write(root, "z.bin", 30_000);
    const nested = write(root, "disc/\u00e9 1/x.bin", 20_000);
    const hidden = write(root, ".hidden", 1);
    write(root, "disc/empty", 0);
    Deno.mkdirSync(join(root, "no files here"));
    const { metainfo, bytes } = await makeTorrent(root, { pieceLength: 32_768 });
    assertEquals(metainfo.files.map((file) => [file.path.join("/"), file.length]), [
      ["album/.hidden", 1],
      ["album/disc/empty", 0],
      ["album/disc/\u00e9 1/x.bin", 20_000],
      ["album/z.bin", 30_000],
    ]);
    const content = Uint8Array.of(...hidden, ...nested, ...last);
    assertEquals(toHex(metainfo.pieceHashes), hashesOf(content, 32_768));
    assertEquals((await makeTorrent(root + "/", { pieceLength: 32_768 })).bytes, bytes);
  }));

/** The paths that are content, and those left out, with the reason. */
async function listing(folder: string, options: ListOptions = {}) {
  const leftOut: string[] = [];
  const { files } = await listContent(folder, {
    ...options,
    onLeftOut: (path, reason) => leftOut.push(`${path.replace(folder, "DIR")} ${reason}`),
  });
  return { files: files.map(({ path }) => path.join("/")), leftOut: leftOut.sort() };
}

Deno.test("links, devices, our state and system files are skipped, each with its reason", () =>
  withFolder(async (folder) => {
    write(folder, "real", 5);
    write(folder, "sub/.tt/x.resume", 5);
    write(folder, "sub/.DS_Store", 5);
    write(folder, "THUMBS.DB", 5);
    write(folder, ".real.torrent.0123abcd.tt-tmp", 5);
    Deno.symlinkSync("real", join(folder, "link"));
    Deno.symlinkSync("/", join(folder, "root"));
    const left = [
      "DIR/.real.torrent.0123abcd.tt-tmp output",
      "DIR/link symlink",
      "DIR/root symlink",
      "DIR/sub/.tt state-folder",
    ];
    assertEquals(await listing(folder), {
      files: ["real"],
      leftOut: [...left, "DIR/sub/.DS_Store system-file", "DIR/THUMBS.DB system-file"].sort(),
    });
    assertEquals(await listing(folder, { keepSystemFiles: true }), {
      files: ["THUMBS.DB", "real", "sub/.DS_Store"],
      leftOut: left,
    });
  }));

Deno.test("a name that other systems cannot store does not refuse its folder", () =>
  withFolder(async (folder) => {
    write(folder, "fine", 5);
    write(folder, "odd\x01name", 5);
    write(folder, "odd_name", 5);
    write(folder, "back\\slash/inside", 5);
    write(folder, "exe\u202etxt.gpj", 5);
    assertEquals(await listing(folder), {
      files: ["fine", "odd_name"],
      leftOut: [
        "DIR/back\\slash unsupported-name",
        "DIR/exe\u202etxt.gpj unsupported-name",
        "DIR/odd\x01name unsupported-name",
      ],
    });
  }));

Deno.test("patterns exclude files and whole folders", () =>
  withFolder(async (folder) => {
    write(folder, "a.tmp", 5);
    write(folder, "keep", 5);
    write(folder, "cache/deep/b", 5);
    write(folder, "sub/cache", 5);
    write(folder, "sub/c.TMP", 5);
    const exclude = ["*.tmp", "/cache/"].map((pattern) => parseGlob(pattern)!);
    assertEquals(await listing(folder, { exclude }), { files: ["keep"], leftOut: [] });
    const below = ["cache/**"].map((pattern) => parseGlob(pattern)!);
    assertEquals((await listing(folder, { exclude: below })).files, [
      "a.tmp",
      "keep",
      "sub/c.TMP",
      "sub/cache",
    ]);
  }));

Deno.test("links are followed if requested, but not in cycles", () =>
  withFolder(async (folder) => {
    const root = join(folder, "root");
    write(root, "a/file", 5);
    write(folder, "outside/other", 6);
    Deno.symlinkSync("../outside", join(root, "linked"));
    Deno.symlinkSync("a/file", join(root, "again"));
    Deno.symlinkSync("..", join(root, "a/up"));
    Deno.symlinkSync("nothing", join(root, "broken"));
    assertEquals(await listing(root, { followSymlinks: true }), {
      files: ["a/file", "again", "linked/other"],
      leftOut: ["DIR/a/up symlink-loop", "DIR/broken broken-symlink"],
    });
    const made = await makeTorrent(root, { followSymlinks: true });
    const real = Deno.realPathSync(folder);
    assertEquals(made.places, [
      join(real, "root/a/file"),
      join(real, "root/a/file"),
      join(real, "outside/other"),
    ]);
  }));

Deno.test(
  "executable files are marked",
  { ignore: Deno.build.os === "windows" },
  () =>
    withFolder(async (folder) => {
      write(folder, "set/run.sh", 5);
      write(folder, "set/text", 5);
      Deno.chmodSync(join(folder, "set/run.sh"), 0o755);
      const { metainfo } = await makeTorrent(join(folder, "set"));
      assertEquals(metainfo.files.map(({ executable }) => executable), [true, false]);
      const single = await makeTorrent(join(folder, "set/run.sh"));
      assert(single.metainfo.files[0]!.executable);
    }),
);

Deno.test("a tree that no torrent can hold is refused before anything is hashed", () =>
  withFolder(async (folder) => {
    const deep = Array.from({ length: 65 }, () => "d").join("/");
    write(folder, `deep/${deep}/f`, 5);
    const onProgress = () => {
      throw new Error("hashed");
    };
    await assertRefused(join(folder, "deep"), "path-too-long", { onProgress });
    const { length } = deep.slice(4).split("/");
    write(folder, `fits/${deep.slice(4)}/f`, 5);
    const { metainfo } = await makeTorrent(join(folder, "fits"));
    assertEquals(metainfo.files[0]!.path.length, length + 2);
  }));

Deno.test("a link given by the user is followed, and names the torrent", () =>
  withFolder(async (folder) => {
    write(folder, "real", 5);
    Deno.symlinkSync("real", join(folder, "link"));
    assertEquals((await makeTorrent(join(folder, "link"))).metainfo.files[0]!.path, ["link"]);
  }));

Deno.test("unusable paths are refused with one sentence", () =>
  withFolder(async (folder) => {
    await assertRefused(join(folder, "nothing"), "missing");
    write(folder, "file", 5);
    await assertRefused(join(folder, "file", "below"), "missing");
    await assertRefused("/dev/null", "no-content");
    await assertRefused("/", "no-content");
    write(folder, "empty/a", 0);
    await assertRefused(join(folder, "empty"), "no-content");
    for (const pieceLength of [1, 16_383, 24_576, 512 * 1024 * 1024]) {
      await assertRefused(join(folder, "file"), "bad-piece-length", { pieceLength });
    }
    write(folder, "back\\slash", 5);
    await assertRefused(join(folder, "back\\slash"), "unsupported-name");
    write(folder, ".tt", 5);
    await assertRefused(join(folder, ".tt"), "unsupported-name");
  }));

Deno.test("a name that is not UTF-8 is skipped", () =>
  withFolder(async (folder) => {
    const args = ["-c", `printf x > "$0/$(printf 'a\\377b')"`, folder];
    await new Deno.Command("sh", { args }).output();
    await assertRefused(folder, "no-content");
    write(folder, "fine", 5);
    const { files, leftOut } = await listing(folder);
    assertEquals([files, leftOut.length], [["fine"], 1]);
  }));

Deno.test("content with too many pieces for a torrent is refused before it is read", () =>
  withFolder(async (folder) => {
    const place = join(folder, "sparse");
    Deno.writeFileSync(place, new Uint8Array());
    Deno.truncateSync(place, 64 * 1024 ** 3);
    await assertRefused(place, "bad-piece-length", { pieceLength: 16_384 });
  }));

Deno.test("a file that shrinks, grows or changes meanwhile is refused", async () => {
  const changes: ((place: string) => void)[] = [
    (place) => Deno.truncateSync(place, 50_000),
    (place) => Deno.writeFileSync(place, new Uint8Array(1), { append: true }),
    (place) => Deno.utimeSync(place, 1, 1),
  ];
  for (const change of changes) {
    await withFolder(async (folder) => {
      write(folder, "f", 4_000_000);
      const place = join(folder, "f");
      await assertRefused(place, "changed", { onProgress: () => change(place) });
    });
  }
});

Deno.test("creating a torrent can be aborted", () =>
  withFolder(async (folder) => {
    write(folder, "f", 4_000_000);
    const controller = new AbortController();
    const making = makeTorrent(join(folder, "f"), {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("stopped")),
    });
    await assertRejects(() => making, Error, "stopped");
  }));
