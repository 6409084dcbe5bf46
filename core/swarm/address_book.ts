/**
 * The life of an address: everything that finds peers calls `addAddresses` with its source, and
 * nothing else is dialled.
 *
 * An entry is free, being dialled, in use by a connection (its owner, with which it is released),
 * or never dialled again. A host (an IPv4 address or an IPv6 /64) has few entries, few dials at
 * once and few an hour, so that no list of peers makes us flood it and no host fills the book; what
 * the user typed and loopback are excepted. A full book drops what failed most, then what comes
 * from the least trusted source. A private torrent takes addresses of its trackers only (BEP 27).
 *
 * An address that a connected peer names as its own is given up when the peer names another.
 */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { isLoopbackIp } from "../bytes/ip.ts";
import type { JobCounter, JobId } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { hostOf, mayBeDialled } from "./address_rules.ts";
import {
  ADDRESSES_MAX,
  BANS_MAX,
  CONNECTIONS_WANTED,
  dialledKept,
  DIALS_AT_ONCE_MAX,
  DIALS_PER_SECOND,
  HOST_ADDRESSES_MAX,
  HOST_DIALS_AT_ONCE_MAX,
  HOST_DIALS_PER_HOUR,
  REDIAL_FIRST_MS,
  REDIAL_LAST_MS,
} from "./limits.ts";
import type { SwarmEffects } from "./protocol.ts";

/** The source of an address. `incoming`: a peer that connected to us named its listening port. */
export type AddressSource =
  | "user"
  | "tracker"
  | "incoming"
  | "dht"
  | "pex"
  | "lsd"
  | "magnet"
  | "resume";

/** A larger value is a more trusted source. */
const TRUST: Readonly<Record<AddressSource, number>> = {
  user: 8,
  tracker: 7,
  magnet: 6,
  resume: 6,
  lsd: 5,
  dht: 4,
  pex: 3,
  incoming: 2,
};

const HOUR_MS = 3_600_000;

interface OwnEntry {
  readonly address: PeerAddress;
  readonly host: Host;
  source: AddressSource;
  failures: number;
  nextTryMs: number;
  /** In use by a connection, being dialled, free, or not to be dialled: for now, or in this run. */
  use: "free" | "dialling" | "connected" | "unneeded" | "never";
}

interface Host {
  readonly name: string;
  readonly isLoopback: boolean;
  addresses: number;
  dialling: number;
  /** Dials since `hourMs`. */
  dials: number;
  hourMs: number;
}

/** An address that we may dial. */
export type AddressEntry = View<OwnEntry>;

interface Own {
  readonly counter: JobCounter;
  readonly entries: Map<string, OwnEntry>;
  readonly dials: Map<JobId, OwnEntry>;
  /** By connection, the entries that it owns. */
  readonly owned: Map<PeerKey, OwnEntry[]>;
  readonly hosts: Map<string, Host>;
  readonly bannedIps: Set<string>;
  /** Dials that may be made at once, and when that was counted. */
  dialTokens: number;
  tokensMs: number;
  isPrivate: boolean;
  /** What the session grants. */
  dialsMax: number;
  connectionsMax: number;
  /** When an address may be dialled, in monotonic ms; 0: look again. Undefined: not before news. */
  nextDialMs: number | undefined;
}

export interface AddressBook
  extends Pick<View<Own>, "counter" | "bannedIps" | "isPrivate" | "nextDialMs"> {
  /** By the text of the address. */
  readonly entries: ReadonlyMap<string, AddressEntry>;
  readonly dials: ReadonlyMap<JobId, AddressEntry>;
}

/** Without addresses; `counter` numbers the dials. */
export function createAddressBook(isPrivate: boolean, counter: JobCounter): AddressBook {
  const own: Own = {
    counter,
    entries: new Map(),
    dials: new Map(),
    owned: new Map(),
    hosts: new Map(),
    bannedIps: new Set(),
    dialTokens: DIALS_AT_ONCE_MAX,
    tokensMs: 0,
    isPrivate,
    dialsMax: DIALS_AT_ONCE_MAX,
    connectionsMax: CONNECTIONS_WANTED,
    nextDialMs: undefined,
  };
  return own;
}

