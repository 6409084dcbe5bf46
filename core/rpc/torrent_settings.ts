/**
 * What `torrent_set` changes, and what `torrent_add` sets from the start. Rates are in kB/s.
 *
 * Spec: Transmission 4.1, rpc-spec, sections 3.2 and 3.4.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import type { Json } from "./json.ts";
import { bool, int, type Kind, list, num, type Read, text } from "./params.ts";
import { isAbsolutePath } from "./paths.ts";
import { RATE_KB_MAX } from "./session_settings.ts";

/** More labels, or longer ones, sort nothing. */
const LABELS_MAX = 100;
const LABEL_LENGTH_MAX = 200;

/** Trackers that one request adds or takes away. */
const TRACKERS_MAX = 1000;

/** Indices of files; the empty list stands for all. */
const files = list(int(0, 10_000_000));

/** A label is any text without a comma, the separator that clients write between them. */
const labels: Kind<readonly string[]> = (value) => {
  const read = list(text(LABEL_LENGTH_MAX), LABELS_MAX)(value);
  if (!read.ok) return read;
  const trimmed = read.value.map((label) => label.trim());
  if (trimmed.some((label) => label === "")) return fail("must not hold an empty label");
  if (trimmed.some((label) => label.includes(","))) return fail("must not hold a comma");
  return ok([...new Set(trimmed)]);
};

/** A path that may be relative to nothing but the root. */
export const absolute: Kind<string> = (value) => {
  const path = text(4096)(value);
  if (!path.ok || isAbsolutePath(path.value)) return path;
  return fail("must be an absolute path");
};

/** Pairs of a tracker's id and the URL that takes its place. */
const replacements: Kind<readonly { readonly id: number; readonly url: string }[]> = (value) => {
  if (!Array.isArray(value) || value.length % 2 !== 0 || value.length > 2 * TRACKERS_MAX) {
    return fail("must be a list of tracker ids, each followed by a URL");
  }
  const pairs: { id: number; url: string }[] = [];
  for (let at = 0; at < value.length; at += 2) {
    const [id, url] = [value[at], value[at + 1]];
    if (typeof id !== "number" || typeof url !== "string") {
      return fail("must be a list of tracker ids, each followed by a URL");
    }
    pairs.push({ id, url });
  }
  return ok(pairs);
};

/** What stays as set: the settings of a torrent. */
export const TORRENT_SETTING_PARAMS = {
  bandwidth_priority: int(-1, 1),
  download_limit: int(0, RATE_KB_MAX),
  download_limited: bool,
  group: text(200),
  honors_session_limits: bool,
  labels,
  peer_limit: int(1, 65_535),
  seed_idle_limit: int(0, 1_000_000),
  /** 0 as the session, 1 as set here, 2 without limit. */
  seed_idle_mode: int(0, 2),
  seed_ratio_limit: num(0, 1_000_000),
  seed_ratio_mode: int(0, 2),
  sequential_download: bool,
  sequential_download_from_piece: int(0, 10_000_000),
  // Extensions of this implementation, which other servers ignore.
  tt_first_last: bool,
  tt_super_seed: bool,
  upload_limit: int(0, RATE_KB_MAX),
  upload_limited: bool,
};

/** What chooses among the files of a torrent. */
export const FILE_PARAMS = {
  files_unwanted: files,
  files_wanted: files,
  priority_high: files,
  priority_low: files,
  priority_normal: files,
};

export const TORRENT_PARAMS = {
  ...TORRENT_SETTING_PARAMS,
  ...FILE_PARAMS,
  location: absolute,
  queue_position: int(0, 10_000_000),
  tracker_add: list(text(4096), TRACKERS_MAX),
  tracker_list: text(),
  tracker_remove: list(int(0, TRACKERS_MAX * 10), TRACKERS_MAX),
  tracker_replace: replacements,
};

export type TorrentChange = Read<typeof TORRENT_PARAMS>;
export type TorrentSettings = Required<Read<typeof TORRENT_SETTING_PARAMS>>;
export type FileChange = Read<typeof FILE_PARAMS>;

/** A torrent as it is before anything was set. */
export const TORRENT_DEFAULTS: TorrentSettings = {
  bandwidth_priority: 0,
  download_limit: 100,
  download_limited: false,
  group: "",
  honors_session_limits: true,
  labels: [],
  peer_limit: 80,
  seed_idle_limit: 30,
  seed_idle_mode: 0,
  seed_ratio_limit: 2,
  seed_ratio_mode: 0,
  sequential_download: false,
  sequential_download_from_piece: 0,
  tt_first_last: false,
  tt_super_seed: false,
  upload_limit: 100,
  upload_limited: false,
};

