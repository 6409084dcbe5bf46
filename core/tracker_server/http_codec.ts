/**
 * Answers of the tracker over HTTP, as bencode. A refusal is an answer like any other, with status
 * 200, because that is where clients look for its reason.
 *
 * Spec: BEP 3 (responses), BEP 7 (peers6), BEP 23 (compact), BEP 24 (external ip), BEP 48 (scrape).
 */
import { type Bencodable, encodeBencode } from "../bencode/encode.ts";
import { bytesOfByteText, byteText } from "../bencode/node.ts";
import { readUint16 } from "../bytes/byte_reader.ts";
import { formatIp, parseIp } from "../bytes/ip.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/types.ts";
import type { AnnounceReply } from "./announce.ts";
import type { HttpAnnounceQuery } from "./query.ts";
import type { Seat, SwarmStore } from "./swarm.ts";

const PORT_SIZE = 2;

/** Seconds between announces: what peers are asked for, and the least they may take. */
export interface Intervals {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds: number;
}

/** A bencoded announce answer, compact or with dictionary peers as the query asks. */
export function encodeAnnounceReply(
  reply: AnnounceReply,
  query: Pick<HttpAnnounceQuery, "compact" | "wantsPeerIds">,
  intervals: Intervals,
): Uint8Array {
  return encodeBencode({
    interval: intervals.intervalSeconds,
    "min interval": intervals.minIntervalSeconds,
    complete: reply.seeders,
    incomplete: reply.leechers,
    downloaded: reply.completed,
    "external ip": parseIp(reply.externalIp),
    ...(query.compact ? compactPeers(reply) : dictionaryPeers(reply, query.wantsPeerIds)),
  });
}

/** A bencoded answer that says why there is none. */
export function encodeFailure(reason: string): Uint8Array {
  return encodeBencode({ "failure reason": reason });
}

/** A bencoded scrape answer; swarms that nobody is in count zero. */
export function encodeScrapeReply(store: SwarmStore, hashes: readonly InfoHash[]): Uint8Array {
  const files = new Map<string, Bencodable>();
  for (const hash of hashes) {
    const swarm = store.swarms.get(hash);
    files.set(byteText(infoHashBytes(hash)), {
      complete: swarm?.counts.seeders ?? 0,
      downloaded: swarm?.completedCount ?? 0,
      incomplete: swarm?.counts.leechers ?? 0,
    });
  }
  return encodeBencode({ files });
}

function compactPeers(reply: AnnounceReply): { [key: string]: Bencodable | undefined } {
  const { 4: peers, 6: peers6 } = reply.peers;
  return { peers: packSeats(peers), peers6: peers6.length > 0 ? packSeats(peers6) : undefined };
}

/** The addresses one after the other; all are of one family. A loop, because this is the hot path. */
function packSeats(seats: readonly Seat[]): Uint8Array {
  const size = seats[0]?.address.length ?? 0;
  const bytes = new Uint8Array(seats.length * size);
  let at = 0;
  for (const { address } of seats) {
    for (let i = 0; i < size; i++) bytes[at++] = address.charCodeAt(i);
  }
  return bytes;
}

function dictionaryPeers(reply: AnnounceReply, withIds: boolean): { peers: Bencodable } {
  const describe = ({ address, peer }: Seat): Bencodable => {
    const bytes = bytesOfByteText(address);
    const portAt = bytes.length - PORT_SIZE;
    return {
      ip: formatIp(bytes.subarray(0, portAt)),
      port: readUint16(bytes, portAt),
      "peer id": withIds ? bytesOfByteText(peer.peerId) : undefined,
    };
  };
  return { peers: [...reply.peers[4], ...reply.peers[6]].map(describe) };
}
