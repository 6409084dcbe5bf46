/** From what a user wants of files to what is wanted of pieces. */
import type { Geometry } from "../metainfo/geometry.ts";
import type { TorrentFile } from "../metainfo/types.ts";
import { PRIORITY_SKIP } from "./availability.ts";
import type { PieceRange } from "./wanted.ts";

/** PRIORITY_SKIP to PRIORITY_MAX of each file of the torrent, in its order; that of padding is ignored. */
export type FilePriorities = readonly number[];

/**
 * One priority a piece: the highest of the files that have bytes in it. A piece of unwanted files and
 * padding only is not wanted.
 */
export function piecePriorities(
  files: readonly TorrentFile[],
  { pieceCount, pieceLength }: Geometry,
  priorities: FilePriorities,
): Uint8Array {
  const pieces = new Uint8Array(pieceCount).fill(PRIORITY_SKIP);
  for (const [index, { pad, offset, length }] of files.entries()) {
    const priority = priorities[index] ?? PRIORITY_SKIP;
    if (pad || length === 0 || priority === PRIORITY_SKIP) continue;
    const last = Math.floor((offset + length - 1) / pieceLength);
    for (let piece = Math.floor(offset / pieceLength); piece <= last; piece++) {
      if (pieces[piece]! < priority) pieces[piece] = priority;
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
