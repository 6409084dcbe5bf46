/** Announces and decoded responses for the tests of the tracker's store. */
import { decodeCompactPeers } from "../../../../core/bytes/compact_peers.ts";
import { type ByteWriter, writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { addressText } from "../../../../core/bytes/address.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../../core/tracker_server/types.ts";
import { valueOf } from "../../tracker/unwrap.ts";

export const HASH = new Uint8Array(20).fill(0xaa);
export const OTHER_HASH = new Uint8Array(20).fill(0xbb);

/** A unique peer ID of 20 bytes. */
export function idOf(id: number): Uint8Array {
  return new TextEncoder().encode(`-tt0100-${id}`.padEnd(20, "x"));
}

/** A leecher's periodic announce from 10.0.0.1, port 1000 + id, with overrides. */
export function query(
  id: number,
  { ip = "10.0.0.1", ...changes }: Partial<Omit<AnnounceQuery, "ip">> & { ip?: string } = {},
): AnnounceQuery {
  return {
    infoHash: HASH,
    peerId: idOf(id),
    ip: parseIp(ip)!,
    port: 1000 + id,
    isComplete: false,
    event: undefined,
    numWant: 50,
    wantsBothFamilies: true,
    wantsPeerIds: false,
    ...changes,
  };
}

/** Seeders, leechers and finished downloads. */
export function countsOf(
  { seeders, leechers, completed }: Pick<AnnounceReply, "seeders" | "leechers" | "completed">,
): number[] {
  return [seeders, leechers, completed];
}

/** The peers of a response as text, IPv4 first. */
export function addressesOf({ peers, peers6 }: AnnounceReply): string[] {
  const read = (writer: ByteWriter, version: 4 | 6) =>
    valueOf(decodeCompactPeers(writtenBytes(writer), version)).map(addressText);
  return [...read(peers, 4), ...read(peers6, 6)];
}
