/**
 * Waiting for a token bucket, first come first served, so that no connection starves another. Limiters
 * form a tree: what passes one must pass those above it, too. A rate may change while some wait, and a
 * wait may be cancelled: then its tokens go back and the next in line is served.
 */
import {
  createTokenBucket,
  giveBack,
  setRate,
  take,
  type TokenBucket,
} from "../../core/limits/token_bucket.ts";
import { type Clock, systemClock, type TimerId } from "../clock.ts";

/** A pause lets this much time's worth of bytes through at once. */
const BURST_SECONDS = 0.25;
/** A burst holds at least one block with its header. */
const BURST_BYTES_MIN = 20 * 1024;

/** Bytes that wait to pass. */
export interface Wait {
  /** Resolves to true when the bytes may pass, and to false when the wait was cancelled before. */
  readonly passed: Promise<boolean>;
  /** Ends the wait. Bytes that may pass already stay taken. */
  cancel(): void;
}

interface Waiter {
  readonly bytes: number;
  readonly onTurn: () => void;
}

export class RateLimiter {
  readonly #clock: Clock;
  #parent: RateLimiter | undefined;
  /** Undefined: no limit. */
  #bucket: TokenBucket | undefined;
  #waiters: Waiter[] = [];
  #timer: TimerId | undefined;

  /** `rateBytesPerSecond` undefined is no limit, until `setRate`. */
  constructor(
    rateBytesPerSecond: number | undefined,
    parent?: RateLimiter,
    clock: Clock = systemClock,
  ) {
    this.#clock = clock;
    this.#parent = parent;
    this.setRate(rateBytesPerSecond);
  }

  /** Whether nothing here or above limits. */
  get isUnlimited(): boolean {
    return this.#bucket === undefined && (this.#parent?.isUnlimited ?? true);
  }

  /** Bytes that one request should not exceed, so that the flow stays smooth. */
  get chunkBytes(): number {
    const own = this.#bucket === undefined ? Infinity : Math.floor(this.#bucket.burstBytes / 2);
    return Math.min(own, this.#parent?.chunkBytes ?? Infinity);
  }

  /** Those who wait now wait by the new rate. */
  setRate(rateBytesPerSecond: number | undefined): void {
    if (rateBytesPerSecond === undefined) this.#bucket = undefined;
    else {
      const burst = Math.max(BURST_BYTES_MIN, rateBytesPerSecond * BURST_SECONDS);
      const at = this.#clock.now();
      if (this.#bucket === undefined) {
        this.#bucket = createTokenBucket(rateBytesPerSecond, burst, at);
      } else setRate(this.#bucket, rateBytesPerSecond, burst, at);
    }
    this.#serve();
  }

  /** What passes this one must pass `parent` from now on; what waits at the one before passes there. */
  setParent(parent: RateLimiter | undefined): void {
    this.#parent = parent;
  }

  /** Waits until `bytes` may pass, after all earlier callers. */
  take(bytes: number): Wait {
    const passed = Promise.withResolvers<boolean>();
    const waiters: { limiter: RateLimiter; waiter: Waiter }[] = [];
    let isOver = false;
    const enter = (limiter: RateLimiter | undefined) => {
      if (limiter === undefined) {
        isOver = true;
        return passed.resolve(true);
      }
      const waiter = { bytes, onTurn: () => enter(limiter.#parent) };
      waiters.push({ limiter, waiter });
      limiter.#waiters.push(waiter);
      if (limiter.#waiters[0] === waiter) limiter.#serve();
    };
    enter(this);
    return {
      passed: passed.promise,
      cancel() {
        if (isOver) return;
        isOver = true;
        const current = waiters.pop()!;
        for (const { limiter } of waiters) limiter.#refund(bytes);
        current.limiter.#dismiss(current.waiter);
        passed.resolve(false);
      },
    };
  }

  /** Bytes that might pass and did not, here and above: others may have them. */
  giveBack(bytes: number): void {
    this.#refund(bytes);
    this.#parent?.giveBack(bytes);
  }

  #refund(bytes: number): void {
    if (this.#bucket !== undefined) giveBack(this.#bucket, bytes);
    this.#serve();
  }

  #dismiss(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
    this.#serve();
  }

  #serve(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let next; (next = this.#waiters[0]) !== undefined;) {
      const waitMs = this.#bucket === undefined
        ? 0
        : take(this.#bucket, next.bytes, this.#clock.now());
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimeout(() => this.#serve(), waitMs);
        return;
      }
      this.#waiters.shift();
      next.onTurn();
    }
  }
}

/** Limits of one torrent's connections, below those of the process. */
export interface RateLimits {
  readonly down: RateLimiter;
  readonly up: RateLimiter;
}
