/**
 * By what a torrent is known: a v1 info hash (SHA-1, 20 bytes), a v2 info hash (SHA-256, 32 bytes), or
 * both for a hybrid. On the wire, at trackers and in the DHT each of them is 20 bytes: the v2 hash is
 * cut. Inside one process, on disk and in the catalog one 20-byte hash is the torrent's key: the v1
 * hash where there is one, so that older state and older clients find hybrids under it.
 */
import { fromHex, toHex } from "../bytes/hex.ts";
import { assert } from "../bytes/result.ts";
import { INFO_HASH_SIZE, type InfoHash, infoHashFromBytes } from "./info_hash.ts";
import type { Digests } from "./digests.ts";

/** "hybrid": for v1 and v2 in one. */
export type TorrentFormat = "v1" | "v2" | "hybrid";

/** 64 lower-case hexadecimal digits: SHA-256 of the raw info dictionary. */
export type InfoHashV2 = string & { readonly infoHashV2: unique symbol };

/** Spec: BEP 52, SHA-256. */
export const INFO_HASH_V2_SIZE = 32;

/** At least one of them. */
export interface Identity {
  readonly v1: InfoHash | undefined;
  readonly v2: InfoHashV2 | undefined;
}

/** Undefined unless `text` is 64 hexadecimal digits, in either case. */
export function infoHashV2FromHex(text: string): InfoHashV2 | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? text.toLowerCase() as InfoHashV2 : undefined;
}

/** `bytes` must be 32 bytes; callers check what comes from outside. */
export function infoHashV2FromBytes(bytes: Uint8Array): InfoHashV2 {
  assert(bytes.length === INFO_HASH_V2_SIZE, `a v2 info hash has 32 bytes, not ${bytes.length}`);
  return toHex(bytes) as InfoHashV2;
}

/** The first 20 bytes of a v2 info hash. Spec: BEP 52, infohash: "truncated to 20 bytes". */
export function truncatedInfoHash(v2: InfoHashV2): InfoHash {
  return infoHashFromBytes(fromHex(v2)!.subarray(0, INFO_HASH_SIZE));
}

/** The hash that names the torrent on disk, in the catalog and in events. */
export function keyOf(identity: Identity): InfoHash {
  if (identity.v1 !== undefined) return identity.v1;
  assert(identity.v2 !== undefined, "a torrent has an info hash");
  return truncatedInfoHash(identity.v2);
}

/** The 20-byte hashes of the torrent's swarms, its key first: one, or two for a hybrid. */
export function swarmHashes(identity: Identity): InfoHash[] {
  const hashes = [keyOf(identity)];
  if (identity.v1 !== undefined && identity.v2 !== undefined) {
    hashes.push(truncatedInfoHash(identity.v2));
  }
  return hashes;
}

/** For which versions the torrent is. */
export function formatOf({ v1, v2 }: Identity): TorrentFormat {
  if (v2 === undefined) return "v1";
  return v1 === undefined ? "v2" : "hybrid";
}

/** Whether the info dictionary is the one that every known hash of the identity names. */
export function isInfoOf(
  { v1, v2 }: Identity,
  infoBytes: Uint8Array,
  { sha1, sha256 }: Digests,
): boolean {
  if (v1 !== undefined && infoHashFromBytes(sha1(infoBytes)) !== v1) return false;
  return v2 === undefined || infoHashV2FromBytes(sha256(infoBytes)) === v2;
}

/** The 20-byte hash of the v2 swarm, if the torrent has a v2 part. */
export function v2SwarmHash({ v2 }: Identity): InfoHash | undefined {
  return v2 && truncatedInfoHash(v2);
}
