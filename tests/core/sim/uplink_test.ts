/** Uplinks, saves and the checks of whole swarms in the simulated world, each worked out by hand. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { carryOut } from "../../../core/sim/carry_out.ts";
import { beginWrite, createDisk, endWrite, isAbsent, isOnDisk } from "../../../core/sim/disk.ts";
import type { Node } from "../../../core/sim/node.ts";
import type { NodeOptions, WorldOptions } from "../../../core/sim/options.ts";
import { createWorld, feed, schedule, type World } from "../../../core/sim/state.ts";
import { createSwarm, runSwarm, type SwarmOptions } from "../../../core/sim/swarm.ts";
import { addNode, introduce, killNode, runWorld } from "../../../core/sim/world.ts";
import type { Effect, SavedState } from "../../../core/torrent/protocol.ts";
import { isComplete, transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

const BLOCK = 16_384;

function quietWorld(options: Partial<WorldOptions> = {}): World {
  return createWorld({ seed: 3, pieces: 1, blocks: 1, sha1, isChecked: true, ...options });
}

function alone(world: World, options: NodeOptions): Node {
  return addNode(world, { isAlone: true, disk: { delayMs: 0 }, ...options });
}

Deno.test("every message on the way to a block takes the latency", () => {
  const trips = (latencyMs: number) => {
    const world = quietWorld({ latencyMs });
    const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 1e9 });
    const leech = alone(world, { name: "leech" });
    const sent: [string, number][] = [];
    world.watchEffect = (node, effect) => {
      if (effect.kind === "dial") sent.push(["dial", world.now]);
      if (effect.kind === "request" && node === leech) sent.push(["request", world.now]);
      if (effect.kind === "send" && ["interested", "unchoke"].includes(effect.message.kind)) {
        sent.push([effect.message.kind, world.now]);
      }
    };
    runWorld(world, 1);
    introduce(world, leech, seed);
    assert(runWorld(world, 60_000, () => isComplete(leech.torrent)));
    return new Map([...sent, ["block", world.now]]);
  };
  // Dialling is a round trip, and the pieces come one later. The piece is one that may be asked for while
  // choked, so the request need not wait for the unchoke.
  const near = trips(10), far = trips(110);
  const expected = { dial: 0, interested: 3, request: 3, unchoke: 4, block: 5 };
  for (const [kind, count] of Object.entries(expected)) {
    assertEquals((far.get(kind)! - near.get(kind)!) / 100, count, kind);
  }
});

Deno.test("an uplink sends one block of each connection in turn", () => {
  const world = quietWorld({ latencyMs: 5, pieces: 4, blocks: 8 });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 10 * BLOCK });
  const leeches = [1, 2].map((i) => alone(world, { name: `leech ${i}` }));
  runWorld(world, 1);
  for (const leech of leeches) introduce(world, leech, seed);
  for (const seconds of [1, 2]) {
    runWorld(world, 1_000);
    const blocks = leeches.map(({ torrent }) => transferOf(torrent).downloaded / BLOCK);
    assert(Math.abs(blocks[0]! - blocks[1]!) <= 1, `${blocks} blocks after ${seconds} s`);
    assert(blocks[0]! + blocks[1]! >= 10 * seconds - 2);
  }
});

Deno.test("a busy uplink loses no time between ticks, whatever a block takes", () => {
  for (const upBytesPerSecond of [1_000_000, 700_000, 100_000]) {
    const world = quietWorld({ latencyMs: 10, blocks: 16, pieces: 16, tickMs: 10 });
    const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond });
    const leech = alone(world, { name: "leech" });
    runWorld(world, 10);
    introduce(world, leech, seed);
    assert(runWorld(world, 600_000, () => isComplete(leech.torrent)));
    const leastMs = 1_000 * 256 * BLOCK / upBytesPerSecond;
    const extraMs = leech.completedMs! - leastMs;
    // A few trips and the ticks they are rounded up to.
    assert(extraMs > 0 && extraMs < 300, `${extraMs} ms more than ${leastMs}`);
  }
});

Deno.test("a save takes the disk's time, and one that is cut short saved nothing", () => {
  const state: SavedState = {
    ...{ pieces: Uint8Array.of(0x80), uploaded: 5, downloaded: 6, waived: false, started: [] },
  };
  const save = { kind: "save-state", job: 999, state } as Effect;
  const savedAfter = (ms: number, isKilled: boolean) => {
    const world = quietWorld();
    const seed = addNode(world, {
      name: "seed",
      have: "seed",
      disk: { delayMs: 500 },
      isAlone: true,
    });
    runWorld(world, 5_000);
    seed.disk.saved = undefined;
    carryOut(world, seed, save);
    runWorld(world, ms);
    if (isKilled) killNode(world, seed);
    runWorld(world, isKilled ? 1_000 : 0);
    return seed.disk.saved;
  };
  assertEquals(savedAfter(499, false), undefined);
  assertEquals(savedAfter(501, false), state);
  assertEquals(savedAfter(400, true), undefined);
});

const SWARM: SwarmOptions = {
  ...{ seed: 5, seeders: 1, peers: 3, size: 8 * BLOCK, pieceLength: BLOCK },
  ...{ up: 100_000, down: 1_000_000, shareRule: { percent: 0, strict: false } },
  ...{ freeRidersPercent: 0, churnPercent: 0 },
};

Deno.test("the books of a swarm are looked at when it ends, and now and then before", () => {
  const swarm = createSwarm(SWARM, sha1);
  runSwarm(swarm, 20);
  swarm.world.tally.bytesSent += 7;
  assertEquals(runSwarm(swarm, 20), false, "not at every tick");
  assertThrows(
    () => {
      while (!runSwarm(swarm, 1_000));
    },
    Error,
    "are accounted for",
  );
  const long = createSwarm(SWARM, sha1);
  runSwarm(long, 20);
  long.ticks = 19_990;
  long.world.tally.bytesSent += 7;
  assertThrows(() => runSwarm(long, 20), Error, "are accounted for");
});

/** A seed and a leech, introduced, until `isDone`. */
function exchange(options: Partial<NodeOptions>, isDone: (leech: Node) => boolean) {
  const world = quietWorld({ latencyMs: 10, pieces: 2, blocks: 4 });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 10 * BLOCK });
  const leech = alone(world, { name: "leech", ...options });
  runWorld(world, 1);
  introduce(world, leech, seed);
  assert(runWorld(world, 60_000, () => isDone(leech)));
  return { world, leech };
}

