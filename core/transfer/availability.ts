/**
 * Which pieces are rare. Keeps the pieces that are wanted and not yet started in arrays, one for
 * each priority, sorted by how many connected peers have them, so that a peer coming, going or
 * announcing a piece costs a few swaps and never a sort.
 *
 * Invariants, for each level: `order[starts[c] .. starts[c + 1])` holds the pieces of count c, and
 * `position[order[i]] === i`; `levelOf` of a piece names its level, and a piece that is not to be
 * picked has position -1. Peers that have everything are counted once, in `seeds`. The order within
 * a count means nothing: the picker draws a place to begin, so that a swarm does not march in step.
 */
import { hasBit, type ReadonlyBitfield } from "../bytes/bitfield.ts";
import { assert } from "../bytes/result.ts";
import type { ReadonlyBytes, View } from "../bytes/view.ts";

/** Pieces of a higher priority are picked first; those of SKIP never. */
export const PRIORITY_SKIP = 0;
export const PRIORITY_LOW = 1;
export const PRIORITY_NORMAL = 4;
export const PRIORITY_MAX = 7;

interface Level {
  readonly order: Uint32Array;
  /** Pieces in `order`. */
  size: number;
  /** `starts[c]`: where count c begins in `order`; its last entry is `size`. */
  readonly starts: number[];
}

interface Own {
  /** Connected peers that have the piece, peers that have all of them left out. */
  readonly counts: Uint16Array;
  seeds: number;
  /** By priority; undefined until a piece has it. */
  readonly levels: (Level | undefined)[];
  readonly levelOf: Uint8Array;
  readonly position: Int32Array;
  /** Pieces of all levels. */
  size: number;
}

export type Availability = View<Own>;

/**
 * All pieces that `have` lacks and whose priority (0 to PRIORITY_MAX) is not PRIORITY_SKIP are to
 * be picked, available nowhere.
 */
export function createAvailability(
  pieceCount: number,
  have: ReadonlyBitfield,
  priorities: ReadonlyBytes,
): Availability {
  const own: Own = {
    counts: new Uint16Array(pieceCount),
    seeds: 0,
    levels: [],
    levelOf: new Uint8Array(pieceCount),
    position: new Int32Array(pieceCount).fill(-1),
    size: 0,
  };
  for (let piece = 0; piece < pieceCount; piece++) {
    const priority = priorities[piece]!;
    if (priority !== PRIORITY_SKIP && !hasBit(have, piece)) addWanted(own, piece, priority);
  }
  return own;
}

/** How many connected peers have the piece. */
export function availabilityOf(a: Availability, piece: number): number {
  return a.counts[piece]! + a.seeds;
}

/** Whether a connected peer has a piece that is to be picked. */
export function isAnyAvailable(a: Availability): boolean {
  if (a.size === 0) return false;
  if (a.seeds > 0) return true;
  for (const level of a.levels) {
    if (level !== undefined && level.size > level.starts[1]!) return true;
  }
  return false;
}

/** Whether some piece to be picked is with seeds, if any, and with no other peer. */
export function isAnyOnSeedsOnly(a: Availability): boolean {
  for (const level of a.levels) if (level !== undefined && level.starts[1]! > 0) return true;
  return false;
}

/** Some piece that is to be picked, or -1. */
export function anyWanted(a: Availability): number {
  for (const level of a.levels) if (level !== undefined && level.size > 0) return level.order[0]!;
  return -1;
}

/** A peer that has every piece came. */
export function addSeed(a: Availability): void {
  (a as Own).seeds++;
}

/** A peer that was counted as having every piece left. */
export function removeSeed(a: Availability): void {
  (a as Own).seeds--;
}

