import { assertEquals } from "@std/assert";
import type { Clock } from "../../../shell/clock.ts";
import { isTurnOver } from "../../../shell/net/turn_budget.ts";

Deno.test("a turn is over after 1024 messages, or 4 ms at every 64th", () => {
  let looks = 0;
  const clockAt = (ms: number) => ({ now: () => (looks++, ms) }) as unknown as Clock;
  assertEquals([1_023, 1_024].map((count) => isTurnOver(count, 0, clockAt(0))), [false, true]);
  assertEquals([62, 63, 64, 127].map((count) => isTurnOver(count, 10, clockAt(14))), [
    ...[false, true, false, true],
  ]);
  assertEquals(isTurnOver(63, 10, clockAt(13)), false);
  looks = 0;
  for (let count = 0; count < 1_024; count++) isTurnOver(count, 0, clockAt(0));
  assertEquals(looks, 16);
});
