/**
 * Small hostile worlds, one for each number: corrupt peers, NAT, partitions, failing trackers, slow
 * and full disks, programs that are killed and restarted. In each of them a full copy stays
 * reachable once the faults end, so every honest peer must complete, by the rule, with every
 * invariant kept.
 */
import { assert } from "@std/assert";
import { createRng, nextUint32, randomBelow, type Rng } from "../../core/bytes/random.ts";
import { isOnDisk } from "../../core/sim/disk.ts";
import type { Misbehaviour } from "../../core/sim/options.ts";
import { formatHash } from "../../core/bytes/value_hash.ts";
import { isDebtSettled } from "../../core/transfer/share_rule.ts";
import { isComplete, transferOf } from "../../core/torrent/state.ts";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { type Node, RULE_10, RULE_OFF, World } from "./world.ts";

/** All faults have ended by then. */
const TROUBLE_MS = 600_000;
/** Every peer has completed by then. */
const END_MS = 6 * 3_600_000;
const MISBEHAVIOURS: readonly Misbehaviour[] = [
  ...["corrupt", "corrupt-some", "silent", "drip", "refuse", "boast", "flood"] as const,
  "freeload",
];
const RULES = [
  ...[RULE_10, RULE_10, RULE_OFF, { percent: 100, strict: false }],
  { percent: 35, strict: false },
];

export interface HostileRun {
  /** Simulated seconds until all were complete. */
  readonly seconds: number;
  readonly events: number;
  readonly trace: string;
}

/** Runs the world of this number; throws when an invariant does not hold. */
export function runHostileWorld(seed: number): HostileRun {
  const rng = createRng(seed);
  const world = createWorld(seed, rng);
  const pieces = world.geometry.pieceCount;
  // The one that keeps a full copy and is reachable.
  world.add({
    name: "seed",
    have: "seed",
    upBytesPerSecond: pick(rng, RATES),
    latencyMs: wait(rng),
  });
  const honest = Array.from(
    { length: 1 + randomBelow(rng, 5) },
    (_, i) => addHonest(world, rng, i),
  );
  for (let i = randomBelow(rng, 4); i > 0; i--) {
    world.add({
      name: `liar ${i}`,
      misbehaviour: pick(rng, MISBEHAVIOURS),
      have: randomBelow(rng, 3) === 0 ? "seed" : picture(rng, pieces),
      joinMs: randomBelow(rng, 60_000),
    });
  }
  for (let i = randomBelow(rng, 6); i > 0; i--) makeTrouble(world, rng, pick(rng, honest));
  world.run(TROUBLE_MS + 60_000);
  const isDone = () => honest.every(({ torrent }) => isComplete(torrent));
  const finished = world.run(END_MS, isDone);
  const standing = honest.map(({ name, torrent }) =>
    `${name} ${transferOf(torrent).haveCount}/${pieces}`
  );
  assert(finished, `somebody never finishes: ${standing.join(", ")}`);
  for (const node of honest) {
    for (let piece = 0; piece < pieces; piece++) assert(isOnDisk(node.disk, piece), node.name);
  }
  const { tally, trace } = world.state;
  return { seconds: world.now / 1_000, events: tally.events, trace: formatHash(trace) };
}

const RATES = [20_000, 100_000, 500_000, 2_000_000];

function createWorld(seed: number, rng: Rng): World {
  return new World({
    seed: nextUint32(rng) ^ seed,
    pieces: 1 + randomBelow(rng, 12),
    blocks: 1 + randomBelow(rng, 4),
    trackers: 1 + randomBelow(rng, 2),
    phantoms: randomBelow(rng, 3),
    tickMs: pick(rng, [1, 1, 5, 20]),
    breaksPerHundredMinutes: pick(rng, [0, 0, 100]),
    watch: ({ torrent, options }, now) => {
      checkInvariants(torrent, now);
      if (isDebtSettled(transferOf(torrent)) || isComplete(torrent) || options.have === "seed") {
        return;
      }
      assert(transferOf(torrent).availability.size > 0, "a debtor leaves its last piece alone");
    },
  });
}

function addHonest(world: World, rng: Rng, index: number): Node {
  return world.add({
    name: `honest ${index}`,
    have: picture(rng, world.geometry.pieceCount),
    shareRule: pick(rng, RULES),
    joinMs: randomBelow(rng, 60_000),
    upBytesPerSecond: pick(rng, RATES),
    downBytesPerSecond: pick(rng, [Infinity, ...RATES]),
    latencyMs: wait(rng),
    isBehindNat: randomBelow(rng, 3) === 0,
    disk: { delayMs: pick(rng, [0, 2, 50, 3_000]) },
  });
}

function makeTrouble(world: World, rng: Rng, node: Node): void {
  const fromMs = 60_000 + randomBelow(rng, TROUBLE_MS / 2 - 60_000);
  const untilMs = fromMs + randomBelow(rng, TROUBLE_MS / 2);
  const rehash = randomBelow(rng, 2) === 0;
  const comeBack = () => {
    if (!node.isOnline) world.restart(node, rehash);
  };
  switch (randomBelow(rng, 5)) {
    case 0:
      world.at(fromMs, () => node.isOnline && world.kill(node, rehash ? "power" : "process"));
      return world.at(untilMs, comeBack);
    case 1:
      world.at(fromMs, () => world.stop(node));
      return world.at(untilMs, comeBack);
    case 2:
      world.at(fromMs, () => world.part([node], 1));
      return world.at(untilMs, () => world.part([node], 0));
    case 3: {
      const tracker = pick(rng, world.state.trackers);
      world.at(fromMs, () => tracker.isUp = false);
      return world.at(untilMs, () => tracker.isUp = true);
    }
    default:
      world.at(fromMs, () => node.disk.room = 0);
      world.at(untilMs, () => node.disk.room = Infinity);
      // A slow disk reports its last failure late.
      world.at(untilMs + 10_000, () => transferOf(node.torrent).diskFailed && world.stop(node));
      return world.at(untilMs + 30_000, comeBack);
  }
}

function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[randomBelow(rng, items.length)]!;
}

function wait(rng: Rng): number {
  return pick(rng, [1, 20, 20, 150]);
}

function picture(rng: Rng, pieces: number): string {
  const chance = randomBelow(rng, 5);
  return Array.from({ length: pieces }, () => randomBelow(rng, 4) < chance - 1 ? "#" : ".").join(
    "",
  );
}
