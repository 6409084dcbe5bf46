/**
 * Time for the core: monotonic milliseconds, and waits that do not outlive their cause. What runs on a
 * virtual clock in tests takes a `Clock`; everything else uses the system's.
 */
import { setImmediate } from "node:timers";

export type TimerId = ReturnType<typeof setTimeout>;

export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  setTimeout(callback: () => void, ms: number): TimerId;
  clearTimeout(id: TimerId | undefined): void;
  /** The process may end before the timer fires. */
  unref(id: TimerId): void;
  /** Resolves once everything else that is ready had its turn: other sockets, files and timers. */
  nextTurn(): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (id) => clearTimeout(id),
  unref: (id) => Deno.unrefTimer(id),
  nextTurn: () => new Promise((resolve) => void setImmediate(resolve)),
};

/** Monotonic milliseconds; only differences mean something. */
export function now(): number {
  return performance.now();
}

/** Rejects with `message` if `work` takes longer; `onTimeout` should make it end. */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number,
  message: string,
  onTimeout: () => void = () => {},
  clock: Clock = systemClock,
): Promise<T> {
  let timer: TimerId | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => {
      onTimeout();
      reject(new Error(message));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}
