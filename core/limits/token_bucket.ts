/**
 * A token bucket: bytes may pass at `rateBytesPerSecond`, with bursts of at most `burstBytes` after
 * a pause. Plain data and monotonic milliseconds; who waits, and on what timer, is the caller's.
 */
import { assert } from "../bytes/result.ts";

export interface TokenBucket {
  rateBytesPerSecond: number;
  burstBytes: number;
  /** Bytes that may pass now; negative after a request larger than the burst. */
  tokens: number;
  /** When `tokens` was last brought up to date. */
  filledAt: number;
}

/** Starts full. `rateBytesPerSecond` and `burstBytes` are above 0. */
export function createTokenBucket(
  rateBytesPerSecond: number,
  burstBytes: number,
  now: number,
): TokenBucket {
  assert(rateBytesPerSecond > 0 && burstBytes > 0, "a token bucket has a rate and a burst");
  return { rateBytesPerSecond, burstBytes, tokens: burstBytes, filledAt: now };
}

/**
 * Takes `bytes` and returns 0, or takes nothing and returns the milliseconds (1 or more, whole) until
 * they would pass. A request larger than the burst passes when the bucket is full, and its excess
 * is paid for by those that follow, so no request waits for ever.
 */
export function take(bucket: TokenBucket, bytes: number, now: number): number {
  fill(bucket, now);
  const missing = Math.min(bytes, bucket.burstBytes) - bucket.tokens;
  if (missing > 0) return Math.max(1, Math.ceil((missing / bucket.rateBytesPerSecond) * 1000));
  bucket.tokens -= bytes;
  return 0;
}

/** Puts `bytes` back that were taken and did not pass; more than a burst is not kept. */
export function giveBack(bucket: TokenBucket, bytes: number): void {
  bucket.tokens = Math.min(bucket.burstBytes, bucket.tokens + bytes);
}

/**
 * Another rate and burst (both above 0) from `now` on. What the old rate earned until then stays, up to
 * the new burst; a debt stays, so that a change of rate lets nothing through for free.
 */
export function setRate(
  bucket: TokenBucket,
  rateBytesPerSecond: number,
  burstBytes: number,
  now: number,
): void {
  assert(rateBytesPerSecond > 0 && burstBytes > 0, "a token bucket has a rate and a burst");
  fill(bucket, now);
  bucket.rateBytesPerSecond = rateBytesPerSecond;
  bucket.burstBytes = burstBytes;
  bucket.tokens = Math.min(bucket.tokens, burstBytes);
}

/** A clock that steps back fills nothing. */
function fill(bucket: TokenBucket, now: number): void {
  if (now <= bucket.filledAt) return;
  const earned = ((now - bucket.filledAt) / 1000) * bucket.rateBytesPerSecond;
  bucket.tokens = Math.min(bucket.burstBytes, bucket.tokens + earned);
  bucket.filledAt = now;
}
