/**
 * Hybrid torrents describe the same files twice, for v1 and for v2. We share them as v1; this checks
 * that both descriptions agree, since peers of one swarm may follow either. Piece layers and roots
 * are not checked against content: we take no hash from them.
 */
import {
  asBytes,
  asInteger,
  type BencodeNode,
  bytesOfByteText,
  dictGet,
  type DictNode,
} from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import type { FileEntry } from "./file_list.ts";
import { nameText, textOfBytes } from "./path_rules.ts";

export type HybridError =
  | { readonly code: "meta-version-unknown" }
  | { readonly code: "file-tree-invalid" }
  /** The file lists differ, or a file does not start at a piece. */
  | { readonly code: "hybrid-mismatch" };

/** Spec: BEP 52, pieces root. */
const ROOT_HASH_SIZE = 32;
/** Spec: BEP 52, piece length: a power of two, at least 16 KiB. */
const V2_PIECE_LENGTH_MIN = 16 * 1024;

interface TreeFile {
  readonly components: readonly string[];
  readonly length: number;
}

/** Whether an info dictionary has a v2 part. */
export function isV2Info(info: DictNode): boolean {
  return info.entries.has("meta version") || info.entries.has("file tree");
}

/**
 * Checks the v2 part of an info dictionary against its v1 files: the same paths and lengths in the
 * same order, every file at the start of a piece.
 *
 * Spec: BEP 52, info dictionary, upgrade path.
 */
export function validateHybrid(
  info: DictNode,
  entries: readonly FileEntry[],
  pieceLength: number,
): Result<undefined, HybridError> {
  if (asInteger(dictGet(info, "meta version")) !== 2) return fail({ code: "meta-version-unknown" });
  const tree = dictGet(info, "file tree");
  const isFolder = info.entries.has("files");
  const treeFiles: TreeFile[] = [];
  const root = isFolder ? [entries[0]?.components[0] ?? ""] : [];
  if (tree?.kind !== "dict" || !listTree(tree, root, treeFiles)) {
    return fail({ code: "file-tree-invalid" });
  }
  const aligned = pieceLength >= V2_PIECE_LENGTH_MIN && Number.isInteger(Math.log2(pieceLength)) &&
    startAtPieces(entries, pieceLength);
  const v1Files = entries.filter((entry) => !entry.pad && !entry.symlink);
  const same = v1Files.length === treeFiles.length &&
    v1Files.every((file, i) => isSameFile(file, treeFiles[i]!));
  return aligned && same ? ok(undefined) : fail({ code: "hybrid-mismatch" });
}

/** Lists the files below a folder of the tree; false when it is malformed. The decoder bounds depth. */
function listTree(folder: DictNode, parent: readonly string[], files: TreeFile[]): boolean {
  for (const [key, node] of folder.entries) {
    if (key === "" || node.kind !== "dict") return false;
    const components = [...parent, textOfBytes(bytesOfByteText(key))];
    const properties = node.entries.get("");
    if (properties === undefined) {
      if (!listTree(node, components, files)) return false;
      continue;
    }
    const attributes = nameText(dictGet(properties, "attr")) ?? "";
    if (node.entries.size > 1 || attributes.includes("p")) return false;
    if (attributes.includes("l")) continue;
    const length = fileLength(properties);
    if (length === undefined) return false;
    files.push({ components, length });
  }
  return true;
}

/** Undefined when the length is invalid, or a file that is not empty has no root hash. */
function fileLength(properties: BencodeNode): number | undefined {
  const length = asInteger(dictGet(properties, "length"));
  if (length === undefined || length < 0) return undefined;
  const root = asBytes(dictGet(properties, "pieces root"));
  return length > 0 && root?.length !== ROOT_HASH_SIZE ? undefined : length;
}

function startAtPieces(entries: readonly FileEntry[], pieceLength: number): boolean {
  let offset = 0;
  for (const { length, pad } of entries) {
    if (!pad && length > 0 && offset % pieceLength !== 0) return false;
    offset += length;
  }
  return true;
}

function isSameFile(a: TreeFile, b: TreeFile): boolean {
  return a.length === b.length && a.components.length === b.components.length &&
    a.components.every((component, i) => component === b.components[i]);
}
