/**
 * Which pieces are rare. Keeps the pieces that are wanted and not yet started in one array, sorted by
 * how many connected peers have them, so that a peer coming, going or announcing a piece costs a few
 * swaps and never a sort.
 *
 * Invariants: `order[starts[c] .. starts[c + 1])` holds the pieces of count c; `position[order[i]] === i`;
 * a piece that is not wanted has position -1. Peers that have everything are counted once, in `seeds`.
 * The order within a count means nothing: who picks draws a place to begin, so that a swarm does not
 * march in step.
 */
import { assert } from "../bytes/result.ts";
import { type Bitfield, hasBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";

interface Own {
  /** Connected peers that have the piece, peers that have all of them left out. */
  readonly counts: Uint16Array;
  seeds: number;
  readonly order: Uint32Array;
  /** Pieces in `order`. */
  size: number;
  readonly position: Int32Array;
  /** `starts[c]`: where count c begins in `order`; its last entry is `size`. */
  readonly starts: number[];
}

export type Availability = View<Own>;

/** All pieces that `have` lacks are wanted, available nowhere. */
export function createAvailability(pieceCount: number, have: Bitfield): Availability {
  const order = new Uint32Array(pieceCount);
  const position = new Int32Array(pieceCount).fill(-1);
  let size = 0;
  for (let piece = 0; piece < pieceCount; piece++) {
    if (hasBit(have, piece)) continue;
    order[size] = piece;
    position[piece] = size++;
  }
  return {
    counts: new Uint16Array(pieceCount),
    seeds: 0,
    order,
    size,
    position,
    starts: [0, size],
  };
}

/** How many connected peers have the piece. */
export function availabilityOf(a: Availability, piece: number): number {
  return a.counts[piece]! + a.seeds;
}

/** Whether somebody connected has a wanted piece. */
export function isAnyAvailable(a: Availability): boolean {
  return a.size > 0 && availabilityOf(a, a.order[a.size - 1]!) > 0;
}

/** Whether some wanted piece is with seeds, if any, and with nobody else. */
export function isAnyOnSeedsOnly(a: Availability): boolean {
  return a.starts[1]! > 0;
}

/** A peer that has every piece came. */
export function addSeed(a: Availability): void {
  (a as Own).seeds++;
}

/** A peer that was counted as having every piece left. */
export function removeSeed(a: Availability): void {
  (a as Own).seeds--;
}

/** A peer told that it has the piece. */
export function addHolder(view: Availability, piece: number): void {
  const a = view as Own;
  const count = a.counts[piece]!;
  a.counts[piece] = count + 1;
  if (a.position[piece]! < 0) return;
  growTo(a, count + 1);
  const boundary = a.starts[count + 1]! - 1;
  swap(a, a.position[piece]!, boundary);
  a.starts[count + 1] = boundary;
}

/** A peer that had the piece left. */
export function removeHolder(view: Availability, piece: number): void {
  const a = view as Own;
  const count = a.counts[piece]!;
  assert(count > 0, "a piece loses only holders that it had");
  a.counts[piece] = count - 1;
  if (a.position[piece]! < 0) return;
  const boundary = a.starts[count]!;
  swap(a, a.position[piece]!, boundary);
  a.starts[count] = boundary + 1;
}

/** The piece was started or is here: it is no longer to be picked. */
export function removeWanted(view: Availability, piece: number): void {
  const a = view as Own;
  let at = a.position[piece]!;
  if (at < 0) return;
  for (let count = a.counts[piece]! + 1; count < a.starts.length; count++) {
    const boundary = a.starts[count]! - 1;
    swap(a, at, boundary);
    at = boundary;
    a.starts[count] = boundary;
  }
  a.size--;
  a.position[piece] = -1;
}

/** The piece was given up before it was complete: it may be picked again. */
export function addWanted(view: Availability, piece: number): void {
  const a = view as Own;
  if (a.position[piece]! >= 0) return;
  const count = a.counts[piece]!;
  growTo(a, count);
  let at = a.size;
  a.order[at] = piece;
  a.position[piece] = at;
  a.size++;
  for (let above = a.starts.length - 1; above > count; above--) {
    const boundary = a.starts[above]!;
    swap(a, at, boundary);
    at = boundary;
    a.starts[above] = boundary + 1;
  }
}

/**
 * The rarest wanted piece that `has` holds, or -1. `draw`, 0 or more, decides among equals. `least`: 0
 * for a peer that is counted in `seeds`; 1 for any other, which is a holder of all that it has, so that
 * pieces without a holder need no look.
 */
export function rarestOf(a: Availability, has: Bitfield, draw: number, least: 0 | 1 = 0): number {
  for (let count = least; count + 1 < a.starts.length; count++) {
    const piece = findFrom(a, has, a.starts[count]!, a.starts[count + 1]!, draw);
    if (piece >= 0) return piece;
  }
  return -1;
}

/** The same where `has` holds few pieces: looks at those instead of at all that are wanted. */
export function rarestOfFew(
  a: Availability,
  has: Bitfield,
  draw: number,
  least: 0 | 1 = 0,
): number {
  const { bytes } = has;
  const offset = draw % bytes.length;
  let rarest = -1, fewest = Infinity;
  for (let i = 0; i < bytes.length && fewest > least; i++) {
    const at = offset + i < bytes.length ? offset + i : offset + i - bytes.length;
    if (bytes[at] === 0) continue;
    for (let bit = 0; bit < 8; bit++) {
      const piece = 8 * at + ((bit + draw) & 7);
      // Spare bits are zero, so that a piece beyond the end is never looked at.
      if (!hasBit(has, piece) || a.position[piece]! < 0 || a.counts[piece]! >= fewest) continue;
      rarest = piece;
      fewest = a.counts[piece]!;
    }
  }
  return rarest;
}

/** Any wanted piece that `has` holds, rare or not, or -1. `draw`, 0 or more, decides which. */
export function anyOf(a: Availability, has: Bitfield, draw: number): number {
  return findFrom(a, has, 0, a.size, draw);
}

/** Searches `order[start .. end)` once around, from a place that `draw` decides. */
function findFrom(
  a: Availability,
  has: Bitfield,
  start: number,
  end: number,
  draw: number,
): number {
  const length = end - start;
  const offset = length > 0 ? draw % length : 0;
  for (let i = 0; i < length; i++) {
    const turn = offset + i < length ? offset + i : offset + i - length;
    const piece = a.order[start + turn]!;
    if (hasBit(has, piece)) return piece;
  }
  return -1;
}

/** Makes `starts` long enough for a bucket of `count`. */
function growTo(a: Own, count: number): void {
  while (a.starts.length < count + 2) a.starts.push(a.size);
}

function swap(a: Own, i: number, j: number): void {
  if (i === j) return;
  const one = a.order[i]!, other = a.order[j]!;
  a.order[i] = other;
  a.order[j] = one;
  a.position[other] = i;
  a.position[one] = j;
}
