/** The simulator's figures, compared with numbers computed by hand. */
import { assertEquals } from "@std/assert";
import { ipOf, nodeAt } from "../../../core/sim/addresses.ts";
import { createHistory, PARTS, sampleIfDue } from "../../../core/sim/history.ts";
import type { Node } from "../../../core/sim/node.ts";
import { jainIndex, reportOf } from "../../../core/sim/report.ts";
import { createWorld, tickAt, type World } from "../../../core/sim/state.ts";
import {
  boundSeconds,
  createSwarm,
  freeRiderCount,
  pieceLengthFor,
  runSwarm,
  type SwarmOptions,
} from "../../../core/sim/swarm.ts";
import { addNode } from "../../../core/sim/world.ts";
import { transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

const KIB = 1024;
const BLOCK = 16 * KIB;
const SWARM: SwarmOptions = {
  seed: 5,
  seeders: 2,
  peers: 6,
  size: 8 * BLOCK,
  pieceLength: BLOCK,
  up: 100_000,
  down: 1_000_000,
  shareRule: { percent: 0, strict: false },
  freeRidersPercent: 0,
  churnPercent: 0,
};

Deno.test("each node has a network of its own, and is found by its address", () => {
  const nodes: Partial<Node>[] = [];
  const world = { nodes } as unknown as World;
  for (const index of [0, 1, 255, 256, 257, 65_535, 65_536, 70_000]) {
    nodes[index] = { index, address: { ip: ipOf(index), port: 6881 } };
  }
  assertEquals(ipOf(0), "10.0.0.1");
  assertEquals(ipOf(258), "10.1.2.1");
  assertEquals(ipOf(65_536 + 3), "11.0.3.1");
  for (const index of Object.keys(nodes).map(Number)) {
    assertEquals(nodeAt(world, { ip: ipOf(index), port: 6881 })?.index, index);
    assertEquals(nodeAt(world, { ip: ipOf(index), port: 6882 }), undefined);
  }
  assertEquals(nodeAt(world, { ip: "10.0.0.2", port: 6881 }), undefined);
  assertEquals(nodeAt(world, { ip: "10.0.9.1", port: 6881 }), undefined);
});

Deno.test("Jain's index is 1 for equal shares and 1/n for one that has all", () => {
  assertEquals(jainIndex([]), 1);
  assertEquals(jainIndex([0, 0]), 1);
  assertEquals(jainIndex([3, 3, 3]), 1);
  assertEquals(jainIndex([2, 0, 0, 0]), 0.25);
  // (1 + 0 + 0.5)^2 / (3 * (1 + 0.25))
  assertEquals(jainIndex([1, 0, 0.5]), 0.6);
});

Deno.test("the bound is the slowest of seeders, all uplinks and one downlink", () => {
  const size = 1_000_000;
  const bound = (options: Partial<SwarmOptions>) => boundSeconds({ ...SWARM, size, ...options });
  // One seeder sends everything once.
  assertEquals(bound({ seeders: 1, peers: 2, up: 1_000, down: 1e9 }), 1_000);
  assertEquals(bound({ seeders: 4, peers: 2, up: 1_000, down: 1e9 }), 1_000 / 3);
  // Ten copies from twelve uplinks, two of which belong to free riders.
  assertEquals(
    bound({ seeders: 2, peers: 10, up: 1_000, down: 1e9, freeRidersPercent: 20 }),
    1_000,
  );
  assertEquals(bound({ seeders: 2, peers: 10, up: 1_000, down: 500 }), 2_000);
  assertEquals(freeRiderCount({ ...SWARM, peers: 7, freeRidersPercent: 50 }), 4);
  assertEquals(freeRiderCount({ ...SWARM, peers: 7, freeRidersPercent: 0 }), 0);
});

Deno.test("pieces are a power of two, about a thousand of them, within bounds", () => {
  const MIB = KIB * KIB;
  assertEquals([1, BLOCK, 20 * MIB, 64 * MIB, 1024 * MIB, 1024 * 1024 * MIB].map(pieceLengthFor), [
    ...[BLOCK, BLOCK, BLOCK, 64 * KIB, MIB, 4 * MIB],
  ]);
});

/** A world with only the numbers that a history reads. */
function worldOf(holders: number[], nodes: Partial<Node>[]): World {
  const tally = { events: 0, bytesSent: 0, bytesTaken: 0, bytesLost: 0, bytesOnTheWay: 0 };
  return { now: 0, holders: Uint32Array.from(holders), nodes, tally } as unknown as World;
}

Deno.test("a sample has the average holders of each part of the content", () => {
  const sampleOf = (holders: number[]) => {
    const history = createHistory();
    sampleIfDue(history, worldOf(holders, []), []);
    return [...history.samples[0]!.holders];
  };
  // Two pieces per part: 1 and 3 holders.
  assertEquals(sampleOf(Array.from({ length: 2 * PARTS }, (_, i) => 1 + 2 * (i % 2))), [
    ...new Array(PARTS).fill(2),
  ]);
  // Half a piece per part.
  assertEquals(sampleOf(Array.from({ length: PARTS / 2 }, (_, i) => i)).slice(0, 6), [
    ...[0, 0, 1, 1, 2, 2],
  ]);
});

Deno.test("a sample has the part of all uplinks that was used since the one before", () => {
  const nodes = [{ isOnline: true, msPerByteUp: 0.01 }, { isOnline: true, msPerByteUp: 0.1 }, {
    ...{ isOnline: false, msPerByteUp: 0.001 },
  }];
  const world = worldOf([1], nodes);
  const history = createHistory();
  const useAt = (now: number, bytesSent: number) => {
    Object.assign(world, { now });
    world.tally.bytesSent = bytesSent;
    sampleIfDue(history, world, [], true);
    return history.samples.at(-1)!.uplinkUse;
  };
  assertEquals(useAt(0, 0), 0);
  // In a second they can send 100,000 and 10,000 bytes.
  assertEquals(useAt(1_000, 55_000), 0.5);
  assertEquals(useAt(3_000, 55_000 + 22_000), 0.1);
  assertEquals(useAt(4_000, 1e9), 1, "never more than all");
  assertEquals(useAt(5_000, 1e9), 0);
});

Deno.test("samples come at their interval, and every other one goes when there are too many", () => {
  const world = worldOf([1], [{ isOnline: true, msPerByteUp: 1 }]);
  const history = createHistory();
  for (let now = 0; now < 24_000; now += 50) {
    Object.assign(world, { now });
    world.tally.bytesSent = now / 2;
    sampleIfDue(history, world, []);
  }
  // 240 samples at 100 ms fill the list: 120 are kept, and the next ones are 200 ms apart.
  const times = history.samples.map(({ at }) => at);
  assertEquals([times.length, history.intervalMs], [120, 200]);
  assertEquals([times[0], times[1], times.at(-1)], [0, 200, 23_800]);
  // A dropped sample is included in the next one.
  assertEquals(history.samples.slice(1).every(({ uplinkUse }) => uplinkUse === 0.5), true);
  Object.assign(world, { now: 24_000 });
  sampleIfDue(history, world, []);
  assertEquals(history.samples.at(-1)!.at, 23_800, "not due yet");
  Object.assign(world, { now: 24_100 });
  sampleIfDue(history, world, []);
  assertEquals(history.samples.at(-1)!.at, 24_100);
});

Deno.test("a report counts debts, riders, copies of the seeders and the time", () => {
  const swarm = createSwarm({ ...SWARM, freeRidersPercent: 50 }, sha1);
  while (!runSwarm(swarm, 1_000));
  const honest = swarm.downloaders.filter(({ options }) => options.misbehaviour === undefined);
  const riders = swarm.downloaders.filter((node) => !honest.includes(node));
  assertEquals([honest.length, riders.length], [3, 3]);
  const debts = ["paid", "waived", undefined] as const;
  for (const [index, node] of honest.entries()) {
    Object.assign(transferOf(node.torrent), { share: debts[index], uploaded: SWARM.size });
  }
  for (const [index, node] of riders.entries()) {
    Object.assign(node, { joinedMs: 500, completedMs: 1_500 + 1_000 * index });
    Object.assign(transferOf(node.torrent), { share: "owing", wasted: 7 });
  }
  for (const node of swarm.world.nodes.slice(0, 2)) {
    Object.assign(transferOf(node.torrent), { uploaded: 3 * SWARM.size });
  }
  Object.assign(swarm.world, { now: 12_345 });
  const report = reportOf(swarm);
  assertEquals(report.debts, { paid: 1, waived: 1, owing: 0 });
  assertEquals(report.riders, { first: 1, median: 2, worst: 3 });
  assertEquals([report.seederCopies, report.seconds, report.fairness], [6, 12.345, 1]);
  assertEquals([report.completed, report.downloaders, report.pieces], [6, 6, 8]);
  assertEquals(report.receivedBytes, swarm.world.tally.bytesTaken);
  assertEquals(report.events, swarm.world.tally.events);
  assertEquals(report.events > 100, true);
  const plain = createSwarm(SWARM, sha1);
  assertEquals(reportOf(plain).riders, undefined);
});

Deno.test("a swarm's seeders and peers have its links, and come within a second", () => {
  const { world, downloaders } = createSwarm({ ...SWARM, churnPercent: 50 }, sha1);
  const bound = boundSeconds(SWARM);
  // 2 seeders, 6 peers, and a newcomer for each of the 3 that leave.
  assertEquals([world.nodes.length, downloaders.length], [11, 6]);
  for (const node of world.nodes) {
    assertEquals([node.msPerByteUp, node.msPerByteDown], [0.01, 0.001]);
    assertEquals(node.latencyMs! >= 5 && node.latencyMs! < 45, true);
    const isNewcomer = node.name.startsWith("newcomer");
    const isSeeder = node.name.startsWith("seeder");
    assertEquals(node.joinedMs >= (isNewcomer ? 1_000 : 0), true);
    const latest = isSeeder ? 0 : isNewcomer ? 1_000 + 500 * bound : 1_000;
    assertEquals(node.joinedMs <= latest, true, `${node.name} joins at ${node.joinedMs} ms`);
    assertEquals(node.options.superSeed, isSeeder ? false : undefined);
  }
  assertEquals(
    createSwarm({ ...SWARM, superSeed: true }, sha1).world.nodes[0]!.options.superSeed,
    true,
  );
  // No deadline is later than twenty times the bound, or half an hour.
  assertEquals(createSwarm(SWARM, sha1).lastTick, 30 * 60 * 100);
  const slow = createSwarm({ ...SWARM, up: 10 }, sha1);
  assertEquals(slow.lastTick, tickAt(slow.world, 20_000 * boundSeconds(slow.options)));
});

Deno.test("a world without options has one tracker and a step of its own, and nodes have defaults", () => {
  const world = createWorld({ seed: 1, pieces: 3, sha1 });
  assertEquals([world.trackers.length, world.holders.length], [1, 3]);
  assertEquals([tickAt(world, 0), tickAt(world, world.tickMs), tickAt(world, world.tickMs + 0.5)], [
    ...[0, 1, 2],
  ]);
  const node = addNode(world, { name: "a", have: "#.#", joinMs: 50 });
  assertEquals([node.joinedMs, node.msPerByteUp, node.msPerByteDown], [50, 0.001, 0]);
  assertEquals(transferOf(node.torrent).have.bytes, Uint8Array.of(0b1010_0000));
  assertEquals(node.isOnline, false);
});