/** From now on only addresses of trackers are dialled, and others are dropped. Spec: BEP 27. */
export function setPrivate(view: AddressBook): void {
  const book = view as Own;
  book.isPrivate = true;
  for (const entry of [...book.entries.values()]) {
    if (entry.source !== "tracker" && entry.use === "free") remove(book, entry);
  }
}

/** Remembers addresses to dial; known ones only rise in trust. */
export function addAddresses(
  view: AddressBook,
  addresses: readonly PeerAddress[],
  source: AddressSource,
  now: number,
): void {
  const book = view as Own;
  for (const address of addresses) add(book, address, source, now);
}

function add(
  book: Own,
  address: PeerAddress,
  source: AddressSource,
  now: number,
): OwnEntry | undefined {
  if (book.isPrivate && source !== "tracker") return undefined;
  const isTyped = source === "user";
  if (book.bannedIps.has(address.ip)) return undefined;
  const key = addressText(address);
  const known = book.entries.get(key);
  if (known !== undefined) {
    if (TRUST[source] > TRUST[known.source]) known.source = source;
    return known;
  }
  if (!mayBeDialled(address, isTyped)) return undefined;
  const host = hostFor(book, address.ip, now);
  const isCrowded = host.addresses >= HOST_ADDRESSES_MAX && !isTyped && !host.isLoopback;
  if (isCrowded && !dropWorst(book, source, host)) return undefined;
  if (book.entries.size >= ADDRESSES_MAX && !dropWorst(book, source)) return undefined;
  const entry: OwnEntry = {
    address,
    host,
    source,
    failures: 0,
    nextTryMs: now,
    use: "free",
  };
  book.entries.set(key, entry);
  host.addresses++;
  book.nextDialMs = 0;
  return entry;
}

/** Makes room, among the addresses of one host if it is given, for one of `source`. */
function dropWorst(book: Own, source: AddressSource, host?: Host): boolean {
  let worst: OwnEntry | undefined;
  let worstBadness = 0;
  for (const entry of book.entries.values()) {
    if (host !== undefined && entry.host !== host) continue;
    const badness = badnessOf(entry, source);
    if (badness > worstBadness) [worst, worstBadness] = [entry, badness];
  }
  if (worst !== undefined) remove(book, worst);
  return worst !== undefined;
}

/** 0 for an entry that must stay. */
function badnessOf({ use, failures, source }: OwnEntry, newcomer: AddressSource): number {
  if (use === "never") return Infinity;
  if (use !== "free") return 0;
  if (failures > 0) return 10 * failures;
  return Math.max(0, TRUST[newcomer] - TRUST[source]);
}

function remove(book: Own, entry: OwnEntry): void {
  book.entries.delete(addressText(entry.address));
  entry.host.addresses--;
}

function hostFor(book: Own, ip: string, now: number): Host {
  const name = hostOf(ip);
  let host = book.hosts.get(name);
  if (host === undefined) {
    if (book.hosts.size >= 2 * ADDRESSES_MAX) dropHosts(book, now);
    host = {
      name,
      isLoopback: isLoopbackIp(ip),
      addresses: 0,
      dialling: 0,
      dials: 0,
      hourMs: now,
    };
    book.hosts.set(name, host);
  }
  return host;
}

/** Hosts without addresses are remembered for the count of their dials only. */
function dropHosts(book: Own, now: number): void {
  for (const [name, { addresses, dialling, hourMs }] of book.hosts) {
    if (addresses + dialling === 0 && now - hourMs >= HOUR_MS) book.hosts.delete(name);
  }
  for (const [name, { addresses, dialling }] of book.hosts) {
    if (book.hosts.size < 2 * ADDRESSES_MAX) return;
    if (addresses + dialling === 0) book.hosts.delete(name);
  }
}

