/** Which pieces a reader needs next, and by when. */

/** As far as a reader looks ahead, in time of what it takes. */
export const READ_AHEAD_MS = 30_000;
/** Fewer pieces would leave peers without work. */
export const READ_AHEAD_PIECES_MIN = 4;
/** More would be as good as a download in sequence. */
const READ_AHEAD_PIECES_MAX = 64;

export interface ReaderPosition {
  /** Of the whole content. */
  readonly atByte: number;
  /** Where the reader stops. */
  readonly endByte: number;
  readonly pieceLength: number;
  /** How fast it takes bytes; above 0. */
  readonly bytesPerSecond: number;
}

/**
 * The pieces from the position on, each with the time from now at which its first byte is reached: those
 * within `aheadMs`, `piecesMin` at least, never beyond the end.
 */
export function readAhead(
  { atByte, endByte, pieceLength, bytesPerSecond }: ReaderPosition,
  aheadMs: number,
  piecesMin: number,
): { readonly piece: number; readonly inMs: number }[] {
  const due: { piece: number; inMs: number }[] = [];
  const first = Math.floor(atByte / pieceLength);
  for (let piece = first; piece * pieceLength < endByte; piece++) {
    const inMs = Math.max(0, 1_000 * (piece * pieceLength - atByte) / bytesPerSecond);
    const count = piece - first;
    if (count >= READ_AHEAD_PIECES_MAX || (count >= piecesMin && inMs > aheadMs)) break;
    due.push({ piece, inMs });
  }
  return due;
}
