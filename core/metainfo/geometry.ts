/**
 * Sizes of pieces and blocks. A block is the unit of request (16 KiB, the last one of a piece may be
 * shorter); the last piece may be shorter.
 */

/** Spec: BEP 3, "All current implementations use 2^14 (16 kiB)". */
export const BLOCK_SIZE = 16_384;

export interface Geometry {
  /** Bytes, 1 or more, padding files included. */
  readonly totalSize: number;
  /** Bytes of every piece but the last. */
  readonly pieceLength: number;
  readonly pieceCount: number;
}

/** `totalSize` and `pieceLength` in bytes, both 1 or more. */
export function createGeometry(totalSize: number, pieceLength: number): Geometry {
  return { totalSize, pieceLength, pieceCount: Math.ceil(totalSize / pieceLength) };
}

/** Bytes in one piece; `piece` in 0..pieceCount-1. */
export function pieceSize(geometry: Geometry, piece: number): number {
  return piece === geometry.pieceCount - 1
    ? geometry.totalSize - piece * geometry.pieceLength
    : geometry.pieceLength;
}

/** Position of the piece's first byte in the torrent. */
export function pieceOffset(geometry: Geometry, piece: number): number {
  return piece * geometry.pieceLength;
}

/** Blocks in one piece, the short one included. */
export function blockCount(geometry: Geometry, piece: number): number {
  return Math.ceil(pieceSize(geometry, piece) / BLOCK_SIZE);
}

/** Bytes of block `block` of piece `piece`. */
export function blockLength(geometry: Geometry, piece: number, block: number): number {
  return Math.min(BLOCK_SIZE, pieceSize(geometry, piece) - block * BLOCK_SIZE);
}