/** The peer announced the piece. */
export function addHolder(view: Availability, piece: number): void {
  const a = view as Own;
  const count = a.counts[piece]!;
  a.counts[piece] = count + 1;
  if (a.position[piece]! < 0) return;
  const level = a.levels[a.levelOf[piece]!]!;
  growTo(level, count + 1);
  const boundary = level.starts[count + 1]! - 1;
  swap(a, level, a.position[piece]!, boundary);
  level.starts[count + 1] = boundary;
}

/** A peer that had the piece left, or lost it. */
export function removeHolder(view: Availability, piece: number): void {
  const a = view as Own;
  const count = a.counts[piece]!;
  assert(count > 0, "a piece loses only holders that it had");
  a.counts[piece] = count - 1;
  if (a.position[piece]! < 0) return;
  const level = a.levels[a.levelOf[piece]!]!;
  const boundary = level.starts[count]!;
  swap(a, level, a.position[piece]!, boundary);
  level.starts[count] = boundary + 1;
}

/**
 * A peer with these pieces came: as `addHolder` for each. Those of each count move to its end, which
 * becomes the beginning of the next one, so that memory is read in order.
 */
export function addHolders(view: Availability, pieces: ReadonlyBitfield): void {
  const a = view as Own;
  changeCounts(a, pieces, 1);
  for (const level of a.levels) {
    if (level === undefined) continue;
    const { order, starts } = level;
    // Pieces of the highest count there is may get one more.
    if (starts.at(-2)! < level.size) growTo(level, starts.length - 1);
    for (let count = starts.length - 2; count >= 0; count--) {
      let end = starts[count + 1]!;
      for (let at = end - 1; at >= starts[count]!; at--) {
        if (hasBit(pieces, order[at]!)) swap(a, level, at, --end);
      }
      starts[count + 1] = end;
    }
  }
}

/** A peer with these pieces left: as `removeHolder` for each. */
export function removeHolders(view: Availability, pieces: ReadonlyBitfield): void {
  const a = view as Own;
  changeCounts(a, pieces, -1);
  for (const level of a.levels) {
    if (level === undefined) continue;
    const { order, starts } = level;
    for (let count = 1; count + 1 < starts.length; count++) {
      let start = starts[count]!;
      for (let at = start; at < starts[count + 1]!; at++) {
        if (hasBit(pieces, order[at]!)) swap(a, level, at, start++);
      }
      starts[count] = start;
    }
  }
}

function changeCounts({ counts }: Own, { bytes }: ReadonlyBitfield, by: 1 | -1): void {
  for (let at = 0; at < bytes.length; at++) {
    for (let byte = bytes[at]!; byte !== 0; byte &= byte - 1) {
      const piece = 8 * at + Math.clz32(byte & -byte) - 24;
      assert(by > 0 || counts[piece]! > 0, "a piece loses only holders that it had");
      counts[piece]! += by;
    }
  }
}

/** The piece was started, is here or is not wanted: it is no longer to be picked. */
export function removeWanted(view: Availability, piece: number): void {
  const a = view as Own;
  let at = a.position[piece]!;
  if (at < 0) return;
  const level = a.levels[a.levelOf[piece]!]!;
  for (let count = a.counts[piece]! + 1; count < level.starts.length; count++) {
    const boundary = level.starts[count]! - 1;
    swap(a, level, at, boundary);
    at = boundary;
    level.starts[count] = boundary;
  }
  level.size--;
  a.size--;
  a.position[piece] = -1;
}

/** The piece is to be picked, with this priority (PRIORITY_LOW to PRIORITY_MAX). */
export function addWanted(view: Availability, piece: number, priority: number): void {
  const a = view as Own;
  if (a.position[piece]! >= 0) {
    if (a.levelOf[piece] === priority) return;
    removeWanted(a, piece);
  }
  const { levels } = a;
  const level = levels[priority] ??= {
    order: new Uint32Array(a.counts.length),
    size: 0,
    starts: [0, 0],
  };
  const count = a.counts[piece]!;
  growTo(level, count);
  let at = level.size;
  level.order[at] = piece;
  a.position[piece] = at;
  a.levelOf[piece] = priority;
  level.size++;
  a.size++;
  for (let above = level.starts.length - 1; above > count; above--) {
    const boundary = level.starts[above]!;
    swap(a, level, at, boundary);
    at = boundary;
    level.starts[above] = boundary + 1;
  }
}

