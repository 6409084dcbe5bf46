/**
 * State has owners: a module declares its own part of the state as a mutable interface that it does not
 * export, gives others a `View` of it, and changes it in its own functions only.
 */

/** The same data, in which nothing can be assigned, added or removed. */
export type View<T> = { readonly [K in keyof T]: ReadonlyOf<T[K]> };

type ReadonlyOf<T> = T extends Map<infer K, infer V> ? ReadonlyMap<K, V>
  : T extends Set<infer V> ? ReadonlySet<V>
  : T extends (infer V)[] ? readonly V[]
  : T extends Numbers ? ReadonlyNumbers<T>
  : T extends Bits ? { readonly bytes: ReadonlyBytes; readonly count: number }
  : T;

/** A bitfield. */
interface Bits {
  readonly bytes: Uint8Array;
  readonly count: number;
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** An array of numbers in which none can be set. */
export type ReadonlyNumbers<T extends Numbers> =
  & Omit<T, "set" | "fill" | "sort" | "reverse" | "copyWithin" | "buffer" | "subarray" | number>
  & { readonly [index: number]: number };

export type ReadonlyBytes = ReadonlyNumbers<Uint8Array>;
