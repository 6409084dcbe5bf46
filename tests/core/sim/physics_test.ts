/** The simulator's physics on links and disks small enough to compute their times by hand. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { createBitfield, hasBit } from "../../../core/bytes/bitfield.ts";
import {
  beginWrite,
  createDisk,
  endSave,
  endWrite,
  isOnDisk,
  losePower,
  recover,
} from "../../../core/sim/disk.ts";
import type { Node } from "../../../core/sim/node.ts";
import type { NodeOptions, WorldOptions } from "../../../core/sim/options.ts";
import { jainIndex, reportOf } from "../../../core/sim/report.ts";
import { createWorld, type World } from "../../../core/sim/state.ts";
import { createSwarm, runSwarm, type SwarmOptions } from "../../../core/sim/swarm.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../../../core/bytes/value_hash.ts";
import { addNode, introduce, killNode, runWorld } from "../../../core/sim/world.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";
import { isComplete, transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

const BLOCK = 16_384;

/** A world without a tracker. */
function quietWorld(options: Partial<WorldOptions> = {}): World {
  return createWorld({ seed: 3, pieces: 1, blocks: 1, sha1, isChecked: true, ...options });
}

function alone(world: World, options: NodeOptions): Node {
  return addNode(world, { isAlone: true, disk: { delayMs: 0 }, ...options });
}

/** When the node is complete, in ms; the peers are introduced at 0. */
function completionMs(world: World, leech: Node, seeds: readonly Node[]): number {
  runWorld(world, 1);
  for (const seed of seeds) introduce(world, leech, seed);
  assert(runWorld(world, 3_600_000, () => isComplete(leech.torrent)));
  return leech.completedMs!;
}

function transferMs(latencyMs: number, upBytesPerSecond: number, blocks: number): number {
  const world = quietWorld({ latencyMs, blocks });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond });
  const leech = alone(world, { name: "leech" });
  return completionMs(world, leech, [seed]);
}

Deno.test("a message takes the latency, a block also its share of the uplink", () => {
  // Eight one-way trips at any latency: the increase per millisecond shows how many.
  const near = transferMs(10, 1_638_400, 1), far = transferMs(110, 1_638_400, 1);
  const trips = (far - near) / 100;
  assertEquals(trips, Math.round(trips), "each message takes exactly the latency");
  // 16,384 bytes at 1,638,400 a second take 10 ms; at a tenth of that, 100 ms.
  assertEquals(transferMs(10, 163_840, 1) - near, 90);
});

Deno.test("ten blocks take ten times as long as one block on the uplink", () => {
  const one = transferMs(10, 163_840, 1), ten = transferMs(10, 163_840, 10);
  assertEquals(ten - one, 900);
});

Deno.test("two senders share the downlink of one receiver", () => {
  const time = (downBytesPerSecond: number) => {
    const world = quietWorld({ latencyMs: 5, pieces: 20, blocks: 4 });
    const fast = { have: "seed", upBytesPerSecond: 10_000_000 };
    const seeds = [1, 2].map((i) => alone(world, { name: `seed ${i}`, ...fast }));
    const leech = alone(world, { name: "leech", downBytesPerSecond });
    const ms = completionMs(world, leech, seeds);
    assert(seeds.every(({ torrent }) => transferOf(torrent).uploaded > 0), "both send");
    return ms;
  };
  const bytes = 20 * 4 * BLOCK;
  const wide = time(1_000_000), narrow = time(500_000);
  // Apart from the start, the times are those of one downlink, not of one per sender.
  assert(wide >= bytes / 1_000, `${wide} ms is faster than the downlink`);
  const extra = narrow - wide;
  assert(Math.abs(extra - bytes / 1_000) < 0.1 * bytes / 1_000, `${extra} ms more`);
});

