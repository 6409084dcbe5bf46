/**
 * The shell in simulated worlds of a few programs, each the real session with its torrents' lives,
 * drivers, links, limiters and storage, in memory. `TT_BOTTLE_SEEDS=1000` runs more worlds,
 * `TT_BOTTLE_FROM=17` starts with another one.
 */
import { assertEquals } from "@std/assert";
import { type ContentPlan, makeContent } from "./bottle/contents.ts";
import { World } from "./bottle/world.ts";

const SEEDS = Number(Deno.env.get("TT_BOTTLE_SEEDS") ?? 20);
const FROM = Number(Deno.env.get("TT_BOTTLE_FROM") ?? 1);

const KIB = 1024;
const common = { pieceLength: 16 * KIB, trackers: ["http://tracker.test/announce"] };
const PLANS: readonly ContentPlan[] = [
  { name: "one", format: "v1", ...common, lengths: [300 * KIB] },
  { name: "few", format: "v1", ...common, lengths: [40_000, 5, 70_000, 0, 16 * KIB] },
  { name: "two", format: "v2", ...common, lengths: [100_000, 7_000, 16 * KIB] },
  { name: "both", format: "hybrid", ...common, lengths: [90_000, 30_000] },
  { name: "large", format: "v1", ...common, pieceLength: 64 * KIB, lengths: [200_000] },
];

/** Opening a real file or socket would fail. */
const inMemory = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, permissions: "none", fn });

inMemory(`${SEEDS} worlds from seed ${FROM} on end with correct content everywhere`, async () => {
  const contents = PLANS.map(makeContent);
  for (let seed = FROM; seed < FROM + SEEDS; seed++) await new World(seed, contents).run();
});

inMemory("the same seed gives the same world", async () => {
  const worlds = [1, 2].map(() => new World(7, PLANS.map(makeContent)));
  for (const world of worlds) await world.run();
  assertEquals(worlds[0]!.log, worlds[1]!.log);
});
