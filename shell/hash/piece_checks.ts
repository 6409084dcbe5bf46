/** How the pieces of a torrent are checked: by its v1 part, its v2 part, or both. */
import {
  createHybridCheck,
  createMerkleCheck,
  createSha1Check,
  type PieceCheck,
} from "../../core/metainfo/piece_check.ts";
import {
  needsLayer,
  nodeOfLeaves,
  pieceNode,
  type PieceTrees,
} from "../../core/metainfo/piece_trees.ts";
import type { HashTreeOptions } from "../../core/transfer/hash_trees.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { Failure } from "../failure.ts";
import { LayerLearner } from "./learn_layers.ts";
import { MERKLE } from "./sha256.ts";

/** What the core has to know of the torrent's hash trees; undefined without a v2 part. */
export function hashTreesOf(
  { trees, identity }: Pick<Metainfo, "trees" | "identity">,
): HashTreeOptions | undefined {
  return trees && {
    fileLengths: trees.files.map(({ length }) => length),
    missingLayers: trees.files.flatMap((file, tree) => {
      return needsLayer(file) && trees.layers[tree] === undefined ? [tree] : [];
    }),
    layersRequired: identity.v1 === undefined,
  };
}

/** The error for a hybrid whose parts describe different content. */
export function contradiction({ name }: Pick<Metainfo, "name">, piece: number): Failure {
  const message =
    `The v1 and the v2 part of ${name} describe different content (piece ${piece}), ` +
    "so it can never be complete; get another .torrent or link";
  return new Failure("input", "contradictory-hybrid", message);
}

export function pieceCheckOf(
  { identity, geometry, pieceHashes, trees }: Pick<
    Metainfo,
    "identity" | "geometry" | "pieceHashes" | "trees"
  >,
): PieceCheck {
  const v1 = createSha1Check(geometry, pieceHashes);
  if (trees === undefined) return v1;
  const v2 = createMerkleCheck(trees, MERKLE);
  return identity.v1 === undefined ? v2 : learning(createHybridCheck(v1, v2), trees);
}

/**
 * Peers with v1 support only have no layers: they are computed from content that is right by v1.
 */
function learning(check: PieceCheck, trees: PieceTrees): PieceCheck {
  const learner = new LayerLearner(trees);
  return {
    ...check,
    judge(piece, digest) {
      const verdict = check.judge(piece, digest);
      if (verdict !== "good" || pieceNode(trees, piece) !== undefined) return verdict;
      const { node, leaves } = digest;
      const found = node ?? (leaves && nodeOfLeaves(trees, MERKLE, piece, leaves));
      // Every piece of the file is right by v1.
      const isRefuted = found !== undefined && learner.note(piece, found) === undefined;
      return isRefuted ? "contradictory" : verdict;
    },
  };
}
