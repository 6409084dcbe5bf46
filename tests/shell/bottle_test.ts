/**
 * The shell in the bottle: worlds of a few peers on the real driver, links, limiters and storage, in
 * memory. `BOTTLE_SEEDS=1000` runs more worlds, `BOTTLE_FROM=17` begins with another one.
 */
import { assertEquals } from "@std/assert";
import { World } from "./bottle/world.ts";
import { makeLoaded } from "./driver_kit.ts";

const { loaded, bytes } = makeLoaded(24);
const SEEDS = Number(Deno.env.get("BOTTLE_SEEDS") ?? 20);
const FROM = Number(Deno.env.get("BOTTLE_FROM") ?? 1);

Deno.test(`${SEEDS} worlds from seed ${FROM} on end with everybody's content right`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) await new World(seed, loaded, bytes).run();
});

Deno.test("the same seed makes the same world", async () => {
  const worlds = [1, 2].map(() => new World(7, loaded, bytes));
  for (const world of worlds) await world.run();
  assertEquals(worlds[0]!.log, worlds[1]!.log);
});
