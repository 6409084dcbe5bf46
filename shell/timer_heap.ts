/** Timers in the order in which they ring: the earliest first; of several at one time, the one set first. */

export interface TimerEntry {
  /** Greater for one that was set later. */
  readonly id: number;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

export class TimerHeap<T extends TimerEntry> {
  readonly #heap: T[] = [];

  /** The earliest; undefined when there is none. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  push(timer: T): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  /** Removes the earliest; there must be one. */
  pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isBefore(a: TimerEntry, b: TimerEntry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id);
}
