/** What is kept of a torrent across restarts, besides its `.torrent` and its resume state. */
import { readTorrentSettings } from "../../core/rpc/torrent_settings.ts";
import { TORRENT_DEFAULTS, type TorrentSettings } from "../../core/rpc/torrent_settings.ts";

/** Moments in seconds since 1970, 0 for never. Plain data: it is stored as JSON. */
export interface TorrentRecord {
  /** Where its content is, or goes. */
  dir: string;
  /** Where it is until it is complete; empty when that is `dir`. */
  incompleteDir: string;
  /** The link, until the metadata is here; empty for a torrent. */
  magnet: string;
  addedAt: number;
  startedAt: number;
  doneAt: number;
  activeAt: number;
  editedAt: number;
  secondsDownloading: number;
  secondsSeeding: number;
  corruptEver: number;
  /** Not to run until someone starts it. */
  isStopped: boolean;
  /** Stopped because it reached its ratio or its idle limit. */
  isFinished: boolean;
  /** Content and state may be trusted where sizes and times agree. */
  isChecked: boolean;
  queuePosition: number;
  settings: TorrentSettings;
  /** Indices of files that are not wanted, and priorities of those that have one. */
  unwanted: readonly number[];
  priorities: Readonly<Record<string, number>>;
  /** Announce URLs that take the place of those in the `.torrent`. */
  trackers: readonly (readonly string[])[] | undefined;
  /** New names of files and folders: the path they had in the `.torrent`, and the name. */
  renames: readonly { readonly path: string; readonly name: string }[];
  /** As last known, for the list before it was looked at. */
  haveValid: number;
  uploaded: number;
  downloaded: number;
}

/** A torrent that was added just now. */
export function newRecord(dir: string, at: number, queuePosition: number): TorrentRecord {
  return {
    dir,
    incompleteDir: "",
    magnet: "",
    addedAt: at,
    startedAt: 0,
    doneAt: 0,
    activeAt: 0,
    editedAt: 0,
    secondsDownloading: 0,
    secondsSeeding: 0,
    corruptEver: 0,
    isStopped: false,
    isFinished: false,
    isChecked: false,
    queuePosition,
    settings: TORRENT_DEFAULTS,
    unwanted: [],
    priorities: {},
    trackers: undefined,
    renames: [],
    haveValid: 0,
    uploaded: 0,
    downloaded: 0,
  };
}

/** What was stored, with today's defaults for what was not. Undefined when it is no record. */
export function readRecord(json: string): TorrentRecord | undefined {
  let stored: unknown;
  try {
    stored = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof stored !== "object" || stored === null) return undefined;
  const given = stored as Partial<TorrentRecord>;
  if (typeof given.dir !== "string") return undefined;
  const record: Record<string, unknown> = { ...newRecord(given.dir, 0, 0) };
  for (const [key, fallback] of Object.entries(record)) {
    const value = (given as Record<string, unknown>)[key];
    const fits = fallback === undefined || typeof value === typeof fallback &&
        Array.isArray(value) === Array.isArray(fallback);
    if (value !== undefined && value !== null && fits) record[key] = value;
  }
  record.settings = readTorrentSettings(given.settings);
  return record as unknown as TorrentRecord;
}
