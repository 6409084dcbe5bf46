/**
 * Hybrid torrents describe the same files twice, for v1 and for v2. Peers of both swarms write to one
 * storage, so the two must agree to the byte: the same paths and lengths in the same order, and every
 * file at the same piece.
 *
 * Spec: BEP 52, upgrade path: "validate that the content (file names, order, piece alignment) is
 * identical".
 */
import type { FileEntry } from "./file_list.ts";
import type { TreeEntry } from "./file_tree.ts";
import type { Geometry } from "./geometry.ts";
import type { PieceTrees } from "./piece_trees.ts";

/**
 * Whether both halves agree. `entries` as the v1 part lists them, the torrent's name in front;
 * `folder`: what stands in front of the tree's paths; `geometry` and `trees` of both.
 */
export function isSameContent(
  entries: readonly FileEntry[],
  geometry: Geometry,
  treeEntries: readonly TreeEntry[],
  folder: readonly string[],
  trees: PieceTrees,
): boolean {
  const v1Files = entries.filter((entry) => !entry.pad && !entry.symlink);
  const v2Files = treeEntries.filter((entry) => !entry.symlink);
  return v1Files.length === v2Files.length &&
    v1Files.every((file, i) => isSameFile(file, v2Files[i]!, folder)) &&
    geometry.pieceCount === trees.content.pieceCount &&
    startAtSamePieces(entries, geometry.pieceLength, trees);
}

function isSameFile(v1: FileEntry, v2: TreeEntry, folder: readonly string[]): boolean {
  const path = [...folder, ...v2.components];
  return v1.length === v2.length && v1.components.length === path.length &&
    v1.components.every((component, i) => component === path[i]);
}

function startAtSamePieces(
  entries: readonly FileEntry[],
  pieceLength: number,
  trees: PieceTrees,
): boolean {
  let offset = 0;
  let next = 0;
  for (const { length, pad } of entries) {
    if (!pad && length > 0) {
      if (offset !== trees.files[next]!.firstPiece * pieceLength) return false;
      next++;
    }
    offset += length;
  }
  return true;
}
