import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { advance, createTimeline, isOver, note } from "../../../core/sim/timeline.ts";

/** All items until none is left, with their ticks. */
function drain(timeline: ReturnType<typeof createTimeline>): [number, number][] {
  const seen: [number, number][] = [];
  const items: number[] = [];
  while (!isOver(timeline)) {
    if (advance(timeline, timeline.tick + 1_000_000, items)) {
      for (const item of items) seen.push([timeline.tick, item]);
    }
  }
  return seen;
}

Deno.test("items are delivered once, at their ticks, near and far", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 20_000 })), (ticks) => {
    const timeline = createTimeline();
    ticks.forEach((tick, item) => note(timeline, tick, item));
    const wanted = ticks.map((tick, item) => [tick, item]).sort((a, b) =>
      a[0]! - b[0]! || a[1]! - b[1]!
    );
    const seen = drain(timeline).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    assertEquals(seen, wanted);
  }));
});

Deno.test("time never moves back, and items of one tick keep their order", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 5 })), (ticks) => {
    const timeline = createTimeline();
    ticks.forEach((tick, item) => note(timeline, tick, item));
    const wanted = ticks.map((tick, item) => [tick, item]).sort((a, b) => a[0]! - b[0]!);
    assertEquals(drain(timeline), wanted);
  }));
});

Deno.test("an item for the past is delivered at the next tick", () => {
  const timeline = createTimeline();
  note(timeline, 100, 1);
  advance(timeline, 100, []);
  note(timeline, 3, 2);
  assertEquals(drain(timeline), [[101, 2]]);
});

Deno.test("nothing is delivered after the last requested tick", () => {
  const timeline = createTimeline();
  for (const tick of [50, 9_000]) note(timeline, tick, tick);
  const items: number[] = [];
  assertEquals(advance(timeline, 49, items), false);
  assertEquals([timeline.tick, items.length], [49, 0]);
  assertEquals(advance(timeline, 8_999, items), true);
  assertEquals(advance(timeline, 8_999, items), false);
  assertEquals(timeline.tick, 8_999);
  assertEquals(advance(timeline, 9_000, items), true);
  assertEquals(items, [9_000]);
});
