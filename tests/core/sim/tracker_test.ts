/** Trackers of the simulated world: how long they take, and what it is like while one is away. */
import { assert, assertEquals } from "@std/assert";
import type { Node } from "../../../core/sim/node.ts";
import { createWorld, type World } from "../../../core/sim/state.ts";
import { addNode, runWorld } from "../../../core/sim/world.ts";
import { isComplete } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

/** A seed, a second later a leech, and when the leech announced and dialled. */
function tracked(isUp: boolean) {
  const world: World = createWorld({ seed: 3, pieces: 2, blocks: 1, sha1, latencyMs: 10 });
  world.trackers[0]!.isUp = isUp;
  addNode(world, { name: "seed", have: "seed" });
  const leech: Node = addNode(world, { name: "leech", joinMs: 1_000 });
  const times = { announce: [] as number[], dial: [] as number[] };
  world.watchEffect = (node, { kind }) => {
    if (node === leech && (kind === "announce" || kind === "dial")) times[kind].push(world.now);
  };
  return { world, leech, times };
}

Deno.test("a tracker answers after 30 ms, and then the peers that it named are dialled", () => {
  const { world, leech, times } = tracked(true);
  assert(runWorld(world, 60_000, () => isComplete(leech.torrent)));
  assertEquals([times.announce[0], times.dial[0]], [1_000, 1_030]);
});

Deno.test("one that is away keeps a client waiting for 15 s, and notes nobody; nodes meet once it is back", () => {
  const { world, leech, times } = tracked(false);
  runWorld(world, 120_000);
  const [first, second] = times.announce;
  assertEquals(first, 1_000);
  assert(second! - first! >= 15_000, `again after ${second! - first!} ms`);
  assertEquals([times.dial, leech.ends.size], [[], 0]);
  world.trackers[0]!.isUp = true;
  assert(runWorld(world, 3_600_000, () => isComplete(leech.torrent)));
});
