/**
 * Sizes of pieces and blocks. A block is the unit of request (16 KiB, the last one of a piece may be
 * shorter). In a v1 torrent only the last piece may be short. In a v2 torrent each file starts at a
 * piece, so the last piece of any file may be short: positions in the torrent are piece times piece
 * length, and those between the end of a short piece and the next piece hold nothing.
 */

/** Spec: BEP 3, "All current implementations use 2^14 (16 kiB)". */
export const BLOCK_SIZE = 16_384;

export interface ShortPiece {
  readonly piece: number;
  /** Bytes, 1 or more, less than the piece length. */
  readonly size: number;
}

export interface Geometry {
  /** Bytes of all pieces together, 1 or more, padding files included. */
  readonly totalSize: number;
  /** Bytes of every piece that is not short. */
  readonly pieceLength: number;
  readonly pieceCount: number;
  /** All short pieces in ascending order; undefined where only the last piece may be one. */
  readonly shortPieces?: readonly ShortPiece[] | undefined;
}

/** One run of bytes without gaps. `totalSize` and `pieceLength` in bytes, both 1 or more. */
export function createGeometry(totalSize: number, pieceLength: number): Geometry {
  return { totalSize, pieceLength, pieceCount: Math.ceil(totalSize / pieceLength) };
}

/**
 * Files that each start at a piece, of `fileLengths` bytes in order; an empty file takes no piece.
 * At least one is not empty.
 *
 * Spec: BEP 52, piece length.
 */
export function createAlignedGeometry(
  fileLengths: readonly number[],
  pieceLength: number,
): Geometry {
  const shortPieces: ShortPiece[] = [];
  let totalSize = 0;
  let pieceCount = 0;
  for (const length of fileLengths) {
    if (length === 0) continue;
    totalSize += length;
    pieceCount += Math.ceil(length / pieceLength);
    const size = length % pieceLength;
    if (size > 0) shortPieces.push({ piece: pieceCount - 1, size });
  }
  const isPlain = shortPieces.every(({ piece }) => piece === pieceCount - 1);
  if (isPlain) return { totalSize, pieceLength, pieceCount };
  return { totalSize, pieceLength, pieceCount, shortPieces };
}

/** Whether counts and sizes agree, for geometries that come from outside. */
export function isGeometry({ totalSize, pieceLength, pieceCount, shortPieces }: Geometry): boolean {
  if (totalSize < 1 || pieceLength < 1) return false;
  if (shortPieces === undefined) return Math.ceil(totalSize / pieceLength) === pieceCount;
  let size = pieceCount * pieceLength;
  let before = -1;
  for (const short of shortPieces) {
    if (short.piece <= before || short.piece >= pieceCount) return false;
    if (short.size < 1 || short.size >= pieceLength) return false;
    before = short.piece;
    size -= pieceLength - short.size;
  }
  return size === totalSize;
}

/** Bytes in one piece; `piece` in 0..pieceCount-1. */
export function pieceSize(geometry: Geometry, piece: number): number {
  if (geometry.shortPieces !== undefined) {
    return shortSize(geometry.shortPieces, piece) ?? geometry.pieceLength;
  }
  return piece === geometry.pieceCount - 1
    ? geometry.totalSize - piece * geometry.pieceLength
    : geometry.pieceLength;
}

/** Position of the piece's first byte in the torrent. */
export function pieceOffset(geometry: Geometry, piece: number): number {
  return piece * geometry.pieceLength;
}

/** One past the last position in the torrent. */
export function contentEnd(geometry: Geometry): number {
  const last = geometry.pieceCount - 1;
  return pieceOffset(geometry, last) + pieceSize(geometry, last);
}

/** Blocks in one piece, the short one included. */
export function blockCount(geometry: Geometry, piece: number): number {
  return Math.ceil(pieceSize(geometry, piece) / BLOCK_SIZE);
}

/** Bytes of block `block` of piece `piece`. */
export function blockLength(geometry: Geometry, piece: number, block: number): number {
  return Math.min(BLOCK_SIZE, pieceSize(geometry, piece) - block * BLOCK_SIZE);
}

function shortSize(shortPieces: readonly ShortPiece[], piece: number): number | undefined {
  let low = 0;
  let high = shortPieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (shortPieces[middle]!.piece < piece) low = middle + 1;
    else high = middle;
  }
  const found = shortPieces[low];
  return found?.piece === piece ? found.size : undefined;
}
