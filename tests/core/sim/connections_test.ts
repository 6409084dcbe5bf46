/** Connections of the simulated world: results of dials, losses of a break, cancelled sends. */
import { assert, assertEquals } from "@std/assert";
import { hasBit } from "../../../core/bytes/bitfield.ts";
import { checkWorld } from "../../../core/sim/checks.ts";
import { joinRing, maySend, nextInRing, post, trimInbox } from "../../../core/sim/network.ts";
import type { End, Node } from "../../../core/sim/node.ts";
import type { NodeOptions, WorldOptions } from "../../../core/sim/options.ts";
import { createWorld, type World } from "../../../core/sim/state.ts";
import { takeBack } from "../../../core/sim/traffic.ts";
import {
  addNode,
  introduce,
  isSilent,
  killNode,
  partition,
  restartNode,
  runWorld,
  stopNode,
} from "../../../core/sim/world.ts";
import { isComplete, transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

const BLOCK = 16_384;
const LATENCY_MS = 50;

function quietWorld(options: Partial<WorldOptions> = {}): World {
  const latencyMs = LATENCY_MS;
  return createWorld({
    seed: 3,
    pieces: 8,
    blocks: 2,
    sha1,
    isChecked: true,
    latencyMs,
    ...options,
  });
}

const alone = (world: World, options: NodeOptions): Node =>
  addNode(world, { isAlone: true, ...options });

/** The result of a node's dial to `them`: ms until it is connected, or until it dials again. */
function dialMs(them: (world: World) => Node): { connected?: number; again?: number } {
  const world = quietWorld({ tickMs: 1 });
  const node = alone(world, { name: "dialler" });
  const other = them(world);
  runWorld(world, 100);
  const dials: number[] = [];
  world.watchEffect = (from, effect) => {
    if (from === node && effect.kind === "dial") dials.push(world.now);
  };
  introduce(world, node, other);
  assert(runWorld(world, 600_000, () => node.ends.size > 0 || dials.length === 2));
  const passed = world.now - dials[0]!;
  return node.ends.size > 0 ? { connected: passed } : { again: passed };
}

Deno.test("a dial takes a round trip, and five seconds more where nobody answers", () => {
  const there = (options: Partial<NodeOptions> = {}) => (world: World) =>
    alone(world, { name: "there", ...options });
  assertEquals(dialMs(there()), { connected: 2 * LATENCY_MS });
  // Individual latencies add up; a node without one adds nothing.
  assertEquals(dialMs(there({ latencyMs: 200 })), { connected: 400 });
  const refused = dialMs(there({ joinMs: 1e9 })).again!;
  const beyond = (world: World) => Object.assign(there()(world), { side: 1 });
  for (const silent of [there({ isBehindNat: true }), beyond]) {
    const late = dialMs(silent).again! - refused;
    assertEquals(late >= 4_999 && late <= 5_001, true, `${late} ms later`);
  }
});

/** A seed and a leech during a transfer. */
function midway(options: Partial<WorldOptions> = {}) {
  const world = quietWorld(options);
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  const leech = alone(world, { name: "leech" });
  runWorld(world, 1);
  introduce(world, leech, seed);
  assert(runWorld(world, 60_000, () => transferOf(leech.torrent).haveCount >= 2));
  return { world, seed, leech };
}

/** An invariant at any time: how many online nodes have a piece. */
function assertHolders(world: World): void {
  checkWorld(world);
  for (let piece = 0; piece < world.geometry.pieceCount; piece++) {
    const holders = world.nodes.filter((node) =>
      node.isOnline && hasBit(transferOf(node.torrent).have, piece)
    );
    assertEquals(world.holders[piece], holders.length, `holders of ${piece}`);
  }
}

Deno.test("holders are counted through joining, downloading, stopping, dying and coming back", () => {
  const { world, seed, leech } = midway();
  assertHolders(world);
  killNode(world, leech, "process");
  assertHolders(world);
  restartNode(world, leech, true);
  assertHolders(world);
  const had = transferOf(leech.torrent).haveCount;
  assertEquals([had >= 2, leech.completedMs], [true, undefined]);
  stopNode(world, seed);
  runWorld(world, 5_000);
  assertHolders(world);
  restartNode(world, seed, true);
  runWorld(world, 1_000);
  assertHolders(world);
  assertEquals(seed.completedMs, seed.joinedMs, "complete from its start");
  introduce(world, leech, seed);
  assert(runWorld(world, 600_000, () => isComplete(leech.torrent)));
  assertHolders(world);
  assert(transferOf(leech.torrent).haveCount > had);
  stopNode(world, leech);
  runWorld(world, 60_000);
  assertEquals([leech.isOnline, leech.torrent.stage], [false, "stopped"]);
  assertHolders(world);
  // Stopping saved its state.
  restartNode(world, leech);
  assertEquals([isComplete(leech.torrent), leech.completedMs], [true, world.now]);
});

Deno.test("every byte that was sent is taken, lost or on its way, and none is for ever", () => {
  const { world, seed, leech } = midway();
  const { tally } = world;
  assert(tally.bytesOnTheWay > 0);
  killNode(world, seed);
  runWorld(world, 60_000);
  assertEquals(tally.bytesSent, tally.bytesTaken + tally.bytesLost + tally.bytesOnTheWay);
  assertEquals([leech.ends.size, seed.ends.size], [0, 0]);
  assertEquals(tally.bytesOnTheWay, 0);
  assertEquals(tally.bytesTaken, transferOf(leech.torrent).downloaded);
});

Deno.test("nothing passes between two sides of a partition, and everything once it is over", () => {
  const { world, seed, leech } = midway();
  const before = transferOf(leech.torrent).haveCount;
  partition(world, [seed], 1);
  runWorld(world, 30_000);
  assertEquals(transferOf(leech.torrent).haveCount, before);
  partition(world, [seed], 0);
  assert(runWorld(world, 60_000, () => isComplete(leech.torrent)));
});

Deno.test("blocks that have not left can be taken back, one or all", () => {
  const { world, seed, leech } = midway();
  const [key, end] = [...seed.ends][0]!;
  end.uploads = [9, 9, 9, 1, 0, BLOCK, 2, 0, BLOCK, 2, BLOCK, BLOCK];
  end.uploadHead = 3;
  for (const other of [[1, BLOCK, BLOCK], [2, 0, 1], [3, 0, BLOCK]]) {
    assertEquals(takeBack(world, seed, key, other), []);
  }
  assertEquals(takeBack(world, leech, key, undefined), [], "not the peer's own blocks");
  assertEquals(takeBack(world, seed, key, [2, 0, BLOCK]), [2, 0, BLOCK]);
  assertEquals(end.uploads, [1, 0, BLOCK, 2, BLOCK, BLOCK]);
  assertEquals(takeBack(world, seed, key, undefined), [1, 0, BLOCK, 2, BLOCK, BLOCK]);
  assertEquals([end.uploads, end.uploadHead], [[], 0]);
  assertEquals(takeBack(world, seed, 12_345, undefined), []);
});

Deno.test("connections break by themselves, as often as was asked for", () => {
  const world = quietWorld({ breaksPerHundredMinutes: 6_000, pieces: 200 });
  const seed = alone(world, { name: "seed", have: "seed", upBytesPerSecond: 20_000 });
  const leech = alone(world, { name: "leech" });
  let breaks = 0;
  world.watch = (node) => {
    if (node === leech && node.ends.size === 0 && node.torrent.swarm.jobs.underWay.size === 0) {
      breaks++;
    }
  };
  runWorld(world, 1);
  introduce(world, leech, seed);
  runWorld(world, 120_000);
  assert(breaks > 5, `${breaks} breaks`);
  assertHolders(world);
});

/** An end of a connection with only the fields that `network.ts` uses. */
function bareEnd(uploads: number[] = []): End {
  const node = { ring: [], ringHead: 0 } as unknown as Node;
  return {
    ...{ node, isOpen: true, isInRing: false, inbox: [], inboxHead: 0, inboxTail: 0, lastTick: 0 },
    ...{ messages: [], uploads, uploadHead: 0, inFlight: 0 },
  } as unknown as End;
}

Deno.test("an inbox keeps what was not read, and gives back the room of what was", () => {
  const end = bareEnd();
  assertEquals(post(end, 3, 0, 7), true, "a new tick");
  assertEquals(post(end, 3, 0, 8), false, "the same tick");
  assertEquals(post(end, 4, 1, 1, 2, 3), true);
  assertEquals(post(end, 4, 4), false);
  assertEquals(end.inbox, [3, 0, 7, 3, 0, 8, 4, 1, 1, 2, 3, 4, 4]);
  end.inboxHead = 3;
  trimInbox(end);
  assertEquals([end.inboxHead, end.inboxTail], [3, 13], "little was read");
  end.inboxHead = 13;
  trimInbox(end);
  assertEquals([end.inboxHead, end.inboxTail], [0, 0], "everything was read");
  for (let i = 0; i < 2_000; i++) post(end, 5, 0, i);
  end.inboxHead = 3 * 1_900;
  trimInbox(end);
  assertEquals([end.inboxHead, end.inboxTail, end.inbox.length], [0, 300, 300]);
  assertEquals(end.inbox.slice(0, 3), [5, 0, 1_900]);
});

Deno.test("an end sends while it is open, has blocks and less than a window on the way", () => {
  const end = bareEnd([1, 0, BLOCK]);
  assertEquals(maySend(end), true);
  assertEquals(maySend({ ...end, isOpen: false }), false);
  assertEquals(maySend({ ...end, uploadHead: 3 }), false);
  assertEquals(maySend({ ...end, inFlight: 640 * 1_024 - 1 }), true);
  assertEquals(maySend({ ...end, inFlight: 640 * 1_024 }), false);
  joinRing(end);
  joinRing(end);
  assertEquals(end.node.ring.length, 1);
  assertEquals(nextInRing(end.node), end);
  assertEquals([end.isInRing, nextInRing(end.node)], [false, undefined]);
  assertEquals([end.node.ring.length, end.node.ringHead], [0, 0]);
});

Deno.test("a world in which nothing can happen any more is silent", () => {
  const world = quietWorld();
  assertEquals(isSilent(world), true);
  alone(world, { name: "late", joinMs: 1_000 });
  assertEquals(isSilent(world), false);
  runWorld(world, 500);
  assertEquals([isSilent(world), world.now], [false, 500]);
});
