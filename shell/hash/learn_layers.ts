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

interface Found {
  readonly layer: Uint8Array;
  /** Pieces of the file whose hash is not in `layer` yet. */
  readonly missing: Set<number>;
}

export class LayerLearner {
  readonly #trees: PieceTrees;
  readonly #found = new Map<number, Found>();

  constructor(trees: PieceTrees) {
    this.#trees = trees;
  }

  /**
   * The hash above a piece whose layer is unknown. When it completes a layer that leads to its root, the
   * layer is kept, and the pieces of the file are the answer; undefined when it leads elsewhere.
   */
  note(piece: number, node: Uint8Array): number[] | undefined {
    const tree = treeOfPiece(this.#trees, piece);
    const file = this.#trees.files[tree]!;
    if (!needsLayer(file) || this.#trees.layers[tree] !== undefined) return [];
    const pieces = Array.from({ length: file.pieceCount }, (_, i) => file.firstPiece + i);
    const found = this.#found.get(tree) ??
      { layer: new Uint8Array(file.pieceCount * MERKLE_HASH_SIZE), missing: new Set(pieces) };
    found.layer.set(node, (piece - file.firstPiece) * MERKLE_HASH_SIZE);
    found.missing.delete(piece);
    this.#found.set(tree, found);
    if (found.missing.size > 0) return [];
    this.#found.delete(tree);
    if (!isLayerOf(this.#trees, MERKLE, file, found.layer)) return undefined;
    this.#trees.layers[tree] = found.layer;
    return pieces;
  }
}
