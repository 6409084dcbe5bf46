/**
 * Which hashes peers may be asked for and may ask for, in terms of a torrent's own files: the wire
 * names a file by its root, everything behind it by its place in the trees.
 *
 * We ask for two layers, the only ones that BEP 52 obliges clients to serve: the piece layer, and
 * the leaves of one piece. Others may ask us for any layer.
 */
import { BLOCK_SIZE } from "../metainfo/geometry.ts";
import { fileTreeHeight, treeHeight } from "../metainfo/merkle.ts";
import {
  needsLayer,
  pieceNodeHeight,
  type PieceTrees,
  type TreeFile,
} from "../metainfo/piece_trees.ts";

/** Spec: BEP 52, hash request: "Length SHOULD NOT be greater than 512". */
export const HASHES_ASKED_MAX = 512;
/**
 * What we answer at most: libtorrent asks for all leaves of a piece at once, and its own limit is
 * this. An answer takes 256 KiB.
 */
export const HASHES_ANSWERED_MAX = 8_192;

/** A range of one layer of one file. */
export interface FileHashRange {
  /** Index in `PieceTrees.files`. */
  readonly tree: number;
  readonly baseLayer: number;
  readonly index: number;
  readonly length: number;
  readonly proofLayers: number;
}

/** Parts in which the layer of a file is asked for. */
export function layerPartCount(file: TreeFile): number {
  return needsLayer(file) ? Math.ceil(file.pieceCount / HASHES_ASKED_MAX) : 0;
}

/**
 * One part of a file's piece layer, with the uncles that lead to the root, so that each part can be
 * trusted without the others.
 */
export function layerPart(trees: PieceTrees, tree: number, part: number): FileHashRange {
  const file = trees.files[tree]!;
  const height = fileTreeHeight(file.length);
  return {
    tree,
    baseLayer: trees.pieceHeight,
    index: part * HASHES_ASKED_MAX,
    length: Math.min(HASHES_ASKED_MAX, 2 ** treeHeight(file.pieceCount)),
    proofLayers: height - trees.pieceHeight - 1,
  };
}

/**
 * Parts in which the leaves of a piece are asked for; 0 for a piece of one block, which is its
 * own.
 */
export function leafPartCount(trees: PieceTrees, piece: number): number {
  const height = pieceNodeHeight(trees, piece);
  return height === 0 ? 0 : Math.ceil(2 ** height / HASHES_ASKED_MAX);
}

/** One part of a piece's leaves, with the uncles that lead to the hash of the piece. */
export function leafPart(
  trees: PieceTrees,
  tree: number,
  piece: number,
  part: number,
): FileHashRange {
  const file = trees.files[tree]!;
  const height = pieceNodeHeight(trees, piece);
  const first = (piece - file.firstPiece) * 2 ** trees.pieceHeight;
  return {
    tree,
    baseLayer: 0,
    index: first + part * HASHES_ASKED_MAX,
    length: Math.min(HASHES_ASKED_MAX, 2 ** height),
    proofLayers: height - 1,
  };
}

/** Uncles that a range asks for. See `uncleCount` in merkle.ts. */
export function topHeight(range: FileHashRange): number {
  const own = Math.log2(range.length);
  return range.baseLayer + own + Math.max(0, range.proofLayers - (own - 1));
}

/**
 * Why we do not answer a request, or undefined. Constant time: nothing is allocated from the
 * numbers of a request before this has passed.
 */
export function requestProblem(trees: PieceTrees, range: FileHashRange): string | undefined {
  const { tree, baseLayer, index, length } = range;
  const file = trees.files[tree];
  if (file === undefined) return "an unknown root";
  const height = fileTreeHeight(file.length);
  const isPower = length >= 2 && (length & (length - 1)) === 0;
  if (!isPower || length > HASHES_ANSWERED_MAX) return `${length} hashes at once`;
  if (index % length !== 0) return `an index of ${index} for ${length} hashes`;
  if (baseLayer >= height || index + length > 2 ** (height - baseLayer)) {
    return "hashes beyond the tree";
  }
  if (topHeight(range) > height) return `${range.proofLayers} proof layers`;
  // Hashes below the piece layer are computed from content.
  const leaves = length * 2 ** baseLayer;
  const isRead = baseLayer < trees.pieceHeight;
  if (isRead && leaves > Math.max(HASHES_ASKED_MAX, 2 ** trees.pieceHeight)) {
    return "content of many pieces";
  }
  if (!coversContent(trees, range)) return "padding alone";
  return undefined;
}

/** Whether the range is more than padding beyond the end of its file. */
export function coversContent(trees: PieceTrees, range: FileHashRange): boolean {
  const { tree, baseLayer, index } = range;
  return index * 2 ** baseLayer * BLOCK_SIZE < trees.files[tree]!.length;
}

/** The first and the last piece that the hashes of a valid range cover. */
export function piecesOfRange(trees: PieceTrees, range: FileHashRange): [number, number] {
  const file = trees.files[range.tree]!;
  const perPiece = 2 ** (trees.pieceHeight - range.baseLayer);
  const first = Math.floor(range.index / perPiece);
  const last = Math.ceil((range.index + range.length) / perPiece) - 1;
  return [file.firstPiece + first, file.firstPiece + Math.min(last, file.pieceCount - 1)];
}