/**
 * Dials addresses whose time has come, within the limits; `connections` is how many there are now,
 * `dialled` counts those of them that we dialled.
 */
export function dialAddresses(
  view: AddressBook,
  connections: number,
  dialled: () => number,
  now: number,
  effects: SwarmEffects,
): void {
  const book = view as Own;
  if (book.nextDialMs === undefined || book.nextDialMs > now) return;
  refillTokens(book, now);
  for (const entry of book.entries.values()) {
    if (!mayDial(book, connections, dialled)) {
      book.nextDialMs = undefined;
      return;
    }
    if (entry.use !== "free" || dialableAt(book, entry) > now) continue;
    if (book.dialTokens < 1) {
      book.nextDialMs = now + 1000 / DIALS_PER_SECOND;
      return;
    }
    book.dialTokens--;
    countDial(entry.host, now);
    entry.use = "dialling";
    const job = book.counter.next++;
    book.dials.set(job, entry);
    effects.push({ kind: "dial", job, address: entry.address });
  }
  book.nextDialMs = nextDialAt(book);
}

function mayDial(book: Own, connections: number, dialled: () => number): boolean {
  const { dials, dialsMax, connectionsMax } = book;
  if (dials.size >= dialsMax) return false;
  return connections + dials.size < connectionsMax ||
    dialled() + dials.size < dialledKept(connectionsMax);
}

/** Maximum number of concurrent dials, and of connections above which none is dialled. */
export function limitDials(view: AddressBook, dials: number, connections: number): void {
  const book = view as Own;
  book.dialsMax = Math.min(DIALS_AT_ONCE_MAX, dials);
  book.connectionsMax = Math.min(CONNECTIONS_WANTED, connections);
  book.nextDialMs = 0;
}

/** How many addresses may be dialled, and how many of them now. */
export function countDialable(view: AddressBook, now: number): { free: number; due: number } {
  const book = view as Own;
  let free = 0, due = 0;
  for (const entry of book.entries.values()) {
    if (entry.use !== "free" || book.bannedIps.has(entry.address.ip)) continue;
    free++;
    if (dialableAt(book, entry) <= now) due++;
  }
  return { free, due };
}

function refillTokens(book: Own, now: number): void {
  const earned = (now - book.tokensMs) * DIALS_PER_SECOND / 1000;
  book.dialTokens = Math.min(DIALS_AT_ONCE_MAX, book.dialTokens + earned);
  book.tokensMs = now;
}

function countDial(host: Host, now: number): void {
  if (now - host.hourMs >= HOUR_MS) {
    host.hourMs = now;
    host.dials = 0;
  }
  host.dials++;
  host.dialling++;
}

/** When a free entry may be dialled; Infinity before another dial of its host has ended. */
function dialableAt(book: Own, { address, host, source, nextTryMs }: OwnEntry): number {
  if (book.bannedIps.has(address.ip)) return Infinity;
  if (source === "user" || host.isLoopback) return nextTryMs;
  if (host.dialling >= HOST_DIALS_AT_ONCE_MAX) return Infinity;
  if (host.dials < HOST_DIALS_PER_HOUR) return nextTryMs;
  return Math.max(nextTryMs, host.hourMs + HOUR_MS);
}

/** When the next address may be dialled; undefined when there is none. */
function nextDialAt(book: Own): number | undefined {
  let at = Infinity;
  for (const entry of book.entries.values()) {
    if (entry.use === "free") at = Math.min(at, dialableAt(book, entry));
  }
  return at === Infinity ? undefined : at;
}

/** The dial came to nothing: the address is tried again after a wait. Unknown jobs are ignored. */
export function onDialFailed(book: AddressBook, job: JobId, now: number): void {
  const entry = takeDial(book, job);
  if (entry !== undefined) postpone(book, entry, now);
}

/**
 * The entry that this dial was for; its use is the caller's to set, by one of the functions below.
 */
