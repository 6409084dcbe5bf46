/**
 * Reads a `.torrent` and refuses whatever does not add up before anything is allocated or written.
 *
 * Policy where the specifications are silent or clients differ:
 * - The bencode of `info` must be canonical (see `decode.ts`): two readings of one file would be possible
 *   otherwise. Around it keys may be out of order. The info hash is over the bytes found.
 * - A hybrid (BEP 52) is refused unless both halves describe the same files. `pieces` makes a v1 half,
 *   `meta version` a v2 half; a `.torrent` with a v2 half has all piece layers, and all of them right.
 * - A torrent without a single byte of content has nothing to share and is refused.
 * - Any piece length from 1 byte to 256 MiB is fine for v1, a power of two or not.
 * - Symbolic links (BEP 47, attribute l) are left out: never created, never followed. Their length
 *   counts as zero, as BEP 47 says, whatever they claim.
 * - Optional keys of a wrong type are ignored; so are tracker and web seed URLs we cannot use.
 * - `name.utf-8` and `path.utf-8` win over `name` and `path` where they are valid.
 * - `private` is any integer but zero.
 *
 * What happens to odd file names is in `path_rules.ts`.
 */
import { type BencodeError, decodeBencode, STRING_BYTES_MAX } from "../bencode/decode.ts";
import {
  asBytes,
  asInteger,
  asText,
  type BencodeNode,
  dictGet,
  type DictNode,
} from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { parseAnnounceTiers, parseHttpSeeds, parseWebSeeds } from "./announce_urls.ts";
import { parseDhtNodes } from "./dht_nodes.ts";
import {
  type FileEntry,
  type FileError,
  FILES_MAX,
  parseFileEntries,
  placeFiles,
} from "./file_list.ts";
import { type FileTreeError, isSingleFile, parseFileTree, type TreeEntry } from "./file_tree.ts";
import { createGeometry, type Geometry } from "./geometry.ts";
import { isSameContent } from "./hybrid.ts";
import { type Identity, infoHashV2FromBytes, keyOf } from "./identity.ts";
import { INFO_HASH_SIZE, infoHashFromBytes } from "./info_hash.ts";
import { nameText, type PathRules, safePath } from "./path_rules.ts";
import { type LayerError, readPieceLayers } from "./piece_layers.ts";
import { createPieceTrees, type PieceTrees } from "./piece_trees.ts";
import type { Metainfo } from "./types.ts";
import type { Digests } from "./digests.ts";

/** Largest piece we hold in memory, several at once; no client makes larger ones. */
export const PIECE_LENGTH_MAX = 256 * 1024 * 1024;
/** For the longest file list: three values and a path of a dozen components a file. */
const TORRENT_VALUES_MAX = 16 * FILES_MAX;
/** Spec: BEP 52, piece length: a power of two, at least 16 KiB. */
export const V2_PIECE_LENGTH_MIN = 16 * 1024;
/** Bytes of SHA-1 in `pieces`. */
export const PIECE_HASH_SIZE = INFO_HASH_SIZE;
/** As many as the longest `pieces` can hold; a v2 torrent could claim any number of them. */
export const PIECES_MAX = Math.floor(STRING_BYTES_MAX / PIECE_HASH_SIZE);
/** Spec: BEP 52, meta version. */
const META_VERSION = 2;

export type MetainfoError =
  | { readonly code: "bad-bencode"; readonly cause: BencodeError }
  | {
    readonly code:
      | "not-a-dictionary"
      | "info-missing" // or not a dictionary
      | "name-missing" // or not a string
      | "pieces-missing" // or not a string
      | "meta-version-unknown"
      /** The halves of a hybrid differ, or a file does not start at a piece. */
      | "hybrid-mismatch"
      | "no-content";
  }
  | { readonly code: "piece-length-invalid"; readonly found: number | undefined }
  /** Of a v2 torrent: not a power of two from 16 KiB. */
  | { readonly code: "piece-length-v2"; readonly found: number }
  | { readonly code: "pieces-size"; readonly size: number }
  | { readonly code: "piece-count"; readonly found: number; readonly wanted: number }
  | { readonly code: "too-many-pieces"; readonly found: number; readonly max: number }
  | FileError
  | FileTreeError
  | LayerError;

