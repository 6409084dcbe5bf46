/**
 * Time that advances only when nothing else is left to do: whatever runs on it takes no real time,
 * and the same inputs give the same order of events. Everything must be in memory: a real file or
 * socket would respond at real times.
 */
import { TimerHeap } from "../../../shell/timer_heap.ts";
import { setImmediate } from "node:timers";
import type { Clock, TimerId } from "../../../shell/clock.ts";

interface Timer {
  /** In the order in which they were set. */
  readonly id: number;
  readonly atMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  #ids = 0;
  readonly #timers = new Map<number, Timer>();
  /** A binary heap, the earliest first; cleared timers are skipped. */
  readonly #heap = new TimerHeap<Timer>();

  now(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, ms: number): TimerId {
    const id = ++this.#ids;
    const timer = { id, atMs: this.#nowMs + Math.max(0, ms), callback };
    this.#timers.set(id, timer);
    this.#heap.push(timer);
    return id as unknown as TimerId;
  }

  clearTimeout(id: TimerId | undefined): void {
    if (id !== undefined) this.#timers.delete(id as unknown as number);
  }

  unref(): void {}

  nextTurn(): Promise<void> {
    return new Promise((resolve) => void this.setTimeout(resolve, 0));
  }

  /** Timers that were set and have not fired. */
  get pendingCount(): number {
    return this.#timers.size;
  }

  /** Advances until `isOver` or until `ms` have passed; returns whether it is over. */
  async runUntil(isOver: () => boolean, ms: number): Promise<boolean> {
    const endMs = this.#nowMs + ms;
    while (true) {
      await quiet();
      if (isOver()) return true;
      const next = this.#next();
      if (next === undefined || next.atMs > endMs) break;
      this.#heap.pop();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next.id);
      next.callback();
    }
    this.#nowMs = endMs;
    return false;
  }

  /** Advances by `ms`. */
  async run(ms: number): Promise<void> {
    await this.runUntil(() => false, ms);
  }

  /** Advances until `work` is settled, at most `ms`. Throws if it takes longer. */
  async settle<T>(work: Promise<T>, ms = 60_000): Promise<T> {
    let isSettled = false;
    const done = work.finally(() => isSettled = true);
    done.catch(() => {});
    if (!await this.runUntil(() => isSettled, ms)) throw new Error(`Not settled within ${ms} ms`);
    return await done;
  }

  /** The earliest; of several at one time the one that was set first. */
  #next(): Timer | undefined {
    let first: Timer | undefined;
    while ((first = this.#heap.first) !== undefined && !this.#timers.has(first.id)) {
      this.#heap.pop();
    }
    return first;
  }
}

/** All microtasks have run after one turn of the real event loop. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
