/**
 * Reads the parameters of a method against a table of names and kinds. Unknown parameters are passed
 * over, as Transmission does, so that a newer client still works; a known one of a wrong kind is an
 * error. Numbers may carry a fraction where a whole one is meant; booleans may be 0 and 1.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { type Json, type JsonObject, property, RPC_ERROR, type RpcFailure } from "./json.ts";
import { currentName } from "./names.ts";

/** Turns a value into one of ours, or says what it should be: "must be a string". */
export type Kind<T> = (value: Json) => Result<T, string>;

export type Params = Readonly<Record<string, Kind<unknown>>>;

/** What a table of parameters reads; each may be missing. */
export type Read<P extends Params> = {
  readonly [K in keyof P]?: P[K] extends Kind<infer T> ? T : never;
};

/** Characters of a path, a URL or a list of URLs; longer ones name nothing. */
export const TEXT_LENGTH_MAX = 64 * 1024;

/** More files than a torrent of the largest size accepted has. */
export const LIST_LENGTH_MAX = 200_000;

/** Reads the parameters in `table` out of `params`. Errors: `invalidParams`, naming the parameter. */
export function readParams<P extends Params>(
  table: P,
  params: JsonObject,
): Result<Read<P>, RpcFailure> {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(params)) {
    const name = currentName(key);
    if (!Object.hasOwn(table, name)) continue;
    const value = table[name]!(property(params, key)!);
    if (!value.ok) {
      return fail({ code: RPC_ERROR.invalidParams, message: `${name} ${value.error}` });
    }
    values[name] = value.value;
  }
  return ok(values as Read<P>);
}

/** True, false, 1 or 0. */
export const bool: Kind<boolean> = (value) => {
  if (typeof value === "boolean") return ok(value);
  if (value === 0 || value === 1) return ok(value === 1);
  return fail("must be true or false");
};

/** A whole number within bounds; a fraction is cut off. */
export function int(least: number, most: number): Kind<number> {
  return (value) => {
    const number = typeof value === "number" ? Math.trunc(value) : NaN;
    if (number >= least && number <= most) return ok(number === 0 ? 0 : number);
    return fail(`must be a whole number from ${least} to ${most}`);
  };
}

/** Any number within bounds. */
export function num(least: number, most: number): Kind<number> {
  return (value) =>
    typeof value === "number" && value >= least && value <= most
      ? ok(value)
      : fail(`must be a number from ${least} to ${most}`);
}

/** Text of at most `most` characters, without NUL. */
export function text(most = TEXT_LENGTH_MAX): Kind<string> {
  return (value) => {
    if (typeof value !== "string") return fail("must be a string");
    if (value.length > most) return fail(`must have at most ${most} characters`);
    return value.includes("\0") ? fail("must not hold a NUL") : ok(value);
  };
}

/** One of the words. */
export function word<W extends string>(...words: readonly W[]): Kind<W> {
  return (value) => {
    const found = words.find((candidate) => candidate === value);
    return found === undefined ? fail(`must be one of ${words.join(", ")}`) : ok(found);
  };
}

/** A list of at most `most` items. */
export function list<T>(kind: Kind<T>, most = LIST_LENGTH_MAX): Kind<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return fail("must be a list");
    if (value.length > most) return fail(`must have at most ${most} items`);
    const items: T[] = [];
    for (const item of value) {
      const read = kind(item);
      if (!read.ok) return fail(`has an item that ${read.error}`);
      items.push(read.value);
    }
    return ok(items);
  };
}
