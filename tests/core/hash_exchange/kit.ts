/** Trees over generated content for tests of the hash exchange. */
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import {
  nodeOfLeaves,
  pieceContentSize,
  type PieceTrees,
  plannedTrees,
  treesOfNodes,
} from "../../../core/metainfo/piece_trees.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";

/** Leaves of the piece; those beyond the file are padding. */
export function leavesOfPiece(trees: PieceTrees, piece: number): Uint8Array {
  const count = Math.ceil(pieceContentSize(trees, piece) / BLOCK_SIZE);
  const leaves = new Uint8Array(count * 32);
  for (let i = 0; i < count; i++) leaves.set(sha256(Uint8Array.of(piece, i, i >> 8)), i * 32);
  return leaves;
}

/** Complete trees with known layers. */
export function treesWith(lengths: readonly number[], pieceLength: number): PieceTrees {
  const planned = plannedTrees(lengths, pieceLength);
  const nodes = new Uint8Array(planned.content.pieceCount * 32);
  for (let piece = 0; piece < planned.content.pieceCount; piece++) {
    nodes.set(nodeOfLeaves(planned, MERKLE, piece, leavesOfPiece(planned, piece)), piece * 32);
  }
  return treesOfNodes(planned, MERKLE, nodes);
}

/** The same torrent of a peer that has only the metadata. */
export function withoutLayers(trees: PieceTrees): PieceTrees {
  return { ...trees, layers: trees.layers.map(() => undefined) };
}
