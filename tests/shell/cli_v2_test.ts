/** v2 torrents on the command line: what survives a kill. */
import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { loadTorrent } from "../../shell/load_torrent.ts";
import { assertContent, makeFile, scratch, startGet } from "../support/cli_kit.ts";
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
