/** Unfinished content is marked, finished content moves where the user wants it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertContent,
  LOCAL,
  makeBytes,
  makeFile,
  runTt,
  scratch,
  startGet,
  startSeed,
  Tt,
} from "../support/cli_kit.ts";
import { exists, onTinyDisk } from "./disk/support.ts";

const PIECE = 16 * 1024;
const SMALL_PIECES = ["--piece-length", "16K"];

Deno.test("incomplete content has its marker, however the process ends", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(
    dir.at("S"),
    "film.bin",
    32 * PIECE,
    SMALL_PIECES,
  );
  await using seed = await startSeed([torrent]);
  const args = [torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--resume"];
  const marker = dir.at("D", "film.bin.unfinished");
  await using get = await startGet([...args, "--down-limit", "100K"]);
  await get.event("progress", ({ bytesDone }) => bytesDone > 0);
  assertMatch(await Deno.readTextFile(marker), /^"film\.bin" is being downloaded/);
  await get.stop("SIGKILL");
  assert(await exists(marker));
  // Marked files can be verified and shared as far as they are complete.
  assertEquals((await runTt(["verify", torrent, "--dir", dir.at("D")])).code, 6);
  const fast = [...args, "--down-limit", "off"];
  await using again = await startGet(fast);
  assertEquals((await again.end()).code, 0);
  assert(!await exists(marker));
  await assertContent(dir.at("D", "film.bin"), bytes);
  // A user's own file in its place is not touched.
  await Deno.remove(dir.at("D", "film.bin"));
  await Deno.copyFile(path, marker);
  await using third = await startGet(fast);
  assertEquals((await third.end()).code, 0);
  await assertContent(marker, bytes);
});

Deno.test("complete content is moved, and seeded from there", async () => {
  await using dir = await scratch();
  const { torrent, bytes } = await makeFile(dir.at("S"), "film.bin", 32 * PIECE, SMALL_PIECES);
  await using seed = await startSeed([torrent]);
  const base = [torrent, "--dir", dir.at("D"), "--move-to", dir.at("E")];
  await using get = await startGet([...base, "--peer", seed.peer]);
  const { dir: place } = await get.event("moved");
  assertEquals(place, dir.at("E"));
  const { port } = get.said.find(({ event }) => event === "listening")!;
  await seed.stop();
  const peer = ["--peer", `127.0.0.1:${port}`];
  await using other = await startGet([torrent, "--dir", dir.at("F"), ...peer, "--no-seed"]);
  assertEquals((await other.end()).code, 0);
  assertEquals((await get.stop()).code, 0);
  await assertContent(dir.at("E", "film.bin"), bytes);
  assertEquals([...Deno.readDirSync(dir.at("D"))].map(({ name }) => name), [".tt"]);
  // A later run finds it there, and hashes nothing.
  await using again = await startGet([...base, "--no-seed", "--resume"]);
  const ended = await again.end();
  assertEquals([ended.code, ended.stderr], [0, ""]);
  assert(!ended.said.some(({ event }) => event === "checked" || event === "moved"));
});

onTinyDisk(
  "a process killed while it moves content to another disk loses nothing",
  async (disk) => {
    await using dir = await scratch();
    const size = 40_000_000;
    const { torrent, bytes } = await makeFile(dir.at("S"), "film.bin", size);
    await using seed = await startSeed([torrent]);
    const args = [torrent, "--dir", dir.at("D"), "--move-to", disk, "--no-seed", "--resume"];
    let isMoved = false;
    for (let kill = 0; kill < 4 && !isMoved; kill++) {
      await using get = await startGet([...args, "--peer", seed.peer]);
      isMoved = await Promise.race([
        copyBegins(disk).then(() => false),
        get.event("moved").then(() => true),
      ]);
      if (!isMoved) await get.stop("SIGKILL");
    }
    await using last = await startGet(args);
    const ended = await last.end();
    assertEquals([ended.code, ended.stderr], [0, ""]);
    await assertContent(`${disk}/film.bin`, bytes);
    assert(!await exists(dir.at("D", "film.bin")));
  },
  "size=100m",
);

/** Resolves when the first bytes are on the other disk. */
async function copyBegins(disk: string): Promise<void> {
  const watcher = Deno.watchFs(disk);
  const timer = setTimeout(() => watcher.close(), 20_000);
  for await (const event of watcher) {
    if (event.paths.some((path) => path.endsWith(".moving"))) break;
  }
  clearTimeout(timer);
}

Deno.test("options of a download apply to later runs, and new options override them", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "film.bin", 8 * PIECE, SMALL_PIECES);
  await using seed = await startSeed([torrent]);
  const args = ["--dir", dir.at("D"), "--peer", seed.peer];
  await using get = await startGet([
    ...[torrent, ...args, "--share-rule", "strict"],
    ...["--down-limit", "50K", "--move-to", dir.at("E")],
  ]);
  await get.event("progress", ({ bytesDone }) => bytesDone > 0);
  await get.stop();
  // Still strict, and it would move.
  await using again = await Tt.start(["get", "--resume", ...LOCAL, ...args]);
  await again.event("share", ({ state }) => state === "owing");
  await again.stop();
  const free = ["--share-rule", "off", "--down-limit", "off", "--no-seed", "--resume"];
  await using last = await startGet([torrent, ...args, ...free]);
  const ended = await last.end();
  assertEquals(ended.code, 0, ended.stderr);
  assert(await exists(dir.at("E", "film.bin")));
});

Deno.test("missing files are named, with what --recheck and continuing would do", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("S", "set"), { recursive: true });
  for (const name of ["a", "b", "c"]) {
    await Deno.writeFile(dir.at("S", "set", name), makeBytes(4 * PIECE, name.charCodeAt(0)));
  }
  await runTt(["create", dir.at("S", "set"), "--out", dir.at("set.torrent"), ...SMALL_PIECES]);
  await using seed = await startSeed([dir.at("set.torrent"), "--dir", dir.at("S")]);
  const args = [dir.at("set.torrent"), "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
  await using get = await startGet(args);
  assertEquals((await get.end()).code, 0);
  await Deno.remove(dir.at("D", "set", "b"));
  for (const more of [["--resume"], []]) {
    await Deno.remove(dir.at("D", "set", "b")).catch(() => {});
    await using again = await startGet([...args, ...more]);
    const { code, said } = await again.end();
    assertEquals(code, 0);
    const { files, bytes } = said.find(({ event }) => event === "missing-files")!;
    assertEquals([files, bytes], [["set/b"], 4 * PIECE]);
    await assertContent(dir.at("D", "set", "b"), makeBytes(4 * PIECE, "b".charCodeAt(0)));
  }
});
