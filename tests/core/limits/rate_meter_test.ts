import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  countBytes,
  createRateMeter,
  readRate,
  tickRate,
} from "../../../core/limits/rate_meter.ts";

Deno.test("a rate is available before the first tick", () => {
  const meter = createRateMeter(0);
  countBytes(meter, 500_000);
  assertEquals(readRate(meter, 500), 1_000_000);
  assertEquals(readRate(meter, 1), 2_500_000, "the first instants count as 200 ms");
});

Deno.test("the first tick adopts the measured rate", () => {
  const meter = createRateMeter(0);
  countBytes(meter, 1_000_000);
  tickRate(meter, 1_000);
  assertEquals(meter.rate, 1_000_000);
  assertEquals(readRate(meter, 1_500), 1_000_000);
});

Deno.test("a rate decays to zero when nothing arrives", () => {
  const meter = createRateMeter(0);
  countBytes(meter, 1_000_000);
  tickRate(meter, 1_000);
  tickRate(meter, 9_000);
  assertAlmostEquals(meter.rate, 100_113, 1);
  for (let second = 10; second < 60; second++) tickRate(meter, second * 1_000);
  assertEquals(meter.rate, 0);
});

Deno.test("two ticks at the same time change nothing", () => {
  const meter = createRateMeter(0);
  countBytes(meter, 100);
  tickRate(meter, 0);
  assertEquals(meter.pending, 100);
});

Deno.test("a meter counts everything, and each tick folds in what came since the one before", () => {
  const meter = createRateMeter(5_000);
  assertEquals([readRate(meter, 9_000), meter.total], [0, 0]);
  countBytes(meter, 1);
  assertEquals(readRate(meter, 6_000), 1);
  countBytes(meter, 299);
  countBytes(meter, 700);
  assertEquals([meter.total, meter.pending], [1_000, 1_000]);
  assertEquals(readRate(meter, 7_000), 500, "since it was made");
  tickRate(meter, 7_000);
  assertEquals([meter.rate, meter.pending, meter.tickedMs], [500, 0, 7_000]);
  countBytes(meter, 2_000);
  assertEquals(readRate(meter, 9_000), 500, "a rate that was measured stands until the next tick");
  tickRate(meter, 8_000);
  // Three quarters of the old rate and a quarter of the new one.
  assertEquals([meter.rate, meter.total], [0.75 * 500 + 0.25 * 2_000, 3_000]);
  tickRate(meter, 7_500);
  assertEquals(meter.tickedMs, 8_000, "time does not go back");
});

Deno.test("an idle meter moves on, so that its first reading covers no more than it should", () => {
  const meter = createRateMeter(0);
  tickRate(meter, 60_000);
  countBytes(meter, 1_000);
  assertEquals(readRate(meter, 61_000), 1_000);
  tickRate(meter, 61_000);
  assertEquals(meter.rate, 1_000);
});

Deno.test("a rate below 16 bytes a second is none, from there on it is one", () => {
  for (const [bytes, rate] of [[15, 0], [16, 16], [17, 17]] as const) {
    const meter = createRateMeter(0);
    countBytes(meter, bytes);
    tickRate(meter, 1_000);
    assertEquals(meter.rate, rate);
  }
});
