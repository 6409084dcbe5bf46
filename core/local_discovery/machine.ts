/**
 * When to announce which torrents to the local network, and which of the received announces to accept.
 *
 * Invariants: announces are LSD_SPACING_MS apart; a torrent is announced when it joins, then after
 * pauses that double up to LSD_INTERVAL_MS, since a datagram may get lost; our own datagrams are known
 * by their cookie. The caller never adds a private torrent.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { IPV6_SIZE, isLoopbackIp, isPrivateIp, parseIp } from "../bytes/ip.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import { decodeLocalAnnounce, type LocalAnnounce, LSD_INFO_HASHES_MAX } from "./codec.ts";

/** Spec: BEP 14, "every 5 minutes". */
export const LSD_INTERVAL_MS = 5 * 60_000;
/** Spec: BEP 14, "no more than 1 announce per minute"; also the first pause. */
export const LSD_SPACING_MS = 60_000;
/** After a datagram that could not be sent: no route, no interface. Doubles up to the last. */
export const LSD_RETRY_FIRST_MS = 60_000;
export const LSD_RETRY_LAST_MS = 60 * 60_000;
/** Maximum datagrams read per second in total; a large network has some hundred clients. */
export const LSD_HEARD_PER_SECOND = 50;
/** Datagrams of one sender that count in one LSD_SPACING_MS; clients with many torrents send several. */
export const LSD_HEARD_PER_SENDER = 20;
/** Senders whose datagrams are counted. */
export const LSD_SENDERS_MAX = 1_000;
/** Bytes that the IPv6 addresses of one network have in common. Spec: RFC 4291, 2.5.4. */
const IPV6_NETWORK_SIZE = 8;

interface LocalTorrent {
  nextMs: number;
  pauseMs: number;
}

/** Plain data; only the functions below change it. */
export interface LocalDiscovery {
  readonly port: number;
  readonly cookie: string;
  readonly torrents: Map<InfoHash, LocalTorrent>;
  nextSendMs: number;
  failures: number;
  /** Tokens for datagrams that are read. */
  budget: number;
  budgetMs: number;
  /** Datagrams of each sender since `sendersMs`. */
  readonly senders: Map<string, number>;
  sendersMs: number;
}

export interface LocalPeer {
  readonly address: PeerAddress;
  /** Those of our torrents that it has. */
  readonly infoHashes: readonly InfoHash[];
}

/** `port`: where we listen for peers. `cookie`: random text, one for the process. */
export function createLocalDiscovery(port: number, cookie: string, now: number): LocalDiscovery {
  return {
    port,
    cookie,
    torrents: new Map(),
    nextSendMs: now,
    failures: 0,
    budget: LSD_HEARD_PER_SECOND,
    budgetMs: now,
    senders: new Map(),
    sendersMs: now,
  };
}

/** A torrent that is not private joins. */
export function addLocalTorrent(lsd: LocalDiscovery, infoHash: InfoHash, now: number): void {
  if (lsd.torrents.has(infoHash)) return;
  lsd.torrents.set(infoHash, { nextMs: now, pauseMs: LSD_SPACING_MS });
}

/** A torrent leaves. */
export function removeLocalTorrent(lsd: LocalDiscovery, infoHash: InfoHash): void {
  lsd.torrents.delete(infoHash);
}

/** The announce that is due, for every group; undefined before its time. */
export function planLocalAnnounce(lsd: LocalDiscovery, now: number): LocalAnnounce | undefined {
  if (now < lsd.nextSendMs) return undefined;
  const due = [...lsd.torrents].filter(([, torrent]) => torrent.nextMs <= now)
    .sort(([, a], [, b]) => a.nextMs - b.nextMs)
    .slice(0, LSD_INFO_HASHES_MAX);
  if (due.length === 0) return undefined;
  for (const [, torrent] of due) {
    torrent.nextMs = now + torrent.pauseMs;
    torrent.pauseMs = Math.min(LSD_INTERVAL_MS, 2 * torrent.pauseMs);
  }
  lsd.nextSendMs = now + LSD_SPACING_MS;
  return { port: lsd.port, infoHashes: due.map(([infoHash]) => infoHash), cookie: lsd.cookie };
}

/** Whether the datagram of the last plan left on any interface. */
export function localAnnounceSent(lsd: LocalDiscovery, succeeded: boolean, now: number): void {
  if (succeeded) {
    lsd.failures = 0;
    return;
  }
  const pauseMs = LSD_RETRY_FIRST_MS * 2 ** Math.min(lsd.failures++, 10);
  lsd.nextSendMs = now + Math.min(LSD_RETRY_LAST_MS, pauseMs);
}

/** When `planLocalAnnounce` has something to say; Infinity without torrents. */
export function nextLocalAnnounceMs(lsd: LocalDiscovery): number {
  let at = Infinity;
  for (const { nextMs } of lsd.torrents.values()) at = Math.min(at, nextMs);
  return Math.max(at, lsd.nextSendMs);
}

/** Who sent a datagram. */
export interface LocalSender {
  readonly ip: string;
  /** Our own addresses where it came in. */
  readonly ownIps: readonly string[];
}

/**
 * A datagram that came in. Only neighbours count: senders on private or loopback addresses, and over IPv6,
 * where hosts of a home network have public addresses, those in one network with us. Undefined for what
 * says nothing about our torrents.
 */
export function hearLocalAnnounce(
  lsd: LocalDiscovery,
  bytes: Uint8Array,
  { ip, ownIps }: LocalSender,
  now: number,
): LocalPeer | undefined {
  if (!isNeighbour(ip, ownIps)) return undefined;
  if (!takeBudget(lsd, ip, now)) return undefined;
  const decoded = decodeLocalAnnounce(bytes);
  if (!decoded.ok || decoded.value.cookie === lsd.cookie) return undefined;
  const infoHashes = decoded.value.infoHashes.filter((infoHash) => lsd.torrents.has(infoHash));
  if (infoHashes.length === 0) return undefined;
  return { address: { ip, port: decoded.value.port }, infoHashes };
}

function isNeighbour(ip: string, ownIps: readonly string[]): boolean {
  if (isLoopbackIp(ip)) return true;
  const bytes = parseIp(ip);
  if (bytes === undefined || bytes.length !== IPV6_SIZE) return isPrivateIp(ip);
  // A link-local address cannot be dialed without its interface, which an address of a peer has not.
  const isUniqueLocal = (bytes[0]! & 0xfe) === 0xfc;
  return isUniqueLocal || ownIps.some((own) => isOneNetwork(parseIp(own), bytes));
}

function isOneNetwork(own: Uint8Array | undefined, other: Uint8Array): boolean {
  if (own?.length !== IPV6_SIZE) return false;
  return own.subarray(0, IPV6_NETWORK_SIZE).every((byte, i) => byte === other[i]);
}

function takeBudget(lsd: LocalDiscovery, ip: string, now: number): boolean {
  const refill = (now - lsd.budgetMs) * LSD_HEARD_PER_SECOND / 1_000;
  lsd.budget = Math.min(LSD_HEARD_PER_SECOND, lsd.budget + refill);
  lsd.budgetMs = now;
  if (lsd.budget < 1) return false;
  lsd.budget--;
  if (now - lsd.sendersMs >= LSD_SPACING_MS) {
    lsd.senders.clear();
    lsd.sendersMs = now;
  }
  const heard = lsd.senders.get(ip) ?? 0;
  if (heard >= LSD_HEARD_PER_SENDER) return false;
  if (heard === 0 && lsd.senders.size >= LSD_SENDERS_MAX) return false;
  lsd.senders.set(ip, heard + 1);
  return true;
}
