/** Announces for tests of stores: peers by number, answers as plain values. */
import { writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { decodeCompactPeers } from "../../../core/bytes/compact_peers.ts";
import { addressText } from "../../../core/bytes/address.ts";
import { parseIp } from "../../../core/bytes/ip.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../core/tracker_server/types.ts";

export const HASH = new Uint8Array(20).fill(0xa7);
export const OTHER_HASH = new Uint8Array(20).fill(0x15);

/** A leecher of HASH at 10.0.0.`n`, without an event, with numwant 50. */
export function announceOf(n: number, changes: Partial<AnnounceQuery> = {}): AnnounceQuery {
  return {
    infoHash: HASH,
    peerId: new Uint8Array(20).fill(n),
    ip: parseIp(`10.${n >>> 16}.${n >>> 8 & 0xff}.${n & 0xff}`)!,
    port: 6881,
    isComplete: false,
    event: undefined,
    numWant: 50,
    wantsBothFamilies: true,
    wantsPeerIds: false,
    ...changes,
  };
}

/** The same at fd00::`n`. */
export function announce6Of(n: number, changes: Partial<AnnounceQuery> = {}): AnnounceQuery {
  return announceOf(n, { ip: parseIp(`fd00::${n.toString(16)}`)!, ...changes });
}

/** Seeders, leechers, completed downloads and the returned peers, sorted. */
export function plainReply(reply: AnnounceReply) {
  const { seeders, leechers, completed, warning } = reply;
  const peers = [...decodePeers(reply.peers, 4), ...decodePeers(reply.peers6, 6)].sort();
  return { seeders, leechers, completed, peers, ...(warning === undefined ? {} : { warning }) };
}

/** Names of the peers 10.0.0.`n`, as in `plainReply`. */
export function names(...numbers: number[]): string[] {
  return numbers.map((n) => `10.${n >>> 16}.${n >>> 8 & 0xff}.${n & 0xff}:6881`).sort();
}

/** Names of the peers fd00::`n`. */
export function names6(...numbers: number[]): string[] {
  return numbers.map((n) => `[fd00::${n.toString(16)}]:6881`).sort();
}

function decodePeers(writer: AnnounceReply["peers"], version: 4 | 6): string[] {
  const peers = decodeCompactPeers(writtenBytes(writer), version);
  if (!peers.ok) throw new Error(`${peers.error.size} bytes are no compact peers`);
  return peers.value.map(addressText);
}
