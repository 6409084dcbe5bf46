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
import { type Contacts, departedSince } from "./contacts.ts";
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
/** Addresses unknown before that one peer may add, less as many as it dropped. */
export const PEX_TAKEN_MAX = 200;

/**
 * One peer's part. Plain data of a few numbers, since a swarm of 300 has 300 of them; only the functions
 * below change it.
 */
export interface PeerExchange {
  /** Contacts with a lower number were told, unless they departed before. */
  toldUpTo: number;
  /** Departures that were taken into account. */
  departuresSeen: number;
  /** Addresses sent as added and not yet as dropped. */
  told: number;
  /** Those of them that departed, by address text. */
  readonly gone: Map<string, PeerAddress>;
  nextSendMs: number;
  hasSent: boolean;
  lastReceivedMs: number;
  /** Messages that came too early, less those that came in time. */
  early: number;
  /** Addresses that it added and we did not know, less as many as it dropped. */
  taken: number;
}

export type PexVerdict =
  | { readonly kind: "taken"; readonly found: readonly PexContact[] }
  /** Too early: nothing of it counts. */
  | { readonly kind: "ignored" }
  /** Far too many messages: close the connection. */
  | { readonly kind: "flood" };

/** A peer whose extension handshake names ut_pex. */
export function createPeerExchange(now: number): PeerExchange {
  return {
    toldUpTo: 0,
    departuresSeen: 0,
    told: 0,
    gone: new Map(),
    nextSendMs: now + PEX_FIRST_MS,
    hasSent: false,
    lastReceivedMs: -Infinity,
    early: 0,
    taken: 0,
  };
}

/**
 * The message that is due; undefined before its time and when there is no news. `contacts` are the
 * peers connected now whose listening address is known; the peer itself (`self`) is not told of itself.
 *
 * Spec: BEP 11: at most 50 added, the first message apart, and 50 dropped; the rest goes with the next.
 */
export function planPex(
  exchange: PeerExchange,
  contacts: Contacts,
  self: PeerAddress | undefined,
  now: number,
): PexMessage | undefined {
  if (now < exchange.nextSendMs) return undefined;
  const selfText = self && addressText(self);
  noteDepartures(exchange, contacts, selfText);
  const added = takeNew(exchange, contacts, selfText);
  const { gone } = exchange;
  const dropped: PeerAddress[] = [];
  for (const [text, address] of gone) {
    if (dropped.length >= PEX_CONTACTS_MAX) break;
    gone.delete(text);
    exchange.told--;
    dropped.push(address);
  }
  if (added.length === 0 && dropped.length === 0) return undefined;
  exchange.nextSendMs = now + PEX_INTERVAL_MS;
  exchange.hasSent = true;
  return { added, dropped };
}

function noteDepartures(
  exchange: PeerExchange,
  contacts: Contacts,
  selfText: string | undefined,
): void {
  for (const { number, text, address } of departedSince(contacts, exchange.departuresSeen)) {
    if (number < exchange.toldUpTo && text !== selfText) exchange.gone.set(text, address);
  }
  exchange.departuresSeen = contacts.departures;
}

/** Those listed since, up to what one message and the peer's list may hold. */
function takeNew(
  exchange: PeerExchange,
  { listed, nextNumber }: Contacts,
  selfText: string | undefined,
): PexContact[] {
  const added: PexContact[] = [];
  if (exchange.toldUpTo === nextNumber) return added;
  const addedMax = exchange.hasSent ? PEX_CONTACTS_MAX : PEX_TOLD_MAX;
  for (const { number, text, address, flags } of listed.values()) {
    if (number < exchange.toldUpTo) continue;
    const isOver = added.length >= addedMax || exchange.told >= PEX_TOLD_MAX;
    // One that departed and is back before the peer was told is no news.
    const isBack = exchange.gone.has(text);
    if (isOver && !isBack && text !== selfText) return added;
    exchange.toldUpTo = number + 1;
    if (isBack) exchange.gone.delete(text);
    else if (text !== selfText) {
      exchange.told++;
      added.push({ address, flags });
    }
  }
  exchange.toldUpTo = nextNumber;
  return added;
}

/**
 * Takes a message of the peer at `from`. Addresses on loopback count only from a peer on loopback, and
 * those of private networks only from a peer that is in one: anything else could not be reached, or
 * is an attempt to make us dial into a network of the peer's choice. Of several ports at one public
 * address the first one counts. `isKnown` names addresses, by their text, that are nothing new.
 *
 * Spec: BEP 11, security considerations.
 */
export function receivePex(
  exchange: PeerExchange,
  message: PexMessage,
  from: PeerAddress,
  isKnown: (text: string) => boolean,
  now: number,
): PexVerdict {
  if (now - exchange.lastReceivedMs < PEX_EARLY_MS) {
    return ++exchange.early > PEX_EARLY_MAX ? { kind: "flood" } : { kind: "ignored" };
  }
  exchange.lastReceivedMs = now;
  exchange.early = Math.max(0, exchange.early - 1);
  exchange.taken = Math.max(0, exchange.taken - message.dropped.length);
  const found: PexContact[] = [];
  const ips = new Set<string>();
  for (const contact of message.added) {
    const { ip } = contact.address;
    // Most are, once a swarm has met: they cost no second look.
    if (isKnown(addressText(contact.address))) {
      found.push(contact);
      continue;
    }
    if (exchange.taken >= PEX_TAKEN_MAX) continue;
    if (!mayTell(from.ip, ip) || (!isLoopbackIp(ip) && ips.has(ip))) continue;
    ips.add(ip);
    exchange.taken++;
    found.push(contact);
  }
  return { kind: "taken", found };
}

/** Whether a peer at `from` may name `ip`. */
function mayTell(from: string, ip: string): boolean {
  if (isLoopbackIp(ip)) return isLoopbackIp(from);
  return !isPrivateIp(ip) || isPrivateIp(from) || isLoopbackIp(from);
}