Deno.test("what a fast sender sends does not wait for what comes from a slow one", () => {
  const firstMs = (slowBytesPerSecond: number) => {
    const world = quietWorld({ latencyMs: 5, pieces: 2, blocks: 40 });
    const seeds = [slowBytesPerSecond, 1_000_000].map((upBytesPerSecond, i) =>
      alone(world, { name: `seed ${i}`, have: "seed", upBytesPerSecond })
    );
    const leech = alone(world, { name: "leech" });
    runWorld(world, 1);
    for (const seed of seeds) introduce(world, leech, seed);
    const { transfer } = leech.torrent;
    assert(runWorld(world, 60_000, () => transfer!.haveCount > 0));
    return world.now;
  };
  // A block of the slow one takes eight seconds.
  assert(firstMs(2_048) < 3_000, `${firstMs(2_048)} ms`);
});

Deno.test("a connection has at most its window in flight, so that distant links are slow", () => {
  // 640 KiB each 500 ms is 1.3 MB/s, however fast both ends are.
  const bytes = 64 * 16 * BLOCK;
  const world = quietWorld({ latencyMs: 500, pieces: 64, blocks: 16 });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 1e9 });
  const leech = alone(world, { name: "leech", downBytesPerSecond: 1e9 });
  const seconds = completionMs(world, leech, [seed]) / 1_000;
  const leastSeconds = bytes / (640 * 1_024 / 0.5);
  assert(seconds >= leastSeconds, `${seconds} s, the window allows ${leastSeconds} s at best`);
});

Deno.test("a disk responds after its delay", () => {
  const time = (delayMs: number) => {
    const world = quietWorld({ latencyMs: 10 });
    const seed = alone(world, { name: "seed", have: "seed" });
    return completionMs(world, alone(world, { name: "leech", disk: { delayMs } }), [seed]);
  };
  // One check and one write.
  assertEquals(time(500) - time(100), 800);
});

Deno.test("a power failure loses unflushed writes, a killed program loses none", () => {
  const disk = createDisk(createBitfield(4));
  for (const piece of [0, 1]) {
    assert(beginWrite(disk, piece, 10));
    endWrite(disk, piece);
  }
  endSave(disk, {
    pieces: Uint8Array.of(0x80),
    uploaded: 0,
    downloaded: 0,
    waived: false,
    started: [],
  });
  assert(beginWrite(disk, 2, 10));
  const held = () => [0, 1, 2, 3].map((piece) => isOnDisk(disk, piece));
  assertEquals(held(), [true, true, false, false]);
  losePower(disk);
  assertEquals(held(), [true, false, false, false]);
  assertEquals(hasBit(recover(disk, true), 1), false);
});

Deno.test("a full disk refuses a write and keeps its free space", () => {
  const disk = createDisk(createBitfield(4), { room: 25 });
  assertEquals([0, 1, 2].map((piece) => beginWrite(disk, piece, 10)), [true, true, false]);
  assertEquals(disk.room, 5);
});

Deno.test("killing a node breaks its connections and removes its pieces", () => {
  const world = quietWorld({ pieces: 2 });
  const seed = alone(world, { name: "seed", have: "seed" });
  const leech = alone(world, { name: "leech", upBytesPerSecond: 1 });
  runWorld(world, 1);
  introduce(world, leech, seed);
  runWorld(world, 60_000, () => leech.ends.size > 0 && transferOf(leech.torrent).peers.size > 0);
  killNode(world, seed);
  runWorld(world, 1_000);
  assertEquals([seed.isOnline, leech.ends.size, transferOf(leech.torrent).peers.size], [
    false,
    0,
    0,
  ]);
  assertEquals(world.holders[0], transferOf(leech.torrent).haveCount > 0 ? 1 : 0);
});

