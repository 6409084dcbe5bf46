/**
 * Addresses that may be dialled, and when: everything that finds peers calls `addAddresses` with its
 * source. An address is `connected` exactly while a peer that we dialled, or that told us its port,
 * uses it.
 */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import type { JobCounter, JobId } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import {
  ADDRESSES_MAX,
  CONNECTIONS_WANTED,
  DIALS_AT_ONCE_MAX,
  REDIAL_FIRST_MS,
  REDIAL_LAST_MS,
} from "./limits.ts";
import type { SwarmEffects } from "./protocol.ts";

/** Who told us of an address. `incoming`: a peer that connected to us named its listening port. */
export type AddressSource =
  | "user"
  | "tracker"
  | "incoming"
  | "dht"
  | "pex"
  | "lsd"
  | "magnet"
  | "resume";

interface OwnEntry {
  readonly address: PeerAddress;
  readonly source: AddressSource;
  failures: number;
  nextTryMs: number;
  /** Connected, being dialled, or free. */
  use: "free" | "dialling" | "connected" | "never";
}

/** An address that we may dial. */
export type AddressEntry = View<OwnEntry>;

interface Own {
  readonly counter: JobCounter;
  readonly entries: Map<string, OwnEntry>;
  readonly dials: Map<JobId, OwnEntry>;
  readonly bannedIps: Set<string>;
  /** When an address may be dialled, in monotonic ms; 0: look again. Undefined: not before news. */
  nextDialMs: number | undefined;
}

export interface AddressBook extends Pick<View<Own>, "counter" | "bannedIps" | "nextDialMs"> {
  /** By the text of the address. */
  readonly entries: ReadonlyMap<string, AddressEntry>;
  readonly dials: ReadonlyMap<JobId, AddressEntry>;
}

/** Without addresses; `counter` numbers the dials. */
export function createAddressBook(counter: JobCounter): AddressBook {
  const own: Own = {
    counter,
    entries: new Map(),
    dials: new Map(),
    bannedIps: new Set(),
    nextDialMs: undefined,
  };
  return own;
}

/**
 * Remembers addresses to dial; known ones are ignored. Beyond ADDRESSES_MAX a new one takes the place
 * of the one that failed most, and is ignored while none failed.
 */
export function addAddresses(
  view: AddressBook,
  addresses: readonly PeerAddress[],
  source: AddressSource,
  now: number,
): void {
  const book = view as Own;
  for (const address of addresses) {
    const key = addressText(address);
    if (book.entries.has(key) || book.bannedIps.has(address.ip)) continue;
    if (book.entries.size >= ADDRESSES_MAX && !dropWorst(book)) continue;
    book.entries.set(key, { address, source, failures: 0, nextTryMs: now, use: "free" });
    book.nextDialMs = 0;
  }
}

function dropWorst(book: Own): boolean {
  let worst: string | undefined;
  let most = 0;
  for (const [key, { use, failures }] of book.entries) {
    const badness = use === "never" ? Infinity : use === "free" ? failures : 0;
    if (badness > most) [worst, most] = [key, badness];
  }
  return worst !== undefined && book.entries.delete(worst);
}

/** Dials addresses whose time has come, within the limits; `connections` is how many there are now. */
export function dialAddresses(
  view: AddressBook,
  connections: number,
  now: number,
  effects: SwarmEffects,
): void {
  const book = view as Own;
  if (book.nextDialMs === undefined || book.nextDialMs > now) return;
  for (const entry of book.entries.values()) {
    if (!mayDial(book, connections)) {
      book.nextDialMs = undefined;
      return;
    }
    if (entry.use !== "free" || entry.nextTryMs > now) continue;
    if (book.bannedIps.has(entry.address.ip)) continue;
    entry.use = "dialling";
    const job = book.counter.next++;
    book.dials.set(job, entry);
    effects.push({ kind: "dial", job, address: entry.address });
  }
  book.nextDialMs = nextDialAt(book);
}

function mayDial(book: Own, connections: number): boolean {
  return book.dials.size < DIALS_AT_ONCE_MAX &&
    connections + book.dials.size < CONNECTIONS_WANTED;
}

/** When the next address may be dialled; undefined when there is none. */
function nextDialAt(book: Own): number | undefined {
  let at: number | undefined;
  for (const entry of book.entries.values()) {
    if (entry.use !== "free" || book.bannedIps.has(entry.address.ip)) continue;
    if (at === undefined || entry.nextTryMs < at) at = entry.nextTryMs;
  }
  return at;
}

/** The dial came to nothing: the address is tried again after a wait. Unknown jobs are ignored. */
export function onDialFailed(book: AddressBook, job: JobId, now: number): void {
  const entry = takeDial(book, job);
  if (entry !== undefined) postpone(book, entry, now);
}

/** The entry that this dial was for; its use is the caller's to set, by one of the functions below. */
export function takeDial(view: AddressBook, job: JobId): AddressEntry | undefined {
  const book = view as Own;
  const entry = book.dials.get(job);
  book.dials.delete(job);
  book.nextDialMs = 0;
  return entry;
}

/** A peer is connected through the address that was dialled. */
export function markConnected(entry: AddressEntry): void {
  (entry as OwnEntry).use = "connected";
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

/** A connected peer listens there: it need not be dialled. */
export function claimAddress(book: AddressBook, address: PeerAddress): void {
  const entry = book.entries.get(addressText(address));
  if (entry?.use === "free") markConnected(entry);
}

/**
 * The connection that used the address is gone. `wasWorthIt`: it held so long that the waits start anew.
 */
export function releaseAddress(
  book: AddressBook,
  address: PeerAddress,
  wasWorthIt: boolean,
  now: number,
): void {
  (book as Own).nextDialMs = 0;
  const entry = book.entries.get(addressText(address));
  if (entry?.use !== "connected") return;
  if (wasWorthIt) (entry as OwnEntry).failures = 0;
  postpone(book, entry, now);
}

/** Free again, to be dialled after a wait that doubles with every attempt. */
export function postpone(view: AddressBook, address: AddressEntry, now: number): void {
  const entry = address as OwnEntry;
  (view as Own).nextDialMs = 0;
  entry.use = "free";
  entry.nextTryMs = now + Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * Math.pow(2, entry.failures));
  entry.failures++;
}

/** No address of this host is dialled or accepted again in this run. */
export function banIp(book: AddressBook, ip: string): void {
  (book as Own).bannedIps.add(ip);
}
