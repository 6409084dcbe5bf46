/**
 * The one shape of an answer that hostile or malformed input can make fail. The core never throws
 * for input; it throws only for mistakes of its own (`assert`, `unreachable`).
 */

export type Result<T, E> = { readonly ok: true; readonly value: T } | Failure<E>;

export interface Failure<E> {
  readonly ok: false;
  readonly error: E;
}

/** The answer of an input that was good. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** The answer of an input that was not; `error` has a literal `code`. */
export function fail<E>(error: E): Failure<E> {
  return { ok: false, error };
}

/** Throws when an invariant of ours does not hold; never for input from outside. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${what}`);
}

/** The default branch of an exhaustive switch: `return unreachable(effect)`. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable case: ${JSON.stringify(value)}`);
}
