/** Waiting that a signal ends. */

/** Rejects as soon as the signal aborts; the work itself goes on until it ends by itself. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  return Promise.race([work, promise])
    .finally(() => signal.removeEventListener("abort", onAbort));
}

/** Resolves after `ms`; rejects as soon as the signal aborts. */
export function sleepOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return orAbort(promise, signal).finally(() => clearTimeout(timer));
}
