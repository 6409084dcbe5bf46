/**
 * The allowed fast set: pieces that a peer may fetch while it is choked, derived from its address so
 * that reconnecting, or a neighbour in the same /24, earns no others. Spec: BEP 6, allowed fast.
 */
import { readUint32 } from "../bytes/byte_reader.ts";
import { IPV4_SIZE, parseIp } from "../bytes/ip.ts";
import type { Sha1 } from "../metainfo/digests.ts";

/**
 * `count` distinct pieces, fewer when the torrent has fewer, in the order of BEP 6. `infoHash` is
 * 20 bytes, `ip` the peer's address. BEP 6 defines no set for IPv6: such a peer gets none.
 */
export function allowedFastSet(
  infoHash: Uint8Array,
  ip: string,
  pieceCount: number,
  count: number,
  sha1: Sha1,
): number[] {
  const address = parseIp(ip);
  if (address?.length !== IPV4_SIZE) return [];
  const wanted = Math.min(count, pieceCount);
  const pieces = new Set<number>();
  const seed = new Uint8Array(IPV4_SIZE + infoHash.length);
  seed.set(address.subarray(0, 3));
  seed.set(infoHash, IPV4_SIZE);
  let digest: Uint8Array = seed;
  while (pieces.size < wanted) {
    digest = sha1(digest);
    for (let at = 0; at < digest.length && pieces.size < wanted; at += 4) {
      pieces.add(readUint32(digest, at) % pieceCount);
    }
  }
  return [...pieces];
}
