/** Swarms in which peers want different parts, with the share rule on: none waits for ever. */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { hasBit } from "../../core/bytes/bitfield.ts";
import { isFinished, transferOf } from "../../core/torrent/state.ts";
import { isDebtSettled, owedBytes } from "../../core/transfer/share_rule.ts";
import { checkInvariants } from "../core/torrent/invariants.ts";
import { fuzzRuns } from "../fuzz/runs.ts";
import { type Node, RULE_10, World, type WorldOptions } from "./world.ts";

const PIECES = 12;

function createWorld(options: Omit<WorldOptions, "watch">): World {
  return new World({ ...options, watch: ({ torrent }, now) => checkInvariants(torrent, now) });
}

/** Everything wanted is present, by the rule, and nothing else was downloaded. */
function assertDone(nodes: readonly Node[]): void {
  for (const { name, torrent, options } of nodes) {
    const transfer = transferOf(torrent);
    assert(isFinished(torrent), `${name} finishes`);
    for (let piece = 0; piece < PIECES; piece++) {
      const isExpected = options.want?.[piece] !== "0" || options.have?.[piece] === "#";
      assertEquals(hasBit(transfer.have, piece), isExpected, `${name}, piece ${piece}`);
    }
  }
}

Deno.test("two peers that want different halves and have the other's both finish", () => {
  const world = createWorld({ seed: 1, pieces: PIECES });
  const nodes = [
    { have: "######......", want: "000000444444" },
    { have: "......######", want: "444444000000" },
  ].map((options, i) => world.add({ name: `${i}`, shareRule: RULE_10, ...options }));
  assert(world.run(300_000, () => nodes.every(({ torrent }) => isFinished(torrent))));
  assertDone(nodes);
});

Deno.test("finished partial seeds provide a copy to a newcomer without any seed", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = createWorld({ seed, pieces: PIECES });
    const source = world.add({ name: "seed", have: "seed" });
    const partial = ["444444440000", "000044444444", "444400004444"].map((want, i) =>
      world.add({ name: `partial ${i}`, want, shareRule: RULE_10 })
    );
    const areDone = (nodes: readonly Node[]) => nodes.every(({ torrent }) => isFinished(torrent));
    assert(world.run(600_000, () => areDone(partial)), `seed ${seed}`);
    assertDone(partial);
    world.kill(source);
    const late = world.add({ name: "late", shareRule: RULE_10 });
    assert(world.run(600_000, () => areDone([late])), `seed ${seed}`);
    assertDone([...partial, late]);
  }
});

Deno.test("the share rule applies to what is wanted, and any uploaded piece counts", () => {
  const world = createWorld({ seed: 3, pieces: PIECES });
  world.add({ name: "seed", have: "seed", upBytesPerSecond: 100_000 });
  const some = world.add({ name: "some", want: "444444000000", shareRule: RULE_10 });
  const all = world.add({ name: "all", shareRule: RULE_10 });
  assert(world.run(600_000, () => [some, all].every(({ torrent }) => isFinished(torrent))));
  assertEquals(owedBytes(transferOf(some.torrent)) * 2, owedBytes(transferOf(all.torrent)));
  for (const { torrent } of [some, all]) assert(isDebtSettled(transferOf(torrent)));
});

const member = fc.record({
  want: fc.stringMatching(/^[0147]{12}$/),
  joinMs: fc.nat(60_000),
  shareRule: fc.constantFrom(RULE_10, RULE_10, { percent: 100, strict: false }, undefined),
  up: fc.constantFrom(20_000, 200_000, 2_000_000),
});

Deno.test("for any selections, with every piece in the swarm all peers finish under the rule", () => {
  const swarm = fc.record({
    members: fc.array(member, { minLength: 2, maxLength: 7 }),
    /** Initial holders of each piece; none has them all unless chance decides so. */
    owners: fc.array(fc.nat(), { minLength: PIECES, maxLength: PIECES }),
    hasSeed: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(swarm, ({ members, owners, hasSeed, seed }) => {
      const world = createWorld({ seed, pieces: PIECES, phantoms: seed % 3 });
      if (hasSeed) world.add({ name: "seed", have: "seed", upBytesPerSecond: 200_000 });
      const nodes = members.map(({ shareRule, up, ...options }, i) => {
        const isMine = (owner: number) => owner % members.length === i && !hasSeed;
        return world.add({
          name: `member ${i}`,
          upBytesPerSecond: up,
          have: owners.map((owner) => isMine(owner) ? "#" : ".").join(""),
          ...options,
          ...shareRule && { shareRule },
        });
      });
      const areDone = () => nodes.every(({ torrent }) => isFinished(torrent));
      assert(world.run(3_600_000, areDone), `all finish within the hour: ${states(nodes)}`);
      assertDone(nodes);
    }),
    fuzzRuns(60),
  );
});

function states(nodes: readonly Node[]): string {
  return nodes.map(({ name, torrent }) => {
    const { wantedCount, wantedHaveCount, share } = transferOf(torrent);
    return `${name} ${wantedHaveCount}/${wantedCount} ${share}`;
  }).join(", ");
}
