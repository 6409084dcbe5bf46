/**
 * What `session_get` and `session_set` speak of: every name with its kind and its default. Rates are
 * in kB/s (1000 bytes), as everywhere in this protocol.
 *
 * Spec: Transmission 4.1, rpc-spec, section 4.1.
 */
import { fail, type Result } from "../bytes/result.ts";
import { isAbsolutePath } from "./paths.ts";
import { bool, int, type Kind, list, num, type Read, text, word } from "./params.ts";

/** kB/s; more than any link carries. */
export const RATE_KB_MAX = 100_000_000;
const MINUTES_MAX = 1_000_000;
const COUNT_MAX = 1_000_000;

const rate = int(0, RATE_KB_MAX);

/** An absolute path; the empty one stands for none. */
const folder: Kind<string> = (value) => {
  const path = text(4096)(value);
  if (!path.ok || path.value === "" || isAbsolutePath(path.value)) return path;
  return fail("must be an absolute path");
};

/** "tolerated" is the older word for "allowed". */
const encryption: Kind<"required" | "preferred" | "allowed"> = (value) =>
  word("required", "preferred", "allowed")(value === "tolerated" ? "allowed" : value);

/** What can be set, and how it is read. */
export const SESSION_PARAMS = {
  alt_speed_down: rate,
  alt_speed_enabled: bool,
  /** Minutes after midnight, local time. */
  alt_speed_time_begin: int(0, 1439),
  /** Bits of days, Sunday the lowest. */
  alt_speed_time_day: int(0, 127),
  alt_speed_time_enabled: bool,
  alt_speed_time_end: int(0, 1439),
  alt_speed_up: rate,
  anti_brute_force_enabled: bool,
  anti_brute_force_threshold: int(1, 10_000),
  blocklist_enabled: bool,
  blocklist_url: text(4096),
  cache_size_mib: int(0, 1_000_000),
  default_trackers: text(),
  dht_enabled: bool,
  download_dir: folder,
  download_queue_enabled: bool,
  download_queue_size: int(0, COUNT_MAX),
  encryption,
  idle_seeding_limit: int(0, MINUTES_MAX),
  idle_seeding_limit_enabled: bool,
  incomplete_dir: folder,
  incomplete_dir_enabled: bool,
  lpd_enabled: bool,
  peer_limit_global: int(1, COUNT_MAX),
  peer_limit_per_torrent: int(1, COUNT_MAX),
  peer_port: int(0, 65_535),
  peer_port_random_on_start: bool,
  pex_enabled: bool,
  port_forwarding_enabled: bool,
  preferred_transports: list(word("utp", "tcp"), 2),
  queue_stalled_enabled: bool,
  queue_stalled_minutes: int(0, MINUTES_MAX),
  rename_partial_files: bool,
  reqq: int(1, 100_000),
  script_torrent_added_enabled: bool,
  script_torrent_added_filename: text(4096),
  script_torrent_done_enabled: bool,
  script_torrent_done_filename: text(4096),
  script_torrent_done_seeding_enabled: bool,
  script_torrent_done_seeding_filename: text(4096),
  seed_queue_enabled: bool,
  seed_queue_size: int(0, COUNT_MAX),
  seed_ratio_limit: num(0, 1_000_000),
  seed_ratio_limited: bool,
  sequential_download: bool,
  speed_limit_down: rate,
  speed_limit_down_enabled: bool,
  speed_limit_up: rate,
  speed_limit_up_enabled: bool,
  start_added_torrents: bool,
  trash_original_torrent_files: bool,
  utp_enabled: bool,
};

export type SessionChange = Read<typeof SESSION_PARAMS>;
export type SessionSettings = Required<SessionChange>;
export type SessionKey = keyof SessionSettings;

