/** What values that were read from a file must look like before they are believed. */

/** Whether a value is as it should be. */
export type Shape = (value: unknown) => boolean;

/** A shape for every field of a record, so that a new field cannot be forgotten. */
export type Fields<T> = { readonly [F in Exclude<keyof T, "kind">]-?: Shape };

/** The member of a union for one of its kinds. */
export type OfKind<U, K> = U extends { readonly kind: infer Own } ? K extends Own ? U : never
  : never;

/** A whole number that is exact and not negative. */
export const isCount: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** Any number that JSON can say. */
export const isNumber: Shape = (value) => Number.isFinite(value);
/** Text, however long. */
export const isText: Shape = (value) => typeof value === "string";
/** True or false. */
export const isFlag: Shape = (value) => typeof value === "boolean";
/** Bytes that were revived. */
export const isBytes: Shape = (value) => value instanceof Uint8Array;

/** Left out, or of that shape. */
export function optional(shape: Shape): Shape {
  return (value) => value === undefined || shape(value);
}

/** A list of items of that shape. */
export function listOf(shape: Shape): Shape {
  return (value) => Array.isArray(value) && value.every(shape);
}

/** Exactly one of these. */
export function oneOf(...values: readonly unknown[]): Shape {
  return (value) => values.includes(value);
}

/** A record whose fields are of these shapes; others are not looked at. */
export function record(fields: Readonly<Record<string, Shape>>): Shape {
  const shapes = Object.entries(fields);
  return (value) => isRecord(value) && shapes.every(([name, shape]) => shape(value[name]));
}

/** A record whose `tag` says which of the shapes it is of. */
export function tagged(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  return (value) => {
    if (!isRecord(value)) return false;
    const name = String(value[tag]);
    return Object.hasOwn(shapes, name) && shapes[name]!(value);
  };
}

/** The shapes of a union's members, by kind. */
export function kinds(fields: Readonly<Record<string, Readonly<Record<string, Shape>>>>): Shape {
  const shapes = Object.entries(fields).map(([kind, of]) => [kind, record(of)] as const);
  return tagged("kind", Object.fromEntries(shapes));
}

/** An object with fields; no list, no bytes. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isBytes(value);
}