Deno.test("the trace differs for any two different effects", () => {
  const message = { kind: "have", piece: 1 } as const;
  const report = { kind: "complete" } as const;
  const address = { ip: "192.0.2.1", port: 1 };
  const effects = [
    { kind: "send", peer: 1, message },
    { kind: "send", peer: 2, message },
    { kind: "send", peer: 1, message: { kind: "have", piece: 2 } },
    { kind: "send", peer: 1, message: { kind: "choke" } },
    { kind: "request", peer: 1, blocks: [1, 0, BLOCK] },
    { kind: "request", peer: 1, blocks: [1, BLOCK, BLOCK] },
    { kind: "upload", peer: 1, blocks: [1, 0, BLOCK] },
    { kind: "pause-reading", peer: 1 },
    { kind: "resume-reading", peer: 1 },
    { kind: "close", peer: 1, why: "dead" },
    { kind: "close", peer: 1, why: "banned" },
    { kind: "dial", job: 1, address },
    { kind: "dial", job: 2, address },
    { kind: "check-piece", job: 1, piece: 1 },
    { kind: "check-piece", job: 1, piece: 2 },
    { kind: "write-piece", job: 1, piece: 1 },
    { kind: "drop-piece", piece: 1 },
    { kind: "report", report },
  ] as Effect[];
  const traces = effects.map((effect) => hashValue(NO_EFFECTS, effect));
  assertEquals(new Set(traces).size, effects.length);
});

Deno.test("the trace depends on the decisions, not only on time", () => {
  const trace = (upBytesPerSecond: number) => {
    const world = quietWorld({ pieces: 3 });
    const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond });
    completionMs(world, alone(world, { name: "leech" }), [seed]);
    return formatHash(world.trace);
  };
  assertEquals(trace(100_000), trace(100_000));
  assertNotEquals(trace(100_000), trace(50_000));
});

const TINY: SwarmOptions = {
  seed: 5,
  seeders: 1,
  peers: 3,
  size: 8 * BLOCK,
  pieceLength: BLOCK,
  up: 100_000,
  down: 1_000_000,
  shareRule: { percent: 0, strict: false },
  freeRidersPercent: 0,
  churnPercent: 0,
};

Deno.test("the report of a small swarm equals figures calculated by hand", () => {
  const swarm = createSwarm(TINY, sha1);
  while (!runSwarm(swarm, 1_000));
  const [a, b, c] = swarm.downloaders;
  const set = (
    node: Node,
    joinedMs: number,
    completedMs: number,
    uploaded: number,
    wasted: number,
  ) => {
    Object.assign(node, { joinedMs, completedMs });
    Object.assign(transferOf(node.torrent), { uploaded, wasted });
  };
  set(a!, 1_000, 3_000, TINY.size, 10);
  set(b!, 0, 9_000, 0, 20);
  set(c!, 500, 4_500, TINY.size / 2, 0);
  const report = reportOf(swarm);
  assertEquals(report.honest, { first: 2, median: 4, worst: 9 });
  assertEquals(report.wastedBytes, 30);
  assertEquals(report.shareRatio, { least: 0, median: 0.5, most: 1 });
  assertEquals(report.fairness, jainIndex([1, 0, 0.5]));
  // One seeder must send 131,072 bytes at 100,000 a second; all four together send three copies.
  assertEquals(report.boundSeconds, 8 * BLOCK / 100_000);
  assertEquals(report.boundRatio, 9 / report.boundSeconds);
  b!.completedMs = undefined;
  assertEquals(reportOf(swarm).honest, { first: 2, median: 4, worst: undefined });
  assertEquals(reportOf(swarm).completed, 2);
});

Deno.test("churn replaces the given part of the downloaders", () => {
  const swarm = createSwarm({ ...TINY, peers: 10, size: 64 * BLOCK, churnPercent: 30 }, sha1);
  while (!runSwarm(swarm, 1_000));
  const { nodes } = swarm.world;
  assertEquals(nodes.length, 1 + 10 + 3);
  assertEquals(swarm.downloaders.length, 10);
  const gone = nodes.filter((node) => !node.isOnline && !swarm.downloaders.includes(node));
  assertEquals(gone.length, 3);
  assert(swarm.downloaders.every(({ torrent }) => isComplete(torrent)));
});
