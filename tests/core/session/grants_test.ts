/** A process's resources are shared fairly, by need, and taken back. */
import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng, randomBelow } from "../../../core/bytes/random.ts";
import {
  type Demand,
  grantAll,
  isSameGrant,
  isSettled,
  keepSteady,
  openToPeers,
  TURN_MS,
} from "../../../core/session/grants.ts";
import type { Resources } from "../../../core/limits/resources.ts";
import {
  fileHandlesMax,
  pendingHandshakesMax,
  processTotals,
  TORRENT_CAP,
} from "../../../core/session/limits.ts";

const MIB = 1024 * 1024;
const none = { dials: 0, uploadSlots: 0, bufferBytes: 0 };
const ofConnections = (connections: number): Resources => ({ connections, ...none });

/** Demands for connections, each [minimum, maximum]. */
function demandsOf(...needs: (readonly [number, number])[]): Demand<number>[] {
  return needs.map(([least, most], key) => ({
    ...{ key, least: ofConnections(least), most: ofConnections(most) },
  }));
}

function connections(total: number, demands: Demand<number>[], now = 0, cap = 300): number[] {
  const grants = grantAll(ofConnections(total), ofConnections(cap), demands, now);
  return [...grants.values()].map((grant) => grant.connections);
}

Deno.test("a single torrent gets the maximum per torrent", () => {
  assertEquals(connections(600, demandsOf([2, 5])), [300]);
  const [alone] = grantAll(processTotals(1_024), TORRENT_CAP, [{
    ...{ key: 1, least: ofConnections(1), most: ofConnections(1) },
  }], 0).values();
  assertEquals(alone, TORRENT_CAP);
});

Deno.test("small needs are met, and the rest is split equally among large ones", () => {
  assertEquals(connections(100, demandsOf([1, 10], [1, 90], [1, 300])), [10, 45, 45]);
});

Deno.test("unneeded resources are split equally", () => {
  assertEquals(connections(100, demandsOf([1, 10], [1, 20])), [50, 50]);
  assertEquals(connections(100, demandsOf([1, 80], [1, 4])), [80, 20]);
});

Deno.test("what a torrent no longer needs is granted to others", () => {
  assertEquals(connections(100, demandsOf([2, 100], [2, 100])), [50, 50]);
  assertEquals(connections(100, demandsOf([2, 6], [2, 100]), 0, 300), [6, 94]);
});

Deno.test("while there is not enough for all, torrents take turns", () => {
  const demands = demandsOf(...Array.from({ length: 10 }, () => [4, 50] as const));
  const got = demands.map(() => 0);
  for (let turn = 0; turn < 10; turn++) {
    const shares = connections(13, demands, turn * TURN_MS);
    assert(shares.reduce((sum, share) => sum + share, 0) <= 13);
    for (const [index, share] of shares.entries()) if (share >= 4) got[index]!++;
  }
  assert(got.every((count) => count >= 2), JSON.stringify(got));
});

Deno.test("a large need is not starved by small ones", () => {
  const demands = demandsOf([1, 1], [8, 8], [1, 1], [1, 1]);
  const turns = Array.from({ length: 8 }, (_, turn) => connections(8, demands, turn * TURN_MS));
  assert(turns.some((shares) => shares[1]! >= 8), JSON.stringify(turns));
});

Deno.test("grants never exceed the total or the cap, nor leave needs unmet needlessly", () => {
  const need = fc.tuple(fc.nat(20), fc.nat(400));
  fc.assert(
    fc.property(
      fc.nat(2_000),
      fc.array(need, { maxLength: 60 }),
      fc.nat(1e6),
      (total, needs, now) => {
        const demands = demandsOf(...needs.map(([a, b]) => [Math.min(a, b), b] as const));
        const shares = connections(total, demands, now);
        const sum = shares.reduce((so, share) => so + share, 0);
        assert(sum <= total && shares.every((share) => share >= 0 && share <= 300));
        const wanted = demands.reduce((so, { most }) => so + Math.min(300, most.connections), 0);
        const canServeAll = demands.reduce((so, { least }) => so + least.connections, 0) <= total;
        if (canServeAll) {
          assert(sum >= Math.min(total, wanted));
          for (const [index, { least }] of demands.entries()) {
            assert(shares[index]! >= least.connections);
          }
        }
      },
    ),
    { seed: 10 },
  );
});

