/**
 * Peer exchange with one peer, in both directions: what was sent and is to be sent next, and which
 * of its addresses are accepted.
 *
 * Invariants: every contact that was added is dropped once its connection is gone; nothing is added
 * and dropped in one message; messages to one peer are PEX_INTERVAL_MS apart. The torrent's `private`
 * flag is checked by the caller, who then never comes here.
 *
 * Deliberately absent: BEP 11's list of recently seen peers, which fills lists with stale addresses.
 */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { isLoopbackIp, isPrivateIp } from "../bytes/ip.ts";
import { PEX_CONTACTS_MAX, type PexContact, type PexMessage } from "../wire/ut_pex.ts";

/** Spec: BEP 11, "no more than 1 PEX message per minute". */
export const PEX_INTERVAL_MS = 60_000;
/** A new peer gets the first message soon, but peers that connect together go into one message. */
export const PEX_FIRST_MS = 2_000;
/** Contacts of one peer's list; with more connections the first ones stand for all. */
export const PEX_TOLD_MAX = 200;
/** Messages may come a little early, after a delay on their way. */
export const PEX_EARLY_MS = 45_000;
/** A peer that sends this many more messages too early than in time is closed. */
export const PEX_EARLY_MAX = 10;
/** Addresses taken from one peer, those that it dropped again not counted. */
export const PEX_TAKEN_MAX = 200;

/** One peer's part. Plain data; only the functions below change it. */
export interface PeerExchange {
  /** Addresses sent as added and not yet as dropped, by address text. */
  readonly told: Map<string, PeerAddress>;
  nextSendMs: number;
  hasSent: boolean;
  lastReceivedMs: number;
  /** Messages that came too early, less those that came in time. */
  early: number;
  /** Addresses that it added and has not dropped. */
  readonly taken: Set<string>;
}

export type PexVerdict =
  | {
    readonly kind: "taken";
    readonly found: readonly PexContact[];
    readonly dropped: readonly PeerAddress[];
  }
  /** Too early: nothing of it counts. */
  | { readonly kind: "ignored" }
  /** Far too many messages: close the connection. */
  | { readonly kind: "flood" };

/** A peer whose extension handshake names ut_pex. */
export function createPeerExchange(now: number): PeerExchange {
  return {
    told: new Map(),
    nextSendMs: now + PEX_FIRST_MS,
    hasSent: false,
    lastReceivedMs: -Infinity,
    early: 0,
    taken: new Set(),
  };
}

/**
 * The message that is due; undefined before its time and when there is no news. `contacts` are the
 * peers connected now whose listening address is known, without the peer itself (`self`).
 *
 * Spec: BEP 11: at most 50 added, the first message apart, and 50 dropped; the rest goes with the next.
 */
export function planPex(
  exchange: PeerExchange,
  contacts: Iterable<PexContact>,
  self: PeerAddress | undefined,
  now: number,
): PexMessage | undefined {
  if (now < exchange.nextSendMs) return undefined;
  const { told } = exchange;
  const selfText = self && addressText(self);
  const gone = new Map(told);
  const added: PexContact[] = [];
  const addedMax = exchange.hasSent ? PEX_CONTACTS_MAX : PEX_TOLD_MAX;
  for (const contact of contacts) {
    const text = addressText(contact.address);
    gone.delete(text);
    if (text === selfText || told.has(text)) continue;
    if (added.length >= addedMax || told.size >= PEX_TOLD_MAX) continue;
    told.set(text, contact.address);
    added.push(contact);
  }
  const dropped: PeerAddress[] = [];
  for (const [text, address] of gone) {
    if (dropped.length >= PEX_CONTACTS_MAX) break;
    told.delete(text);
    dropped.push(address);
  }
  if (added.length === 0 && dropped.length === 0) return undefined;
  exchange.nextSendMs = now + PEX_INTERVAL_MS;
  exchange.hasSent = true;
  return { added, dropped };
}

/**
 * Takes a message of the peer at `from`. Addresses on loopback count only from a peer on loopback, and
 * those of private networks only from a peer that is in one: anything else could not be reached, or
 * is an attempt to make us dial into a network of the peer's choice. Of several ports at one public
 * address the first one counts.
 *
 * Spec: BEP 11, security considerations.
 */
export function receivePex(
  exchange: PeerExchange,
  message: PexMessage,
  from: PeerAddress,
  now: number,
): PexVerdict {
  if (now - exchange.lastReceivedMs < PEX_EARLY_MS) {
    return ++exchange.early > PEX_EARLY_MAX ? { kind: "flood" } : { kind: "ignored" };
  }
  exchange.lastReceivedMs = now;
  exchange.early = Math.max(0, exchange.early - 1);
  const dropped = message.dropped.filter((address) => exchange.taken.delete(addressText(address)));
  const found: PexContact[] = [];
  const ips = new Set<string>();
  for (const contact of message.added) {
    const { ip } = contact.address;
    const text = addressText(contact.address);
    if (exchange.taken.has(text) || exchange.taken.size >= PEX_TAKEN_MAX) continue;
    if (!mayTell(from.ip, ip) || (!isLoopbackIp(ip) && ips.has(ip))) continue;
    ips.add(ip);
    exchange.taken.add(text);
    found.push(contact);
  }
  return { kind: "taken", found, dropped };
}

/** Whether a peer at `from` may name `ip`. */
function mayTell(from: string, ip: string): boolean {
  if (isLoopbackIp(ip)) return isLoopbackIp(from);
  return !isPrivateIp(ip) || isPrivateIp(from) || isLoopbackIp(from);
}
