/**
 * Every field of `torrent_get` by its name: how it is read from a view.
 *
 * Spec: Transmission 4.1, rpc-spec, section 3.3.
 */
import type { TorrentGet } from "./commands.ts";
import type { Dialect } from "./envelope.ts";
import type { Json } from "./json.ts";
import { currentName } from "./names.ts";
import { Shape } from "./shape.ts";
import {
  FILE_SHAPES,
  FILE_STATS_SHAPES,
  PEER_SHAPES,
  PEERS_FROM_SHAPES,
  SHARE_SHAPES,
  TRACKER_SHAPES,
  TRACKER_STATS_SHAPES,
  WEB_SEED_SHAPES,
} from "./torrent_objects.ts";
import { formatTrackerList } from "./torrent_settings.ts";
import type { TorrentView } from "./torrent_view.ts";

type Field = (torrent: TorrentView, dialect: Dialect) => Json;

/** What Transmission sends for an unknown time. */
const ETA_NONE = -1, ETA_UNKNOWN = -2;

/** A list of objects in the dialect's spelling. */
function listOf<T>(
  shapes: Readonly<Record<Dialect, Shape<T>>>,
  items: (torrent: TorrentView) => readonly T[],
): Field {
  return (torrent, dialect) => {
    const shape = shapes[dialect];
    return items(torrent).map((item) => shape.object(item));
  };
}

const FIELDS: Readonly<Record<string, Field>> = {
  activity_date: (t) => t.activeAt,
  added_date: (t) => t.addedAt,
  availability: (t) => t.availability(),
  bandwidth_priority: (t) => t.settings.bandwidth_priority,
  bytes_completed: (t) => t.files().map((file) => file.bytesCompleted),
  comment: (t) => t.comment,
  corrupt_ever: (t) => t.corruptEver,
  creator: (t) => t.creator,
  date_created: (t) => t.createdAt,
  desired_available: (t) => t.desiredAvailable,
  done_date: (t) => t.doneAt,
  download_dir: (t) => t.downloadDir,
  download_limit: (t) => t.settings.download_limit,
  download_limited: (t) => t.settings.download_limited,
  downloaded_ever: (t) => t.downloadedEver,
  edit_date: (t) => t.editedAt,
  error: (t) => t.error,
  error_string: (t) => t.errorText,
  eta: (t) => t.etaSeconds ?? (leftOf(t) === 0 ? ETA_NONE : ETA_UNKNOWN),
  eta_idle: () => ETA_NONE,
  file_count: (t) => t.fileCount,
  file_stats: listOf(FILE_STATS_SHAPES, (t) => t.files()),
  files: listOf(FILE_SHAPES, (t) => t.files()),
  group: (t) => t.settings.group,
  hash_string: (t) => t.infoHash,
  have_unchecked: (t) => t.haveUnchecked,
  have_valid: (t) => t.haveValid,
  honors_session_limits: (t) => t.settings.honors_session_limits,
  id: (t) => t.id,
  is_finished: (t) => t.isFinished,
  is_private: (t) => t.isPrivate,
  is_stalled: (t) => t.isStalled,
  labels: (t) => t.settings.labels,
  left_until_done: leftOf,
  magnet_link: (t) => t.magnetLink,
  manual_announce_time: () => 0,
  max_connected_peers: (t) => t.settings.peer_limit,
  metadata_percent_complete: (t) => t.metadataDone,
  name: (t) => t.name,
  peer_limit: (t) => t.settings.peer_limit,
  peers: listOf(PEER_SHAPES, (t) => t.peers()),
  peers_connected: (t) => t.peersConnected,
  peers_from: (t, dialect) => PEERS_FROM_SHAPES[dialect].object(t.peersFrom()),
  peers_getting_from_us: (t) => t.peersGettingFromUs,
  peers_sending_to_us: (t) => t.peersSendingToUs,
  percent_complete: (t) => t.metadataDone < 1 ? 0 : part(t.haveValid, t.totalSize),
  percent_done: (t) => t.metadataDone < 1 ? 0 : part(t.haveWanted, t.wantedSize),
  piece_count: (t) => t.pieceCount,
  piece_size: (t) => t.pieceLength,
  pieces: (t) => t.pieces().toBase64(),
  primary_mime_type: primaryMimeType,
  priorities: (t) => t.files().map((file) => file.priority),
  queue_position: (t) => t.queuePosition,
  rate_download: (t) => t.downRate,
  rate_upload: (t) => t.upRate,
  recheck_progress: (t) => t.recheckProgress,
  seconds_downloading: (t) => t.secondsDownloading,
  seconds_seeding: (t) => t.secondsSeeding,
  seed_idle_limit: (t) => t.settings.seed_idle_limit,
  seed_idle_mode: (t) => t.settings.seed_idle_mode,
  seed_ratio_limit: (t) => t.settings.seed_ratio_limit,
  seed_ratio_mode: (t) => t.settings.seed_ratio_mode,
  sequential_download: (t) => t.settings.sequential_download,
  sequential_download_from_piece: (t) => t.settings.sequential_download_from_piece,
  size_when_done: (t) => t.wantedSize,
  start_date: (t) => t.startedAt,
  status: (t) => t.status,
  torrent_file: (t) => t.torrentFile,
  total_size: (t) => t.totalSize,
  tracker_list: (t) => formatTrackerList(tiersOf(t)),
  tracker_stats: listOf(TRACKER_STATS_SHAPES, (t) => t.trackers()),
  trackers: listOf(TRACKER_SHAPES, (t) => t.trackers()),
  upload_limit: (t) => t.settings.upload_limit,
  upload_limited: (t) => t.settings.upload_limited,
  upload_ratio: uploadRatio,
  uploaded_ever: (t) => t.uploadedEver,
  // Promised as booleans, but the older dialect has always had numbers here.
  wanted: (t, dialect) => t.files().map(({ wanted }) => dialect === "legacy" ? +wanted : wanted),
  webseeds: (t) => t.webSeeds().map((seed) => seed.url),
  webseeds_ex: listOf(WEB_SEED_SHAPES, (t) => t.webSeeds()),
  webseeds_sending_to_us: (t) => t.webSeedsSendingToUs,
  // Ours: what Transmission does not know.
  tt_first_last: (t) => t.settings.tt_first_last,
  tt_share: (t, dialect) => SHARE_SHAPES[dialect].object(t.share),
  tt_super_seed: (t) => t.settings.tt_super_seed,
  tt_why: (t) => t.why,
  tt_why_text: (t) => t.explanation,
};

