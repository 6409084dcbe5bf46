/** Both branches of a `Result`, for tests that know which one they expect. */
import type { Result } from "../../../core/bytes/result.ts";

/** The value; throws the error when there is none. */
export function valueOf<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(`Unexpected failure: ${JSON.stringify(result.error)}`);
  return result.value;
}

/** The error; throws when there is a value instead. */
export function errorOf<T, E>(result: Result<T, E>): E {
  if (result.ok) throw new Error(`Unexpected success: ${JSON.stringify(result.value)}`);
  return result.error;
}
