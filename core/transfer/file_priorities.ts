/** From what a user wants of files to what is wanted of pieces. */
import type { Geometry } from "../metainfo/geometry.ts";
import type { TorrentFile } from "../metainfo/types.ts";
import type { FileChoice } from "../metainfo/selection.ts";
import { PRIORITY_LOW, PRIORITY_MAX, PRIORITY_NORMAL, PRIORITY_SKIP } from "./availability.ts";
import type { PieceRange } from "./wanted.ts";

/** PRIORITY_SKIP to PRIORITY_MAX of each file of the torrent, in its order; that of padding is ignored. */
export type FilePriorities = readonly number[];

/** Levels between are left for what an order of pieces adds: see `piecePriorities`. */
const PRIORITY_OF: Readonly<Record<FileChoice, number>> = {
  skip: PRIORITY_SKIP,
  low: PRIORITY_LOW,
  normal: PRIORITY_NORMAL,
  high: PRIORITY_MAX - 1,
};

/** Numbers for what a user chose. */
export function filePriorities(choices: readonly FileChoice[]): FilePriorities {
  return choices.map((choice) => PRIORITY_OF[choice]);
}

export interface PieceOrder {
  /** The first and the last piece of each wanted file come before the others of its priority. */
  readonly firstLast?: boolean;
}

/**
 * One priority a piece: the highest of the files that have bytes in it. A piece of unwanted files and
 * padding only is not wanted.
 */
export function piecePriorities(
  files: readonly TorrentFile[],
  { pieceCount, pieceLength }: Geometry,
  priorities: FilePriorities,
  { firstLast = false }: PieceOrder = {},
): Uint8Array {
  const pieces = new Uint8Array(pieceCount).fill(PRIORITY_SKIP);
  for (const [index, { pad, offset, length }] of files.entries()) {
    const priority = priorities[index] ?? PRIORITY_SKIP;
    if (pad || length === 0 || priority === PRIORITY_SKIP) continue;
    const last = Math.floor((offset + length - 1) / pieceLength);
    const first = Math.floor(offset / pieceLength);
    for (let piece = first; piece <= last; piece++) {
      const isEnd = firstLast && (piece === first || piece === last);
      const ofPiece = isEnd ? Math.min(PRIORITY_MAX, priority + 1) : priority;
      if (pieces[piece]! < ofPiece) pieces[piece] = ofPiece;
    }
  }
  return pieces;
}

/** The same as runs of pieces that share a priority, in order. */
export function priorityRanges(pieces: Uint8Array): PieceRange[] {
  const ranges: PieceRange[] = [];
  for (let first = 0; first < pieces.length;) {
    const priority = pieces[first]!;
    let end = first + 1;
    while (pieces[end] === priority) end++;
    ranges.push({ first, end, priority });
    first = end;
  }
  return ranges;
}
