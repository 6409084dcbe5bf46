/** Which pieces are on disk. A piece is ours to give once its write was answered. */
import { type Bitfield, copyBitfield, countBits, hasBit, setBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { type Geometry, pieceSize } from "../metainfo/geometry.ts";
import type { Transfer } from "./state.ts";

interface Own {
  readonly have: Bitfield;
  haveCount: number;
  /** When the last piece was written, monotonic ms; the start, where all was there. */
  completedMs: number | undefined;
  /** No more pieces are asked for: the disk failed. */
  diskFailed: boolean;
}

export type Content = View<Own>;

/** With the pieces that `options.have` holds. */
export function createContent(geometry: Geometry, held: Bitfield, now: number): Content {
  const have = copyBitfield(held);
  const haveCount = countBits(have);
  const completedMs = haveCount === geometry.pieceCount ? now : undefined;
  return { have, haveCount, completedMs, diskFailed: false };
}

/** Whether every piece is on disk. */
export function isComplete(transfer: Transfer): boolean {
  return transfer.haveCount === transfer.geometry.pieceCount;
}

/** Bytes of pieces that are not on disk. */
export function bytesMissing(transfer: Transfer): number {
  const { geometry, have, haveCount } = transfer;
  const { pieceLength, pieceCount, shortPieces } = geometry;
  const last = pieceCount - 1;
  const short = shortPieces ?? [{ piece: last, size: pieceSize(geometry, last) }];
  let missing = (pieceCount - haveCount) * pieceLength;
  for (const { piece, size } of short) if (!hasBit(have, piece)) missing -= pieceLength - size;
  return missing;
}

/** The piece is on disk; true when it was the last one. */
export function addPiece(transfer: Transfer, piece: number, now: number): boolean {
  const own = transfer as Own;
  setBit(own.have, piece);
  own.haveCount++;
  if (!isComplete(transfer)) return false;
  own.completedMs = now;
  return true;
}

/** The disk failed: no more pieces are asked for. */
export function markDiskFailed(transfer: Transfer): void {
  (transfer as Own).diskFailed = true;
}
