/** v2 torrents on the command line: what survives a kill, and the result of a check. */
import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { loadTorrent } from "../../shell/load_torrent.ts";
import {
  assertContent,
  makeFile,
  runTt,
  type Said,
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

/** Whether the state contains the hashes of this many blocks. */
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

/** The bad blocks listed by `tt verify`. */
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
      // Two adjacent blocks, across pieces, and the short one at the end.
      await damage(file, 65_535, 65_536, size - 1);
      assertEquals(await verified(torrent, dir.at(folder)), [
        { path: "f.bin", offset: 49_152, length: 32_768, unit },
        { path: "f.bin", offset: size - 3_616, length: 3_616, unit },
      ]);
      // The missing part is bad, the rest is checked.
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

Deno.test("a file that another torrent of the folder has is copied, said so and checked", async (test) => {
  await using dir = await scratch();
  const SIZE = 300_000;
  const args = ["--format", "v2", "--piece-length", "65536"];
  const { torrent, bytes } = await makeFile(dir.at("S"), "old.bin", SIZE, args);
  await Deno.mkdir(dir.at("N", "new"), { recursive: true });
  await Deno.writeFile(dir.at("N", "new", "same.bin"), bytes);
  await Deno.writeFile(dir.at("N", "new", "twice.bin"), bytes);
  const other = dir.at("new.torrent");
  const hybrid = ["--format", "hybrid", "--piece-length", "32768"];
  assertEquals((await runTt(["create", dir.at("N", "new"), "--out", other, ...hybrid])).code, 0);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  await using newSeed = await startSeed([other, "--dir", dir.at("N")]);
  const getInto = async (source: string, folder: string, peer: string) => {
    await using get = await startGet([source, "--dir", folder, "--peer", peer, "--no-seed"]);
    const { code, said, stderr } = await get.end();
    assertEquals(code, 0, stderr);
    return { said, downloaded: said.find(({ event }) => event === "stopped")?.downloaded ?? 0 };
  };
  const prepare = async (folder: string) => {
    await getInto(torrent, folder, seed.peer);
    return dir.at(folder, "old.bin");
  };
  const reused = (said: readonly Said[]) => said.find(({ event }) => event === "reused");
  const assertNew = async (folder: string) => {
    for (const name of ["same.bin", "twice.bin"]) {
      await assertContent(dir.at(folder, "new", name), bytes);
    }
  };

  await test.step("nothing is downloaded", async () => {
    await prepare(dir.at("A"));
    const { said, downloaded } = await getInto(other, dir.at("A"), newSeed.peer);
    const { files, bytes: copied } = reused(said)!;
    assertEquals([files, copied], [["new/same.bin", "new/twice.bin"], 2 * SIZE]);
    assertEquals(downloaded, 0);
    await assertNew("A");
    // A copy: changes to one do not affect the other.
    assertEquals((await Deno.stat(dir.at("A", "old.bin"))).nlink, 1);
  });

  await test.step("wrong content of the same size and time costs its bad pieces only", async () => {
    const old = dir.at("B", "old.bin");
    await prepare(dir.at("B"));
    const { mtime } = await Deno.stat(old);
    await damage(old, 100_000);
    await Deno.utime(old, mtime!, mtime!);
    const { said, downloaded } = await getInto(other, dir.at("B"), newSeed.peer);
    assertEquals(reused(said)!.files.length, 2);
    assertEquals(downloaded, 2 * 32_768);
    await assertNew("B");
  });

  await test.step("a file that changed since is not copied", async () => {
    const old = dir.at("C", "old.bin");
    await prepare(dir.at("C"));
    await damage(old, 100_000);
    await Deno.utime(old, 1_000, 1_000);
    const { said, downloaded } = await getInto(other, dir.at("C"), newSeed.peer);
    assertEquals(reused(said), undefined);
    assert(downloaded >= 2 * SIZE);
    await assertNew("C");
  });
});

Deno.test("the link of a v2 torrent, given again, does not lose the layers that were kept", async () => {
  await using dir = await scratch();
  const args = ["--format", "v2", "--piece-length", "16384"];
  const { torrent, bytes } = await makeFile(dir.at("S"), "f.bin", 200_000, args);
  const { metainfo } = await loadTorrent(torrent, AbortSignal.timeout(10_000));
  const link = `magnet:?xt=urn:btmh:1220${metainfo.identity.v2}`;
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  for (const removed of [false, true]) {
    if (removed) await Deno.remove(dir.at("D", "f.bin"));
    await using get = await startGet([
      link,
      "--dir",
      dir.at("D"),
      "--peer",
      seed.peer,
      "--no-seed",
    ]);
    assertEquals((await get.end()).code, 0);
    await assertContent(dir.at("D", "f.bin"), bytes);
    // Refused without layers.
    const kept = dir.at("D", ".tt", `${metainfo.infoHash}.torrent`);
    const { metainfo: again } = await loadTorrent(kept, AbortSignal.timeout(10_000));
    assertEquals(again.trees!.layers, metainfo.trees!.layers);
  }
});
