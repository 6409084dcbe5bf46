/**
 * The two spellings of one protocol. Inside, every name is written as Transmission 4.1 writes it,
 * in snake case; the older dialect mixes kebab case (session, methods) and camel case (torrents).
 *
 * Spec: Transmission 4.0.6 and 4.1, rpc-spec.
 */
import { remember } from "../bytes/remember.ts";
import { isObject, type Json } from "./json.ts";

/** Older names that no rule turns into the new ones. */
const RENAMED: ReadonlyMap<string, string> = new Map([["cache_size_mb", "cache_size_mib"]]);

/** Kebab case or camel case to snake case: "downloadDir", "download-dir" to "download_dir". */
export function currentName(name: string): string {
  const snake = name.replaceAll("-", "_").replace(/([a-z0-9])([A-Z]+)/g, "$1_$2").toLowerCase();
  return RENAMED.get(snake) ?? snake;
}

/** Names of the protocol are fewer. */
const NAMES_KEPT_MAX = 500;

/** "download_dir" to "downloadDir"; kept, since a list of thousands of torrents has the same few. */
export const camelName: (name: string) => string = remember(NAMES_KEPT_MAX, (name) => {
  if (name === "is_utp") return "isUTP";
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
});

/** "download_dir" to "download-dir". */
export function kebabName(name: string): string {
  if (name === "cache_size_mib") return "cache-size-mb";
  return name.replaceAll("_", "-");
}

/** Names that the older dialect writes in camel case where its neighbours are in kebab case. */
const CAMEL_IN_SESSION = new Set(["seed_ratio_limit", "seed_ratio_limited"]);
const CAMEL_IN_GROUP = new Set(["honors_session_limits"]);
/** Names that the older dialect writes as the newer one does. */
const SNAKE_IN_BOTH = new Set(["total_size", "ip_protocol"]);
/** Names that the older dialect writes in kebab case where its neighbours are in camel case. */
const KEBAB_IN_STATS = new Set(["cumulative_stats", "current_stats"]);

/** The older dialect's name of a key in the answer to `method`; both in today's spelling. */
export function legacyKey(method: string, key: string): string {
  switch (method) {
    case "torrent_get":
      return camelName(key);
    case "session_stats":
      return KEBAB_IN_STATS.has(key) ? kebabName(key) : camelName(key);
    case "session_get":
      return CAMEL_IN_SESSION.has(key) ? camelName(key) : kebabName(key);
    case "group_get":
      return CAMEL_IN_GROUP.has(key) ? camelName(key) : kebabName(key);
    case "torrent_add":
      return key === "hash_string" ? camelName(key) : kebabName(key);
    default:
      return SNAKE_IN_BOTH.has(key) ? key : kebabName(key);
  }
}

/** A copy in which every key is renamed, at any depth. */
export function renameKeys(value: Json, rename: (key: string) => string): Json {
  if (Array.isArray(value)) return value.map((item: Json) => renameKeys(item, rename));
  if (!isObject(value)) return value;
  const renamed: Record<string, Json> = {};
  for (const key in value) {
    const item = value[key]!;
    // Most are no objects: a list of thousands of torrents is spared as many calls.
    renamed[rename(key)] = typeof item === "object" ? renameKeys(item, rename) : item;
  }
  return renamed;
}
