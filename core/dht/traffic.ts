/**
 * How many packets may go in and out, for one host and for all together, and what went. Counts are
 * kept for a window of time and then dropped as a whole, so a flood from ever new addresses costs
 * no memory that lasts.
 */
import { type Endpoint, hostKey } from "./endpoint.ts";

/** Counts restart after this. */
export const WINDOW_MS = 10_000;
/** Queries that one host may send in a window: a client that looks up many torrents sends tens. */
export const HOST_QUERIES_IN_MAX = 100;
/** Queries answered in a window, the peer that sent them; half a megabyte of answers. */
export const QUERIES_IN_MAX = 2_000;
/** Queries to one host in a window, however many node ids it claims to have. */
export const HOST_QUERIES_OUT_MAX = 20;
/** Queries sent in a window: ten lookups at once, some 10 KB a second. */
export const QUERIES_OUT_MAX = 1_000;
/** Hosts that answered wrongly and are not spoken to for a time; the first makes room. */
const BANNED_MAX = 2_048;
/** Wrong answers after which a host is ignored. */
const STRIKES_MAX = 3;
/** How long a host that misbehaved is ignored. */
export const BAN_MS = 30 * 60_000;

export interface Traffic {
  windowStartMs: number;
  queriesIn: number;
  queriesOut: number;
  readonly hostsIn: Map<string, number>;
  readonly hostsOut: Map<string, number>;
  /** Host and how often it answered wrongly. */
  readonly strikes: Map<string, number>;
  /** Host and when it is forgiven. */
  readonly banned: Map<string, number>;
  readonly totals: TrafficTotals;
}

/** Since the start. */
export interface TrafficTotals {
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
  queriesIn: number;
  queriesOut: number;
  repliesIn: number;
  timeouts: number;
  /** Packets that were no messages of the DHT, or answers to nothing we asked. */
  malformedIn: number;
  unexpectedIn: number;
  /** Queries not answered because of a limit. */
  droppedIn: number;
  bans: number;
}

/** Nothing has gone in or out. */
export function createTraffic(now: number): Traffic {
  return {
    windowStartMs: now,
    queriesIn: 0,
    queriesOut: 0,
    hostsIn: new Map(),
    hostsOut: new Map(),
    strikes: new Map(),
    banned: new Map(),
    totals: {
      packetsIn: 0,
      packetsOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      queriesIn: 0,
      queriesOut: 0,
      repliesIn: 0,
      timeouts: 0,
      malformedIn: 0,
      unexpectedIn: 0,
      droppedIn: 0,
      bans: 0,
    },
  };
}

/** Counts a query that came in; false when it is one too many and not to be answered. */
export function admitQuery(traffic: Traffic, from: Endpoint, now: number): boolean {
  openWindow(traffic, now);
  traffic.totals.queriesIn++;
  const isAdmitted = traffic.queriesIn < QUERIES_IN_MAX &&
    count(traffic.hostsIn, hostKey(from), HOST_QUERIES_IN_MAX);
  if (isAdmitted) traffic.queriesIn++;
  else traffic.totals.droppedIn++;
  return isAdmitted;
}

/** Whether any query may leave at `now`. */
export function mayQuery(traffic: Traffic, now: number): boolean {
  openWindow(traffic, now);
  return traffic.queriesOut < QUERIES_OUT_MAX;
}

/** Counts a query to a host; false when it had enough for now, or is banned. */
export function takeQuery(traffic: Traffic, to: Endpoint, now: number): boolean {
  if (!mayQuery(traffic, now) || isBanned(traffic, to, now)) return false;
  if (!count(traffic.hostsOut, hostKey(to), HOST_QUERIES_OUT_MAX)) return false;
  traffic.queriesOut++;
  traffic.totals.queriesOut++;
  return true;
}

/** When the present window ends. */
export function windowEnd(traffic: Traffic): number {
  return traffic.windowStartMs + WINDOW_MS;
}

/** Counts a wrong answer; one is a restart or a lost byte, several are not. */
export function strike(traffic: Traffic, endpoint: Endpoint, now: number): void {
  const host = hostKey(endpoint);
  const strikes = (traffic.strikes.get(host) ?? 0) + 1;
  traffic.strikes.delete(host);
  if (strikes >= STRIKES_MAX) return ban(traffic, endpoint, now);
  if (traffic.strikes.size >= BANNED_MAX) {
    traffic.strikes.delete(traffic.strikes.keys().next().value!);
  }
  traffic.strikes.set(host, strikes);
}

/** Ignores a host for BAN_MS. */
function ban(traffic: Traffic, endpoint: Endpoint, now: number): void {
  const host = hostKey(endpoint);
  traffic.banned.delete(host);
  if (traffic.banned.size >= BANNED_MAX) {
    traffic.banned.delete(traffic.banned.keys().next().value!);
  }
  traffic.banned.set(host, now + BAN_MS);
  traffic.totals.bans++;
}

/** Whether a host is ignored. */
export function isBanned(traffic: Traffic, endpoint: Endpoint, now: number): boolean {
  if (traffic.banned.size === 0) return false;
  return traffic.banned.get(hostKey(endpoint))! > now;
}

function openWindow(traffic: Traffic, now: number): void {
  if (now < traffic.windowStartMs + WINDOW_MS) return;
  traffic.windowStartMs = now;
  traffic.queriesIn = 0;
  traffic.queriesOut = 0;
  traffic.hostsIn.clear();
  traffic.hostsOut.clear();
}

/**
 * Counts one more for a host unless it had `max`. All hosts together are bounded by the window's
 * total.
 */
function count(hosts: Map<string, number>, host: string, max: number): boolean {
  const before = hosts.get(host) ?? 0;
  if (before >= max) return false;
  hosts.set(host, before + 1);
  return true;
}
