/**
 * Sets of addresses in 256 bytes, which reveal only their size, so that nodes that hold parts of
 * a swarm can be added up.
 *
 * Spec: BEP 33, bloom filters.
 */
import { BLOOM_SIZE } from "./krpc.ts";

const BITS = 8 * BLOOM_SIZE;
/** Bits that each address sets. */
const HASHES = 2;

/** 20 bytes, given by the shell. */
export type Sha1 = (bytes: Uint8Array) => Uint8Array;

/** The empty set. */
export function createBloom(): Uint8Array {
  return new Uint8Array(BLOOM_SIZE);
}

/** Adds an IP address of 4 or 16 bytes. */
export function addToBloom(bloom: Uint8Array, ip: Uint8Array, sha1: Sha1): void {
  const hash = sha1(ip);
  for (let i = 0; i < HASHES; i++) {
    const bit = (hash[2 * i]! | (hash[2 * i + 1]! << 8)) % BITS;
    bloom[bit >>> 3]! |= 1 << (bit & 7);
  }
}

/** Adds everything in `other`. */
export function uniteBloom(bloom: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < BLOOM_SIZE; i++) bloom[i]! |= other[i]!;
}

/** About how many addresses are in the set; no whole number. Beyond some 6,000 it means nothing. */
export function estimateBloom(bloom: Uint8Array): number {
  let ones = 0;
  for (let byte of bloom) for (; byte !== 0; byte &= byte - 1) ones++;
  const zeros = Math.max(1, Math.min(BITS - 1, BITS - ones));
  return ones === 0 ? 0 : Math.log(zeros / BITS) / (HASHES * Math.log(1 - 1 / BITS));
}
