/**
 * Limits on how many announces, scrapes and other questions a second are taken, from one address and from all together. Addresses
 * share a fixed number of counters, by a keyed hash, so that a flood from ever new addresses costs no
 * memory; two addresses on one counter are unlikely, and all that happens is that they share a limit.
 */
import { readUint32 } from "../../bytes/byte_reader.ts";
import { IPV4_SIZE } from "../../bytes/ip.ts";
import { halfSipHash, type HashKey } from "../half_sip_hash.ts";

const COUNTERS = 1 << 16;
/** A limit may be used up at once after so long a silence. */
const BURST_SECONDS = 10;
/** Words of an IPv6 address that name a customer: the first 64 bits. */
const IPV6_NETWORK_WORDS = 2;

export interface FloodGuard {
  /** Announces a second, Infinity for no limit. */
  readonly perAddress: number;
  readonly perTracker: number;
  readonly key: HashKey;
  readonly words: Int32Array;
  /** By counter, then one for all: announces that may be taken now, and when that was so. */
  readonly credit: Float64Array;
  readonly creditAt: Float64Array;
}

/** An empty guard; undefined without a limit. */
export function createFloodGuard(
  perAddress: number,
  perTracker: number,
  key: HashKey,
): FloodGuard | undefined {
  if (perAddress === Infinity && perTracker === Infinity) return undefined;
  const credit = new Float64Array(COUNTERS + 1).fill(perAddress * BURST_SECONDS);
  credit[COUNTERS] = perTracker * BURST_SECONDS;
  return {
    perAddress,
    perTracker,
    key,
    words: new Int32Array(IPV6_NETWORK_WORDS),
    credit,
    creditAt: new Float64Array(COUNTERS + 1),
  };
}

/** Counts an announce or another question; `now` is in milliseconds. Returns why it is not taken, or undefined. */
export function guardAnnounce(guard: FloodGuard, ip: Uint8Array, now: number): string | undefined {
  const count = ip.length === IPV4_SIZE ? 1 : IPV6_NETWORK_WORDS;
  for (let i = 0; i < count; i++) guard.words[i] = readUint32(ip, 4 * i);
  const counter = halfSipHash(guard.key, guard.words, 0, count, 1) & (COUNTERS - 1);
  if (!take(guard, counter, guard.perAddress, now)) {
    return "Your address asks too often, try again later";
  }
  if (!take(guard, COUNTERS, guard.perTracker, now)) {
    return "This tracker has too much to do, try again later";
  }
}

function take(guard: FloodGuard, counter: number, perSecond: number, now: number): boolean {
  if (perSecond === Infinity) return true;
  const earned = (now - guard.creditAt[counter]!) / 1000 * perSecond;
  const credit = Math.min(guard.credit[counter]! + earned, perSecond * BURST_SECONDS);
  const isTaken = credit >= 1;
  guard.credit[counter] = isTaken ? credit - 1 : credit;
  guard.creditAt[counter] = now;
  return isTaken;
}
