/**
 * What the tracker does with an announce, whatever transport it came by: note the peer, then choose
 * whom to name to it. The address is the one the announce came from; a client's own word (`ip`) counts
 * only from this machine or a private network, because otherwise anybody could send a swarm to
 * somebody else's door.
 */
import { byteText } from "../bencode/node.ts";
import { encodeCompactPeers, type IpVersion } from "../bytes/compact_peers.ts";
import { canonicalIp, isLoopbackIp, isPrivateIp } from "../bytes/ip.ts";
import type { Rng } from "../bytes/random.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import type { InfoHash } from "../metainfo/types.ts";
import type { AnnounceEvent } from "../tracker/types.ts";
import {
  type PeerFacts,
  putPeer,
  removePeer,
  sampleOthers,
  type Seat,
  type SwarmStore,
} from "./swarm.ts";

/** Spec: BEP 3, numwant, "typically 50". */
export const NUM_WANT_DEFAULT = 50;
/** 200 compact IPv6 peers still fit into three packets. */
export const NUM_WANT_MAX = 200;

export interface AnnounceQuery {
  readonly infoHash: InfoHash;
  /** Byte text, 20 characters. */
  readonly peerId: string;
  readonly key: string | undefined;
  /** 1..65535 */
  readonly port: number;
  /** Nothing is left to download. */
  readonly isComplete: boolean;
  readonly event: AnnounceEvent | undefined;
  readonly numWant: number | undefined;
  /** The client's own word on its address. */
  readonly ip: string | undefined;
}

export interface AnnounceReply {
  /** Counts of the whole swarm, the asker included. */
  readonly seeders: number;
  readonly leechers: number;
  readonly completed: number;
  /** Others to connect to, `numWant` together; those of the asker's address family first. */
  readonly peers: Readonly<Record<IpVersion, readonly Seat[]>>;
  /** The asker's address as seen here. */
  readonly externalIp: string;
}

/**
 * Carries out an announce. `remoteIp` is canonical text. Errors: a sentence for the client.
 *
 * Spec: BEP 3, tracker requests; BEP 7, addresses of both families; BEP 21, `paused` is no event here.
 */
export function answerAnnounce(
  store: SwarmStore,
  query: AnnounceQuery,
  remoteIp: string,
  now: number,
  rng: Rng,
): Result<AnnounceReply, string> {
  const ip = trustedIp(query.ip, remoteIp);
  const version: IpVersion = ip.includes(":") ? 6 : 4;
  const facts: PeerFacts = {
    infoHash: query.infoHash,
    peerId: query.peerId,
    key: query.key ?? ip,
    address: byteText(encodeCompactPeers([{ ip, port: query.port }], version)),
    isSeeder: query.isComplete,
    hasCompleted: query.event === "completed" && query.isComplete,
  };
  if (query.event === "stopped") {
    removePeer(store, facts);
    const swarm = store.swarms.get(query.infoHash);
    return ok({
      seeders: swarm?.counts.seeders ?? 0,
      leechers: swarm?.counts.leechers ?? 0,
      completed: swarm?.completedCount ?? 0,
      peers: { 4: [], 6: [] },
      externalIp: remoteIp,
    });
  }
  const peer = putPeer(store, facts, now);
  if (peer === undefined) return fail("This tracker is full, try again later");
  const wanted = Math.min(query.numWant ?? NUM_WANT_DEFAULT, NUM_WANT_MAX);
  const near = sampleOthers(peer, version, wanted, rng);
  const far = sampleOthers(peer, version === 4 ? 6 : 4, wanted - near.length, rng);
  return ok({
    seeders: peer.swarm.counts.seeders,
    leechers: peer.swarm.counts.leechers,
    completed: peer.swarm.completedCount,
    peers: version === 4 ? { 4: near, 6: far } : { 4: far, 6: near },
    externalIp: remoteIp,
  });
}

function trustedIp(claimed: string | undefined, remoteIp: string): string {
  if (claimed === undefined || !(isLoopbackIp(remoteIp) || isPrivateIp(remoteIp))) return remoteIp;
  return canonicalIp(claimed) ?? remoteIp;
}
