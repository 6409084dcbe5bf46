import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createTokenBucket, giveBack, setRate, take } from "../../../core/limits/token_bucket.ts";

Deno.test("a full bucket allows a burst, then makes callers wait for their bytes", () => {
  const bucket = createTokenBucket(1000, 500, 0);
  assertEquals(take(bucket, 500, 0), 0);
  assertEquals(take(bucket, 100, 0), 100);
  assertEquals(take(bucket, 100, 99), 1);
  assertEquals(take(bucket, 100, 100), 0);
  assertEquals(take(bucket, 1, 100), 1);
});

Deno.test("returned tokens can be taken again, up to the burst", () => {
  const bucket = createTokenBucket(1000, 500, 0);
  take(bucket, 500, 0);
  giveBack(bucket, 200);
  assertEquals(take(bucket, 200, 0), 0);
  giveBack(bucket, 9_000);
  assertEquals([take(bucket, 500, 0), take(bucket, 1, 0)], [0, 1]);
});

Deno.test("a new rate applies from its moment on; debts and tokens are kept", () => {
  const bucket = createTokenBucket(1000, 500, 0);
  take(bucket, 500, 0);
  setRate(bucket, 100, 500, 100);
  assertEquals([take(bucket, 100, 100), take(bucket, 10, 100)], [0, 100]);
  take(bucket, 2_000, 1e6);
  setRate(bucket, 10_000, 500, 1e6);
  assertEquals(take(bucket, 1, 1e6), 151);
  assertThrows(() => setRate(bucket, 0, 500, 1e6));
});

Deno.test("a pause earns no more than the burst", () => {
  const bucket = createTokenBucket(1000, 500, 0);
  assertEquals(take(bucket, 500, 1_000_000), 0);
  assertEquals(take(bucket, 500, 1_000_000), 500);
});

Deno.test("a request larger than the burst passes once the bucket is full, leaving a debt", () => {
  const bucket = createTokenBucket(1000, 500, 0);
  assertEquals(take(bucket, 2000, 0), 0);
  assertEquals(take(bucket, 1, 0), 1501);
  assertEquals(take(bucket, 2000, 1500), 500);
  assertEquals(take(bucket, 2000, 2000), 0);
});

Deno.test("a clock that steps back adds no tokens and breaks nothing", () => {
  const bucket = createTokenBucket(1000, 500, 1000);
  assertEquals(take(bucket, 500, 1000), 0);
  assertEquals(take(bucket, 100, 0), 100);
  assertEquals(take(bucket, 100, 1100), 0);
});

Deno.test("creating a bucket without a rate fails an assertion", () => {
  assertThrows(() => createTokenBucket(0, 1, 0));
});

Deno.test("callers that wait as told pass, and no period exceeds rate and burst", () => {
  const bytes = fc.integer({ min: 1, max: 50_000 });
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1e9 }),
    bytes,
    fc.array(bytes, { minLength: 1, maxLength: 50 }),
    (rate, burst, requests) => {
      const bucket = createTokenBucket(rate, burst, 0);
      let now = 0;
      let passed = 0;
      for (const request of requests) {
        const wait = take(bucket, request, now);
        if (wait > 0) {
          now += wait;
          // Rounding may ask for one more millisecond, never for two.
          const again = take(bucket, request, now);
          if (again > 0) {
            assertEquals(again, 1);
            assertEquals(take(bucket, request, ++now), 0);
          }
        }
        const overdraft = Math.max(0, request - burst);
        passed += request;
        assertEquals(passed <= (now / 1000) * rate + burst + overdraft + 1e-3, true);
      }
    },
  ));
});

Deno.test("another burst holds at once for what was saved, and from then on", () => {
  const bucket = createTokenBucket(1_000, 500, 0);
  setRate(bucket, 1_000, 200, 0);
  assertEquals(bucket, { rateBytesPerSecond: 1_000, burstBytes: 200, tokens: 200, filledAt: 0 });
  assertEquals([take(bucket, 200, 0), take(bucket, 200, 10_000), take(bucket, 1, 10_000)], [
    ...[0, 0, 1],
  ]);
  setRate(bucket, 1_000, 900, 10_000);
  assertEquals(bucket.tokens, 0, "a larger burst gives nothing away");
  assertEquals(take(bucket, 900, 10_900), 0);
});

Deno.test("rates and bursts above zero are allowed, others are our mistake", () => {
  const bucket = createTokenBucket(1, 1, 0);
  for (const [rate, burst] of [[0, 1], [1, 0], [-1, 1], [1, -1]] as const) {
    assertThrows(() => createTokenBucket(rate, burst, 0));
    assertThrows(() => setRate(bucket, rate, burst, 0));
  }
  setRate(bucket, 0.5, 1, 0);
  assertEquals(bucket.rateBytesPerSecond, 0.5);
});

Deno.test("a clock that steps back fills nothing, and loses nothing", () => {
  const bucket = createTokenBucket(1_000, 500, 10_000);
  take(bucket, 500, 10_000);
  assertEquals(take(bucket, 100, 9_000), 100);
  assertEquals([bucket.tokens, bucket.filledAt], [0, 10_000]);
  assertEquals(take(bucket, 100, 10_100), 0);
});
