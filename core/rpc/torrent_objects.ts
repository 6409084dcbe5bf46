/**
 * The objects inside of `torrent_get`'s fields: files, peers, trackers, web seeds, in the spelling of each
 * dialect.
 *
 * Spec: Transmission 4.1, rpc-spec, section 3.3.
 */
import { remember } from "../bytes/remember.ts";
import { shapes } from "./shape.ts";
import type {
  FileView,
  PeersFrom,
  PeerView,
  ShareView,
  TrackerView,
  WebSeedView,
} from "./torrent_view.ts";

export const FILE_SHAPES = shapes<FileView>({
  name: (file) => file.name,
  length: (file) => file.length,
  bytes_completed: (file) => file.bytesCompleted,
  begin_piece: (file) => file.beginPiece,
  end_piece: (file) => file.endPiece,
});

export const FILE_STATS_SHAPES = shapes<FileView>({
  bytes_completed: (file) => file.bytesCompleted,
  wanted: (file) => file.wanted,
  priority: (file) => file.priority,
});

export const PEER_SHAPES = shapes<PeerView>({
  address: (peer) => peer.address,
  bytes_to_client: (peer) => peer.bytesToClient,
  bytes_to_peer: (peer) => peer.bytesToPeer,
  client_is_choked: (peer) => peer.clientIsChoked,
  client_is_interested: (peer) => peer.clientIsInterested,
  client_name: (peer) => peer.clientName,
  flag_str: (peer) => peerFlags(peer),
  is_downloading_from: (peer) => peer.rateToClient > 0,
  is_encrypted: (peer) => peer.isEncrypted,
  is_incoming: (peer) => peer.isIncoming,
  is_uploading_to: (peer) => peer.rateToPeer > 0,
  is_utp: (peer) => peer.isUtp,
  peer_id: (peer) => peer.peerId,
  peer_is_choked: (peer) => peer.peerIsChoked,
  peer_is_interested: (peer) => peer.peerIsInterested,
  port: (peer) => peer.port,
  progress: (peer) => peer.progress,
  rate_to_client: (peer) => peer.rateToClient,
  rate_to_peer: (peer) => peer.rateToPeer,
  tt_source: (peer) => peer.addressSource,
});

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

export const PEERS_FROM_SHAPES = shapes<PeersFrom>({
  from_tracker: (from) => from.tracker,
  from_incoming: (from) => from.incoming,
  from_dht: (from) => from.dht,
  from_pex: (from) => from.pex,
  from_lpd: (from) => from.lpd,
  from_ltep: (from) => from.ltep,
  from_cache: (from) => from.cache,
});

export const TRACKER_SHAPES = shapes<TrackerView>({
  announce: (tracker) => tracker.announce,
  id: (tracker) => tracker.id,
  scrape: (tracker) => tracker.scrape,
  sitename: (tracker) => siteOf(tracker.announce).name,
  tier: (tracker) => tracker.tier,
});

/** An announce brings what a scrape would. */
export const TRACKER_STATS_SHAPES = shapes<TrackerView>({
  announce: (tracker) => tracker.announce,
  announce_state: (tracker) => tracker.announceState,
  download_count: (tracker) => tracker.downloads,
  downloader_count: () => -1,
  has_announced: (tracker) => tracker.hasAnnounced,
  has_scraped: (tracker) => tracker.lastAnnounceSucceeded,
  host: (tracker) => siteOf(tracker.announce).host,
  id: (tracker) => tracker.id,
  is_backup: (tracker) => tracker.isBackup,
  last_announce_peer_count: (tracker) => tracker.lastAnnouncePeers,
  last_announce_result: (tracker) => tracker.lastAnnounceResult,
  last_announce_start_time: (tracker) => tracker.lastAnnounceAt,
  last_announce_succeeded: (tracker) => tracker.lastAnnounceSucceeded,
  last_announce_time: (tracker) => tracker.lastAnnounceAt,
  last_announce_timed_out: () => false,
  last_scrape_result: () => "",
  last_scrape_start_time: () => 0,
  last_scrape_succeeded: (tracker) => tracker.lastAnnounceSucceeded,
  last_scrape_time: (tracker) => tracker.lastAnnounceAt,
  last_scrape_timed_out: () => false,
  leecher_count: (tracker) => tracker.leechers,
  next_announce_time: (tracker) => tracker.nextAnnounceAt,
  next_scrape_time: (tracker) => tracker.nextAnnounceAt,
  scrape: (tracker) => tracker.scrape,
  scrape_state: () => 0,
  seeder_count: (tracker) => tracker.seeders,
  sitename: (tracker) => siteOf(tracker.announce).name,
  tier: (tracker) => tracker.tier,
});

export const WEB_SEED_SHAPES = shapes<WebSeedView>({
  url: (seed) => seed.url,
  is_downloading: (seed) => seed.isDownloading,
  download_bytes_per_second: (seed) => seed.downRate,
});

/** Ours: Transmission knows no share rule. */
export const SHARE_SHAPES = shapes<ShareView>({
  percent: (share) => share.percent,
  owed_bytes: (share) => share.owedBytes,
  shared_bytes: (share) => share.sharedBytes,
  state: (share) => share.state,
});

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
