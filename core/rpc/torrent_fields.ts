/**
 * Every field of `torrent_get` by its name: how it is read from a view. Nested objects are made in
 * today's spelling and respelled for the older dialect.
 *
 * Spec: Transmission 4.1, rpc-spec, section 3.3.
 */
import type { TorrentGet } from "./commands.ts";
import { remember } from "../bytes/remember.ts";
import type { Dialect } from "./envelope.ts";
import type { Json, JsonObject } from "./json.ts";
import { camelName, currentName, renameKeys } from "./names.ts";
import { formatTrackerList } from "./torrent_settings.ts";
import type { FileView, PeerView, TorrentView, TrackerView, WebSeedView } from "./torrent_view.ts";

type Field = (torrent: TorrentView, dialect: Dialect) => Json;

/** What Transmission sends for an unknown time. */
const ETA_NONE = -1, ETA_UNKNOWN = -2;

/** Nested objects: respelled for the older dialect. */
function nested(field: (torrent: TorrentView) => Json): Field {
  return (torrent, dialect) => {
    const value = field(torrent);
    return dialect === "legacy" ? renameKeys(value, camelName) : value;
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
  file_stats: nested((t) => t.files().map(fileStats)),
  files: nested((t) => t.files().map(fileFacts)),
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
  peers: nested((t) => t.peers().map(peerFacts)),
  peers_connected: (t) => t.peersConnected,
  peers_from: nested(peersFrom),
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
  tracker_stats: nested((t) => t.trackers().map(trackerStats)),
  trackers: nested((t) => t.trackers().map(trackerFacts)),
  upload_limit: (t) => t.settings.upload_limit,
  upload_limited: (t) => t.settings.upload_limited,
  upload_ratio: uploadRatio,
  uploaded_ever: (t) => t.uploadedEver,
  // Promised as booleans, but the older dialect has always had numbers here.
  wanted: (t, dialect) => t.files().map(({ wanted }) => dialect === "legacy" ? +wanted : wanted),
  webseeds: (t) => t.webSeeds().map((seed) => seed.url),
  webseeds_ex: nested((t) => t.webSeeds().map(webSeedFacts)),
  webseeds_sending_to_us: (t) => t.webSeedsSendingToUs,
  // Ours: what Transmission does not know.
  tt_share: nested(({ share }) => ({
    percent: share.percent,
    owed_bytes: share.owedBytes,
    shared_bytes: share.sharedBytes,
    state: share.state,
  })),
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
  const known: { readonly name: string; readonly field: Field }[] = [];
  for (const name of new Set(request.fields)) {
    const field = findField(name);
    if (field !== undefined) known.push({ name, field });
  }
  if (request.format === "table") {
    return [
      known.map(({ name }) => name),
      ...torrents.map((torrent) => known.map(({ field }) => field(torrent, dialect))),
    ];
  }
  return torrents.map((torrent) => {
    const facts: Record<string, Json> = {};
    for (const { name, field } of known) facts[name] = field(torrent, dialect);
    return facts;
  });
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

function fileFacts(file: FileView): JsonObject {
  return {
    name: file.name,
    length: file.length,
    bytes_completed: file.bytesCompleted,
    begin_piece: file.beginPiece,
    end_piece: file.endPiece,
  };
}

function fileStats(file: FileView): JsonObject {
  return { bytes_completed: file.bytesCompleted, wanted: file.wanted, priority: file.priority };
}

function peerFacts(peer: PeerView): JsonObject {
  return {
    address: peer.address,
    bytes_to_client: peer.bytesToClient,
    bytes_to_peer: peer.bytesToPeer,
    client_is_choked: peer.clientIsChoked,
    client_is_interested: peer.clientIsInterested,
    client_name: peer.clientName,
    flag_str: peerFlags(peer),
    is_downloading_from: peer.rateToClient > 0,
    is_encrypted: peer.isEncrypted,
    is_incoming: peer.isIncoming,
    is_uploading_to: peer.rateToPeer > 0,
    is_utp: peer.isUtp,
    peer_id: peer.peerId,
    peer_is_choked: peer.peerIsChoked,
    peer_is_interested: peer.peerIsInterested,
    port: peer.port,
    progress: peer.progress,
    rate_to_client: peer.rateToClient,
    rate_to_peer: peer.rateToPeer,
    tt_source: peer.addressSource,
  };
}

/**
 * Letters as Transmission shows them: D and d downloading and willing to, U and u uploading and
 * willing to, K and ? unchoked without interest, E encrypted, H from the DHT, X by exchange,
 * L local, I incoming, T by uTP.
 */
export function peerFlags(peer: PeerView): string {
  let flags = peer.isUtp ? "T" : "";
  if (peer.clientIsInterested) flags += peer.clientIsChoked ? "d" : "D";
  if (peer.peerIsInterested) flags += peer.peerIsChoked ? "u" : "U";
  if (!peer.clientIsChoked && !peer.clientIsInterested) flags += "K";
  if (!peer.peerIsChoked && !peer.peerIsInterested) flags += "?";
  if (peer.isEncrypted) flags += "E";
  if (peer.source === "dht") flags += "H";
  if (peer.source === "pex") flags += "X";
  if (peer.source === "lpd") flags += "L";
  if (peer.isIncoming) flags += "I";
  return flags;
}

function peersFrom(torrent: TorrentView): JsonObject {
  const from: Record<string, number> = {};
  for (const [source, count] of Object.entries(torrent.peersFrom())) from[`from_${source}`] = count;
  return from;
}

function trackerFacts(tracker: TrackerView): JsonObject {
  return {
    announce: tracker.announce,
    id: tracker.id,
    scrape: tracker.scrape,
    sitename: siteOf(tracker.announce).name,
    tier: tracker.tier,
  };
}

/** An announce brings what a scrape would. */
function trackerStats(tracker: TrackerView): JsonObject {
  return {
    announce: tracker.announce,
    announce_state: tracker.announceState,
    download_count: tracker.downloads,
    downloader_count: -1,
    has_announced: tracker.hasAnnounced,
    has_scraped: tracker.lastAnnounceSucceeded,
    host: siteOf(tracker.announce).host,
    id: tracker.id,
    is_backup: tracker.isBackup,
    last_announce_peer_count: tracker.lastAnnouncePeers,
    last_announce_result: tracker.lastAnnounceResult,
    last_announce_start_time: tracker.lastAnnounceAt,
    last_announce_succeeded: tracker.lastAnnounceSucceeded,
    last_announce_time: tracker.lastAnnounceAt,
    last_announce_timed_out: false,
    last_scrape_result: "",
    last_scrape_start_time: 0,
    last_scrape_succeeded: tracker.lastAnnounceSucceeded,
    last_scrape_time: tracker.lastAnnounceAt,
    last_scrape_timed_out: false,
    leecher_count: tracker.leechers,
    next_announce_time: tracker.nextAnnounceAt,
    next_scrape_time: tracker.nextAnnounceAt,
    scrape: tracker.scrape,
    scrape_state: 0,
    seeder_count: tracker.seeders,
    sitename: siteOf(tracker.announce).name,
    tier: tracker.tier,
  };
}

function webSeedFacts(seed: WebSeedView): JsonObject {
  return {
    url: seed.url,
    is_downloading: seed.isDownloading,
    download_bytes_per_second: seed.downRate,
  };
}

interface Site {
  /** "https://tracker.example.org:443", with its port. */
  readonly host: string;
  /** "example" of tracker.example.org, for grouping; an IP address is its own site. */
  readonly name: string;
}

/** Thousands of torrents share a few trackers. */
const SITES_KEPT_MAX = 1000;

const siteOf = remember(SITES_KEPT_MAX, (announce): Site => {
  if (!URL.canParse(announce)) return { host: announce, name: announce };
  const { protocol, hostname, port } = new URL(announce);
  const host = `${protocol}//${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  return { host, name: isAddress ? hostname : hostname.split(".").at(-2) ?? hostname };
});

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
