import { assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { TimerHeap } from "../../shell/timer_heap.ts";

Deno.test("timers are returned by time, and in order of insertion for equal times", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const heap = new TimerHeap<{ readonly id: number; readonly atMs: number }>();
      const timers = times.map((atMs, id) => ({ id, atMs }));
      for (const timer of timers) heap.push(timer);
      const out = [];
      for (let first; (first = heap.first) !== undefined; heap.pop()) out.push(first);
      assertEquals(out, timers.toSorted((a, b) => a.atMs - b.atMs || a.id - b.id));
    }),
    { seed: 4 },
  );
});
