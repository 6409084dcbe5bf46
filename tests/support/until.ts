/**
 * Owns how tests wait for a state without an event: every wait has a deadline and a description.
 */

const POLL_MS = 20;
/** Nothing that tests wait for takes long; a busy machine gets many times that. */
const WAIT_MS_MAX = 40_000;

/** Resolves once the condition holds, and fails after a while when it does not, with `details`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  details: () => string = () => "",
): Promise<void> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  while (!await condition()) {
    if (performance.now() > untilMs) throw new Error(`Timed out waiting for: ${what} ${details()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The result of the promise, or a failure after a while. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Timed out waiting for: ${what}`)),
    WAIT_MS_MAX,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
