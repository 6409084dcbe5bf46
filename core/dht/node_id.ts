/**
 * Node ids and info hashes, which share one space of 160 bits, and the distance between them.
 *
 * Ids are byte text (one character U+0000 to U+00FF a byte): they are keys of maps and compared all
 * the time, and a node of the table costs a tenth of what it would as bytes.
 */
import { nextUint32, type Rng } from "../bytes/random.ts";

/** Bytes of an id. Spec: BEP 5, overview. */
export const NODE_ID_SIZE = 20;
export const NODE_ID_BITS = 8 * NODE_ID_SIZE;

/** 20 characters U+0000 to U+00FF; of a node, an info hash or the target of a stored value. */
export type NodeId = string;

/**
 * The byte text of `size` bytes at `at`, as a string of its own: a slice of a longer string would
 * keep that one in memory.
 */
export function textAt(bytes: Uint8Array, at: number, size: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + size));
}

/** The id in 20 bytes at `at`; the caller has checked that they are there. */
export function readNodeId(bytes: Uint8Array, at = 0): NodeId {
  // Written out: ids are most of what is read, and this takes a fifth of the time of a spread.
  // deno-fmt-ignore
  return String.fromCharCode(
    bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!,
    bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!, bytes[at + 8]!, bytes[at + 9]!,
    bytes[at + 10]!, bytes[at + 11]!, bytes[at + 12]!, bytes[at + 13]!, bytes[at + 14]!,
    bytes[at + 15]!, bytes[at + 16]!, bytes[at + 17]!, bytes[at + 18]!, bytes[at + 19]!,
  );
}

/** Below 0 when `a` is closer to `target` than `b`, above 0 when farther, 0 when they are equal. */
export function compareDistance(a: NodeId, b: NodeId, target: NodeId): number {
  for (let i = 0; i < NODE_ID_SIZE; i++) {
    const ofA = a.charCodeAt(i), ofB = b.charCodeAt(i);
    if (ofA !== ofB) {
      const wanted = target.charCodeAt(i);
      return (ofA ^ wanted) - (ofB ^ wanted);
    }
  }
  return 0;
}

/** How many leading bits two ids share, 0..160. */
export function sharedPrefixBits(a: NodeId, b: NodeId): number {
  for (let i = 0; i < NODE_ID_SIZE; i++) {
    const difference = a.charCodeAt(i) ^ b.charCodeAt(i);
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return NODE_ID_BITS;
}

/** An id at random. */
export function randomNodeId(rng: Rng): NodeId {
  let id = "";
  for (let word = 0; word < NODE_ID_SIZE / 4; word++) {
    const bits = nextUint32(rng);
    id += String.fromCharCode(bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255);
  }
  return id;
}

/** An id at random that shares exactly `prefixBits` (0..159) leading bits with `own`. */
export function randomIdSharing(own: NodeId, prefixBits: number, rng: Rng): NodeId {
  const chance = randomNodeId(rng);
  const at = prefixBits >>> 3;
  const bit = 0x80 >>> (prefixBits & 7);
  const ownByte = own.charCodeAt(at);
  // The bits above `bit` from our id, `bit` itself turned over, the rest at random.
  const above = 0xff & ~(2 * bit - 1);
  const byte = (ownByte & above) | (~ownByte & bit) | (chance.charCodeAt(at) & (bit - 1));
  return own.slice(0, at) + String.fromCharCode(byte) + chance.slice(at + 1);
}
