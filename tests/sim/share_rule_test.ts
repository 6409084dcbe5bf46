/** The share rule in whole swarms: each peer pays or is excused, and none waits for ever. */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { fuzzRuns } from "../fuzz/runs.ts";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { isDebtSettled, owedBytes } from "../../core/transfer/share_rule.ts";
import { isComplete, transferOf } from "../../core/torrent/state.ts";
import { type Node, RULE_10, World, type WorldOptions } from "./world.ts";

const STRICT = { percent: 10, strict: true };

/** A world in which no debtor may ever request its last piece. */
function createWorld(options: Omit<WorldOptions, "watch">): World {
  return new World({ ...options, watch });
}

function watch({ torrent }: Node, now: number): void {
  checkInvariants(torrent, now);
  if (isDebtSettled(transferOf(torrent)) || isComplete(torrent)) return;
  assert(transferOf(torrent).availability.size > 0, "a debtor leaves its last piece alone");
}

/** The states of `share` reports, in order. */
function statesOf(node: Node): string[] {
  return node.reports.map(({ report }) => report)
    .flatMap((report) => report.kind === "share" ? [report.state] : []);
}

function paid(node: Node): boolean {
  return transferOf(node.torrent).uploaded >= owedBytes(transferOf(node.torrent));
}

/** Complete, and by the rule. */
function assertSettled(nodes: readonly Node[]): void {
  for (const node of nodes) {
    assert(isComplete(node.torrent), `${node.name} completes`);
    assert(paid(node) || transferOf(node.torrent).waived, `${node.name} paid or was excused`);
    assertEquals(statesOf(node).at(-1), paid(node) ? "paid" : "waived", node.name);
  }
}

Deno.test("a single downloader completes at once: its debt is waived", () => {
  const world = createWorld({ seed: 1, pieces: 20 });
  world.add({ name: "seed", have: "seed" });
  const lone = world.add({ name: "lone", shareRule: RULE_10 });
  assert(world.runUntilComplete());
  assertSettled([lone]);
  assertEquals(statesOf(lone), ["waived"]);
  const secondsAlone = world.geometry.totalSize / 1_000_000;
  assert(world.now < 1_000 * secondsAlone + 3_000, `done after ${world.now} ms`);
});

Deno.test("three downloaders and a seed: each completes only after it has shared", () => {
  for (let seed = 0; seed < 5; seed++) {
    const world = createWorld({ seed, pieces: 40 });
    world.add({ name: "seed", have: "seed" });
    const leeches = [1, 2, 3].map((i) => world.add({ name: `leech ${i}`, shareRule: RULE_10 }));
    assert(world.runUntilComplete());
    assertSettled(leeches);
    assert(leeches.filter(paid).length >= 2, "debts are paid where there is somebody to serve");
  }
});

Deno.test("two peers that wait for each other, lacking different last pieces, both complete", () => {
  const world = createWorld({ seed: 1, pieces: 8 });
  const left = world.add({ name: "left", have: ".#######", shareRule: RULE_10 });
  const right = world.add({ name: "right", have: "#######.", shareRule: RULE_10 });
  assert(world.runUntilComplete(180_000));
  assertSettled([left, right]);
});

Deno.test("all peers lack the same last piece and one seed has it: all complete", () => {
  const world = createWorld({ seed: 2, pieces: 8 });
  world.add({ name: "seed", have: "seed" });
  const nodes = [1, 2, 3, 4, 5].map((i) =>
    world.add({ name: `leech ${i}`, have: "#######.", shareRule: RULE_10 })
  );
  assert(world.runUntilComplete(180_000));
  assertSettled(nodes);
});

Deno.test("the seed leaves once the swarm has every piece: all complete", () => {
  for (let seed = 0; seed < 5; seed++) {
    const world = createWorld({ seed, pieces: 12 });
    const source = world.add({ name: "seed", have: "seed" });
    const nodes = [1, 2, 3].map((i) => world.add({ name: `leech ${i}`, shareRule: RULE_10 }));
    const isSpread = () =>
      Array.from({ length: 12 }, (_, piece) => piece)
        .every((piece) =>
          nodes.some(({ torrent }) =>
            transferOf(torrent).have.bytes[piece >> 3]! & 0x80 >> piece % 8
          )
        );
    assert(world.run(120_000, isSpread));
    world.kill(source);
    assert(world.runUntilComplete(600_000));
    assertSettled(nodes);
  }
});