/** Every field, in today's spelling. */
export const TORRENT_FIELDS: readonly string[] = Object.keys(FIELDS);

/** A field by its name as a client wrote it; looked up once a request. */
function findField(name: string): Field | undefined {
  const current = currentName(name);
  return Object.hasOwn(FIELDS, current) ? FIELDS[current] : undefined;
}

/**
 * The `torrents` of an answer, each field under the name that it was asked for; unknown ones are
 * missing. As a table the names are the first row.
 */
export function torrentsAnswer(
  request: Pick<TorrentGet, "fields" | "format">,
  torrents: readonly TorrentView[],
  dialect: Dialect,
): readonly Json[] {
  const known = new Map<string, (torrent: TorrentView) => Json>();
  for (const name of request.fields) {
    const field = findField(name);
    if (field !== undefined) known.set(name, (torrent) => field(torrent, dialect));
  }
  const shape = new Shape(known);
  return request.format === "table"
    ? [shape.names, ...torrents.map((torrent) => shape.row(torrent))]
    : torrents.map((torrent) => shape.object(torrent));
}

function leftOf({ wantedSize, haveWanted }: TorrentView): number {
  return Math.max(0, wantedSize - haveWanted);
}

/** 0 to 1; what is empty is complete. */
function part(have: number, whole: number): number {
  return whole > 0 ? Math.min(1, have / whole) : 1;
}

/** Uploaded over what was downloaded, or over the size of what was here before; -1 is none. */
function uploadRatio({ uploadedEver, downloadedEver, haveValid }: TorrentView): number {
  const base = downloadedEver || haveValid;
  return base > 0 ? uploadedEver / base : -1;
}

function tiersOf(torrent: TorrentView): string[][] {
  const tiers: string[][] = [];
  for (const { tier, announce } of torrent.trackers()) (tiers[tier] ??= []).push(announce);
  return tiers.filter((tier) => tier !== undefined);
}

const MIME_TYPES: Readonly<Record<string, string>> = {
  "7z": "application/x-7z-compressed",
  avi: "video/x-msvideo",
  epub: "application/epub+zip",
  flac: "audio/flac",
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html",
  html: "text/html",
  iso: "application/x-iso9660-image",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  m4a: "audio/mp4",
  mkv: "video/x-matroska",
  mov: "video/quicktime",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  ogg: "audio/ogg",
  opus: "audio/opus",
  pdf: "application/pdf",
  png: "image/png",
  rar: "application/vnd.rar",
  tar: "application/x-tar",
  txt: "text/plain",
  wav: "audio/x-wav",
  webm: "video/webm",
  xz: "application/x-xz",
  zip: "application/zip",
};

/** The kind that most of the bytes are of. */
function primaryMimeType(torrent: TorrentView): string {
  const sizes = new Map<string, number>();
  for (const { name, length } of torrent.files()) {
    const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
    const type = Object.hasOwn(MIME_TYPES, ending)
      ? MIME_TYPES[ending]!
      : "application/octet-stream";
    sizes.set(type, (sizes.get(type) ?? 0) + length);
  }
  let primary = "application/octet-stream";
  let most = 0;
  for (const [type, size] of sizes) if (size > most) [primary, most] = [type, size];
  return primary;
}
