/**
 * Descriptions of what a trace holds. One description says two things of a value: what it must look
 * like before it is believed, when it was read from a file, and which parts identify someone, to be
 * replaced before it is written to one.
 */
import type { Pseudonyms } from "./pseudonyms.ts";

export interface Shape {
  /** Whether a value is as it should be. */
  readonly accepts: (value: unknown) => boolean;
  /** The value with pseudonyms for what identifies someone; undefined without any. */
  readonly anonymize: ((value: unknown, names: Pseudonyms) => unknown) | undefined;
}

/** A shape for every field of a record, so that no new field can be omitted. */
export type Fields<T> = { readonly [F in Exclude<keyof T, "kind">]-?: Shape };

/** The member of a union for one of its kinds. */
export type OfKind<U, K> = U extends { readonly kind: infer Own } ? K extends Own ? U : never
  : never;

/** What identifies no one. */
function plain(accepts: (value: unknown) => boolean): Shape {
  return { accepts, anonymize: undefined };
}

/** A whole number that is exact and not negative. */
export const isCount = plain((value) => Number.isSafeInteger(value) && (value as number) >= 0);
/** Any number that JSON can say. */
export const isNumber = plain((value) => Number.isFinite(value));
/** Text that identifies no one, of any length. */
export const isText = plain((value) => typeof value === "string");
/** True or false. */
export const isFlag = plain((value) => typeof value === "boolean");
/** Bytes that were revived, and that identify no one. */
export const isBytes = plain((value) => value instanceof Uint8Array);

/** What identifies someone: `replace` gives the pseudonym. */
export function naming<T>(
  { accepts }: Shape,
  replace: (value: T, names: Pseudonyms) => unknown,
): Shape {
  return { accepts, anonymize: (value, names) => replace(value as T, names) };
}

/** Left out, or of that shape. */
export function optional({ accepts, anonymize }: Shape): Shape {
  return {
    accepts: (value) => value === undefined || accepts(value),
    anonymize: anonymize && ((value, names) => value && anonymize(value, names)),
  };
}

/** A list of items of that shape. */
export function listOf({ accepts, anonymize }: Shape): Shape {
  return {
    accepts: (value) => Array.isArray(value) && value.every(accepts),
    anonymize: anonymize &&
      ((value, names) => (value as unknown[]).map((item) => anonymize(item, names))),
  };
}

/** Exactly one of these. */
export function oneOf(...values: readonly unknown[]): Shape {
  return plain((value) => values.includes(value));
}

/** A record whose fields are of these shapes; others are not looked at. */
export function record(fields: Readonly<Record<string, Shape>>): Shape {
  const shapes = Object.entries(fields);
  const naming = shapes.filter(([, { anonymize }]) => anonymize !== undefined);
  return {
    accepts: (value) =>
      isRecord(value) && shapes.every(([name, { accepts }]) => accepts(value[name])),
    anonymize: naming.length === 0 ? undefined : (value, names) => {
      const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
      for (const [name, { anonymize }] of naming) copy[name] = anonymize!(copy[name], names);
      return copy;
    },
  };
}

/** A record whose `tag` says which of the shapes it is of. */
export function tagged(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  const shapeOf = (value: Record<string, unknown>): Shape | undefined => {
    const name = String(value[tag]);
    return Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  };
  const namesNobody = Object.values(shapes).every(({ anonymize }) => anonymize === undefined);
  return {
    accepts: (value) => isRecord(value) && shapeOf(value)?.accepts(value) === true,
    anonymize: namesNobody ? undefined : (value, names) => {
      const anonymize = shapeOf(value as Record<string, unknown>)?.anonymize;
      return anonymize === undefined ? value : anonymize(value, names);
    },
  };
}

/** The shapes of a union's members, by kind. */
export function kinds(
  fields: Readonly<Record<string, Readonly<Record<string, Shape>>>>,
): Shape {
  const shapes = Object.entries(fields).map(([kind, of]) => [kind, record(of)] as const);
  return tagged("kind", Object.fromEntries(shapes));
}

/** An object with fields; no list, no bytes. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}
