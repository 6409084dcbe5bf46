/** Same seed and same events, same effects, byte for byte: the basis of replay and simulation. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Effect } from "../../../core/torrent/protocol.ts";
import { RULE_10, World } from "../../sim/world.ts";

/** Every effect of every node of a small swarm with all features, as JSON. */
function record(seed: number): string {
  const world = new World({ seed, pieces: 10, phantoms: 1 });
  const nodes = [
    world.add({ name: "seed", have: "seed" }),
    world.add({ name: "liar", have: "#####.....", misbehaviour: "corrupt" }),
    world.add({ name: "silent", have: ".....#####", misbehaviour: "silent" }),
    world.add({ name: "one", shareRule: RULE_10 }),
    world.add({ name: "two", shareRule: RULE_10, joinMs: 1_500 }),
    world.add({ name: "late", joinMs: 30_000 }),
  ];
  const effects: Effect[][] = nodes.map(() => []);
  world.state.watchEffect = (node, effect) => effects[node.index]!.push(effect);
  world.at(2_000, () => world.kill(nodes[2]!));
  world.at(60_000, () => world.stop(nodes[3]!));
  world.run(120_000);
  return JSON.stringify(
    effects,
    (_, value) => value instanceof Uint8Array ? [...value] : value,
  );
}

Deno.test("a seed gives the same run, byte for byte in all effects", () => {
  const first = record(42);
  assert(first.length > 10_000, "the run is worth comparing");
  for (const kind of ["request", "upload", "check-piece", "peer-banned", "save-state", "dial"]) {
    assert(first.includes(`"${kind}"`), `the run has a ${kind}`);
  }
  assertEquals(record(42) === first, true, "the second run differs");
});

Deno.test("different seeds give different runs", () => {
  assertNotEquals(record(1).length, record(2).length);
});
