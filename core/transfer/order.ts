/**
 * Orders of download other than rarest first: from the beginning to the end, and pieces that are due at
 * a time because a reader of a stream is about to need them.
 *
 * Due pieces come before all others, the soonest first, whatever is rare. They go to peers that can
 * deliver in time (due.ts).
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { markAllDirty } from "./attention.ts";
import type { Availability } from "./availability.ts";
import { DUE_AHEAD_PIECES, DUE_PIECES_MAX, DUE_URGENT_MS } from "./limits.ts";
import type { Source } from "./source.ts";
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
  /** Of the peer that delivers most, bytes a second, as of the last tick or seek. */
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

/** What a new list of due pieces changes. */
export interface DueChange {
  /** Pieces whose requests are of no use any more. */
  readonly obsolete: readonly number[];
  /** A reader is at a place that none came to: it waits from now on. */
  readonly isSeek: boolean;
}

/**
 * Replaces what is due: DUE_PIECES_MAX pieces at most; those that are here, or out of range, are left
 * out. Obsolete is what was due and no reader comes to now; after a seek all that is not urgent, since
 * it would arrive before what the reader waits for.
 */
export function replaceDue(
  transfer: Transfer,
  pieces: readonly DuePiece[],
  now: number,
): DueChange {
  const own = transfer as Order as Own;
  const before = own.due;
  own.due = pieces.slice(0, DUE_PIECES_MAX)
    .filter(({ piece }) => isMissingPiece(transfer, piece))
    .sort((a, b) => a.atMs - b.atMs || a.piece - b.piece);
  markAllDirty(transfer);
  const urgent = own.due.filter(({ atMs }) => atMs - now < DUE_URGENT_MS);
  if (urgent.every(({ piece }) => isAhead(before, piece))) {
    const passed = before.filter(({ piece }) => !isAhead(own.due, piece));
    return { obsolete: passed.map(({ piece }) => piece), isSeek: false };
  }
  measureBestRate(transfer);
  const kept = new Set(urgent.map(({ piece }) => piece));
  const others = [...transfer.open].filter(({ piece }) => !kept.has(piece));
  return { obsolete: others.map(({ piece }) => piece), isSeek: true };
}

/** Whether a reader comes to the piece soon: due, or not far behind what is. */
function isAhead(due: readonly DuePiece[], piece: number): boolean {
  return due.some((other) => piece >= other.piece && piece - other.piece < DUE_AHEAD_PIECES);
}

function isMissingPiece({ have, geometry }: Transfer, piece: number): boolean {
  return Number.isInteger(piece) && piece >= 0 && piece < geometry.pieceCount &&
    !hasBit(have, piece);
}

/**
 * Whether more downloaders than seeds are here. Readers in a crowd that all ask the seeds for the same
 * next piece have nothing to pass on to each other, so the seeds are asked as usual.
 */
export function isInCrowd({ peers, availability: { seeds } }: Transfer): boolean {
  return peers.size > 2 * seeds;
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
  measureBestRate(transfer);
  // Blocks may have become urgent.
  markAllDirty(transfer);
}

function measureBestRate(transfer: Transfer): void {
  const own = transfer as Order as Own;
  own.bestRate = 0;
  for (const peer of transfer.peers.values()) {
    if (!peer.isChoking) own.bestRate = Math.max(own.bestRate, peer.down.rate);
  }
}

/** The first piece of the highest priority that `peer` has and is to be picked, readers' first, or -1. */
export function nextInSequence(transfer: Transfer, peer: Source): number {
  // Others were asked for what is due before.
  for (const { piece } of isInCrowd(transfer) ? transfer.due : []) {
    if (transfer.availability.position[piece]! >= 0 && hasBit(peer.have, piece)) return piece;
  }
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
