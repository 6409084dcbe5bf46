/**
 * Reads a `.torrent` and refuses whatever does not add up before anything is allocated or written.
 *
 * Policy where the specifications are silent or clients differ:
 * - The bencode must be canonical (see `decode.ts`): keys out of order and bytes after the end are
 *   refused, since two readings of one file would be possible. The info hash is over the bytes found.
 * - Hybrid torrents (BEP 52) are read as v1 once both file lists agree; v2 alone is refused.
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
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import { asBytes, asInteger, asText, dictGet, type DictNode } from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { parseAnnounceTiers, parseWebSeeds } from "./announce_urls.ts";
import { type FileError, FILES_MAX, parseFileEntries, placeFiles } from "./file_list.ts";
import { createGeometry, type Geometry } from "./geometry.ts";
import { type HybridError, isV2Info, validateHybrid } from "./hybrid.ts";
import { keyOf } from "./identity.ts";
import { INFO_HASH_SIZE, infoHashFromBytes } from "./info_hash.ts";
import { nameText, type PathRules, safePath } from "./path_rules.ts";
import type { Digests, Metainfo } from "./types.ts";

/** Largest piece we hold in memory, several at once; no client makes larger ones. */
export const PIECE_LENGTH_MAX = 256 * 1024 * 1024;
/** For the longest file list: three values and a path of a dozen components a file. */
const TORRENT_VALUES_MAX = 16 * FILES_MAX;
/** Bytes of SHA-1 in `pieces`. */
export const PIECE_HASH_SIZE = INFO_HASH_SIZE;

export type MetainfoError =
  | { readonly code: "bad-bencode"; readonly cause: BencodeError }
  | {
    readonly code:
      | "not-a-dictionary"
      | "info-missing" // or not a dictionary
      | "name-missing" // or not a string
      | "pieces-missing" // or not a string
      | "v2-only"
      | "no-content";
  }
  | { readonly code: "piece-length-invalid"; readonly found: number | undefined }
  | { readonly code: "pieces-size"; readonly size: number }
  | { readonly code: "piece-count"; readonly found: number; readonly wanted: number }
  | FileError
  | HybridError;

export interface ParseOptions {
  /** How odd names are treated; "posix" unless given. */
  readonly pathRules?: PathRules;
}

/**
 * Reads the bytes of a `.torrent`.
 *
 * Spec: BEP 3, metainfo files; BEP 12, 19, 27, 47; BEP 52 as far as the module header says.
 */
export function parseMetainfo(
  bytes: Uint8Array,
  digests: Digests,
  options: ParseOptions = {},
): Result<Metainfo, MetainfoError> {
  const root = decodeBencode(bytes, { valuesMax: TORRENT_VALUES_MAX });
  if (!root.ok) return fail({ code: "bad-bencode", cause: root.error });
  if (root.value.kind !== "dict") return fail({ code: "not-a-dictionary" });
  const info = dictGet(root.value, "info");
  if (info?.kind !== "dict") return fail({ code: "info-missing" });

  const content = parseInfo(info, options.pathRules ?? "posix");
  if (!content.ok) return content;
  const infoBytes = bytes.slice(info.start, info.end);
  return ok({
    ...content.value,
    ...identify(infoBytes, digests),
    infoBytes,
    announceTiers: parseAnnounceTiers(root.value),
    webSeeds: parseWebSeeds(root.value),
    comment: nameText(dictGet(root.value, "comment")),
    createdBy: nameText(dictGet(root.value, "created by")),
    creationDate: asInteger(dictGet(root.value, "creation date")),
  });
}

function identify(
  infoBytes: Uint8Array,
  { sha1 }: Digests,
): Pick<Metainfo, "infoHash" | "identity"> {
  const identity = { v1: infoHashFromBytes(sha1(infoBytes)), v2: undefined };
  return { infoHash: keyOf(identity), identity };
}

type InfoContent = Pick<
  Metainfo,
  "name" | "geometry" | "pieceHashes" | "trees" | "files" | "symlinks" | "isFolder" | "isPrivate"
>;

function parseInfo(info: DictNode, rules: PathRules): Result<InfoContent, MetainfoError> {
  const pieces = dictGet(info, "pieces");
  if (pieces === undefined && isV2Info(info)) return fail({ code: "v2-only" });
  const pieceHashes = asBytes(pieces);
  if (pieceHashes === undefined) return fail({ code: "pieces-missing" });

  const name = asText(dictGet(info, "name.utf-8")) ?? nameText(dictGet(info, "name"));
  if (name === undefined) return fail({ code: "name-missing" });
  const entries = parseFileEntries(info, name);
  if (!entries.ok) return entries;
  const files = placeFiles(entries.value, rules);
  if (!files.ok) return files;

  const lastFile = files.value.at(-1);
  const totalSize = lastFile === undefined ? 0 : lastFile.offset + lastFile.length;
  const geometry = parseGeometry(info, totalSize, pieceHashes);
  if (!geometry.ok) return geometry;
  if (isV2Info(info)) {
    const agreement = validateHybrid(info, entries.value, geometry.value.pieceLength);
    if (!agreement.ok) return agreement;
  }
  return ok({
    name,
    geometry: geometry.value,
    // A copy, so that the file's bytes can be let go.
    pieceHashes: pieceHashes.slice(),
    trees: undefined,
    files: files.value,
    symlinks: entries.value.filter(({ symlink }) => symlink)
      .map(({ components }) => safePath(components, rules)),
    isFolder: info.entries.has("files"),
    isPrivate: (asInteger(dictGet(info, "private")) ?? 0) !== 0,
  });
}

function parseGeometry(
  info: DictNode,
  totalSize: number,
  pieceHashes: Uint8Array,
): Result<Geometry, MetainfoError> {
  const pieceLength = asInteger(dictGet(info, "piece length"));
  if (pieceLength === undefined || pieceLength < 1 || pieceLength > PIECE_LENGTH_MAX) {
    return fail({ code: "piece-length-invalid", found: pieceLength });
  }
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
