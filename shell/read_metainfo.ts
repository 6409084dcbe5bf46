/** Reads `.torrent` bytes with this system's rules for file names. */
import type { Result } from "../core/bytes/result.ts";
import { type MetainfoError, parseMetainfo } from "../core/metainfo/parse.ts";
import type { PathRules } from "../core/metainfo/path_rules.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { DIGESTS } from "./hash/sha256.ts";

/** Windows reserves names, and its file systems and those of macOS ignore case. */
export const NATIVE_PATH_RULES: PathRules = ["windows", "darwin"].includes(Deno.build.os)
  ? "portable"
  : "posix";

/**
 * What a `.torrent` says; `describeMetainfoError` describes errors. `isKept`: it is one that
 * we keep, perhaps made of metadata from peers, which lacks the piece layers of a v2 torrent.
 */
export function readMetainfo(
  bytes: Uint8Array,
  pathRules: PathRules = NATIVE_PATH_RULES,
  isKept = false,
): Result<Metainfo, MetainfoError> {
  return parseMetainfo(bytes, DIGESTS, { pathRules, layersOptional: isKept });
}
