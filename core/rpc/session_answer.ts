/**
 * The answers to `session_get` and `session_stats`.
 *
 * Spec: Transmission 4.1, rpc-spec, sections 4.1 and 4.2.
 */
import type { Json, JsonObject } from "./json.ts";
import { currentName } from "./names.ts";
import type { SessionSettings } from "./session_settings.ts";

/** The protocol as spoken here, and the oldest one whose clients still work. */
export const RPC_VERSION = 19;
export const RPC_VERSION_MINIMUM = 14;
export const RPC_VERSION_SEMVER = "6.0.1";

/** What is known of a session besides its settings. */
export interface SessionFacts {
  readonly settings: SessionSettings;
  /** "0.1.0". */
  readonly version: string;
  readonly configDir: string;
  readonly sessionId: string;
  readonly blocklistSize: number;
  /** Free bytes where downloads go; -1 if unknown. */
  readonly freeBytes: number;
}

/** kB and so on, 1000 each; memory in powers of 1024. */
const UNITS: JsonObject = {
  speed_units: ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"],
  speed_bytes: 1000,
  size_units: ["B", "kB", "MB", "GB", "TB"],
  size_bytes: 1000,
  memory_units: ["B", "KiB", "MiB", "GiB", "TiB"],
  memory_bytes: 1024,
};

/**
 * All of the session, or the `fields` asked for, in either spelling. The version begins with the
 * number of the Transmission whose protocol this is: clients choose by it what they can do.
 */
export function sessionAnswer(
  facts: SessionFacts,
  fields: readonly string[] | undefined,
): JsonObject {
  const { preferred_transports: transports, ...settings } = facts.settings;
  const all: Record<string, Json> = {
    ...settings,
    preferred_transports: transports,
    utp_enabled: transports.includes("utp"),
    tcp_enabled: transports.includes("tcp"),
    blocklist_size: facts.blocklistSize,
    config_dir: facts.configDir,
    download_dir_free_space: facts.freeBytes,
    rpc_version: RPC_VERSION,
    rpc_version_minimum: RPC_VERSION_MINIMUM,
    rpc_version_semver: RPC_VERSION_SEMVER,
    session_id: facts.sessionId,
    units: UNITS,
    version: `4.1.1 (tt ${facts.version})`,
  };
  if (fields === undefined) return all;
  const chosen: Record<string, Json> = {};
  for (const field of fields) {
    const name = currentName(field);
    if (Object.hasOwn(all, name)) chosen[name] = all[name]!;
  }
  return chosen;
}

/** Sums over a run, or over all runs. */
export interface StatsTotals {
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  readonly filesAdded: number;
  readonly secondsActive: number;
  readonly sessionCount: number;
}

export interface SessionStats {
  readonly activeTorrents: number;
  readonly pausedTorrents: number;
  readonly torrents: number;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
  readonly current: StatsTotals;
  readonly cumulative: StatsTotals;
}

/** The answer to `session_stats`. */
export function statsAnswer(stats: SessionStats): JsonObject {
  return {
    active_torrent_count: stats.activeTorrents,
    paused_torrent_count: stats.pausedTorrents,
    torrent_count: stats.torrents,
    download_speed: stats.downRate,
    upload_speed: stats.upRate,
    current_stats: totals(stats.current),
    cumulative_stats: totals(stats.cumulative),
  };
}

function totals(stats: StatsTotals): JsonObject {
  return {
    uploaded_bytes: stats.uploadedBytes,
    downloaded_bytes: stats.downloadedBytes,
    files_added: stats.filesAdded,
    seconds_active: stats.secondsActive,
    session_count: stats.sessionCount,
  };
}
