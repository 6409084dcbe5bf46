/** The page's data about torrents, and how it is requested. */
import { call } from "./rpc.ts";

/** One row of the list. Sizes in bytes, rates in bytes a second. */
export interface Torrent {
  readonly id: number;
  readonly name: string;
  readonly hash_string: string;
  readonly status: number;
  readonly error: number;
  readonly error_string: string;
  readonly percent_done: number;
  readonly metadata_percent_complete: number;
  readonly recheck_progress: number;
  readonly size_when_done: number;
  readonly left_until_done: number;
  readonly rate_download: number;
  readonly rate_upload: number;
  readonly upload_ratio: number;
  readonly uploaded_ever: number;
  readonly eta: number;
  readonly peers_connected: number;
  readonly added_date: number;
  readonly queue_position: number;
  readonly labels: readonly string[];
  readonly tt_share: Share;
}

export interface Share {
  readonly percent: number;
  readonly owed_bytes: number;
  readonly shared_bytes: number;
  readonly state: "none" | "owing" | "paid" | "waived";
}

const LIST_FIELDS = [
  "id",
  "name",
  "hash_string",
  "status",
  "error",
  "error_string",
  "percent_done",
  "metadata_percent_complete",
  "recheck_progress",
  "size_when_done",
  "left_until_done",
  "rate_download",
  "rate_upload",
  "upload_ratio",
  "uploaded_ever",
  "eta",
  "peers_connected",
  "added_date",
  "queue_position",
  "labels",
  "tt_share",
];

export interface File {
  readonly name: string;
  readonly length: number;
  readonly bytes_completed: number;
}

export interface FileStat {
  readonly wanted: boolean;
  readonly priority: number;
}

export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly client_name: string;
  readonly flag_str: string;
  readonly progress: number;
  readonly rate_to_client: number;
  readonly rate_to_peer: number;
  readonly tt_source: string;
}

export interface TrackerStat {
  readonly announce: string;
  readonly tier: number;
  readonly has_announced: boolean;
  readonly last_announce_succeeded: boolean;
  readonly last_announce_result: string;
  readonly last_announce_peer_count: number;
  readonly next_announce_time: number;
  readonly seeder_count: number;
  readonly leecher_count: number;
}

/** What the details of one torrent show besides its row. */
export interface Details {
  readonly id: number;
  readonly files: readonly File[];
  readonly file_stats: readonly FileStat[];
  readonly peers: readonly Peer[];
  readonly tracker_stats: readonly TrackerStat[];
  /** Base64 of the bitfield. */
  readonly pieces: string;
  readonly piece_count: number;
  readonly piece_size: number;
  readonly availability: readonly number[];
  readonly download_dir: string;
  readonly magnet_link: string;
  readonly comment: string;
  readonly downloaded_ever: number;
  readonly download_limit: number;
  readonly download_limited: boolean;
  readonly upload_limit: number;
  readonly upload_limited: boolean;
  readonly tt_why: string;
}

const DETAIL_FIELDS = [
  "id",
  "files",
  "file_stats",
  "peers",
  "tracker_stats",
  "pieces",
  "piece_count",
  "piece_size",
  "availability",
  "download_dir",
  "magnet_link",
  "comment",
  "downloaded_ever",
  "download_limit",
  "download_limited",
  "upload_limit",
  "upload_limited",
  "tt_why",
];

/** A torrent's error that stopped it, other than a tracker's. */
export const ERROR_LOCAL = 3;

export const STATUS = {
  stopped: 0,
  checkQueued: 1,
  checking: 2,
  downloadQueued: 3,
  downloading: 4,
  seedQueued: 5,
  seeding: 6,
} as const;

type Rows = readonly (readonly unknown[])[];

/** All torrents, or those that changed lately with the ids of those removed. */
export async function fetchTorrents(
  ids: "recently_active" | undefined,
): Promise<{ readonly torrents: Torrent[]; readonly removed: readonly number[] }> {
  const { torrents: [names, ...rows], removed = [] } = await call<
    { torrents: Rows; removed?: readonly number[] }
  >("torrent_get", { fields: LIST_FIELDS, format: "table", ...(ids && { ids }) });
  const torrents = rows.map((row) =>
    Object.fromEntries(row.map((value, column) => [names![column], value])) as unknown as Torrent
  );
  return { torrents, removed };
}

export async function fetchDetails(id: number): Promise<Details | undefined> {
  const { torrents } = await call<{ torrents: Details[] }>("torrent_get", {
    ids: [id],
    fields: DETAIL_FIELDS,
  });
  return torrents[0];
}

/** An event of a torrent, as the daemon logged it. */
export interface Logged {
  readonly number: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly level: string;
  readonly message: string;
}

/** The newest last. */
export async function fetchLog(id: number): Promise<readonly Logged[]> {
  return (await call<{ entries: Logged[] }>("tt_log", { ids: [id] })).entries;
}

/** In words, with a class for its colour. */
export function stateOf(torrent: Torrent): { readonly text: string; readonly kind: string } {
  if (torrent.error === ERROR_LOCAL) return { text: "Error", kind: "error" };
  switch (torrent.status) {
    case STATUS.stopped:
      return { text: torrent.percent_done === 1 ? "Finished" : "Paused", kind: "paused" };
    case STATUS.checkQueued:
      return { text: "Queued to check", kind: "paused" };
    case STATUS.checking:
      return { text: "Checking", kind: "check" };
    case STATUS.downloadQueued:
    case STATUS.seedQueued:
      return { text: "Queued", kind: "paused" };
    case STATUS.seeding:
      return { text: "Seeding", kind: "seed" };
    default:
      return torrent.metadata_percent_complete < 1
        ? { text: "Fetching metadata", kind: "check" }
        : { text: "Downloading", kind: "leech" };
  }
}