/** As Transmission has them, apart from what the daemon itself decides. */
export const SESSION_DEFAULTS: SessionSettings = {
  alt_speed_down: 50,
  alt_speed_enabled: false,
  alt_speed_time_begin: 540,
  alt_speed_time_day: 127,
  alt_speed_time_enabled: false,
  alt_speed_time_end: 1020,
  alt_speed_up: 50,
  anti_brute_force_enabled: true,
  anti_brute_force_threshold: 20,
  blocklist_enabled: false,
  blocklist_url: "",
  cache_size_mib: 4,
  default_trackers: "",
  dht_enabled: true,
  download_dir: "",
  download_queue_enabled: true,
  download_queue_size: 5,
  encryption: "preferred",
  idle_seeding_limit: 30,
  idle_seeding_limit_enabled: false,
  incomplete_dir: "",
  incomplete_dir_enabled: false,
  lpd_enabled: true,
  peer_limit_global: 500,
  peer_limit_per_torrent: 80,
  peer_port: 6881,
  peer_port_random_on_start: false,
  pex_enabled: true,
  port_forwarding_enabled: true,
  preferred_transports: ["utp", "tcp"],
  queue_stalled_enabled: true,
  queue_stalled_minutes: 30,
  rename_partial_files: false,
  reqq: 2000,
  script_torrent_added_enabled: false,
  script_torrent_added_filename: "",
  script_torrent_done_enabled: false,
  script_torrent_done_filename: "",
  script_torrent_done_seeding_enabled: false,
  script_torrent_done_seeding_filename: "",
  seed_queue_enabled: false,
  seed_queue_size: 10,
  seed_ratio_limit: 2,
  seed_ratio_limited: false,
  sequential_download: false,
  speed_limit_down: 100,
  speed_limit_down_enabled: false,
  speed_limit_up: 100,
  speed_limit_up_enabled: false,
  start_added_torrents: true,
  trash_original_torrent_files: false,
  utp_enabled: true,
};

/** What a group of torrents shares. Spec: rpc-spec, section 4.8. */
export const GROUP_PARAMS = {
  name: text(200),
  honors_session_limits: bool,
  speed_limit_down: rate,
  speed_limit_down_enabled: bool,
  speed_limit_up: rate,
  speed_limit_up_enabled: bool,
};

export type GroupChange = Read<typeof GROUP_PARAMS>;
export type Group = Required<GroupChange>;

/** A group as it is before anything was set. */
export function newGroup(name: string): Group {
  return {
    name,
    honors_session_limits: true,
    speed_limit_down: 0,
    speed_limit_down_enabled: false,
    speed_limit_up: 0,
    speed_limit_up_enabled: false,
  };
}

/**
 * Which limits hold now: the alternate rates, while they are on. Bytes a second; undefined is no
 * limit.
 */
export function ratesInForce(
  settings: SessionSettings,
): { readonly down: number | undefined; readonly up: number | undefined } {
  if (settings.alt_speed_enabled) {
    return { down: settings.alt_speed_down * 1000, up: settings.alt_speed_up * 1000 };
  }
  return {
    down: settings.speed_limit_down_enabled ? settings.speed_limit_down * 1000 : undefined,
    up: settings.speed_limit_up_enabled ? settings.speed_limit_up * 1000 : undefined,
  };
}

/**
 * Whether the schedule asks for the alternate rates at a moment of local time: `day` 0 is Sunday,
 * `minute` counts from midnight. A span over midnight belongs to the day it begins on. Undefined
 * while the schedule is off.
 */
export function isAltTime(
  settings: SessionSettings,
  { day, minute }: { readonly day: number; readonly minute: number },
): boolean | undefined {
  if (!settings.alt_speed_time_enabled) return undefined;
  const { alt_speed_time_begin: begin, alt_speed_time_end: end, alt_speed_time_day: days } =
    settings;
  const isOn = (on: number) => (days >> ((on + 7) % 7) & 1) === 1;
  if (begin === end) return isOn(day);
  if (begin < end) return isOn(day) && minute >= begin && minute < end;
  return isOn(day) && minute >= begin || isOn(day - 1) && minute < end;
}

/** Reads one stored value again; undefined for one that no longer fits. */
export function readSetting(key: string, value: unknown): SessionChange {
  if (!Object.hasOwn(SESSION_PARAMS, key)) return {};
  const read: Result<unknown, string> = SESSION_PARAMS[key as SessionKey](value as never);
  return read.ok ? { [key]: read.value } : {};
}
