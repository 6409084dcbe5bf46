import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { fuzzRuns } from "../fuzz/runs.ts";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { type Node, World } from "./world.ts";

const watch = ({ torrent }: Node, now: number) => checkInvariants(torrent, now);

Deno.test("one seed serves all peers", () => {
  const world = new World({ seed: 1, pieces: 20, watch });
  world.add({ name: "seed", have: "seed" });
  for (let i = 0; i < 10; i++) world.add({ name: `leech ${i}` });
  assert(world.runUntilComplete(120_000), "all complete within two minutes");
});

Deno.test("in a swarm twenty peers complete far sooner than from one seed alone", () => {
  const world = new World({ seed: 2, pieces: 100 });
  world.add({ name: "seed", have: "seed" });
  for (let i = 0; i < 20; i++) world.add({ name: `leech ${i}` });
  assert(world.runUntilComplete());
  const secondsAlone = 20 * world.geometry.totalSize / 1_000_000;
  assert(world.now / 1_000 < secondsAlone / 3, `${world.now} ms of ${secondsAlone} s`);
});

Deno.test("leechers with different halves need no seed", () => {
  const world = new World({ seed: 3, pieces: 10, watch });
  world.add({ name: "left", have: "#####....." });
  world.add({ name: "right", have: ".....#####" });
  assert(world.runUntilComplete(60_000));
});

Deno.test("a liar is banned and all peers complete", () => {
  for (let seed = 0; seed < 5; seed++) {
    const world = new World({ seed, pieces: 16, watch });
    world.add({ name: "seed", have: "seed" });
    world.add({ name: "liar", have: "seed", misbehaviour: "corrupt" });
    const leeches = [1, 2, 3].map((i) => world.add({ name: `leech ${i}` }));
    assert(world.run(900_000, () => leeches.every((node) => node.completedMs !== undefined)));
    const banned = leeches.flatMap((node) =>
      node.reports.map(({ report }) => report).filter((report) => report.kind === "peer-banned")
    );
    assert(banned.length > 0, "somebody caught the liar");
    assertEquals(new Set(banned.map(({ address }) => address)), new Set(["10.0.1.1:6881"]));
  }
});

Deno.test("seeds that send nothing do not delay completion forever", () => {
  const world = new World({ seed: 4, pieces: 12, watch });
  world.add({ name: "seed", have: "seed" });
  for (let i = 0; i < 4; i++) {
    world.add({ name: `silent ${i}`, have: "seed", misbehaviour: "silent" });
  }
  const leeches = [1, 2].map((i) => world.add({ name: `leech ${i}` }));
  assert(world.run(600_000, () => leeches.every((node) => node.completedMs !== undefined)));
});

Deno.test("two peers that dial each other keep one connection", () => {
  for (let seed = 0; seed < 10; seed++) {
    const world = new World({ seed, pieces: 4 });
    const one = world.add({ name: "one", have: "##..", isAlone: true });
    const two = world.add({ name: "two", have: "##..", isAlone: true });
    world.run(1_000);
    world.meet(one, two);
    world.meet(two, one);
    world.run(5_000);
    assertEquals([one.torrent.swarm.connections.size, two.torrent.swarm.connections.size], [1, 1]);
    world.run(60_000);
    assertEquals([one.torrent.swarm.connections.size, two.torrent.swarm.connections.size], [1, 1]);
  }
});

/** Who joins when, with which pieces, and leaves how. */
const guest = fc.record({
  joinMs: fc.nat(60_000),
  stayMs: fc.integer({ min: 1_000, max: 120_000 }),
  have: fc.stringMatching(/^[#.]{8}$/),
  leaves: fc.constantFrom("stop", "kill"),
  misbehaviour: fc.constantFrom(undefined, undefined, "corrupt", "silent"),
});

Deno.test("under any churn the remaining peers complete", () => {
  fc.assert(
    fc.property(fc.array(guest, { maxLength: 6 }), fc.nat(), (guests, seed) => {
      const world = new World({ seed, pieces: 8, watch });
      world.add({ name: "seed", have: "seed" });
      const residents = [1, 2, 3].map((i) => world.add({ name: `resident ${i}` }));
      for (const { stayMs, leaves, misbehaviour, ...options } of guests) {
        const node = world.add({ name: "guest", ...options, ...misbehaviour && { misbehaviour } });
        world.at(options.joinMs + stayMs, () => world[leaves as "stop" | "kill"](node));
      }
      const isDone = () => residents.every((node) => node.completedMs !== undefined);
      assert(world.run(3_600_000, isDone), "residents complete within the hour");
    }),
    fuzzRuns(40),
  );
});
