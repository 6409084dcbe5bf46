/** Chance from the system: seeds for the core's generator, and our peer id. */
import { PEER_ID_PREFIX } from "./version.ts";

/** 32 random bits. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** `count` signed words of 32 bits for secrets: from the system itself, and from no seed. */
export function randomWords(count: number): Int32Array {
  return crypto.getRandomValues(new Int32Array(count));
}

/** 128 random bits as 32 hexadecimal digits. */
export function randomText(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/** 20 bytes that no other peer has. Spec: BEP 20. */
export function createPeerId(): Uint8Array {
  const id = crypto.getRandomValues(new Uint8Array(20));
  id.set(new TextEncoder().encode(PEER_ID_PREFIX));
  return id;
}