/** The settings after a change; what is no setting is passed over. */
export function applySettings(settings: TorrentSettings, change: object): TorrentSettings {
  const applied: Record<string, unknown> = { ...settings };
  for (const [key, value] of Object.entries(change)) {
    if (Object.hasOwn(TORRENT_SETTING_PARAMS, key) && value !== undefined) applied[key] = value;
  }
  return applied as TorrentSettings;
}

/** Whether a file is wanted, and how much: -1, 0 or 1. */
export interface FileChoice {
  readonly wanted: boolean;
  readonly priority: number;
}

/**
 * The choice for each file after a change. Errors: the first index that no file has.
 */
export function applyFileChange(
  choices: readonly FileChoice[],
  change: FileChange,
): Result<readonly FileChoice[], number> {
  const applied = choices.map((choice) => ({ ...choice }));
  const touch = (indices: readonly number[] | undefined, set: Partial<FileChoice>) => {
    if (indices === undefined) return undefined;
    const bad = indices.find((index) => index >= applied.length);
    if (bad !== undefined) return bad;
    const all = indices.length === 0 ? applied.keys() : indices;
    for (const index of all) Object.assign(applied[index]!, set);
    return undefined;
  };
  const bad = touch(change.files_unwanted, { wanted: false }) ??
    touch(change.files_wanted, { wanted: true }) ??
    touch(change.priority_low, { priority: -1 }) ??
    touch(change.priority_normal, { priority: 0 }) ??
    touch(change.priority_high, { priority: 1 });
  return bad === undefined ? ok(applied) : fail(bad);
}

/**
 * Tiers of announce URLs out of a list with one a line and a blank line between tiers. Errors: the
 * first line that is no http, https or udp URL.
 */
export function parseTrackerList(
  list: string,
): Result<readonly (readonly string[])[], string> {
  const tiers: string[][] = [];
  let tier: string[] = [];
  const seen = new Set<string>();
  for (const raw of list.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "") {
      if (tier.length > 0) tiers.push(tier);
      tier = [];
      continue;
    }
    if (!isTrackerUrl(line)) return fail(line);
    if (!seen.has(line)) tier.push(line);
    seen.add(line);
  }
  if (tier.length > 0) tiers.push(tier);
  return ok(tiers);
}

/** The inverse of `parseTrackerList`. */
export function formatTrackerList(tiers: readonly (readonly string[])[]): string {
  return tiers.map((tier) => tier.join("\n")).join("\n\n");
}

/** The tiers after trackers were added, removed or replaced by their id (their place, from 0). */
export function changeTrackers(
  tiers: readonly (readonly string[])[],
  change: Pick<TorrentChange, "tracker_add" | "tracker_remove" | "tracker_replace">,
): Result<readonly (readonly string[])[], string> {
  let id = 0;
  const changed = tiers.map((tier) => tier.map((url) => ({ id: id++, url })));
  for (const { id, url } of change.tracker_replace ?? []) {
    const entry = changed.flat().find((candidate) => candidate.id === id);
    if (entry === undefined) return fail(`tracker ${id}`);
    if (!isTrackerUrl(url)) return fail(url);
    entry.url = url;
  }
  const removed = new Set(change.tracker_remove);
  for (const gone of removed) if (gone >= id) return fail(`tracker ${gone}`);
  const urls = changed.map((tier) =>
    tier.filter((entry) => !removed.has(entry.id)).map((entry) => entry.url)
  ).filter((tier) => tier.length > 0);
  for (const url of change.tracker_add ?? []) {
    if (!isTrackerUrl(url)) return fail(url);
    if (!urls.flat().includes(url)) urls.push([url]);
  }
  return ok(urls);
}

function isTrackerUrl(text: string): boolean {
  return /^(https?|udp):\/\/[^\s/]/i.test(text) && URL.canParse(text);
}

/** Stored settings read again, each that still fits; the others are as for a new torrent. */
export function readTorrentSettings(stored: unknown): TorrentSettings {
  let settings = TORRENT_DEFAULTS;
  for (const [key, value] of Object.entries(stored ?? {})) {
    if (!Object.hasOwn(TORRENT_SETTING_PARAMS, key)) continue;
    const kind: Kind<unknown> = TORRENT_SETTING_PARAMS[key as keyof TorrentSettings];
    const read = kind(value as Json);
    if (read.ok) settings = applySettings(settings, { [key]: read.value });
  }
  return settings;
}
