/** A program that is killed at any of its effects restarts from its saved state, and completes. */
import { assert, assertEquals } from "@std/assert";
import { isOnDisk } from "../../core/sim/disk.ts";
import { isComplete, transferOf } from "../../core/torrent/state.ts";
import { type Node, RULE_10, World } from "./world.ts";

const PIECES = 6;
const AWAY_MS = 3_000;

/** A seed, a helper and the one that is killed at its `dieAt`-th effect. */
function createWorld(dieAt: number, death: Node["death"]): { world: World; victim: Node } {
  const world = new World({ seed: 11, pieces: PIECES, blocks: 2 });
  world.add({ name: "seed", have: "seed" });
  world.add({ name: "helper", have: "##....", shareRule: RULE_10 });
  const victim = world.add({ name: "victim", have: "#.....", shareRule: RULE_10 });
  victim.dieAtEffect = dieAt;
  victim.death = death;
  return { world, victim };
}

/** Effects of an undisturbed run. */
function countEffects(): number {
  const { world, victim } = createWorld(Infinity, "process");
  assert(world.runUntilComplete());
  world.run(30_000);
  return victim.effectCount;
}

function assertSurvives(dieAt: number, death: Node["death"], rehash: boolean): void {
  const { world, victim } = createWorld(dieAt, death);
  const isDown = () => victim.run > 0;
  assert(world.run(600_000, isDown), `the program reaches effect ${dieAt}`);
  const uploadedBefore = victim.disk.saved?.uploaded ?? 0;
  world.run(AWAY_MS);
  world.restart(victim, rehash);
  assert(transferOf(victim.torrent).uploaded >= uploadedBefore, "what was shared is not forgotten");
  const wasWhole = isComplete(victim.torrent);
  assert(
    world.run(600_000, () => world.nodes.every(({ torrent }) => isComplete(torrent))),
    `everybody finishes after a death at effect ${dieAt}`,
  );
  for (let piece = 0; piece < PIECES; piece++) assert(isOnDisk(victim.disk, piece));
  world.run(60_000);
  // A run in which everything is complete has nothing to save.
  if (!wasWhole) {
    assertEquals(
      victim.disk.saved?.pieces,
      transferOf(victim.torrent).have.bytes,
      "the end is saved",
    );
  }
}

for (const death of ["process", "power"] as const) {
  for (const rehash of [false, true]) {
    const how = rehash ? "its content hashed again" : "its saved state trusted";
    Deno.test(`a download survives a ${death} death at each of its effects, ${how}`, () => {
      const effects = countEffects();
      assert(effects > 50, `the run is worth dying in: ${effects} effects`);
      for (let dieAt = 1; dieAt <= effects; dieAt++) assertSurvives(dieAt, death, rehash);
    });
  }
}