Deno.test("a disk without room for a piece fails its write, and what came before stays", () => {
  const { world, leech } = exchange(
    { disk: { delayMs: 0, room: 5 * BLOCK } },
    ({ torrent }) => transferOf(torrent).diskFailed,
  );
  runWorld(world, 10_000);
  assertEquals([transferOf(leech.torrent).haveCount, leech.disk.room], [1, BLOCK]);
});

Deno.test("a power failure takes what a node wrote and did not save, a kill only what is in memory", () => {
  for (const how of ["power", "process"] as const) {
    const { world, leech } = exchange(
      {},
      ({ torrent, buffers }) => transferOf(torrent).haveCount === 1 && buffers.size === 1,
    );
    const piece = [0, 1].find((one) => isOnDisk(leech.disk, one))!;
    leech.disk.saved = undefined;
    killNode(world, leech, how);
    assertEquals([isOnDisk(leech.disk, piece), leech.buffers.size], [how === "process", 0]);
  }
});

Deno.test("a piece that is written again cannot be read before that write is done", () => {
  const disk = createDisk({ bytes: Uint8Array.of(0x80), count: 2 });
  assertEquals(isOnDisk(disk, 0), true);
  beginWrite(disk, 0, 10);
  assertEquals([isOnDisk(disk, 0), isAbsent(disk, 0), isAbsent(disk, 1)], [false, false, true]);
  endWrite(disk, 0);
  assertEquals(isOnDisk(disk, 0), true);
});

Deno.test("what was on its way to a node that is killed is lost, and nothing stays on its way for ever", () => {
  const { world, leech } = exchange({ latencyMs: 500 }, () => true);
  const { tally } = world;
  assert(runWorld(world, 60_000, () => tally.bytesOnTheWay > 2 * BLOCK));
  const { bytesOnTheWay, bytesLost } = tally;
  killNode(world, leech);
  assertEquals([tally.bytesOnTheWay, tally.bytesLost], [0, bytesLost + bytesOnTheWay]);
  runWorld(world, 60_000);
  assertEquals([tally.bytesOnTheWay, tally.bytesSent], [0, tally.bytesTaken + tally.bytesLost]);
});

Deno.test("a peer that is not read sends no further than its window, and goes on where it was", () => {
  const world = quietWorld({ latencyMs: 10, pieces: 20, blocks: 8 });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 100 * BLOCK });
  const leech = alone(world, { name: "leech" });
  runWorld(world, 1);
  introduce(world, leech, seed);
  assert(runWorld(world, 60_000, () => transferOf(leech.torrent).haveCount === 2));
  const [peer] = leech.ends.keys();
  carryOut(world, leech, { kind: "pause-reading", peer: peer! });
  const { downloaded } = transferOf(leech.torrent);
  runWorld(world, 5_000);
  assertEquals(transferOf(leech.torrent).downloaded, downloaded);
  assert(world.tally.bytesOnTheWay > 0);
  carryOut(world, leech, { kind: "resume-reading", peer: peer! });
  assert(runWorld(world, 60_000, () => isComplete(leech.torrent)));
  assertEquals(transferOf(leech.torrent).wasted, 0);
});

/** The trace of two idle nodes after one of them settled at a time, with an effect more. */
function traceOf(index: number, atMs: number, piece: number): number {
  const world = quietWorld({ pieces: 9 });
  const nodes = [1, 2].map((i) => alone(world, { name: `node ${i}` }));
  runWorld(world, atMs);
  world.watch = (node) => node.effects.push({ kind: "drop-piece", piece });
  world.trace = 0;
  schedule(world, world.now + 1, () => feed(world, nodes[index]!, { kind: "timer" }));
  runWorld(world, 2);
  return world.trace;
}

Deno.test("the trace tells effects, times and nodes apart", () => {
  assertEquals(traceOf(0, 100, 5), traceOf(0, 100, 5));
  const others = [traceOf(0, 100, 6), traceOf(0, 101, 5), traceOf(1, 100, 5)];
  assertEquals(new Set([traceOf(0, 100, 5), ...others]).size, 4);
});

Deno.test("every other peer that leaves a swarm is killed, the others stop and tell the tracker", () => {
  const swarm = createSwarm({ ...SWARM, peers: 8, size: 64 * BLOCK, churnPercent: 50 }, sha1);
  const stopped: number[] = [];
  swarm.world.watchEffect = ({ index }, effect) => {
    if (effect.kind === "announce" && effect.request.event === "stopped") stopped.push(index);
  };
  while (!runSwarm(swarm, 1_000));
  // The last four of the peers leave, and a newcomer follows each.
  const gone = swarm.world.nodes.filter(({ isOnline }) => !isOnline);
  assertEquals(gone.map(({ name }) => name), ["peer 5", "peer 6", "peer 7", "peer 8"]);
  const left = gone.filter(({ index }) => stopped.includes(index)).map(({ name }) => name);
  assertEquals(left, ["peer 6", "peer 8"]);
});
