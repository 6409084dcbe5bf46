/** One timer for the earliest deadline of a machine. */
import type { Clock, TimerId } from "./clock.ts";

export class WakeUp {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: TimerId | undefined;
  #at = Infinity;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /**
   * Rings at `at` (monotonic ms), once. A later deadline than the one that is armed is left to the next
   * call: ringing too early costs a look.
   */
  arm(at: number): void {
    if (at >= this.#at) return;
    this.#clock.clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = this.#clock.setTimeout(() => {
      this.#at = Infinity;
      this.#ring();
    }, Math.max(0, at - this.#clock.now()));
  }

  /** Never fires again. */
  close(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#at = -Infinity;
  }
}