Deno.test("free riders do not prevent completion, and count as served", () => {
  const world = createWorld({ seed: 3, pieces: 12 });
  world.add({ name: "seed", have: "seed" });
  const honest = [1, 2].map((i) => world.add({ name: `honest ${i}`, shareRule: RULE_10 }));
  for (const i of [1, 2, 3]) world.add({ name: `rider ${i}`, misbehaviour: "silent" });
  assert(world.run(600_000, () => honest.every(({ torrent }) => isComplete(torrent))));
  assertSettled(honest);
});

Deno.test("unreachable peers counted by the tracker delay a download a few seconds at most", () => {
  const world = createWorld({ seed: 4, pieces: 8, phantoms: 3 });
  world.add({ name: "seed", have: "seed" });
  const lone = world.add({ name: "lone", shareRule: RULE_10 });
  assert(world.runUntilComplete(30_000));
  assertSettled([lone]);
  assertEquals(statesOf(lone), ["owing", "waived"]);
});

Deno.test("uploads of an earlier run count", () => {
  const world = createWorld({ seed: 5, pieces: 10 });
  world.add({ name: "seed", have: "seed" });
  const other = world.add({ name: "other", shareRule: RULE_10 });
  const { totalSize } = world.geometry;
  const back = world.add({ name: "back", shareRule: STRICT, uploadedBefore: totalSize / 10 });
  assert(world.runUntilComplete());
  assertSettled([other, back]);
  assertEquals(statesOf(back), ["paid"]);
});

Deno.test("beside strict peers the others complete; a strict one only after it paid", () => {
  for (let seed = 0; seed < 8; seed++) {
    const world = createWorld({ seed, pieces: 12 });
    world.add({ name: "seed", have: "seed" });
    const normal = [1, 2].map((i) => world.add({ name: `normal ${i}`, shareRule: RULE_10 }));
    const strict = [1, 2].map((i) => world.add({ name: `strict ${i}`, shareRule: STRICT }));
    assert(world.run(900_000, () => normal.every(({ torrent }) => isComplete(torrent))));
    assertSettled(normal);
    for (const node of strict) {
      assertEquals(transferOf(node.torrent).waived, false);
      assert(!isComplete(node.torrent) || paid(node));
    }
    const late = world.add({ name: "late" });
    world.run(900_000);
    assert(isComplete(late.torrent));
    for (const node of strict) assert(isComplete(node.torrent), "a newcomer frees the strict");
  }
});

Deno.test("all peers complete a one-piece torrent: there is nothing to serve", () => {
  const world = createWorld({ seed: 6, pieces: 1 });
  world.add({ name: "seed", have: "seed" });
  const nodes = [1, 2, 3].map((i) => world.add({ name: `leech ${i}`, shareRule: RULE_10 }));
  assert(world.runUntilComplete(10_000));
  assertSettled(nodes);
});

const member = fc.record({
  have: fc.stringMatching(/^[#.]{6}$/),
  joinMs: fc.nat(60_000),
  shareRule: fc.constantFrom(RULE_10, RULE_10, { percent: 100, strict: false }, undefined),
  misbehaviour: fc.constantFrom(undefined, undefined, undefined, "silent", "corrupt"),
  up: fc.constantFrom(20_000, 200_000, 2_000_000),
});

Deno.test("in any swarm that keeps every piece all honest peers complete under the rule", () => {
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 7 }), fc.nat(), (members, seed) => {
      const world = createWorld({ seed, pieces: 6, phantoms: seed % 3 });
      world.add({ name: "seed", have: "seed", upBytesPerSecond: 200_000 });
      const nodes = members.map(({ misbehaviour, shareRule, up, ...options }, i) =>
        world.add({
          name: `member ${i}`,
          upBytesPerSecond: up,
          ...options,
          ...misbehaviour && { misbehaviour: misbehaviour as "silent" },
          ...shareRule && { shareRule },
        })
      );
      const honest = nodes.filter(({ options }) => options.misbehaviour === undefined);
      const isDone = () => honest.every(({ torrent }) => isComplete(torrent));
      assert(world.run(3_600_000, isDone), "all finish within the hour");
      for (const { torrent, options } of honest) {
        assert(isDebtSettled(transferOf(torrent)) || options.have === "######");
      }
    }),
    fuzzRuns(60),
  );
});
