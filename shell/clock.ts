/** Time for the core: monotonic milliseconds, and waits that do not outlive their cause. */

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
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onTimeout();
      reject(new Error(message));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
