/**
 * State has owners: a module declares its own part of the state as a mutable interface that it does not
 * export, gives others a `View` of it, and changes it in its own functions only.
 */

/** The same data, in which nothing can be assigned, added or removed. */
export type View<T> = { readonly [K in keyof T]: ReadonlyOf<T[K]> };

type ReadonlyOf<T> = T extends Map<infer K, infer V> ? ReadonlyMap<K, V>
  : T extends Set<infer V> ? ReadonlySet<V>
  : T extends (infer V)[] ? readonly V[]
  : T;
