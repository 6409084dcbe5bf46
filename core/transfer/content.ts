/**
 * Which pieces are on disk, and which are wanted. A piece is ours to give once its write was answered.
 *
 * Three words: a torrent is *finished* when every wanted piece is here, and *complete* when every piece
 * is. A piece is *lacked* while it is not here, wanted or not.
 */
import {
  type Bitfield,
  clearBit,
  copyBitfield,
  countBits,
  hasBit,
  setBit,
} from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { type Geometry, pieceSize } from "../metainfo/geometry.ts";
import { PRIORITY_NORMAL, PRIORITY_SKIP } from "./availability.ts";
import type { Transfer } from "./state.ts";

interface Own {
  readonly have: Bitfield;
  haveCount: number;
  /** PRIORITY_SKIP to PRIORITY_MAX of each piece; wanted are those above PRIORITY_SKIP. */
  readonly priorities: Uint8Array;
  wantedCount: number;
  /** Wanted pieces that are here. */
  wantedHaveCount: number;
  /** Bytes of wanted pieces, and of those of them that are not here. */
  wantedBytes: number;
  wantedMissingBytes: number;
  /** When the last wanted piece was written, monotonic ms; the start, where all were there. */
  finishedMs: number | undefined;
  /** Pieces that the disk does not give back; they are not wanted again in this run. */
  readonly lost: Set<number>;
  /** No more pieces are asked for: the disk failed. */
  diskFailed: boolean;
}

export type Content = View<Own>;

/** With the pieces that `held` names. `priorities`: one a piece; undefined where all are wanted alike. */
export function createContent(
  geometry: Geometry,
  held: Bitfield,
  priorities: Uint8Array | undefined,
  now: number,
): Content {
  const have = copyBitfield(held);
  const own: Own = {
    have,
    haveCount: countBits(have),
    priorities: priorities?.slice() ?? new Uint8Array(geometry.pieceCount).fill(PRIORITY_NORMAL),
    wantedCount: 0,
    wantedHaveCount: 0,
    wantedBytes: 0,
    wantedMissingBytes: 0,
    finishedMs: undefined,
    lost: new Set(),
    diskFailed: false,
  };
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    if (own.priorities[piece] !== PRIORITY_SKIP) countWanted(own, geometry, piece, 1);
  }
  if (own.wantedHaveCount === own.wantedCount) own.finishedMs = now;
  return own;
}

/** Whether every piece is on disk. */
export function isComplete(transfer: Transfer): boolean {
  return transfer.haveCount === transfer.geometry.pieceCount;
}

/** Whether every wanted piece is on disk. */
export function isFinished(transfer: Content): boolean {
  return transfer.wantedHaveCount === transfer.wantedCount;
}

/** Whether the piece is wanted, here or not. */
export function isWanted(transfer: Content, piece: number): boolean {
  return transfer.priorities[piece] !== PRIORITY_SKIP;
}

/** Whether the piece is wanted and not here. */
export function isMissing(transfer: Content, piece: number): boolean {
  return isWanted(transfer, piece) && !hasBit(transfer.have, piece);
}

/** Bytes of pieces that are not on disk, wanted or not. */
export function bytesMissing(transfer: Transfer): number {
  const { geometry, have, haveCount } = transfer;
  const { pieceLength, pieceCount, shortPieces } = geometry;
  const last = pieceCount - 1;
  const short = shortPieces ?? [{ piece: last, size: pieceSize(geometry, last) }];
  let missing = (pieceCount - haveCount) * pieceLength;
  for (const { piece, size } of short) if (!hasBit(have, piece)) missing -= pieceLength - size;
  return missing;
}

/** The piece is on disk; true when it was the last one that was wanted. */
export function addPiece(transfer: Transfer, piece: number, now: number): boolean {
  const own = transfer as Content as Own;
  setBit(own.have, piece);
  own.haveCount++;
  if (!isWanted(own, piece)) return false;
  own.wantedHaveCount++;
  own.wantedMissingBytes -= pieceSize(transfer.geometry, piece);
  if (!isFinished(own)) return false;
  own.finishedMs = now;
  return true;
}

/** The disk gives the piece back no more: it is not ours to give, and not wanted in this run. */
export function losePiece(transfer: Transfer, piece: number): void {
  const own = transfer as Content as Own;
  setPriority(transfer, piece, PRIORITY_SKIP);
  own.lost.add(piece);
  clearBit(own.have, piece);
  own.haveCount--;
}

/** Only what is counted; see wanted.ts for what follows from it. */
export function setPriority(transfer: Transfer, piece: number, priority: number): void {
  const own = transfer as Content as Own;
  const { geometry } = transfer;
  if (own.priorities[piece] !== PRIORITY_SKIP) countWanted(own, geometry, piece, -1);
  own.priorities[piece] = priority;
  if (priority !== PRIORITY_SKIP) countWanted(own, geometry, piece, 1);
}

/** After the priorities were changed: true when that made the torrent finished. */
export function reviewFinished(transfer: Transfer, now: number): boolean {
  const own = transfer as Content as Own;
  const wasFinished = own.finishedMs !== undefined;
  if (isFinished(own) === wasFinished) return false;
  own.finishedMs = wasFinished ? undefined : now;
  return !wasFinished;
}

/** The disk failed: no more pieces are asked for. */
export function markDiskFailed(transfer: Transfer): void {
  (transfer as Content as Own).diskFailed = true;
}

function countWanted(own: Own, geometry: Geometry, piece: number, by: 1 | -1): void {
  const size = pieceSize(geometry, piece);
  own.wantedCount += by;
  own.wantedBytes += by * size;
  if (hasBit(own.have, piece)) own.wantedHaveCount += by;
  else own.wantedMissingBytes += by * size;
}
