/**
 * Which of two connections to keep, so that the peers of a swarm agree and form a random graph: each
 * pair of addresses has one priority, the same on both sides, that no peer can choose freely.
 *
 * Spec: BEP 40, canonical peer priority.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { IPV4_SIZE, parseIp } from "../bytes/ip.ts";

/** The priority of a connection between two addresses: 32 bits, greater is better. */
export function peerPriority(ours: PeerAddress, theirs: PeerAddress): number {
  const a = parseIp(ours.ip), b = parseIp(theirs.ip);
  if (a === undefined || b === undefined || a.length !== b.length) return 0;
  if (compare(a, b) === 0) {
    const [low, high] = [ours.port, theirs.port].sort((x, y) => x - y) as [number, number];
    return crc32c(Uint8Array.of(low >> 8, low & 255, high >> 8, high & 255));
  }
  // The network's bytes count in full, and one more byte for each that both share beyond it.
  const [network, step] = a.length === IPV4_SIZE ? [2, 1] : [6, 1];
  let whole = network;
  while (whole < a.length && isSamePrefix(a, b, whole)) whole += step;
  const masked = [a, b].map((ip) => ip.map((byte, i) => i < whole ? byte : byte & 0x55));
  const [first, second] = masked.sort(compare) as [Uint8Array, Uint8Array];
  const joined = new Uint8Array(2 * a.length);
  joined.set(first);
  joined.set(second, a.length);
  return crc32c(joined);
}

function isSamePrefix(a: Uint8Array, b: Uint8Array, size: number): boolean {
  return compare(a.subarray(0, size), b.subarray(0, size)) === 0;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
