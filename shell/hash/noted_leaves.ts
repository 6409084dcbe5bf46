/** Leaves of pieces that were found right, until the next time that a torrent's state is saved. */
import type { PieceTrees } from "../../core/metainfo/piece_trees.ts";

/** Those of 4 GiB: more come only faster than a state is saved, and are done without. */
const NOTED_BYTES_MAX = 8 * 1024 * 1024;

interface Noted {
  bytes: number;
  readonly pieces: Map<number, Uint8Array>;
}

const noted = new WeakMap<PieceTrees, Noted>();

/** The caller does not change `leaves` any more. */
export function noteLeaves(trees: PieceTrees, piece: number, leaves: Uint8Array): void {
  const own = noted.get(trees) ?? { bytes: 0, pieces: new Map() };
  if (own.pieces.has(piece) || own.bytes + leaves.length > NOTED_BYTES_MAX) return;
  own.bytes += leaves.length;
  own.pieces.set(piece, leaves);
  noted.set(trees, own);
}

/** What was noted since the last call. */
export function takeLeaves(trees: PieceTrees): ReadonlyMap<number, Uint8Array> {
  const own = noted.get(trees);
  noted.delete(trees);
  return own?.pieces ?? new Map();
}