export interface ParseOptions {
  /** How odd names are treated; "posix" unless given. */
  readonly pathRules?: PathRules;
  /**
   * A v2 torrent may lack piece layers, as one whose info dictionary came from peers does: those that
   * are there must be right all the same. False unless given.
   */
  readonly layersOptional?: boolean;
}

/**
 * Reads the bytes of a `.torrent`.
 *
 * Spec: BEP 3, metainfo files; BEP 5, nodes; BEP 12, 19, 27, 47, 52.
 */
export function parseMetainfo(
  bytes: Uint8Array,
  digests: Digests,
  options: ParseOptions = {},
): Result<Metainfo, MetainfoError> {
  const root = decodeBencode(bytes, { strictBelow: "info", valuesMax: TORRENT_VALUES_MAX });
  if (!root.ok) return fail({ code: "bad-bencode", cause: root.error });
  if (root.value.kind !== "dict") return fail({ code: "not-a-dictionary" });
  const info = dictGet(root.value, "info");
  if (info?.kind !== "dict") return fail({ code: "info-missing" });

  const content = parseInfo(info, options.pathRules ?? "posix");
  if (!content.ok) return content;
  const { trees, pieceHashes } = content.value;
  if (trees !== undefined) {
    const layers = dictGet(root.value, "piece layers");
    const error = readPieceLayers(layers, trees, digests.merkle, options.layersOptional ?? false);
    if (error !== undefined) return fail(error);
  }
  const infoBytes = bytes.slice(info.start, info.end);
  const identity: Identity = {
    v1: pieceHashes.length > 0 ? infoHashFromBytes(digests.sha1(infoBytes)) : undefined,
    v2: trees && infoHashV2FromBytes(digests.sha256(infoBytes)),
  };
  return ok({
    ...content.value,
    infoHash: keyOf(identity),
    identity,
    infoBytes,
    announceTiers: parseAnnounceTiers(root.value),
    webSeeds: parseWebSeeds(root.value),
    httpSeeds: parseHttpSeeds(root.value),
    dhtNodes: parseDhtNodes(root.value),
    comment: nameText(dictGet(root.value, "comment")),
    createdBy: nameText(dictGet(root.value, "created by")),
    creationDate: asInteger(dictGet(root.value, "creation date")),
  });
}

type InfoContent = Pick<
  Metainfo,
  "name" | "geometry" | "pieceHashes" | "trees" | "files" | "symlinks" | "isFolder" | "isPrivate"
>;

type Content = Omit<InfoContent, "name" | "isPrivate">;

function parseInfo(info: DictNode, rules: PathRules): Result<InfoContent, MetainfoError> {
  const hasV2 = info.entries.has("meta version") || info.entries.has("file tree");
  // Before anything else, so that a later version is called by its name.
  if (hasV2 && asInteger(dictGet(info, "meta version")) !== META_VERSION) {
    return fail({ code: "meta-version-unknown" });
  }
  const name = asText(dictGet(info, "name.utf-8")) ?? nameText(dictGet(info, "name"));
  if (name === undefined) return fail({ code: "name-missing" });
  const pieceLength = asInteger(dictGet(info, "piece length"));
  if (pieceLength === undefined || pieceLength < 1 || pieceLength > PIECE_LENGTH_MAX) {
    return fail({ code: "piece-length-invalid", found: pieceLength });
  }
  if (hasV2 && !(pieceLength >= V2_PIECE_LENGTH_MIN && Number.isInteger(Math.log2(pieceLength)))) {
    return fail({ code: "piece-length-v2", found: pieceLength });
  }
  const pieces = dictGet(info, "pieces");
  const content = pieces === undefined && hasV2
    ? parseV2(info, name, pieceLength, rules)
    : parseV1(info, name, pieceLength, pieces, hasV2, rules);
  if (!content.ok) return content;
  const isPrivate = (asInteger(dictGet(info, "private")) ?? 0) !== 0;
  return ok({ ...content.value, name, isPrivate });
}