export function takeDial(view: AddressBook, job: JobId): AddressEntry | undefined {
  const book = view as Own;
  const entry = book.dials.get(job);
  book.dials.delete(job);
  if (entry !== undefined) entry.host.dialling--;
  book.nextDialMs = 0;
  return entry;
}

/** The connection uses the address, until it ends. */
export function claimAddress(view: AddressBook, address: AddressEntry, owner: PeerKey): void {
  const book = view as Own, entry = address as OwnEntry;
  entry.use = "connected";
  const owned = book.owned.get(owner);
  if (owned === undefined) book.owned.set(owner, [entry]);
  else owned.push(entry);
}

/**
 * A connection that came in says that its peer listens there: it need not be dialled now, and may
 * be once the connection is gone. What the connection named before is given up.
 */
export function claimListenAddress(
  view: AddressBook,
  address: PeerAddress,
  owner: PeerKey,
  now: number,
): void {
  const book = view as Own;
  const key = addressText(address);
  const before = book.owned.get(owner) ?? [];
  if (before.some((entry) => addressText(entry.address) === key)) return;
  book.owned.delete(owner);
  for (const entry of before) {
    if (entry.source === "incoming") remove(book, entry);
    else postpone(book, entry, now);
  }
  const entry = add(book, address, "incoming", now);
  if (entry?.use === "free") claimAddress(book, entry, owner);
}

/** The connection that took the place of another to the same peer uses its addresses, too. */
export function passAddresses(view: AddressBook, from: PeerKey, to: PeerKey): void {
  const { owned } = view as Own;
  const entries = owned.get(from);
  if (entries === undefined) return;
  owned.delete(from);
  for (const entry of entries) {
    if (entry.use === "connected") claimAddress(view, entry, to);
  }
}

/** The address is not dialled again in this run. */
export function markNever(entry: AddressEntry): void {
  (entry as OwnEntry).use = "never";
}

/** As `markNever`, by address; nothing for an unknown one. */
export function neverDial(book: AddressBook, address: PeerAddress): void {
  const entry = book.entries.get(addressText(address));
  if (entry !== undefined) markNever(entry);
}

/**
 * The connection is gone: what it used is free again. `wasWorthIt`: it held so long that the waits
 * start again.
 */
export function releaseAddresses(
  view: AddressBook,
  owner: PeerKey,
  wasWorthIt: boolean,
  now: number,
): void {
  const book = view as Own;
  book.nextDialMs = 0;
  for (const entry of book.owned.get(owner) ?? []) {
    if (entry.use !== "connected") continue;
    if (wasWorthIt) entry.failures = 0;
    postpone(book, entry, now);
  }
  book.owned.delete(owner);
}

/** The peer there has nothing for us as we are: not dialled before `retryAddresses`. */
export function setUnneeded(book: AddressBook, address: PeerAddress): void {
  const entry = book.entries.get(addressText(address)) as OwnEntry | undefined;
  if (entry !== undefined) entry.use = "unneeded";
}

/**
 * More is wanted: peers that were not needed, or wait for the next attempt, are dialled at once.
 */
export function retryAddresses(view: AddressBook): void {
  const book = view as Own;
  for (const entry of book.entries.values()) {
    if (entry.use !== "free" && entry.use !== "unneeded") continue;
    entry.use = "free";
    entry.failures = 0;
    entry.nextTryMs = 0;
  }
  book.nextDialMs = 0;
}

/** Free again, to be dialled after a wait that doubles with every attempt. */
export function postpone(view: AddressBook, address: AddressEntry, now: number): void {
  const entry = address as OwnEntry;
  (view as Own).nextDialMs = 0;
  entry.use = "free";
  entry.nextTryMs = now + Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * Math.pow(2, entry.failures));
  entry.failures++;
}

/** No address of this host is dialled or accepted again in this run, BANS_MAX of them at most. */
export function banIp(view: AddressBook, ip: string): void {
  const { bannedIps } = view as Own;
  bannedIps.add(ip);
  if (bannedIps.size > BANS_MAX) bannedIps.delete(bannedIps.keys().next().value!);
}
