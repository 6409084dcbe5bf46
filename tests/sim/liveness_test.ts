/**
 * No swarm with a reachable full copy stops. The share rule's own cases are in share_rule_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { hasBit } from "../../core/bytes/bitfield.ts";
import type { Misbehaviour } from "../../core/sim/options.ts";
import { owedBytes } from "../../core/transfer/share_rule.ts";
import { isComplete, transferOf } from "../../core/torrent/state.ts";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { type Node, RULE_10, RULE_OFF, World, type WorldOptions } from "./world.ts";

const STRICT = { percent: 10, strict: true };
const HOUR_MS = 3_600_000;

function createWorld(options: Omit<WorldOptions, "watch">): World {
  return new World({ ...options, watch: ({ torrent }, now) => checkInvariants(torrent, now) });
}

function assertAllFinish(world: World, nodes: readonly Node[], forMs = HOUR_MS): void {
  const isDone = () => nodes.every(({ torrent }) => isComplete(torrent));
  assert(
    world.run(forMs, isDone),
    nodes.map(({ torrent }) => transferOf(torrent).haveCount).join(" "),
  );
}

function addLeeches(world: World, count: number, options = {}): Node[] {
  return Array.from(
    { length: count },
    (_, i) => world.add({ name: `leech ${i + 1}`, shareRule: RULE_10, ...options }),
  );
}

Deno.test("peers at 90 % that lack different parts complete without a seed", () => {
  const world = createWorld({ seed: 1, pieces: 10 });
  const nodes = Array.from({ length: 10 }, (_, i) => {
    const have = "##########".slice(0, i) + "." + "##########".slice(i + 1);
    return world.add({ name: `node ${i}`, have, shareRule: RULE_10 });
  });
  assertAllFinish(world, nodes, 300_000);
});

Deno.test("peers at 90 % that lack the same part complete with one seed", () => {
  const world = createWorld({ seed: 2, pieces: 10 });
  world.add({ name: "seed", have: "seed", upBytesPerSecond: 50_000 });
  assertAllFinish(world, addLeeches(world, 9, { have: "#########." }), 600_000);
});

Deno.test("peers behind NAT that can only dial complete through reachable ones", () => {
  const world = createWorld({ seed: 3, pieces: 12 });
  world.add({ name: "seed", have: "seed" });
  const open = addLeeches(world, 2);
  const hidden = addLeeches(world, 5, { isBehindNat: true });
  assertAllFinish(world, [...open, ...hidden]);
});

Deno.test("a seed behind NAT serves the peers that it dials", () => {
  const world = createWorld({ seed: 4, pieces: 8 });
  world.add({ name: "seed", have: "seed", isBehindNat: true });
  assertAllFinish(world, addLeeches(world, 3));
});

Deno.test("after a partition both sides complete", () => {
  const world = createWorld({ seed: 5, pieces: 24 });
  const seed = world.add({ name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  const near = addLeeches(world, 2), far = addLeeches(world, 3);
  world.run(5_000);
  world.part(far, 1);
  world.run(400_000);
  assert(near.every(({ torrent }) => isComplete(torrent)), "the seed's side finishes");
  world.part(far, 0);
  assertAllFinish(world, far);
  assert(seed.isOnline);
});

Deno.test("a tracker that is down for an hour does not stop peers that know the swarm", () => {
  const world = createWorld({ seed: 6, pieces: 30 });
  world.add({ name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  const nodes = addLeeches(world, 4);
  world.run(2_000);
  world.state.trackers[0]!.isUp = false;
  assertAllFinish(world, nodes);
});

Deno.test("a tracker that is down at first is used later, or another one of its tier before", () => {
  for (const trackers of [1, 2]) {
    const world = createWorld({ seed: 7, pieces: 8, trackers });
    world.state.trackers[0]!.isUp = false;
    world.add({ name: "seed", have: "seed" });
    const nodes = addLeeches(world, 3);
    if (trackers === 1) world.at(600_000, () => world.state.trackers[0]!.isUp = true);
    assertAllFinish(world, nodes, trackers === 1 ? 2 * HOUR_MS : 120_000);
  }
});

Deno.test("a full disk stops only its own download, which continues once space is free", () => {
  const world = createWorld({ seed: 8, pieces: 12 });
  world.add({ name: "seed", have: "seed" });
  const others = addLeeches(world, 2);
  const room = 5 * world.geometry.pieceLength;
  const full = world.add({ name: "full", shareRule: RULE_10, disk: { room } });
  assertAllFinish(world, others);
  world.run(60_000);
  assertEquals(transferOf(full.torrent).diskFailed, true);
  assertEquals(transferOf(full.torrent).haveCount, 5);
  const failures = full.reports.filter(({ report }) => report.kind === "disk-failed");
  assertEquals(failures.length, 1, "it is told once");
  world.stop(full);
  world.run(10_000);
  assertEquals(full.torrent.stage, "stopped");
  full.disk.room = Infinity;
  world.restart(full);
  assertEquals(transferOf(full.torrent).haveCount, 5, "nothing is fetched twice");
  assertAllFinish(world, [full]);
});

Deno.test("slow disks delay only their own downloads", () => {
  const world = createWorld({ seed: 9, pieces: 12 });
  world.add({ name: "seed", have: "seed" });
  const quick = addLeeches(world, 2);
  const slow = addLeeches(world, 2, { disk: { delayMs: 4_000 } });
  assertAllFinish(world, quick, 60_000);
  assertAllFinish(world, slow);
});

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  ...["corrupt", "corrupt-some", "silent", "drip", "refuse", "boast", "flood"] as const,
  "freeload",
];

for (const misbehaviour of MISBEHAVIOURS) {
  Deno.test(`three peers that ${misbehaviour} do not prevent completion of honest ones`, () => {
    for (let seed = 0; seed < 3; seed++) {
      const world = createWorld({ seed, pieces: 12 });
      world.add({ name: "seed", have: "seed" });
      const have = misbehaviour === "flood" || misbehaviour === "freeload"
        ? "leech"
        : "####....####";
      for (const i of [1, 2, 3]) world.add({ name: `liar ${i}`, have, misbehaviour });
      assertAllFinish(world, addLeeches(world, 3));
    }
  });
}

Deno.test("repeated disconnects do not prevent completion", () => {
  const world = createWorld({ seed: 10, pieces: 16, breaksPerHundredMinutes: 300 });
  world.add({ name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  assertAllFinish(world, addLeeches(world, 4));
});

Deno.test("peers with and without the rule complete; those with it paid or were waived", () => {
  const world = createWorld({ seed: 12, pieces: 20 });
  world.add({ name: "seed", have: "seed" });
  const bound = addLeeches(world, 4);
  const free = addLeeches(world, 4, { shareRule: RULE_OFF });
  assertAllFinish(world, [...bound, ...free]);
  for (const { torrent } of bound) {
    assert(
      transferOf(torrent).waived || transferOf(torrent).uploaded >= owedBytes(transferOf(torrent)),
    );
  }
});

Deno.test("strict peers that cannot pay complete once a peer can be served", () => {
  const world = createWorld({ seed: 13, pieces: 10 });
  world.add({ name: "seed", have: "seed" });
  const strict = world.add({ name: "strict", shareRule: STRICT });
  world.run(1_200_000);
  assertEquals(transferOf(strict.torrent).haveCount, 9);
  world.add({ name: "late" });
  assertAllFinish(world, [strict]);
});

Deno.test("peers that all wait for their last piece complete", () => {
  const world = createWorld({ seed: 14, pieces: 10 });
  const waiting = addLeeches(world, 6, { have: "#########." });
  world.run(300_000);
  for (const { torrent } of waiting) assert(!hasBit(transferOf(torrent).have, 9));
  world.add({ name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  assertAllFinish(world, waiting);
});
