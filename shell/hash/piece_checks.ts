/** How the pieces of a torrent are checked: by its v1 part, its v2 part, or both. */
import {
  createHybridCheck,
  createMerkleCheck,
  createSha1Check,
  type PieceCheck,
} from "../../core/metainfo/piece_check.ts";
import { needsLayer } from "../../core/metainfo/piece_trees.ts";
import type { HashTreeOptions } from "../../core/transfer/hash_trees.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { MERKLE } from "./sha256.ts";

/** What the core has to know of the torrent's hash trees; undefined without a v2 part. */
export function hashTreesOf({ trees, identity }: Metainfo): HashTreeOptions | undefined {
  return trees && {
    fileLengths: trees.files.map(({ length }) => length),
    missingLayers: trees.files.flatMap((file, tree) => {
      return needsLayer(file) && trees.layers[tree] === undefined ? [tree] : [];
    }),
    layersRequired: identity.v1 === undefined,
  };
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
  return identity.v1 === undefined ? v2 : createHybridCheck(v1, v2);
}
