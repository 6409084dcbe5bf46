/** A binary heap of timed events: the earliest first, equals in the order they were added. */

interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly item: T;
}

export class TimedHeap<T> {
  #entries: Entry<T>[] = [];
  #added = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** When the first item is due; Infinity when there is none. */
  get nextAt(): number {
    return this.#entries[0]?.at ?? Infinity;
  }

  push(at: number, item: T): void {
    const entries = this.#entries;
    const entry = { at, order: this.#added++, item };
    let i = entries.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (!isBefore(entry, entries[parent]!)) break;
      entries[i] = entries[parent]!;
      i = parent;
    }
    entries[i] = entry;
  }

  /** The first item; undefined when there is none. */
  pop(): T | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) this.#sink(last);
    return first?.item;
  }

  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= entries.length) break;
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, entries[child]!)) child++;
      if (!isBefore(entries[child]!, entry)) break;
      entries[i] = entries[child]!;
      i = child;
    }
    entries[i] = entry;
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
