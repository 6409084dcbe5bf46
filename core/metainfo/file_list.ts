/** The files of a v1 torrent: lengths, attributes, and paths that passed the path rules. */
import {
  asBytes,
  asInteger,
  asList,
  asText,
  type BencodeNode,
  dictGet,
  type DictNode,
} from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import {
  assignPath,
  createPathAssigner,
  nameText,
  type PathRules,
  safePath,
} from "./path_rules.ts";
import type { TorrentFile } from "./types.ts";

/** Each file costs memory, a folder entry and a place in every progress list. */
export const FILES_MAX = 100_000;
/** Deeper trees do not occur. */
export const PATH_COMPONENTS_MAX = 64;
/** Linux opens no longer path; each component counts with its separator. */
export const PATH_BYTES_MAX = 4096;

const UTF8 = new TextEncoder();

export type FileError =
  | { readonly code: "files-invalid" } // no list, or both `files` and `length`, or neither
  | {
    readonly code: "length-invalid" | "path-invalid" | "path-too-long";
    /** Index in `files`; 0 for a single file. */
    readonly file: number;
  }
  | { readonly code: "too-many-files"; readonly found: number; readonly max: number }
  | { readonly code: "content-too-large" }; // beyond 2^53 - 1 bytes

/** A file as the torrent describes it. */
export interface FileEntry {
  /** As found, so not safe to use as a path; the torrent's name first. */
  readonly components: readonly string[];
  /** Bytes; 0 for a symbolic link. */
  readonly length: number;
  readonly pad: boolean;
  readonly symlink: boolean;
  readonly executable: boolean;
}

/** Reads `length` or `files` of an info dictionary; `name` is the torrent's. */
export function parseFileEntries(info: DictNode, name: string): Result<FileEntry[], FileError> {
  const length = dictGet(info, "length");
  const files = dictGet(info, "files");
  if ((length === undefined) === (files === undefined)) return fail({ code: "files-invalid" });
  if (files === undefined) {
    const entry = parseEntry(info, 0, [name]);
    return entry.ok ? ok([entry.value]) : entry;
  }
  const items = asList(files);
  if (items === undefined) return fail({ code: "files-invalid" });
  if (items.length > FILES_MAX) {
    return fail({ code: "too-many-files", found: items.length, max: FILES_MAX });
  }
  const entries: FileEntry[] = [];
  for (const [file, item] of items.entries()) {
    const path = isPadding(item) && dictGet(item, "path") === undefined
      // BEP 47: "clients implementing this BEP should not require it to be present".
      ? ok([".pad", String(asInteger(dictGet(item, "length")) ?? 0)])
      : parsePath(item, file);
    if (!path.ok) return path;
    const entry = parseEntry(item, file, [name, ...path.value]);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  return ok(entries);
}

/** Whether a file at this path below a torrent's folder passes the limits of `parseFileEntries`. */
export function fitsPathLimits(components: readonly string[]): boolean {
  if (components.length > PATH_COMPONENTS_MAX) return false;
  const bytes = components.reduce((total, name) => total + UTF8.encode(name).length + 1, 0);
  return bytes <= PATH_BYTES_MAX;
}

/**
 * Gives each entry its offset and its safe path; symbolic links drop out. `alignment`: each file that is
 * not empty starts at a multiple of it (bytes).
 */
export function placeFiles(
  entries: readonly FileEntry[],
  rules: PathRules,
  alignment = 1,
): Result<TorrentFile[], FileError> {
  const assigner = createPathAssigner(rules);
  const files: TorrentFile[] = [];
  let offset = 0;
  for (const { components, length, pad, symlink, executable } of entries) {
    if (symlink) continue;
    const path = pad ? safePath(components, rules) : assignPath(assigner, components);
    if (length > 0) offset = Math.ceil(offset / alignment) * alignment;
    files.push({ path, length, offset, pad, executable });
    offset += length;
    if (offset > Number.MAX_SAFE_INTEGER) return fail({ code: "content-too-large" });
  }
  return ok(files);
}

function parseEntry(
  node: BencodeNode,
  file: number,
  components: readonly string[],
): Result<FileEntry, FileError> {
  const length = asInteger(dictGet(node, "length"));
  // BEP 47: x executable, p padding, l symbolic link, h hidden (which means nothing to us).
  const attributes = nameText(dictGet(node, "attr")) ?? "";
  const symlink = attributes.includes("l");
  if (!symlink && (length === undefined || length < 0)) {
    return fail({ code: "length-invalid", file });
  }
  return ok({
    components,
    length: symlink ? 0 : length!,
    pad: attributes.includes("p"),
    symlink,
    executable: attributes.includes("x"),
  });
}

function isPadding(node: BencodeNode): boolean {
  return nameText(dictGet(node, "attr"))?.includes("p") ?? false;
}

function parsePath(node: BencodeNode, file: number): Result<string[], FileError> {
  const items = utf8Path(node) ?? asList(dictGet(node, "path")) ?? [];
  const components = items.map(nameText).filter((component) => component !== undefined);
  if (components.length === 0 || components.length < items.length) {
    return fail({ code: "path-invalid", file });
  }
  const bytes = items.reduce((total, item) => total + (asBytes(item)?.length ?? 0) + 1, 0);
  if (components.length > PATH_COMPONENTS_MAX || bytes > PATH_BYTES_MAX) {
    return fail({ code: "path-too-long", file });
  }
  return ok(components);
}

/** Undefined unless it is a list of valid UTF-8 strings, at least one. */
function utf8Path(node: BencodeNode): readonly BencodeNode[] | undefined {
  const items = asList(dictGet(node, "path.utf-8"));
  return items?.length && items.every((item) => asText(item) !== undefined) ? items : undefined;
}
