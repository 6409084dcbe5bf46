import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { createGeometry } from "../../core/metainfo/geometry.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { ContentError, type ContentErrorCode, listContent } from "../../shell/list_content.ts";
import { makeTorrent, type MakeTorrentOptions } from "../../shell/make_torrent.ts";
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

Deno.test("a file becomes a torrent of its name, pieces and hashes", () =>
  withFolder(async (folder) => {
    const content = write(folder, "a b.bin", 100_001);
    const progress: number[] = [];
    const made = await makeTorrent(join(folder, "a b.bin"), {
      trackers: ["http://127.0.0.1:1/announce", "udp://127.0.0.1:2"],
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
    assertEquals(metainfo.announceTiers, [["http://127.0.0.1:1/announce"], ["udp://127.0.0.1:2"]]);
    assertEquals([metainfo.comment, metainfo.createdBy], ["hi", "tt"]);
    assertEquals([progress.length, progress.at(-1)], [7, 100_001]);
  }));

Deno.test("a folder becomes one torrent, its files sorted and packed one after the other", () =>
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

Deno.test("links, devices and our state are left out with a notice", () =>
  withFolder(async (folder) => {
    write(folder, "real", 5);
    write(folder, "sub/.tt/x.resume", 5);
    Deno.symlinkSync("real", join(folder, "link"));
    Deno.symlinkSync("/", join(folder, "root"));
    const notices: string[] = [];
    const { files } = await listContent(folder, (sentence) => notices.push(sentence));
    assertEquals(files.map((file) => file.path), [["real"]]);
    assertEquals(notices.map((notice) => notice.replace(folder, "DIR")).sort(), [
      "Left out DIR/link, which is a symbolic link",
      "Left out DIR/root, which is a symbolic link",
      "Left out DIR/sub/.tt, the state folder of tt",
    ]);
  }));

Deno.test("a link that the user names is followed, and gives the torrent its name", () =>
  withFolder(async (folder) => {
    write(folder, "real", 5);
    Deno.symlinkSync("real", join(folder, "link"));
    assertEquals((await makeTorrent(join(folder, "link"))).metainfo.files[0]!.path, ["link"]);
  }));

Deno.test("what cannot be shared is refused in one sentence", () =>
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
    write(folder, "odd/back\\slash", 5);
    await assertRefused(join(folder, "odd"), "unsupported-name");
    write(folder, ".tt", 5);
    await assertRefused(join(folder, ".tt"), "unsupported-name");
  }));

Deno.test("a name that is not UTF-8 is refused", () =>
  withFolder(async (folder) => {
    const args = ["-c", `printf x > "$0/$(printf 'a\\377b')"`, folder];
    await new Deno.Command("sh", { args }).output();
    await assertRefused(folder, "unsupported-name");
  }));

Deno.test("content with more pieces than a torrent can carry is refused before it is read", () =>
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

Deno.test("making a torrent stops when it is told to", () =>
  withFolder(async (folder) => {
    write(folder, "f", 4_000_000);
    const controller = new AbortController();
    const making = makeTorrent(join(folder, "f"), {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("stopped")),
    });
    await assertRejects(() => making, Error, "stopped");
  }));
