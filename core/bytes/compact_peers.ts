/**
 * Peers as a tracker packs them: the address in 4 or 16 bytes, then the port in 2, all in network
 * order, one after the other. Spec: BEP 23 (IPv4), BEP 7 (IPv6).
 */
import type { PeerAddress } from "./address.ts";
import { readUint16 } from "./byte_reader.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE, parseIp } from "./ip.ts";
import { fail, ok, type Result } from "./result.ts";

export type IpVersion = 4 | 6;

export interface CompactPeersError {
  readonly code: "compact-peers-size";
  /** Bytes that were there, no multiple of `peerSize`. */
  readonly size: number;
  readonly peerSize: number;
}

const PORT_SIZE = 2;

/** Packs the peers of one address family; those of the other are left out. */
export function encodeCompactPeers(peers: readonly PeerAddress[], version: IpVersion): Uint8Array {
  const ipSize = ipSizeOf(version);
  const packed = new Uint8Array(peers.length * (ipSize + PORT_SIZE));
  let at = 0;
  for (const { ip, port } of peers) {
    const bytes = parseIp(ip);
    if (bytes?.length !== ipSize) continue;
    packed.set(bytes, at);
    packed[at + ipSize] = port >>> 8;
    packed[at + ipSize + 1] = port;
    at += ipSize + PORT_SIZE;
  }
  return packed.slice(0, at);
}

/** Unpacks peers in their order. Those with port 0 cannot be dialled and are left out. */
export function decodeCompactPeers(
  bytes: Uint8Array,
  version: IpVersion,
): Result<PeerAddress[], CompactPeersError> {
  const ipSize = ipSizeOf(version);
  const peerSize = ipSize + PORT_SIZE;
  if (bytes.length % peerSize !== 0) {
    return fail({ code: "compact-peers-size", size: bytes.length, peerSize });
  }
  const peers: PeerAddress[] = [];
  for (let at = 0; at < bytes.length; at += peerSize) {
    const port = readUint16(bytes, at + ipSize);
    if (port !== 0) peers.push({ ip: formatIp(bytes.subarray(at, at + ipSize)), port });
  }
  return ok(peers);
}

function ipSizeOf(version: IpVersion): number {
  return version === 4 ? IPV4_SIZE : IPV6_SIZE;
}
