/**
 * How many peers each address has in each swarm, so that no address fills a swarm with all the
 * ports of one machine. The counts stand at places that a keyed hash gives, so that they take the
 * same memory whatever comes; two pairs at one place share a limit, which the number of places
 * makes harmless.
 */
import { halfSipHash, type HashKey } from "../half_sip_hash.ts";
import type { PeerLists } from "./peer_lists.ts";
import { HASH_WORDS, type SwarmTable } from "./swarm_table.ts";

/** Of one IPv4 address, or IPv6 network, in one swarm: a large household or a small carrier NAT. */
export const PEERS_PER_ADDRESS_MAX = 256;
/** With two million peers, eight share a place on the average. */
/** Sent to those beyond. */
export const CROWDED = "Your address has as many peers in this swarm as it may have";
const PLACES = 1 << 18;
/** Two of the address and two of the info hash. */
const WORDS = 4;
/** First byte of IPv4 addresses of the machine itself. */
export const LOOPBACK_NET = 127;

export interface Crowds {
  readonly counts: Uint16Array;
  readonly key: HashKey;
  readonly words: Int32Array;
}

/** Counts of no peer. */
export function createCrowds(key: HashKey): Crowds {
  return { counts: new Uint16Array(PLACES), key, words: new Int32Array(WORDS) };
}

/**
 * The place of the address in `words` from `at` on and the swarm in `slot`; -1 for this machine's
 * own addresses, of which there may be many peers.
 */
export function crowdOf(
  crowds: Crowds,
  table: SwarmTable,
  { version }: PeerLists,
  slot: number,
  words: Int32Array,
  at: number,
): number {
  const isIpv4 = version === 4;
  if (isIpv4 ? words[at]! >>> 24 === LOOPBACK_NET : isLoopback6(words, at)) return -1;
  crowds.words[0] = words[at]!;
  // A customer has an IPv6 network of 64 bits.
  crowds.words[1] = isIpv4 ? 0 : words[at + 1]!;
  crowds.words[2] = table.hashes[slot * HASH_WORDS]!;
  crowds.words[3] = table.hashes[slot * HASH_WORDS + 1]!;
  return halfSipHash(crowds.key, crowds.words, 0, WORDS, 1) & (PLACES - 1);
}

/** Whether there may be no further peer at the place. */
export function isCrowded({ counts }: Crowds, place: number): boolean {
  return place >= 0 && counts[place]! >= PEERS_PER_ADDRESS_MAX;
}

/** Counts a peer more (1) or less (-1) at the place. */
export function countPeer({ counts }: Crowds, place: number, change: 1 | -1): void {
  if (place >= 0) counts[place]! += change;
}

function isLoopback6(words: Int32Array, at: number): boolean {
  return (words[at]! | words[at + 1]! | words[at + 2]!) === 0 && words[at + 3] === 1;
}
