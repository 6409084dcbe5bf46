/**
 * Piece layers that the metadata did not bring, found out from content that is there: when the hashes of
 * all pieces of a file lead to its root, they are its layer.
 */
import { MERKLE_HASH_SIZE } from "../../core/metainfo/merkle.ts";
import {
  isLayerOf,
  needsLayer,
  type PieceTrees,
  treeOfPiece,
} from "../../core/metainfo/piece_trees.ts";
import { MERKLE } from "./sha256.ts";

export class LayerLearner {
  readonly #trees: PieceTrees;
  /** By tree: the hashes so far, and how many pieces are still missing. */
  readonly #found = new Map<number, { readonly layer: Uint8Array; left: number }>();

  constructor(trees: PieceTrees) {
    this.#trees = trees;
  }

  /** The hash above a piece whose layer is unknown. Call it once for each piece. */
  note(piece: number, node: Uint8Array): void {
    const tree = treeOfPiece(this.#trees, piece);
    const file = this.#trees.files[tree]!;
    if (!needsLayer(file) || this.#trees.layers[tree] !== undefined) return;
    const found = this.#found.get(tree) ??
      { layer: new Uint8Array(file.pieceCount * MERKLE_HASH_SIZE), left: file.pieceCount };
    found.layer.set(node, (piece - file.firstPiece) * MERKLE_HASH_SIZE);
    found.left--;
    this.#found.set(tree, found);
  }

  /** Keeps the layers that lead to their roots; gives the pieces that are right by them. */
  learn(): number[] {
    const pieces: number[] = [];
    for (const [tree, { layer, left }] of this.#found) {
      const file = this.#trees.files[tree]!;
      if (left > 0 || !isLayerOf(this.#trees, MERKLE, file, layer)) continue;
      this.#trees.layers[tree] = layer;
      for (let i = 0; i < file.pieceCount; i++) pieces.push(file.firstPiece + i);
    }
    return pieces;
  }
}
