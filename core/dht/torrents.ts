/** The torrents that are announced: when to look up which, and how many at once. */
import { randomBelow } from "../bytes/random.ts";
import { type FinishedLookup, startLookup } from "./lookups.ts";
import type { NodeId } from "./node_id.ts";
import type { DhtEffect, DhtEvent } from "./protocol.ts";
import type { Dht } from "./state.ts";

/** Between two announces of a torrent; nodes drop a peer after 30 minutes or more. */
export const ANNOUNCE_INTERVAL_MS = 15 * 60_000;
/** Of which a part at random is taken off, so that torrents started together drift apart. */
const ANNOUNCE_JITTER = 0.1;
/** With many torrents the interval grows by this for each, so that traffic has a bound. */
const INTERVAL_PER_TORRENT_MS = 1_000;
/** A torrent that wants peers is looked up again no sooner than this. */
export const LOOKUP_INTERVAL_MIN_MS = 60_000;
/** Lookups for torrents at a time. */
const LOOKUPS_MAX = 8;
/** After a lookup without responses: the first delay, which doubles, and the last. */
const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 5 * 60_000;
/**
 * While next to nobody is found, ourselves perhaps, others may have come a moment after us: the
 * first wait, which doubles up to the usual interval.
 */
const LONELY_FIRST_MS = 2_000;
const PEERS_FEW = 2;
/** Without nodes to ask. */
const RETRY_EMPTY_MS = 1_000;
/** Torrents of one process that are announced; the ones beyond it are only reported as missing. */
export const TORRENTS_MAX = 10_000;

/** Begins or changes the announcing of a torrent. */
export function joinTorrent(dht: Dht, event: Extract<DhtEvent, { kind: "join" }>, now: number) {
  const { infoHash, port, impliedPort, isSeed } = event;
  const known = dht.torrents.get(infoHash);
  if (known !== undefined) {
    known.port = port;
    known.impliedPort = impliedPort;
    known.isSeed = isSeed;
    return;
  }
  if (dht.torrents.size >= TORRENTS_MAX) return;
  dht.torrents.set(infoHash, {
    infoHash,
    port,
    impliedPort,
    isSeed,
    lookedUpAt: -Infinity,
    nextAt: now,
    active: 0,
    replies: 0,
    peers: 0,
    failedRounds: 0,
    lonelyRounds: 0,
  });
}

/** Looks for more peers as soon as that is decent. */
export function wantPeers(dht: Dht, infoHash: NodeId, now: number): void {
  const torrent = dht.torrents.get(infoHash);
  if (torrent === undefined || torrent.failedRounds > 0) return;
  const allowedAt = Math.max(now, torrent.lookedUpAt + LOOKUP_INTERVAL_MIN_MS);
  torrent.nextAt = Math.min(torrent.nextAt, allowedAt);
}

/** Starts the lookups that are due. */
export function runTorrents(dht: Dht, now: number, effects: DhtEffect[]): void {
  let active = activeLookups(dht);
  for (const torrent of dht.torrents.values()) {
    if (active >= LOOKUPS_MAX) return;
    if (torrent.active > 0 || torrent.nextAt > now) continue;
    const purpose = { kind: "peers", job: undefined, scrape: false, isJoined: true } as const;
    for (const network of dht.networks) {
      const { infoHash } = torrent;
      if (startLookup(dht, network, infoHash, purpose, now, effects) === undefined) continue;
      torrent.active++;
      active++;
    }
    torrent.replies = torrent.peers = 0;
    if (torrent.active === 0) torrent.nextAt = now + RETRY_EMPTY_MS;
    else torrent.lookedUpAt = now;
  }
}

/** A lookup of a joined torrent is over; the round is with that of the last network. */
export function onTorrentLookup(dht: Dht, { active, report }: FinishedLookup, now: number): void {
  const torrent = dht.torrents.get(active.lookup.target);
  // It may have left, and even joined again, while the lookup ran.
  if (torrent === undefined || torrent.active === 0) return;
  torrent.replies += report.replies;
  torrent.peers += report.peers;
  if (--torrent.active > 0) return;
  if (torrent.replies > 0) {
    torrent.failedRounds = 0;
    const usual = Math.max(ANNOUNCE_INTERVAL_MS, INTERVAL_PER_TORRENT_MS * dht.torrents.size);
    const isLonely = torrent.peers < PEERS_FEW;
    const lonelyMs = LONELY_FIRST_MS * 2 ** torrent.lonelyRounds;
    torrent.lonelyRounds = isLonely ? Math.min(10, torrent.lonelyRounds + 1) : 0;
    const interval = isLonely ? Math.min(usual, lonelyMs) : usual;
    torrent.nextAt = now + interval - randomBelow(dht.rng, Math.floor(interval * ANNOUNCE_JITTER));
  } else {
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** torrent.failedRounds++);
    torrent.nextAt = now + waitMs;
  }
}

/** When the next torrent is due; Infinity while as many are looked up as may be. */
export function nextTorrentAt(dht: Dht): number {
  if (dht.torrents.size === 0 || activeLookups(dht) >= LOOKUPS_MAX) return Infinity;
  let at = Infinity;
  for (const { nextAt, active } of dht.torrents.values()) {
    if (active === 0 && nextAt < at) at = nextAt;
  }
  return at;
}

function activeLookups(dht: Dht): number {
  let count = 0;
  for (const { purpose } of dht.lookups.values()) {
    if (purpose.kind === "peers" && purpose.isJoined) count++;
  }
  return count;
}
