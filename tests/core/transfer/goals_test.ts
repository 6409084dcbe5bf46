/** Seeding goals apply from the moment they are set. */
import { assertEquals } from "@std/assert";
import { Kit } from "../torrent/kit.ts";

const OFF = { percent: 0, strict: false };
const NONE = { shareRule: OFF, seedRatio: undefined, seedTimeMs: undefined };

function doneReasons(kit: Kit): string[] {
  return kit.all("report").flatMap(({ report }) =>
    report.kind === "seeding-done" ? report.why : []
  );
}

Deno.test("a seeder stops when a time is set that has passed, and once", () => {
  const kit = new Kit({ have: "##" });
  kit.wait(60_000);
  assertEquals(doneReasons(kit), []);
  kit.feed({ kind: "goals", ...NONE, seedTimeMs: 30_000 });
  kit.wait(2_000);
  assertEquals(doneReasons(kit), ["time"]);
  kit.wait(2_000);
  assertEquals(doneReasons(kit), ["time"]);
});

Deno.test("a seeder that was done is done again under a goal that it has reached, and not under none", () => {
  const kit = new Kit({ have: "##", uploadedBefore: 1_000_000, seedRatio: 1 });
  kit.wait(2_000);
  assertEquals(doneReasons(kit), ["ratio"]);
  kit.feed({ kind: "goals", ...NONE });
  kit.wait(60_000);
  assertEquals(doneReasons(kit), ["ratio"]);
  kit.feed({ kind: "goals", ...NONE, seedRatio: 2 });
  kit.wait(2_000);
  assertEquals(doneReasons(kit), ["ratio", "ratio"]);
});

Deno.test("without a share rule the piece that it withheld is requested at once", () => {
  const kit = new Kit({ have: "###.", blocks: 1, shareRule: { percent: 50, strict: true } });
  const peer = kit.connect("####");
  assertEquals(kit.owed(peer), []);
  kit.feed({ kind: "goals", ...NONE });
  assertEquals(kit.owed(peer), ["3.0"]);
});
