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
