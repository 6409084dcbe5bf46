/** Bytes a second over the last few seconds: counts between ticks, smoothed at each tick. */
import type { View } from "../bytes/view.ts";

interface Own {
  /** Bytes in all. */
  total: number;
  /** Bytes since the last tick. */
  pending: number;
  /** Bytes a second. */
  rate: number;
  tickedMs: number;
}

export type RateMeter = View<Own>;

/** The fraction of the old rate that remains after a second: 10 % is left after eight seconds. */
const KEPT_A_SECOND = 0.75;
/** A first reading over less time than this would jump about. */
const FIRST_READING_MS = 200;
/** Below this there is nothing to see: the meter reads zero. */
const RATE_FLOOR = 16;

/** Reads zero until its first tick after `now` (monotonic ms). */
export function createRateMeter(now: number): RateMeter {
  return { total: 0, pending: 0, rate: 0, tickedMs: now };
}

/** Adds to what the next tick folds in; `bytes` may be any count. */
export function countBytes(meter: RateMeter, bytes: number): void {
  (meter as Own).total += bytes;
  (meter as Own).pending += bytes;
}

/** Folds what was counted since the last tick into the rate. */
export function tickRate(view: RateMeter, now: number): void {
  const meter = view as Own;
  const seconds = (now - meter.tickedMs) / 1000;
  if (seconds <= 0) return;
  meter.tickedMs = now;
  if (meter.pending === 0 && meter.rate === 0) return;
  const current = meter.pending / seconds;
  // A first measure stands as it is: starting from zero would hide a fast peer for seconds.
  const kept = meter.rate === 0 ? 0 : Math.pow(KEPT_A_SECOND, seconds);
  meter.rate = kept * meter.rate + (1 - kept) * current;
  if (meter.rate < RATE_FLOOR) meter.rate = 0;
  meter.pending = 0;
}

/**
 * The rate for people: until the first tick has measured one, what came so far over the time it
 * took.
 */
export function readRate(meter: RateMeter, now: number): number {
  if (meter.rate > 0 || meter.pending === 0) return meter.rate;
  return meter.pending * 1000 / Math.max(FIRST_READING_MS, now - meter.tickedMs);
}

/**
 * In bytes per second; before the first tick what has been counted, which is less than the rate.
 */
export function leastRate({ rate, pending }: RateMeter): number {
  return Math.max(rate, pending);
}
