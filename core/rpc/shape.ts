/**
 * Objects of one kind, made many times over: a list of thousands of torrents has the same few names in
 * each. They are copies of one object that has all names already, which spares the runtime from growing
 * each by one name after another: adding more than a dozen computed names turns an object into a hash
 * table, which is slower to make and to write as JSON.
 */
import type { Dialect } from "./envelope.ts";
import type { Json, JsonObject } from "./json.ts";
import { camelName } from "./names.ts";

/** How each fact is read; names in today's spelling. */
export type Readers<T> = Readonly<Record<string, (from: T) => Json>>;

export class Shape<T> {
  readonly names: readonly string[];
  readonly #readers: readonly ((from: T) => Json)[];
  readonly #empty: JsonObject;

  /** Names as they are to appear. */
  constructor(readers: Iterable<readonly [string, (from: T) => Json]>) {
    const rows = [...readers];
    this.names = rows.map(([name]) => name);
    this.#readers = rows.map(([, read]) => read);
    this.#empty = JSON.parse(JSON.stringify(Object.fromEntries(this.names.map((n) => [n, null]))));
  }

  /** With all names. */
  object(from: T): JsonObject {
    const facts: Record<string, Json> = { ...this.#empty };
    const { names } = this;
    for (let i = 0; i < names.length; i++) facts[names[i]!] = this.#readers[i]!(from);
    return facts;
  }

  /** The facts alone, in the order of the names. */
  row(from: T): readonly Json[] {
    return this.#readers.map((read) => read(from));
  }
}

/** One kind of object in each dialect's spelling. */
export function shapes<T>(readers: Readers<T>): Readonly<Record<Dialect, Shape<T>>> {
  const rows = Object.entries(readers);
  return {
    jsonrpc: new Shape(rows),
    legacy: new Shape(rows.map(([name, read]) => [camelName(name), read])),
  };
}