/** A v1 torrent, or with `hasV2` a hybrid, which is laid out as v1 says. */
function parseV1(
  info: DictNode,
  name: string,
  pieceLength: number,
  pieces: BencodeNode | undefined,
  hasV2: boolean,
  rules: PathRules,
): Result<Content, MetainfoError> {
  const pieceHashes = asBytes(pieces);
  if (pieceHashes === undefined) return fail({ code: "pieces-missing" });
  const entries = parseFileEntries(info, name);
  if (!entries.ok) return entries;
  const files = placeFiles(entries.value, rules);
  if (!files.ok) return files;
  const lastFile = files.value.at(-1);
  const totalSize = lastFile === undefined ? 0 : lastFile.offset + lastFile.length;
  const geometry = geometryOf(totalSize, pieceLength, pieceHashes);
  if (!geometry.ok) return geometry;
  const isFolder = info.entries.has("files");
  let trees: PieceTrees | undefined;
  if (hasV2) {
    const agreed = agreeingTrees(info, entries.value, geometry.value, isFolder ? [name] : []);
    if (!agreed.ok) return agreed;
    trees = agreed.value;
  }
  return ok({
    geometry: geometry.value,
    // A copy, so that the file's bytes can be let go.
    pieceHashes: pieceHashes.slice(),
    trees,
    files: files.value,
    symlinks: symlinksOf(entries.value, rules),
    isFolder,
  });
}

function parseV2(
  info: DictNode,
  name: string,
  pieceLength: number,
  rules: PathRules,
): Result<Content, MetainfoError> {
  const tree = dictGet(info, "file tree");
  const parsed = treesOf(tree, pieceLength);
  if (!parsed.ok) return parsed;
  const { entries, trees } = parsed.value;
  const isFolder = !isSingleFile(tree);
  const named = entries.map((entry) =>
    isFolder ? { ...entry, components: [name, ...entry.components] } : entry
  );
  const files = placeFiles(named, rules, pieceLength);
  if (!files.ok) return files;
  const pieceHashes = new Uint8Array(0);
  const symlinks = symlinksOf(named, rules);
  return ok({
    geometry: trees.content,
    pieceHashes,
    trees,
    files: files.value,
    symlinks,
    isFolder,
  });
}

function symlinksOf(entries: readonly FileEntry[], rules: PathRules): string[][] {
  return entries.filter(({ symlink }) => symlink)
    .map(({ components }) => safePath(components, rules));
}

/** The trees of a hybrid, once they describe the files of its v1 half. */
function agreeingTrees(
  info: DictNode,
  entries: readonly FileEntry[],
  geometry: Geometry,
  folder: readonly string[],
): Result<PieceTrees, MetainfoError> {
  const parsed = treesOf(dictGet(info, "file tree"), geometry.pieceLength);
  if (!parsed.ok) return parsed;
  const { entries: treeEntries, trees } = parsed.value;
  if (!isSameContent(entries, geometry, treeEntries, folder, trees)) {
    return fail({ code: "hybrid-mismatch" });
  }
  // The trees count files as the torrent's list does, where padding stands between them.
  const listed = entries.filter((entry) => !entry.symlink);
  const places = listed.flatMap(({ pad, length }, i) => !pad && length > 0 ? [i] : []);
  const files = trees.files.map((file, i) => ({ ...file, file: places[i]! }));
  return ok({ ...trees, files });
}

function treesOf(
  tree: BencodeNode | undefined,
  pieceLength: number,
): Result<{ entries: TreeEntry[]; trees: PieceTrees }, MetainfoError> {
  const entries = parseFileTree(tree);
  if (!entries.ok) return entries;
  const listed = entries.value.filter((entry) => !entry.symlink);
  let pieces = 0;
  for (const { length } of listed) pieces += Math.ceil(length / pieceLength);
  if (pieces === 0) return fail({ code: "no-content" });
  if (pieces > PIECES_MAX) return fail({ code: "too-many-pieces", found: pieces, max: PIECES_MAX });
  return ok({ entries: entries.value, trees: createPieceTrees(listed, pieceLength) });
}

function geometryOf(
  totalSize: number,
  pieceLength: number,
  pieceHashes: Uint8Array,
): Result<Geometry, MetainfoError> {
  if (pieceHashes.length % PIECE_HASH_SIZE !== 0) {
    return fail({ code: "pieces-size", size: pieceHashes.length });
  }
  if (totalSize === 0) return fail({ code: "no-content" });
  const geometry = createGeometry(totalSize, pieceLength);
  const found = pieceHashes.length / PIECE_HASH_SIZE;
  if (found !== geometry.pieceCount) {
    return fail({ code: "piece-count", found, wanted: geometry.pieceCount });
  }
  return ok(geometry);
}
