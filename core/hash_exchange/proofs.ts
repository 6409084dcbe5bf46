/**
 * Answers to hash requests, and what answers of others are worth. Both sides are pure: the shell keeps
 * the hashes and reads content for leaves.
 *
 * Spec: BEP 52, hash request, hashes.
 */
import { BLOCK_SIZE } from "../metainfo/geometry.ts";
import {
  buildLayers,
  climb,
  countHashes,
  fileTreeHeight,
  hashAt,
  layersAbove,
  MERKLE_HASH_SIZE,
  type MerkleHasher,
  nodeOf,
  sameHash,
  uncleCount,
} from "../metainfo/merkle.ts";
import { needsLayer, pieceNodeHeight, type PieceTrees } from "../metainfo/piece_trees.ts";
import { type FileHashRange, topHeight } from "./ranges.ts";

/** The layers of one file's tree from its piece layer up to its root. */
export type UpperLayers = readonly Uint8Array[];

/** What an answer is made of; what a range does not need may be undefined. */
export interface AnswerSources {
  /** `upperLayers` of the file. */
  readonly upper: UpperLayers | undefined;
  /** All leaves of the pieces that the range covers, or of the one that it lies in. */
  readonly leaves: Uint8Array | undefined;
}

/** Undefined while the file's layer is unknown, and for a file that needs none. */
export function upperLayers(
  trees: PieceTrees,
  hasher: MerkleHasher,
  tree: number,
): UpperLayers | undefined {
  const file = trees.files[tree]!;
  const layer = trees.layers[tree];
  if (!needsLayer(file) || layer === undefined) return undefined;
  return buildLayers(hasher, layer, trees.pieceHeight, fileTreeHeight(file.length));
}

/** Whether the range lies below the piece layer: it is made of leaves. */
export function asksForLeaves(trees: PieceTrees, range: FileHashRange): boolean {
  return range.baseLayer < trees.pieceHeight;
}

/**
 * The hashes of a range that `requestProblem` let pass, uncles behind them; undefined when what they
 * are made of is not there.
 */
export function answerHashes(
  trees: PieceTrees,
  hasher: MerkleHasher,
  range: FileHashRange,
  { upper, leaves }: AnswerSources,
): Uint8Array | undefined {
  const { tree, baseLayer, index, length, proofLayers } = range;
  const file = trees.files[tree]!;
  let firstLeafPiece = 0;
  let lower: readonly Uint8Array[] = [];
  if (asksForLeaves(trees, range)) {
    if (leaves === undefined) return undefined;
    firstLeafPiece = Math.floor(index / 2 ** (trees.pieceHeight - baseLayer));
    const top = pieceNodeHeight(trees, file.firstPiece + firstLeafPiece);
    lower = layersAbove(hasher, leaves, 0, top);
  }
  const count = length + uncleCount(length, proofLayers);
  if (topHeight(range) > trees.pieceHeight && needsLayer(file) && upper === undefined) {
    return undefined;
  }
  const nodeAt = (height: number, at: number): Uint8Array => {
    if (height >= trees.pieceHeight && upper !== undefined) {
      return nodeOf(hasher, upper[height - trees.pieceHeight]!, height, at);
    }
    const before = firstLeafPiece * 2 ** (trees.pieceHeight - height);
    return nodeOf(hasher, lower[height]!, height, at - before);
  };
  const answer = new Uint8Array(count * MERKLE_HASH_SIZE);
  for (let i = 0; i < length; i++) {
    answer.set(nodeAt(baseLayer, index + i), i * MERKLE_HASH_SIZE);
  }
  let height = baseLayer + Math.log2(length);
  let at = index / length;
  for (let i = length; i < count; i++) {
    answer.set(nodeAt(height, at ^ 1), i * MERKLE_HASH_SIZE);
    at = Math.floor(at / 2);
    height++;
  }
  return answer;
}

/**
 * The hashes of a range that we asked for, once they and their uncles lead to a hash that is known: the
 * root, or the node of a piece. Undefined when their number is wrong or they lead elsewhere: the peer
 * lies. Work is bounded by what was asked for.
 */
export function provenHashes(
  trees: PieceTrees,
  hasher: MerkleHasher,
  range: FileHashRange,
  hashes: Uint8Array,
): Uint8Array | undefined {
  const { tree, baseLayer, index, length, proofLayers } = range;
  const count = length + uncleCount(length, proofLayers);
  if (hashes.length !== count * MERKLE_HASH_SIZE) return undefined;
  const own = hashes.subarray(0, length * MERKLE_HASH_SIZE);
  const uncles = hashes.subarray(own.length);
  const known = knownNode(trees, range);
  if (known === undefined) return undefined;
  const node = climb(hasher, own, uncles, baseLayer, index);
  return sameHash(node, known) ? withoutPadding(trees, tree, range, own) : undefined;
}

/** The hash that a range must lead to. */
function knownNode(trees: PieceTrees, range: FileHashRange): Uint8Array | undefined {
  const file = trees.files[range.tree]!;
  const height = topHeight(range);
  if (height === fileTreeHeight(file.length)) return file.root;
  const layer = trees.layers[range.tree];
  if (height !== trees.pieceHeight || layer === undefined) return undefined;
  const piece = Math.floor(range.index / 2 ** (height - range.baseLayer));
  return piece < countHashes(layer) ? hashAt(layer, piece) : undefined;
}

/** Hashes beyond the end of the file are known to all, and not kept. */
function withoutPadding(
  trees: PieceTrees,
  tree: number,
  { baseLayer, index, length }: FileHashRange,
  hashes: Uint8Array,
): Uint8Array {
  const file = trees.files[tree]!;
  const bytesPerHash = BLOCK_SIZE * 2 ** baseLayer;
  const end = Math.ceil(file.length / bytesPerHash);
  return hashes.subarray(0, Math.min(length, end - index) * MERKLE_HASH_SIZE);
}
