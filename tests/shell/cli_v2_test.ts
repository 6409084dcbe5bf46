/** v2 torrents on the command line: what survives a kill, and what a check tells. */
import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { loadTorrent } from "../../shell/load_torrent.ts";
import {
  assertContent,
  makeFile,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";
import { until } from "../support/until.ts";
import { listenSeed } from "./v2_peer.ts";

const PIECE = 16 * 1024 * 1024;

Deno.test("blocks of a half received piece of 16 MiB survive a kill", async () => {
  await using dir = await scratch();
  const args = ["--format", "v2", "--piece-length", String(PIECE)];
  const { torrent, bytes } = await makeFile(dir.at("S"), "half.bin", PIECE, args);
  const loaded = await loadTorrent(torrent, AbortSignal.timeout(10_000));
  const statePath = dir.at("D", ".tt", `${loaded.metainfo.infoHash}.resume`);
  const half = PIECE / BLOCK_SIZE / 2;
  const base = [torrent, "--dir", dir.at("D"), "--no-seed", "--resume"];
  {
    await using mute = listenSeed(loaded, bytes, "mute", { blocksMax: half });
    await using get = await startGet([...base, "--peer", `127.0.0.1:${mute.port}`]);
    await until(() => isSaved(statePath, half), "all blocks that came are saved");
    await get.stop("SIGKILL");
  }
  const asked: number[] = [];
  await using honest = listenSeed(loaded, bytes, "honest", {
    onRequest: (_, begin) => asked.push(begin / BLOCK_SIZE),
  });
  await using again = await startGet([...base, "--peer", `127.0.0.1:${honest.port}`]);
  const { code, said, stderr } = await again.end();
  assertEquals(code, 0, stderr);
  const { piecesKept, blocksKept } = said.find(({ event }) => event === "resumed")!;
  assertEquals({ piecesKept, blocksKept }, { piecesKept: 0, blocksKept: half });
  assertEquals(new Set(asked).size, half);
  await assertContent(dir.at("D", "half.bin"), bytes);
});

/** Whether the state has the hashes of so many blocks. */
async function isSaved(path: string, blocks: number): Promise<boolean> {
  const state = decodeResume(await Deno.readFile(path).catch(() => new Uint8Array()));
  if (!state.ok) return false;
  assert((state.value.started ?? []).length <= 1);
  return state.value.started?.[0]?.hashes.length === 32 * blocks;
}

/** Changes one byte of a file at each place. */
async function damage(path: string, ...places: readonly number[]): Promise<void> {
  const bytes = await Deno.readFile(path);
  for (const at of places) bytes[at]! ^= 1;
  await Deno.writeFile(path, bytes);
}

/** What `tt verify` names. */
async function verified(torrent: string, dir: string) {
  const { said, stdout } = await runTt(["verify", torrent, "--dir", dir, "--json"]);
  const result = said.find(({ event }) => event === "verified");
  if (result === undefined) throw new Error(stdout);
  return result.badRanges;
}

for (const format of ["v2", "hybrid"]) {
  Deno.test(`a check names the bad blocks of a ${format} torrent made here or downloaded`, async () => {
    await using dir = await scratch();
    const args = ["--format", format, "--piece-length", "65536"];
    const size = 3 * 65_536 + 20_000;
    const { path, torrent } = await makeFile(dir.at("S"), "f.bin", size, args);
    {
      await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
      const to = ["--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
      await using get = await startGet([torrent, ...to]);
      assertEquals((await get.end()).code, 0);
    }
    const unit = "block";
    for (const folder of ["S", "D"]) {
      const file = dir.at(folder, "f.bin");
      assertEquals(await verified(torrent, dir.at(folder)), []);
      // Two blocks beside each other, across pieces, and the short one at the end.
      await damage(file, 65_535, 65_536, size - 1);
      assertEquals(await verified(torrent, dir.at(folder)), [
        { path: "f.bin", offset: 49_152, length: 32_768, unit },
        { path: "f.bin", offset: size - 3_616, length: 3_616, unit },
      ]);
      // What is cut off is bad, what is left is judged.
      await damage(file, 65_535, 65_536, size - 1);
      await Deno.truncate(file, 2 * 65_536 + 16_384);
      assertEquals(await verified(torrent, dir.at(folder)), [
        { path: "f.bin", offset: 147_456, length: size - 147_456, unit },
      ]);
    }
    assert((await Deno.stat(path)).isFile);
  });
}

Deno.test("where hashes of blocks are not kept, or are wrong, a check names pieces and says so", async () => {
  await using dir = await scratch();
  const args = ["--format", "v2", "--piece-length", "65536"];
  const { torrent, path } = await makeFile(dir.at("S"), "f.bin", 200_000, args);
  await damage(path, 70_000);
  const { metainfo } = await loadTorrent(torrent, AbortSignal.timeout(10_000));
  const leaves = dir.at("S", ".tt", `${metainfo.infoHash}.leaves`);
  const piece = [{ path: "f.bin", offset: 65_536, length: 65_536, unit: "piece" }];
  await damage(leaves, 4 * 32 + 5);
  assertEquals(await verified(torrent, dir.at("S")), piece);
  await Deno.truncate(leaves, 4 * 32 + 5);
  assertEquals(await verified(torrent, dir.at("S")), piece);
  await Deno.remove(leaves);
  assertEquals(await verified(torrent, dir.at("S")), piece);
  const { stdout } = await runTt(["verify", torrent, "--quiet"]);
  assert(stdout.includes("bytes 65536 to 131071, or some of them"), stdout);
});

Deno.test("a check of v2 pieces of one block names blocks without further hashes", async () => {
  await using dir = await scratch();
  const args = ["--format", "v2", "--piece-length", "16384"];
  const { torrent, path } = await makeFile(dir.at("S"), "f.bin", 100_000, args);
  await damage(path, 40_000);
  assertEquals(await verified(torrent, dir.at("S")), [
    { path: "f.bin", offset: 32_768, length: 16_384, unit: "block" },
  ]);
});
