/** Rate limits hold, for one connection and for many, with one limit and with two. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { VirtualClock } from "../bottle/virtual_clock.ts";

const KB = 1_000;

/** Takes chunk after chunk; returns how many bytes passed in `ms`. */
async function passed(clock: VirtualClock, limiters: readonly RateLimiter[], ms: number) {
  const bytes = limiters.map(() => 0);
  let isOver = false;
  limiters.forEach(async (limiter, index) => {
    while (!isOver) {
      const chunk = Math.min(16 * 1024, limiter.chunkBytes);
      if (await limiter.take(chunk).passed && !isOver) bytes[index]! += chunk;
    }
  });
  await clock.run(ms);
  isOver = true;
  return bytes;
}

Deno.test("in ten seconds exactly the rate passes, except for the first burst", async () => {
  const clock = new VirtualClock();
  const [bytes] = await passed(clock, [new RateLimiter(100 * KB, undefined, clock)], 10_000);
  assertAlmostEquals(bytes!, 1_000 * KB, 45 * KB);
});

Deno.test("callers that share a limit get equal shares", async () => {
  const clock = new VirtualClock();
  const shared = new RateLimiter(400 * KB, undefined, clock);
  const parts = await passed(clock, [1, 2, 3, 4].map(() => shared), 10_000);
  for (const bytes of parts) assertAlmostEquals(bytes, 1_000 * KB, 60 * KB);
});

Deno.test("the limits of a torrent and of the process apply together", async () => {
  const clock = new VirtualClock();
  const all = new RateLimiter(300 * KB, undefined, clock);
  const slow = new RateLimiter(50 * KB, all, clock), free = new RateLimiter(undefined, all, clock);
  const [slowBytes, freeBytes] = await passed(clock, [slow, free], 10_000);
  assertAlmostEquals(slowBytes!, 500 * KB, 40 * KB);
  assertAlmostEquals(slowBytes! + freeBytes!, 3_000 * KB, 120 * KB);
});

Deno.test("a changed rate applies to waiting callers at once, also if it is removed", async () => {
  const clock = new VirtualClock();
  const limiter = new RateLimiter(1 * KB, undefined, clock);
  await limiter.take(20 * 1024).passed;
  let count = 0;
  for (let i = 0; i < 10; i++) limiter.take(10 * KB).passed.then(() => count++);
  await clock.run(1_000);
  assertEquals(count, 0);
  limiter.setRate(100 * KB);
  await clock.run(1_000);
  assert(count >= 9, `${count} passed`);
  limiter.setRate(1 * KB);
  for (let i = 0; i < 10; i++) limiter.take(10 * KB).passed.then(() => count++);
  limiter.setRate(undefined);
  await clock.run(0);
  assertEquals([count, limiter.isUnlimited, limiter.chunkBytes], [20, true, Infinity]);
});

Deno.test("a cancelled wait costs nothing: the next in line passes in time", async () => {
  const clock = new VirtualClock();
  const limiter = new RateLimiter(10 * KB, undefined, clock);
  await limiter.take(20 * 1024).passed;
  const gone = limiter.take(20 * KB);
  let passedMs = 0;
  limiter.take(1 * KB).passed.then(() => passedMs = clock.now());
  gone.cancel();
  assertEquals(await gone.passed, false);
  await clock.run(10_000);
  assertEquals(passedMs, 100);
});

Deno.test("a wait that is cancelled above gives back what it took below", async () => {
  const clock = new VirtualClock();
  const all = new RateLimiter(1 * KB, undefined, clock);
  await all.take(20 * 1024).passed;
  const one = new RateLimiter(100 * KB, all, clock);
  const gone = one.take(20 * KB);
  await clock.run(10);
  gone.cancel();
  all.setRate(undefined);
  let passedMs = -1;
  one.take(25 * KB).passed.then(() => passedMs = clock.now());
  await clock.run(1);
  assert(passedMs >= 0, "the whole burst is there");
  assertEquals(clock.pendingCount, 0);
});
