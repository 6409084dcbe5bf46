/** The three forms of a v1 info hash: the typed hexadecimal text, any text, and 20 bytes. */
import { fromHex, toHex } from "../bytes/hex.ts";
import { assert } from "../bytes/result.ts";

/**
 * 40 lower-case hexadecimal digits that name a swarm: SHA-1 of the raw info dictionary, or the first 20
 * bytes of its SHA-256.
 */
export type InfoHash = string & { readonly infoHash: unique symbol };

/** Spec: BEP 3, SHA-1. */
export const INFO_HASH_SIZE = 20;

/** Undefined unless `text` is 40 hexadecimal digits, in either case. */
export function infoHashFromHex(text: string): InfoHash | undefined {
  return /^[0-9a-fA-F]{40}$/.test(text) ? text.toLowerCase() as InfoHash : undefined;
}

/** `bytes` must be 20 bytes; callers check what comes from outside. */
export function infoHashFromBytes(bytes: Uint8Array): InfoHash {
  assert(bytes.length === INFO_HASH_SIZE, `an info hash has 20 bytes, not ${bytes.length}`);
  return toHex(bytes) as InfoHash;
}

/** The 20 bytes that go over the wire. */
export function infoHashBytes(infoHash: InfoHash): Uint8Array {
  return fromHex(infoHash)!;
}