Deno.test("the same demands get the same grants at each review", () => {
  const demands = demandsOf(...Array.from({ length: 40 }, (_, i) => [2, 10 + 7 * i] as const));
  const [a, b] = [0, TURN_MS].map((now) => grantAll(processTotals(256), TORRENT_CAP, demands, now));
  for (const [key, grant] of a!) assert(isSameGrant(b!.get(key), grant));
});

Deno.test("only other demands, or turns, ask for another review", () => {
  const total = ofConnections(10);
  const demands = demandsOf([2, 5], [2, 9]);
  assert(isSettled(total, demands, demandsOf([2, 5], [2, 9])));
  assert(!isSettled(total, demands, demandsOf([2, 5], [2, 8])));
  assert(!isSettled(total, demands, demandsOf([2, 5], [2, 9], [0, 0])));
  assert(!isSettled(ofConnections(3), demands, demands), "they take turns");
});

Deno.test("few file descriptors are split between files and connections", () => {
  const used = fileHandlesMax(256) + processTotals(256).connections;
  assert(used <= 256 - 32, `${used} descriptors`);
  assertEquals(processTotals(64).connections, 8);
});

Deno.test("a slightly smaller grant is not applied while there is enough", () => {
  const of = (...amounts: number[]) => new Map(amounts.map((n, key) => [key, ofConnections(n)]));
  const steady = (total: number, grants: number[], before: number[]) =>
    [...keepSteady(ofConnections(total), of(...grants), of(...before)).values()]
      .map(({ connections }) => connections);
  assertEquals(steady(100, [40, 40], [42, 30]), [42, 40]);
  assertEquals(steady(100, [40, 40], [60, 40]), [40, 40], "a large change counts");
  assertEquals(steady(81, [40, 40], [42, 40]), [40, 40], "there is not enough");
});

Deno.test("thousands of torrents without peers let in those that dial them", () => {
  const demands = demandsOf([2, 40], ...Array.from({ length: 2_000 }, () => [0, 0] as const));
  const grants = grantAll(ofConnections(60), ofConnections(300), demands, 0);
  const [active, ...idle] = [...openToPeers(grants, demands).values()];
  assert(active!.connections >= 40);
  assert(idle.every(({ connections }) => connections === 2));
});

/** One torrent of the simulation below. */
interface Simulated {
  /** Blocks that are missing. */
  left: number;
  readonly peers: number;
  connected: number;
  waitedMs: number;
}

Deno.test("200 torrents, 40 of them active, stay within the limits and none starves", () => {
  const seed = 200;
  const rng = createRng(seed);
  const torrents: Simulated[] = Array.from({ length: 200 }, (_, i) => ({
    left: i < 40 ? 2_000 + randomBelow(rng, 20_000) : 0,
    peers: 1 + randomBelow(rng, 250),
    ...{ connected: 0, waitedMs: 0 },
  }));
  const totals = processTotals(256);
  let most = 0, longestWaitMs = 0, endedMs = 0;
  for (let now = 0; now < 3_600_000 && torrents.some(({ left }) => left > 0); now += 1_000) {
    const active = torrents.filter(({ left }) => left > 0);
    const grants = grantAll(
      totals,
      TORRENT_CAP,
      active.map((key) => ({
        key,
        least: { connections: 2, dials: 1, uploadSlots: 1, bufferBytes: 8 * MIB },
        most: {
          connections: Math.min(200, key.peers),
          dials: Math.max(0, key.peers - key.connected),
          ...{ uploadSlots: 8, bufferBytes: 64 * MIB },
        },
      })),
      now,
    );
    for (const torrent of active) {
      const grant = grants.get(torrent)!;
      const room = Math.min(torrent.peers, grant.connections);
      // Anything above the grant is returned at once; below it, the torrent grows by dialling.
      torrent.connected = Math.min(room, torrent.connected + grant.dials);
      const moves = torrent.connected > 0 && grant.bufferBytes >= 8 * MIB;
      torrent.waitedMs = moves ? 0 : torrent.waitedMs + 1_000;
      longestWaitMs = Math.max(longestWaitMs, torrent.waitedMs);
      if (moves) torrent.left -= 10 * Math.min(4, torrent.connected);
      if (torrent.left <= 0) torrent.connected = 0;
    }
    const connected = torrents.reduce((sum, torrent) => sum + torrent.connected, 0);
    most = Math.max(most, connected);
    assert(connected <= totals.connections, `${connected} connections at ${now} ms, seed ${seed}`);
    const bytes = [...grants.values()].reduce((sum, grant) => sum + grant.bufferBytes, 0);
    assert(bytes <= totals.bufferBytes);
    endedMs = now;
  }
  assert(torrents.every(({ left }) => left <= 0), "all are complete");
  assert(longestWaitMs <= 4 * TURN_MS, `one waited ${longestWaitMs} ms, seed ${seed}`);
  assertEquals([most, endedMs < 3_600_000], [totals.connections, true]);
});

