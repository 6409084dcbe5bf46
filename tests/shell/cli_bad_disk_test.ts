/** Disks that are full or read-only, files that change, two downloads in one folder. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "node:path";
import {
  assertContent,
  assertOneSentence,
  forEachAtOnce,
  LOCAL,
  makeFile,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";
import { exists, mountTmpfs, onTinyDisk } from "./disk/support.ts";

const PIECE = 16 * 1024;
const SIZE = 192 * PIECE;
const SMALL_PIECES = ["--piece-length", "16K"];

onTinyDisk("a disk that is too small is found out before anything is fetched", async (disk) => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "large.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using get = await startGet([torrent, "--dir", disk, "--peer", seed.peer, "--no-seed"]);
  const ended = await get.end();
  assertMatch(assertOneSentence(ended, 5), /3\.1 MB more is needed and .* is free/);
  assertEquals(ended.said.find(({ event }) => event === "error")!.code, "disk-full");
  assert(!await exists(join(disk, "large.bin")));
  await seed.stop();
  assertEquals((await seed.event("stopped")).uploaded, 0);
}, "size=1m");

onTinyDisk(
  "a disk that fills up midway ends the download, and --resume finishes it",
  async (disk) => {
    await using dir = await scratch();
    const { path, torrent, bytes } = await makeFile(dir.at("S"), "filled.bin", SIZE, SMALL_PIECES);
    await using seed = await startSeed([torrent, "--dir", dirname(path)]);
    const args = [torrent, "--dir", disk, "--peer", seed.peer, "--no-seed", "--resume"];
    const hog = join(disk, "hog");
    {
      await using get = await startGet([...args, "--down-limit", "1M"]);
      await get.event("progress", ({ bytesDone }) => bytesDone >= 20 * PIECE);
      await fillUp(hog);
      const ended = await get.end();
      assertMatch(assertOneSentence(ended, 5), /the disk is full; free some space and start again/);
      assert(!ended.said.some(({ event }) => event === "complete"));
    }
    await Deno.remove(hog);
    await using again = await startGet(args);
    const { code, said, stderr } = await again.end();
    assertEquals(code, 0, stderr);
    assert(said.find(({ event }) => event === "resumed")!.piecesKept >= 20);
    await assertContent(join(disk, "filled.bin"), bytes);
  },
  "size=4m",
);

onTinyDisk(
  "a read-only folder can be seeded from, and refuses downloads with a sentence",
  async (disk) => {
    await using dir = await scratch();
    const { torrent } = await makeFile(disk, "fixed.bin", 2 * PIECE);
    const { torrent: other } = await makeFile(dir.path, "other.bin", PIECE);
    assert(await mountTmpfs("remount,ro", disk));
    await using seed = await startSeed([torrent]);
    const all = await Promise.all([
      runTt(["get", other, "--dir", disk, ...LOCAL]),
      runTt(["get", other, "--dir", join(disk, "below"), ...LOCAL]),
      runTt(["create", join(disk, "fixed.bin"), "--out", join(disk, "new.torrent")]),
    ]);
    for (const ended of all) assertMatch(assertOneSentence(ended, 5), /read-only/);
    const complete = await runTt(["get", torrent, "--dir", disk, ...LOCAL]);
    assertMatch(assertOneSentence(complete, 5), /read-only; share .* tt seed X\.torrent --dir /);
    await using get = await startGet([
      torrent,
      "--dir",
      dir.at("D"),
      "--peer",
      seed.peer,
      "--no-seed",
    ]);
    assertEquals((await get.end()).code, 0);
  },
);

Deno.test("foreign files at the path of the content are kept, with an error", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "f.bin", PIECE);
  await Deno.mkdir(dir.at("folder", "f.bin"), { recursive: true });
  await Deno.mkdir(dir.at("longer"));
  await Deno.writeFile(dir.at("longer", "f.bin"), new Uint8Array(PIECE + 1));
  await Deno.writeTextFile(dir.at("file"), "mine");
  for (const [name, size] of [["shorter", 4], ["as-long", PIECE]] as const) {
    await Deno.mkdir(dir.at(name));
    await Deno.writeFile(dir.at(name, "f.bin"), new Uint8Array(size).fill(7));
  }
  await forEachAtOnce(["folder", "longer", "shorter", "as-long", "file"], async (name) => {
    const ended = await runTt(["get", torrent, "--dir", dir.at(name), "--no-seed", ...LOCAL]);
    assertMatch(assertOneSentence(ended, 5), /move it/);
  });
  assertEquals((await Deno.stat(dir.at("longer", "f.bin"))).size, PIECE + 1);
  assertEquals(await Deno.readTextFile(dir.at("file")), "mine");
  assertEquals([...await Deno.readFile(dir.at("shorter", "f.bin"))], [7, 7, 7, 7]);
  assertEquals(await Deno.readFile(dir.at("as-long", "f.bin")), new Uint8Array(PIECE).fill(7));
});

Deno.test("a second get in the same folder does not disturb the first one", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "both.bin", SIZE, SMALL_PIECES);
  const args = [torrent, "--dir", dir.at("D"), "--no-seed"];
  await using first = await startGet(args);
  const { port } = await first.event("listening");
  await first.event("progress");
  const second = await runTt(["get", ...args, ...LOCAL]);
  assertMatch(assertOneSentence(second, 5), /Another tt is already using both\.bin/);
  // Only now does the first one get anything, so that it is there all the while.
  const dial = `127.0.0.1:${port}`;
  await using _seed = await startSeed([torrent, "--dir", dirname(path), "--peer", dial]);
  assertEquals((await first.end()).code, 0);
  await assertContent(dir.at("D", "both.bin"), bytes);
});

Deno.test("a file that changes unnoticed while seeding is not taken for the content", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "changes.bin", SIZE, SMALL_PIECES);
  await using bad = await startSeed([torrent, "--dir", dirname(path)]);
  const changed = bytes.slice();
  for (let at = 0; at < SIZE; at += 10 * PIECE) changed[at]! ^= 1;
  const { mtime } = await Deno.stat(path);
  await Deno.writeFile(path, changed);
  await Deno.utime(path, mtime!, mtime!);
  await using get = await startGet([torrent, "--dir", dir.at("D"), "--peer", bad.peer]);
  const { peers } = await get.event("piece-failed");
  assertEquals(peers, [bad.peer]);
  assertEquals((await get.event("peer-banned")).peer, bad.peer);
  const { bytesDone } = await get.event(
    "progress",
    (said) => said.peers === 0 && said.bytesDone > 0,
  );
  assert(bytesDone < SIZE);
  const { code } = await get.stop();
  assertEquals(code, 130);

  await Deno.mkdir(dir.at("good"));
  await Deno.writeFile(dir.at("good", "changes.bin"), bytes);
  await using good = await startSeed([torrent, "--dir", dir.at("good")]);
  await using again = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--resume", "--no-seed"],
    ...["--peer", bad.peer, "--peer", good.peer],
  ]);
  assertEquals((await again.end()).code, 0);
  await assertContent(dir.at("D", "changes.bin"), bytes);
});

/** Writes until the file system is full. */
async function fillUp(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true });
  const bytes = new Uint8Array(4096);
  try {
    while (true) await file.write(bytes);
  } catch (error) {
    assertMatch(String(error), /space|ENOSPC/i);
  }
}
