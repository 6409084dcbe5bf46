/**
 * Decides whether calls to a disk are made on this thread. Handing a call to another thread costs as much
 * as copying a quarter of a megabyte, so what is in the page cache is better read and written here. A slow
 * disk, however, would hold up every peer. Only the time that calls take shows which it is, so a slow call
 * sends the next ones to other threads for a while.
 */
import { now } from "../clock.ts";

/** A call that takes this much longer than its copying did not come from memory. */
const SLOW_MS = 8;
/** No memory copies slower, not even a busy machine's. */
const COPY_BYTES_PER_MS = 500_000;
/**
 * A slow call weighs as much as this many quick ones. On a busy machine any call may be slow once, since
 * another program got its turn in the middle; only a disk is slow again and again.
 */
const SLOW_WEIGHT = 4;
/** The third slow call of a few calls is one too many. */
const WEIGHT_MAX = 2 * SLOW_WEIGHT;
/** How long a slow disk is accessed elsewhere; then one slow call starts the next pause, twice as long. */
const PAUSE_FIRST_MS = 250;
const PAUSE_LAST_MS = 16_000;

/** The sync gate for one kind of calls to one disk. */
export class SyncGate {
  readonly #clock: () => number;
  #weight = 0;
  #pausedUntilMs = -Infinity;
  #pauseMs = PAUSE_FIRST_MS;

  /** `clock` in monotonic milliseconds. */
  constructor(clock: () => number = now) {
    this.#clock = clock;
  }

  /** Whether the next call may be made on this thread. */
  get isQuick(): boolean {
    return this.#pausedUntilMs === -Infinity || this.#clock() >= this.#pausedUntilMs;
  }

  /** Makes a call over `bytes` bytes on this thread and learns from how long it takes. */
  time<T>(bytes: number, call: () => T): T {
    const startedMs = this.#clock();
    try {
      return call();
    } finally {
      const endedMs = this.#clock();
      if (endedMs - startedMs > SLOW_MS + bytes / COPY_BYTES_PER_MS) this.#noteSlow(endedMs);
      else if (this.#weight > 0) this.#noteQuick();
    }
  }

  #noteSlow(endedMs: number): void {
    this.#weight += SLOW_WEIGHT;
    if (this.#weight <= WEIGHT_MAX) return;
    this.#weight = WEIGHT_MAX;
    this.#pausedUntilMs = endedMs + this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_LAST_MS, 2 * this.#pauseMs);
  }

  #noteQuick(): void {
    if (--this.#weight > 0) return;
    this.#pauseMs = PAUSE_FIRST_MS;
    this.#pausedUntilMs = -Infinity;
  }
}
