/**
 * Orders of download other than rarest first: from the beginning to the end, and pieces that are due at
 * a time because a reader of a stream is about to need them.
 *
 * Due pieces come before all others, the soonest first, whatever is rare. They go to peers that can
 * deliver in time; when a block is nearly due and has not come, a second peer is asked, too.
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { BLOCK_SIZE, pieceSize } from "../metainfo/geometry.ts";
import { markAllDirty } from "./attention.ts";
import type { Availability } from "./availability.ts";
import { DUE_PIECES_MAX, DUE_SLOW_FACTOR, DUE_URGENT_MS } from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { Transfer } from "./state.ts";

/** A piece that is needed by a time, in monotonic ms. */
export interface DuePiece {
  readonly piece: number;
  readonly atMs: number;
}

interface Own {
  isSequential: boolean;
  /** Missing pieces that are due, the soonest first. */
  due: readonly DuePiece[];
  /** Where the search for the next piece in sequence begins; back to 0 at each tick. */
  sequenceFrom: number;
  /** Of the peer that delivers most, bytes a second, as of the last tick. */
  bestRate: number;
}

export type Order = View<Own>;

/** Rarest first unless `isSequential`; nothing is due. */
export function createOrder(isSequential: boolean): Order {
  return { isSequential, due: [], sequenceFrom: 0, bestRate: 0 };
}

/** From the beginning to the end of what is wanted, or rarest first again. */
export function setSequential(transfer: Transfer, isSequential: boolean): void {
  const own = transfer as Order as Own;
  own.isSequential = isSequential;
  own.sequenceFrom = 0;
  markAllDirty(transfer);
}

/**
 * Replaces what is due: DUE_PIECES_MAX pieces at most; those that are here, or out of range, are left
 * out. Gives the pieces that were due and are no longer.
 */
export function replaceDue(transfer: Transfer, pieces: readonly DuePiece[]): number[] {
  const own = transfer as Order as Own;
  const before = own.due;
  own.due = pieces.slice(0, DUE_PIECES_MAX)
    .filter(({ piece }) => isMissingPiece(transfer, piece))
    .sort((a, b) => a.atMs - b.atMs || a.piece - b.piece);
  const isDue = new Set(own.due.map(({ piece }) => piece));
  markAllDirty(transfer);
  return before.map(({ piece }) => piece).filter((piece) => !isDue.has(piece));
}

function isMissingPiece({ have, geometry }: Transfer, piece: number): boolean {
  return Number.isInteger(piece) && piece >= 0 && piece < geometry.pieceCount &&
    !hasBit(have, piece);
}

/** The piece is here: nothing is due of it. */
export function forgetDue(transfer: Transfer, piece: number): void {
  const own = transfer as Order as Own;
  if (own.due.some((due) => due.piece === piece)) {
    own.due = own.due.filter((due) => due.piece !== piece);
  }
}

/** Once a second: what the next second's decisions need. */
export function tickOrder(transfer: Transfer): void {
  const own = transfer as Order as Own;
  own.sequenceFrom = 0;
  if (own.due.length === 0) return;
  own.bestRate = 0;
  for (const peer of transfer.peers.values()) {
    if (!peer.isChoking) own.bestRate = Math.max(own.bestRate, peer.down.rate);
  }
  // Blocks may have become urgent.
  markAllDirty(transfer);
}

/** Whether a second peer should be asked for what has not come of this piece. */
export function isUrgent({ atMs }: DuePiece, now: number): boolean {
  return atMs - now < DUE_URGENT_MS;
}

/**
 * Whether the peer is likely to be late with the piece while others are much faster. A peer without a
 * rate yet is tried with what is not urgent.
 */
export function isTooSlow(transfer: Transfer, peer: Peer, due: DuePiece, now: number): boolean {
  const { rate } = peer.down;
  if (transfer.bestRate === 0 || rate * DUE_SLOW_FACTOR >= transfer.bestRate) return false;
  const bytes = peer.outstanding.size * BLOCK_SIZE + pieceSize(transfer.geometry, due.piece);
  const neededMs = rate > 0 ? 1_000 * bytes / rate : 2 * DUE_URGENT_MS;
  return now + neededMs > due.atMs;
}

/** The first piece of the highest priority that `peer` has and is to be picked, or -1. */
export function nextInSequence(transfer: Transfer, peer: Peer): number {
  const own = transfer as Order as Own;
  const { availability, geometry } = transfer;
  const top = topLevel(availability);
  let isFront = true;
  let lower = -1, lowerLevel = 0;
  for (let piece = own.sequenceFrom; piece < geometry.pieceCount; piece++) {
    if (availability.position[piece]! < 0) {
      if (isFront) own.sequenceFrom = piece + 1;
      continue;
    }
    isFront = false;
    if (!hasBit(peer.have, piece)) continue;
    const level = availability.levelOf[piece]!;
    if (level === top) return piece;
    if (level > lowerLevel) {
      lower = piece;
      lowerLevel = level;
    }
  }
  return lower;
}

function topLevel({ levels }: Availability): number {
  let level = levels.length - 1;
  while (level > 0 && (levels[level]?.size ?? 0) === 0) level--;
  return level;
}
