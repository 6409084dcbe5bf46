/**
 * Whether a disk answers at once. To hand a call to another thread costs as much as copying a quarter
 * of a megabyte, so what the system holds in memory is better read and written where we are. A disk
 * that must be waited for would hold up every peer. Which it is shows only in how long calls take, so
 * one call finds out and the next ones go elsewhere for a while.
 */
import { now } from "../clock.ts";

/** A call that takes this much longer than its copying did not come from memory. */
const SLOW_MS = 4;
/** No memory copies slower, not even a busy machine's. */
const COPY_BYTES_PER_MS = 500_000;
/** How long a slow disk is spared after a slow call; twice as long after the next, and so on. */
const PAUSE_FIRST_MS = 250;
const PAUSE_LAST_MS = 16_000;
/** So many quick calls in a row show that the disk has recovered. */
const QUICK_CALLS_NEEDED = 256;

/** The tempo of one direction, reading or writing, of one disk. */
export class Tempo {
  readonly #clock: () => number;
  #pausedUntilMs = -Infinity;
  #pauseMs = PAUSE_FIRST_MS;
  #quickCalls = 0;

  /** `clock` in monotonic milliseconds. */
  constructor(clock: () => number = now) {
    this.#clock = clock;
  }

  /** Makes the call on this thread, if the disk is quick; undefined: make it elsewhere. */
  try(bytes: number, call: () => number): number | undefined {
    const startedMs = this.#clock();
    if (startedMs < this.#pausedUntilMs) return undefined;
    const result = call();
    this.#note(startedMs, this.#clock(), bytes);
    return result;
  }

  #note(startedMs: number, endedMs: number, bytes: number): void {
    if (endedMs - startedMs > SLOW_MS + bytes / COPY_BYTES_PER_MS) {
      this.#pausedUntilMs = endedMs + this.#pauseMs;
      this.#pauseMs = Math.min(PAUSE_LAST_MS, 2 * this.#pauseMs);
      this.#quickCalls = 0;
    } else if (++this.#quickCalls === QUICK_CALLS_NEEDED) this.#pauseMs = PAUSE_FIRST_MS;
  }
}
