/** Many timers share one of the system, and fire in order. */
import { assert, assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../core/bytes/random.ts";
import type { Clock, TimerId } from "../../shell/clock.ts";
import { SharedTimers } from "../../shell/shared_timers.ts";
import { VirtualClock } from "./bottle/virtual_clock.ts";

/** Counts the calls to the system. */
class CountingClock extends VirtualClock implements Clock {
  calls = 0;
  kept = new Set<TimerId>();

  override setTimeout(callback: () => void, ms: number): TimerId {
    this.calls++;
    const id: TimerId = super.setTimeout(() => {
      this.kept.delete(id);
      callback();
    }, ms);
    this.kept.add(id);
    return id;
  }

  override clearTimeout(id: TimerId | undefined): void {
    this.kept.delete(id!);
    super.clearTimeout(id);
  }

  override unref(id?: TimerId): void {
    this.kept.delete(id!);
  }
}

Deno.test("timers fire at their times, those of the same time in order", async () => {
  const clock = new VirtualClock();
  const timers = new SharedTimers(clock);
  const rng = createRng(5);
  const rang: (readonly [number, number])[] = [];
  for (let i = 0; i < 500; i++) {
    const ms = randomBelow(rng, 50);
    timers.setTimeout(() => {
      assertEquals(clock.now(), ms);
      rang.push([ms, i]);
    }, ms);
  }
  await clock.run(100);
  assertEquals(rang.length, 500);
  assertEquals(rang, rang.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
  assertEquals(clock.pendingCount, 0);
});

Deno.test("timers of the same time share one system timer", async () => {
  const clock = new CountingClock();
  const timers = new SharedTimers(clock);
  let rang = 0;
  for (let i = 0; i < 200; i++) timers.setTimeout(() => rang++, 1_000);
  await clock.run(1_000);
  assertEquals([rang, clock.calls], [200, 1]);
});

Deno.test("resetting a timer repeatedly costs nothing until it fires", async () => {
  const clock = new CountingClock();
  const timers = new SharedTimers(clock);
  let id: TimerId | undefined, rang = 0;
  for (let i = 0; i < 1_000; i++) {
    const before = id;
    id = timers.setTimeout(() => rang++, 1_000 + i);
    timers.clearTimeout(before);
  }
  await clock.run(5_000);
  assertEquals(rang, 1);
  assert(clock.calls <= 3, `${clock.calls} calls`);
});

Deno.test("a cleared timer does not fire, and one set by another waits its turn", async () => {
  const clock = new VirtualClock();
  const timers = new SharedTimers(clock);
  const rang: string[] = [];
  const gone = timers.setTimeout(() => rang.push("gone"), 5);
  timers.setTimeout(() => {
    timers.clearTimeout(gone);
    timers.setTimeout(() => rang.push("next"), 0);
    rang.push("first");
  }, 5 - 1);
  await clock.run(100);
  assertEquals(rang, ["first", "next"]);
});

Deno.test("the process stays alive as long as one timer keeps it", async () => {
  const clock = new CountingClock();
  const timers = new SharedTimers(clock);
  const idle = timers.setTimeout(() => {}, 10_000);
  const busy = timers.setTimeout(() => {}, 20_000);
  assertEquals(clock.kept.size, 1);
  timers.unref(idle);
  assertEquals(clock.kept.size, 1);
  timers.clearTimeout(busy);
  assertEquals(clock.kept.size, 0);
  timers.setTimeout(() => {}, 30_000);
  assertEquals(clock.kept.size, 1);
  await clock.run(60_000);
  assertEquals(clock.kept.size, 0);
});