/**
 * The rarest piece of the highest priority that `has` holds and is to be picked, or -1. `draw`, 0
 * or more, decides among equals. `least`: 0 for a peer that is counted in `seeds`; 1 for any other,
 * which is a holder of all that it has, so that pieces without a holder need no look.
 */
export function rarestOf(
  a: Availability,
  has: ReadonlyBitfield,
  draw: number,
  least: 0 | 1 = 0,
): number {
  for (let priority = a.levels.length - 1; priority > 0; priority--) {
    const level = a.levels[priority];
    if (level === undefined || level.size === 0) continue;
    const { starts } = level;
    for (let count: number = least; count + 1 < starts.length; count++) {
      const piece = findFrom(level, has, starts[count]!, starts[count + 1]!, draw);
      if (piece >= 0) return piece;
    }
  }
  return -1;
}

/**
 * The same where `has` holds few pieces: looks at those instead of at all that are to be picked.
 */
export function rarestOfFew(
  a: Availability,
  has: ReadonlyBitfield,
  draw: number,
  least: 0 | 1 = 0,
): number {
  const { bytes } = has;
  const offset = draw % bytes.length;
  const top = topPriority(a);
  let rarest = -1, fewest = Infinity, highest = 0;
  for (let i = 0; i < bytes.length && (fewest > least || highest < top); i++) {
    const at = offset + i < bytes.length ? offset + i : offset + i - bytes.length;
    if (bytes[at] === 0) continue;
    for (let bit = 0; bit < 8; bit++) {
      const piece = 8 * at + ((bit + draw) & 7);
      // Spare bits are zero, so that a piece beyond the end is never looked at.
      if (!hasBit(has, piece) || a.position[piece]! < 0) continue;
      const priority = a.levelOf[piece]!, count = a.counts[piece]!;
      if (priority < highest || (priority === highest && count >= fewest)) continue;
      rarest = piece;
      fewest = count;
      highest = priority;
    }
  }
  return rarest;
}

function topPriority({ levels }: Availability): number {
  let priority = levels.length - 1;
  while (priority > 0 && (levels[priority]?.size ?? 0) === 0) priority--;
  return priority;
}

/**
 * Any piece of the highest priority that `has` holds, rare or not, or -1. `draw`, 0 or more,
 * decides.
 */
export function anyOf(a: Availability, has: ReadonlyBitfield, draw: number): number {
  for (let priority = a.levels.length - 1; priority > 0; priority--) {
    const level = a.levels[priority];
    const piece = level === undefined ? -1 : findFrom(level, has, 0, level.size, draw);
    if (piece >= 0) return piece;
  }
  return -1;
}

/** Searches `order[start .. end)` once around, from a place that `draw` decides. */
function findFrom(
  { order }: Level,
  has: ReadonlyBitfield,
  start: number,
  end: number,
  draw: number,
): number {
  const length = end - start;
  const offset = length > 0 ? draw % length : 0;
  for (let i = 0; i < length; i++) {
    const turn = offset + i < length ? offset + i : offset + i - length;
    const piece = order[start + turn]!;
    if (hasBit(has, piece)) return piece;
  }
  return -1;
}

/** Makes `starts` long enough for a bucket of `count`. */
function growTo(level: Level, count: number): void {
  while (level.starts.length < count + 2) level.starts.push(level.size);
}

function swap({ position }: Own, { order }: Level, i: number, j: number): void {
  if (i === j) return;
  const one = order[i]!, other = order[j]!;
  order[i] = other;
  order[j] = one;
  position[other] = i;
  position[one] = j;
}
