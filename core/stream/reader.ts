/**
 * A reader of a stream: where it is, how fast it takes bytes, and so which pieces are due and when.
 * A player takes what it can at first, then what it shows.
 */
import type { View } from "../bytes/view.ts";
import { READ_AHEAD_MS, READ_AHEAD_PIECES_MIN, readAhead } from "./read_ahead.ts";

/** Deadlines are set again this often while a reader waits, since its rate changes. */
export const READER_REVIEW_MS = 1_000;
/**
 * A reader that takes bytes more slowly than this is not waited for: it watches, so it needs them.
 */
const RATE_MIN = 128 * 1024;
/** Taken as the rate before any was measured: 8 Mbit/s. */
const RATE_FIRST = 1024 * 1024;
/** Rates are measured over this. */
const RATE_WINDOW_MS = 10_000;

interface Own {
  /** Of the whole content, as is `endByte`. */
  atByte: number;
  readonly endByte: number;
  readonly pieceLength: number;
  bytesPerSecond: number;
  takenBytes: number;
  measuredMs: number;
}

export type Reader = View<Own>;

/**
 * Wants the bytes from `atByte` to `endByte` of the whole content, in order. `now` in monotonic
 * ms.
 */
export function createReader(
  atByte: number,
  endByte: number,
  pieceLength: number,
  now: number,
): Reader {
  const own: Own = {
    ...{ atByte, endByte, pieceLength },
    bytesPerSecond: RATE_FIRST,
    takenBytes: 0,
    measuredMs: now,
  };
  return own;
}

/** The reader took the next bytes. True where it came to another piece. */
export function advanceReader(reader: Reader, bytes: number, now: number): boolean {
  const own = reader as Own;
  const before = Math.floor(own.atByte / own.pieceLength);
  own.atByte += bytes;
  own.takenBytes += bytes;
  const ms = now - own.measuredMs;
  if (ms >= READER_REVIEW_MS) {
    const rate = 1_000 * own.takenBytes / ms;
    const weight = Math.min(1, ms / RATE_WINDOW_MS);
    own.bytesPerSecond = Math.max(RATE_MIN, own.bytesPerSecond * (1 - weight) + rate * weight);
    own.takenBytes = 0;
    own.measuredMs = now;
  }
  return Math.floor(own.atByte / own.pieceLength) !== before;
}

/** The pieces that it needs soon and that are missing, with the time from now by which it does. */
export function duePieces(
  reader: Reader,
  hasPiece: (piece: number) => boolean,
): { readonly piece: number; readonly inMs: number }[] {
  return readAhead(reader, READ_AHEAD_MS, READ_AHEAD_PIECES_MIN)
    .filter(({ piece }) => !hasPiece(piece));
}
