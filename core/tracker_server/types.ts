/**
 * The types of the announce engine: requests, responses, and what stands between the
 * transports (HTTP, UDP) and the stores (memory, Redis). Bytes are raw here; text is for the edges.
 */
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { AnnounceEvent } from "../tracker/types.ts";

/** Spec: BEP 3, numwant, "typically 50". */
export const NUM_WANT_DEFAULT = 50;
/** 200 compact IPv6 peers still fit into three packets. */
export const NUM_WANT_MAX = 200;

/** Seeders of each address family named to a complete peer that starts. */
const SEEDERS_AT_START_MAX = 10;

/**
 * An announce, whatever transport it came by. A transport uses one such object again and again: it
 * means something only until the call that it was passed to returns, and a promise is a return.
 */
export interface AnnounceQuery {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** Where the peer is noted: 4 or 16 bytes, never IPv4 wrapped in IPv6. */
  readonly ip: Uint8Array;
  /** 1..65535; together with `ip` and `infoHash` it names the peer. */
  readonly port: number;
  /** Nothing is left to download. */
  readonly isComplete: boolean;
  readonly event: AnnounceEvent | undefined;
  /** Others to name, 0..NUM_WANT_MAX. */
  readonly numWant: number;
  /**
   * Peers of the other address family may fill up the response, after those of the client's own.
   */
  readonly wantsBothFamilies: boolean;
  readonly wantsPeerIds: boolean;
}

/**
 * Maximum number of seeders of each family to name behind the leechers; undefined: they are named
 * in the proportion of their number. A seeder has no use for seeders, but a client that starts with
 * a magnet link and says that nothing is left (aria2) has.
 */
export function seedersFor({ isComplete, event }: AnnounceQuery): number | undefined {
  if (!isComplete) return undefined;
  return event === "started" ? SEEDERS_AT_START_MAX : 0;
}

/** Valid until the store's next call, for it may be the same object every time. */
export interface AnnounceReply {
  /** Counts of the whole swarm, the client included. */
  readonly seeders: number;
  readonly leechers: number;
  /** Downloads that were finished. */
  readonly completed: number;
  /** Others to connect to: IPv4 in 4 bytes and a port in 2, one behind the other. */
  readonly peers: ByteWriter;
  /** The same for IPv6, 16 and 2 bytes. */
  readonly peers6: ByteWriter;
  /** 20 bytes for each of `peers`, then of `peers6`; empty unless wanted. */
  readonly peerIds: ByteWriter;
  /** For the client's user, when the answer may be stale. */
  readonly warning: string | undefined;
}

/** What the response to an announce contains. */
export interface PeerCounts {
  readonly seeders: number;
  readonly leechers: number;
  readonly completed: number;
}

/** What the response to a scrape contains. Spec: BEP 48. */
export interface SwarmCounts extends PeerCounts {
  /** Leechers that are no partial seeds. Spec: BEP 21, tracker scrapes. */
  readonly downloaders: number;
}

/** Numbers of a whole store. */
export interface StoreTotals extends PeerCounts {
  /** With at least one peer. */
  readonly swarms: number;
  /** Seeders and leechers. */
  readonly peers: number;
}
