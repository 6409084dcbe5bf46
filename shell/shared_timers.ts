/**
 * One timer of the system for all torrents of a process: what is due at one time wakes it once, and
 * a deadline that is put off costs no call to the system.
 */
import { TimerHeap } from "./timer_heap.ts";
import { type Clock, systemClock, type TimerId } from "./clock.ts";

interface Timer {
  /** In the order in which they were set. */
  readonly id: number;
  readonly atMs: number;
  readonly callback: () => void;
  keepsAlive: boolean;
}

export class SharedTimers implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Map<number, Timer>();
  /** A binary heap, the earliest on top; timers that were cleared are passed over. */
  readonly #heap = new TimerHeap<Timer>();
  #ids = 0;
  /** Of those in `#timers`, how many keep the process alive. */
  #keeping = 0;
  #wake: { readonly id: TimerId; readonly atMs: number; readonly keepsAlive: boolean } | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  nextTurn(): Promise<void> {
    return this.#clock.nextTurn();
  }

  setTimeout(callback: () => void, ms: number): TimerId {
    const id = ++this.#ids;
    const timer = { id, atMs: this.now() + Math.max(0, ms), callback, keepsAlive: true };
    this.#timers.set(id, timer);
    this.#keeping++;
    this.#heap.push(timer);
    this.#arm();
    return id as unknown as TimerId;
  }

  clearTimeout(id: TimerId | undefined): void {
    const timer = this.#timers.get(id as unknown as number);
    if (timer === undefined) return;
    this.#remove(timer);
    // A wake-up for nothing is harmless, unless it is all that keeps the process.
    if (this.#keeping === 0) this.#arm();
  }

  unref(id: TimerId): void {
    const timer = this.#timers.get(id as unknown as number);
    if (timer === undefined || !timer.keepsAlive) return;
    timer.keepsAlive = false;
    this.#keeping--;
    this.#arm();
  }

  #remove(timer: Timer): void {
    this.#timers.delete(timer.id);
    if (timer.keepsAlive) this.#keeping--;
  }

  /** Resets the system's timer if it would fire too late, or keep the process alive for nothing. */
  #arm(): void {
    const next = this.#next();
    const keepsAlive = this.#keeping > 0;
    const wake = this.#wake;
    if (wake !== undefined) {
      const isRight = next !== undefined && wake.atMs <= next.atMs &&
        wake.keepsAlive === keepsAlive;
      if (isRight) return;
      this.#clock.clearTimeout(wake.id);
      this.#wake = undefined;
    }
    if (next === undefined) return;
    const id = this.#clock.setTimeout(() => this.#ring(), Math.max(0, next.atMs - this.now()));
    if (!keepsAlive) this.#clock.unref(id);
    this.#wake = { id, atMs: next.atMs, keepsAlive };
  }

  #ring(): void {
    this.#wake = undefined;
    const now = this.now();
    // What is set meanwhile waits for the next time, however soon it is due.
    const last = this.#ids;
    const later: Timer[] = [];
    for (let next; (next = this.#next()) !== undefined && next.atMs <= now;) {
      this.#heap.pop();
      if (next.id > last) {
        later.push(next);
        continue;
      }
      this.#remove(next);
      next.callback();
    }
    for (const timer of later) this.#heap.push(timer);
    this.#arm();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    while ((first = this.#heap.first) !== undefined && !this.#timers.has(first.id)) {
      this.#heap.pop();
    }
    return first;
  }
}