Deno.test("a share is kept while it shrank by an eighth at most, and by what is left at most", () => {
  const of = (...amounts: (number | undefined)[]) =>
    new Map(
      amounts.flatMap((n, key) => n === undefined ? [] : [[key, ofConnections(n)] as const]),
    );
  const steady = (total: number, grants: number[], before: (number | undefined)[]) =>
    [...keepSteady(ofConnections(total), of(...grants), of(...before)).values()]
      .map(({ connections }) => connections);
  assertEquals(steady(200, [80], [90]), [90]);
  assertEquals(steady(200, [80], [91]), [80]);
  assertEquals(steady(200, [3], [4]), [4], "one more or less is always small");
  assertEquals(steady(200, [3], [5]), [3]);
  assertEquals(steady(85, [40, 40], [44, 44]), [44, 40], "the first uses what is left");
  assertEquals(steady(88, [40, 40], [44, 44]), [44, 44]);
  assertEquals(steady(100, [0, 10], [undefined, 10]), [0, 10], "a new torrent had nothing");
  assertEquals(steady(100, [40], [30]), [40], "a grown share stays as it is");
});

Deno.test("turns go round in order, and what a turn leaves goes to the smallest shares", () => {
  const turnOf = (demands: Demand<number>[], total: number, turn: number) =>
    connections(total, demands, turn * TURN_MS);
  const three = demandsOf([3, 3], [3, 3], [3, 3]);
  assertEquals([0, 1, 2, 3].map((turn) => turnOf(three, 5, turn)), [
    [3, 1, 1],
    [1, 3, 1],
    [1, 1, 3],
    [3, 1, 1],
  ]);
  // A minimum that just fits is granted; one that does not fit ends the round.
  assertEquals(turnOf(demandsOf([1, 9], [3, 3]), 4, 0), [1, 3]);
  assertEquals(turnOf(demandsOf([1, 9], [4, 4]), 4, 0), [2, 2]);
  // A torrent without demand does not use a turn.
  assertEquals(turnOf(demandsOf([0, 9], [4, 4], [0, 9]), 4, 1), [0, 4, 0]);
  assertEquals(connections(10, demandsOf([1, 300], [1, 300], [1, 300])), [4, 3, 3]);
  assertEquals(connections(0, demandsOf([1, 300])), [0]);
});

Deno.test("dials take turns faster than the rest", () => {
  const of = (dials: number) => ({ ...ofConnections(0), dials });
  const demands = [0, 1].map((key) => ({ key, least: of(2), most: of(2) }));
  const dialsAt = (now: number) =>
    [...grantAll(of(2), of(30), demands, now).values()].map(({ dials }) => dials);
  assertEquals([0, 999, 1_000, 2_000].map(dialsAt), [[2, 0], [2, 0], [0, 2], [2, 0]]);
});

Deno.test("grants are the same when every amount is", () => {
  const grant = processTotals(256);
  assertEquals(isSameGrant(undefined, grant), false);
  assertEquals(isSameGrant({ ...grant }, grant), true);
  for (const kind of ["connections", "dials", "uploadSlots", "bufferBytes"] as const) {
    assertEquals(isSameGrant({ ...grant, [kind]: grant[kind] + 1 }, grant), false, kind);
  }
});

Deno.test("what a process shares follows from its descriptors", () => {
  assertEquals([10, 64, 68, 256, 1_024, 9_999].map(fileHandlesMax), [16, 16, 17, 64, 256, 256]);
  assertEquals([10, 128, 144, 1_024, 2_048, 9_999].map(pendingHandshakesMax), [
    ...[8, 8, 9, 64, 128, 128],
  ]);
  const totals = { dials: 30, uploadSlots: 120, bufferBytes: 128 * MIB };
  assertEquals(processTotals(1_024), { connections: 600, ...totals });
  // 512, less a quarter for files and 64 for the rest.
  assertEquals(processTotals(512), { connections: 320, ...totals });
  assertEquals(processTotals(256), { connections: 128, ...totals });
});
