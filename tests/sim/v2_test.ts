import { assert, assertEquals } from "@std/assert";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { type Node, World } from "./world.ts";

const watch = ({ torrent }: Node, now: number) => checkInvariants(torrent, now);

function bannedBy(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) =>
    node.reports.map(({ report }) => report).filter((report) => report.kind === "peer-banned")
      .map(({ address }) => address)
  );
}

for (const format of ["v2", "hybrid"] as const) {
  Deno.test(`a ${format} swarm completes if downloaders have no layers`, () => {
    for (let seed = 0; seed < 5; seed++) {
      const world = new World({ seed, pieces: 30, format, watch });
      world.add({ name: "seed", have: "seed" });
      for (let i = 0; i < 6; i++) world.add({ name: `leech ${i}` });
      assert(world.runUntilComplete(300_000), `seed ${seed}`);
    }
  });

  Deno.test(`in a ${format} swarm only the sender of some bad blocks is banned, soon`, () => {
    for (let seed = 0; seed < 5; seed++) {
      const world = new World({ seed, pieces: 16, blocks: 16, format, watch });
      world.add({ name: "seed", have: "seed" });
      const liar = world.add({ name: "liar", have: "seed", misbehaviour: "corrupt-some" });
      const leeches = [1, 2, 3].map((i) => world.add({ name: `leech ${i}` }));
      assert(world.run(900_000, () => leeches.every((node) => node.completedMs !== undefined)));
      const address = `${liar.address.ip}:${liar.address.port}`;
      assertEquals(new Set(bannedBy(leeches)), new Set([address]));
    }
  });
}

Deno.test("a peer that sends wrong hashes is banned, and layers come from others", () => {
  for (let seed = 0; seed < 5; seed++) {
    const world = new World({ seed, pieces: 16, format: "v2", watch });
    world.add({ name: "seed", have: "seed" });
    world.add({ name: "liar", have: "seed", misbehaviour: "lie" });
    const leeches = [1, 2, 3].map((i) => world.add({ name: `leech ${i}` }));
    assert(world.run(900_000, () => leeches.every((node) => node.completedMs !== undefined)));
  }
});

Deno.test("a v2 world is reproducible", () => {
  const run = () => {
    const world = new World({ seed: 9, pieces: 20, format: "v2" });
    world.add({ name: "seed", have: "seed" });
    world.add({ name: "liar", have: "seed", misbehaviour: "corrupt-some" });
    for (let i = 0; i < 3; i++) world.add({ name: `leech ${i}` });
    world.run(60_000);
    return world.state.trace;
  };
  assertEquals(run(), run());
});
