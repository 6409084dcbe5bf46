/**
 * The file tree of a v2 info dictionary: nested dictionaries whose keys are path components; an entry
 * with an empty key describes the file at that point.
 *
 * Policy: symbolic links (attribute l) are left out, as in v1: never created, never followed, of no
 * length. A file with the padding attribute makes the tree invalid: v2 needs no padding. A root of an
 * empty file is ignored.
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
import {
  type FileEntry,
  type FileError,
  FILES_MAX,
  PATH_BYTES_MAX,
  PATH_COMPONENTS_MAX,
} from "./file_list.ts";
import { MERKLE_HASH_SIZE } from "./merkle.ts";
import { nameText, textOfBytes } from "./path_rules.ts";

export type FileTreeError =
  | { readonly code: "file-tree-invalid" }
  | Extract<FileError, { readonly code: "too-many-files" }>
  | { readonly code: "path-too-long"; readonly file: number };

/** A file as the tree describes it; components without the torrent's name. */
export interface TreeEntry extends FileEntry {
  /** 32 bytes, a copy; undefined for an empty file and for a symbolic link. */
  readonly root: Uint8Array | undefined;
}

/**
 * Lists the files of a tree in its order, which is that of the bytes of their names. Errors:
 * "file-tree-invalid", "too-many-files", "path-too-long" with the index of the file.
 *
 * Spec: BEP 52, file tree.
 */
export function parseFileTree(tree: BencodeNode | undefined): Result<TreeEntry[], FileTreeError> {
  const entries: TreeEntry[] = [];
  if (tree?.kind !== "dict") return fail({ code: "file-tree-invalid" });
  const error = listFolder(tree, [], 0, entries);
  return error === undefined ? ok(entries) : fail(error);
}

/** Whether the tree is one file without a folder. Spec: BEP 52, interpreting paths. */
export function isSingleFile(tree: BencodeNode | undefined): boolean {
  if (tree?.kind !== "dict" || tree.entries.size !== 1) return false;
  const [only] = tree.entries.values();
  return dictGet(only, "") !== undefined;
}

/** The decoder bounds how deep this goes. */
function listFolder(
  folder: DictNode,
  parent: readonly string[],
  parentBytes: number,
  entries: TreeEntry[],
): FileTreeError | undefined {
  for (const [key, node] of folder.entries) {
    if (key === "" || node.kind !== "dict") return { code: "file-tree-invalid" };
    const path = [...parent, textOfBytes(bytesOfByteText(key))];
    const pathBytes = parentBytes + key.length;
    if (path.length > PATH_COMPONENTS_MAX || pathBytes > PATH_BYTES_MAX) {
      return { code: "path-too-long", file: entries.length };
    }
    const properties = node.entries.get("");
    if (properties === undefined) {
      const error = listFolder(node, path, pathBytes, entries);
      if (error !== undefined) return error;
      continue;
    }
    const entry = node.entries.size > 1 ? undefined : parseProperties(properties, path);
    if (entry === undefined) return { code: "file-tree-invalid" };
    if (entries.push(entry) > FILES_MAX) {
      return { code: "too-many-files", found: entries.length, max: FILES_MAX };
    }
  }
  return undefined;
}

function parseProperties(
  properties: BencodeNode,
  components: readonly string[],
): TreeEntry | undefined {
  const attributes = nameText(dictGet(properties, "attr")) ?? "";
  if (properties.kind !== "dict" || attributes.includes("p")) return undefined;
  const executable = attributes.includes("x");
  if (attributes.includes("l")) {
    return { components, length: 0, pad: false, symlink: true, executable, root: undefined };
  }
  const length = asInteger(dictGet(properties, "length"));
  if (length === undefined || length < 0) return undefined;
  const root = asBytes(dictGet(properties, "pieces root"));
  if (length > 0 && root?.length !== MERKLE_HASH_SIZE) return undefined;
  return {
    ...{ components, length, pad: false, symlink: false, executable },
    root: length > 0 ? root!.slice() : undefined,
  };
}
