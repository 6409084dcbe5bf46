/**
 * The hash trees of a v2 torrent's files, as far as pieces need them: for each file that is not empty
 * its root and, once known, its piece layer. A file of one piece needs no layer: its root is the node
 * above the piece.
 */
import { BLOCK_SIZE, createAlignedGeometry, type Geometry, pieceSize } from "./geometry.ts";
import {
  countHashes,
  fileTreeHeight,
  hashAt,
  MERKLE_HASH_SIZE,
  type MerkleHasher,
  merkleRoot,
  sameHash,
  treeHeight,
} from "./merkle.ts";

export interface TreeFile {
  /** Index in the torrent's files. */
  readonly file: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes, 1 or more. */
  readonly length: number;
  readonly firstPiece: number;
  readonly pieceCount: number;
}

export interface PieceTrees {
  /** The files laid out without padding. For a hybrid this differs from the geometry of its pieces. */
  readonly content: Geometry;
  /** Height of the nodes above one whole piece. */
  readonly pieceHeight: number;
  /** In the order of their pieces. */
  readonly files: readonly TreeFile[];
  /** One for each of `files`; undefined while unknown, or where the root is enough. */
  readonly layers: (Uint8Array | undefined)[];
}

/** A file of the torrent, as far as trees need it. */
export interface TreeSource {
  readonly length: number;
  /** Undefined for empty files, and for padding, which counts for nothing here. */
  readonly root: Uint8Array | undefined;
}

/** Trees without any layer. At least one of `sources` is not empty. */
export function createPieceTrees(
  sources: readonly TreeSource[],
  pieceLength: number,
): PieceTrees {
  const files: TreeFile[] = [];
  let firstPiece = 0;
  for (const [file, { length, root }] of sources.entries()) {
    if (root === undefined) continue;
    const pieceCount = Math.ceil(length / pieceLength);
    files.push({ file, root, length, firstPiece, pieceCount });
    firstPiece += pieceCount;
  }
  return {
    content: createAlignedGeometry(files.map((file) => file.length), pieceLength),
    pieceHeight: treeHeight(pieceLength / BLOCK_SIZE),
    files,
    layers: files.map(() => undefined),
  };
}

/** Index in `trees.files` of the file that holds the piece. */
export function treeOfPiece(trees: PieceTrees, piece: number): number {
  let low = 0;
  let high = trees.files.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (trees.files[middle]!.firstPiece <= piece) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Bytes of the piece that are content, padding apart. */
export function pieceContentSize(trees: PieceTrees, piece: number): number {
  return pieceSize(trees.content, piece);
}

/** Whether the file's pieces need a layer to be checked. */
export function needsLayer(file: TreeFile): boolean {
  return file.pieceCount > 1;
}

/** The hash above the piece's leaves; undefined while its layer is unknown. */
export function pieceNode(trees: PieceTrees, piece: number): Uint8Array | undefined {
  const index = treeOfPiece(trees, piece);
  const file = trees.files[index]!;
  if (!needsLayer(file)) return file.root;
  const layer = trees.layers[index];
  return layer && hashAt(layer, piece - file.firstPiece);
}

/** Height of the node that `pieceNode` gives: less than that of a whole piece for a small file. */
export function pieceNodeHeight(trees: PieceTrees, piece: number): number {
  const file = trees.files[treeOfPiece(trees, piece)]!;
  return needsLayer(file) ? trees.pieceHeight : fileTreeHeight(file.length);
}

/** Computes that hash from the piece's leaves. */
export function nodeOfLeaves(
  trees: PieceTrees,
  hasher: MerkleHasher,
  piece: number,
  leaves: Uint8Array,
): Uint8Array {
  return merkleRoot(hasher, leaves, 0, pieceNodeHeight(trees, piece));
}

/** Whether every piece can be checked, none waits for a layer. */
export function hasAllLayers({ files, layers }: PieceTrees): boolean {
  return files.every((file, tree) => !needsLayer(file) || layers[tree] !== undefined);
}

/** Whether `layer` has one hash for each piece of the file and leads to its root. */
export function isLayerOf(
  trees: PieceTrees,
  hasher: MerkleHasher,
  file: TreeFile,
  layer: Uint8Array,
): boolean {
  return countHashes(layer) === file.pieceCount && sameHash(
    merkleRoot(hasher, layer, trees.pieceHeight, fileTreeHeight(file.length)),
    file.root,
  );
}

/**
 * The trees of files whose pieces were hashed. `planned`: as `plannedTrees` gives them; `nodes` has for
 * each piece the hash above its leaves, of the height that `pieceNodeHeight` returns.
 */
export function treesOfNodes(
  planned: PieceTrees,
  hasher: MerkleHasher,
  nodes: Uint8Array,
): PieceTrees {
  const layers = planned.files.map((file) => {
    if (!needsLayer(file)) return undefined;
    const from = file.firstPiece * MERKLE_HASH_SIZE;
    return nodes.slice(from, from + file.pieceCount * MERKLE_HASH_SIZE);
  });
  const files = planned.files.map((file, index) => {
    const layer = layers[index];
    const root = layer === undefined
      ? hashAt(nodes, file.firstPiece).slice()
      : merkleRoot(hasher, layer, planned.pieceHeight, fileTreeHeight(file.length));
    return { ...file, root };
  });
  return { ...planned, files, layers };
}

/** Trees of files that are still to be hashed: their roots are zeros. */
export function plannedTrees(lengths: readonly number[], pieceLength: number): PieceTrees {
  const root = new Uint8Array(MERKLE_HASH_SIZE);
  return createPieceTrees(
    lengths.map((length) => ({ length, root: length > 0 ? root : undefined })),
    pieceLength,
  );
}
