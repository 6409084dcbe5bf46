/**
 * What happens when, on a clock of whole ticks. The near future is a wheel of buckets, so that noting an
 * item and taking it out cost the same however many there are; what is far off waits in a heap.
 *
 * Items are numbers, and mean something to the world only. Those of one tick come in the order in which
 * they were noted, those from the heap first, so one seed gives one run.
 */

/** Ticks of the wheel, a power of two: longer than any link takes and than the second's round. */
const WHEEL_TICKS = 4_096;

export interface Timeline {
  /** The present. */
  tick: number;
  readonly buckets: number[][];
  /** Items in the buckets. */
  pending: number;
  /** A binary heap of ticks, ordered by tick, then by number in line. */
  readonly farTicks: number[];
  readonly farOrders: number[];
  readonly farItems: number[];
  noted: number;
}

/** Nothing is to happen; the present is tick 0. */
export function createTimeline(): Timeline {
  return {
    tick: 0,
    buckets: Array.from({ length: WHEEL_TICKS }, () => []),
    pending: 0,
    farTicks: [],
    farOrders: [],
    farItems: [],
    noted: 0,
  };
}

/** Notes an item for a tick; one for the present or the past comes with the next tick. */
export function note(timeline: Timeline, tick: number, item: number): void {
  const at = Math.max(tick, timeline.tick + 1);
  if (at - timeline.tick >= WHEEL_TICKS) return pushFar(timeline, at, item);
  timeline.buckets[at & (WHEEL_TICKS - 1)]!.push(item);
  timeline.pending++;
}

/**
 * Moves on to the next tick that has items, at most to `lastTick`, and puts them into `items`. Whether
 * there were any.
 */
export function advance(timeline: Timeline, lastTick: number, items: number[]): boolean {
  items.length = 0;
  while (timeline.tick < lastTick) {
    const farTick = timeline.farTicks[0] ?? Infinity;
    if (timeline.pending === 0) timeline.tick = Math.min(farTick, lastTick + 1) - 1;
    if (timeline.tick >= lastTick) break;
    const tick = ++timeline.tick;
    while (timeline.farTicks[0]! <= tick) items.push(popFar(timeline));
    const bucket = timeline.buckets[tick & (WHEEL_TICKS - 1)]!;
    if (bucket.length > 0) {
      for (const item of bucket) items.push(item);
      timeline.pending -= bucket.length;
      bucket.length = 0;
    }
    if (items.length > 0) return true;
  }
  return false;
}

/** Whether nothing is to happen any more. */
export function isOver(timeline: Timeline): boolean {
  return timeline.pending === 0 && timeline.farTicks.length === 0;
}

function isBefore(timeline: Timeline, a: number, b: number): boolean {
  const { farTicks, farOrders } = timeline;
  const difference = farTicks[a]! - farTicks[b]!;
  return difference < 0 || (difference === 0 && farOrders[a]! < farOrders[b]!);
}

function swap(timeline: Timeline, a: number, b: number): void {
  for (const column of [timeline.farTicks, timeline.farOrders, timeline.farItems]) {
    const held = column[a]!;
    column[a] = column[b]!;
    column[b] = held;
  }
}

function pushFar(timeline: Timeline, tick: number, item: number): void {
  let at = timeline.farTicks.push(tick) - 1;
  timeline.farOrders.push(timeline.noted++);
  timeline.farItems.push(item);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (!isBefore(timeline, at, parent)) break;
    swap(timeline, at, parent);
    at = parent;
  }
}

function popFar(timeline: Timeline): number {
  const { farTicks, farOrders, farItems } = timeline;
  swap(timeline, 0, farTicks.length - 1);
  farTicks.pop();
  farOrders.pop();
  const item = farItems.pop()!;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= farTicks.length) return item;
    if (child + 1 < farTicks.length && isBefore(timeline, child + 1, child)) child++;
    if (!isBefore(timeline, child, at)) return item;
    swap(timeline, at, child);
    at = child;
  }
}
