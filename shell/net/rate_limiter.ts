/** Waiting for a token bucket, first come first served, so that no connection starves another. */
import { createTokenBucket, take, type TokenBucket } from "../../core/limits/token_bucket.ts";
import { now, sleep } from "../clock.ts";

/** A pause lets this much time's worth of bytes through at once. */
const BURST_SECONDS = 0.25;
/** A burst holds at least one block with its header. */
const BURST_BYTES_MIN = 20 * 1024;

export class RateLimiter {
  readonly #bucket: TokenBucket;
  #turn: Promise<void> = Promise.resolve();
  /** Bytes that one request should not exceed, so that the flow stays smooth. */
  readonly chunkBytes: number;

  constructor(rateBytesPerSecond: number) {
    const burst = Math.max(BURST_BYTES_MIN, rateBytesPerSecond * BURST_SECONDS);
    this.#bucket = createTokenBucket(rateBytesPerSecond, burst, now());
    this.chunkBytes = Math.floor(burst / 2);
  }

  /** Resolves once `bytes` may pass, after everybody who asked before. */
  take(bytes: number): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      for (let waitMs; (waitMs = take(this.#bucket, bytes, now())) > 0;) await sleep(waitMs);
    });
    return this.#turn;
  }
}

/** Limits shared by all connections of this process; undefined is no limit. */
export interface RateLimits {
  readonly down: RateLimiter | undefined;
  readonly up: RateLimiter | undefined;
}
