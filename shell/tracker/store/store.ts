/** Where swarms are kept: the seam between the transports and memory, Redis or whatever comes. */
import type { StoreState } from "../../../core/tracker_server/metrics/metrics.ts";
import type { Result } from "../../../core/bytes/result.ts";
import type { ListedPeer } from "../../../core/tracker_server/swarms/list_peers.ts";
import type {
  AnnounceQuery,
  AnnounceReply,
  StoreTotals,
  SwarmCounts,
} from "../../../core/tracker_server/types.ts";

/**
 * A store answers at once where it can, so that the fast path makes no promise; one that has to wait
 * reads the query before it does. `now` is monotonic milliseconds. It never rejects: a store that has
 * lost its database answers from what it knows, with a warning, or refuses with a sentence.
 */
export interface SwarmBackend {
  /** Notes the peer and names others to it. Errors: a sentence for the client. */
  announce(
    query: AnnounceQuery,
    now: number,
  ): Result<AnnounceReply, string> | Promise<Result<AnnounceReply, string>>;
  /** Counts for each info hash of 20 bytes, in order; zeros for a swarm that is not known. */
  scrape(
    hashes: readonly Uint8Array[],
    now: number,
  ): readonly SwarmCounts[] | Promise<readonly SwarmCounts[]>;
  /** Every swarm; where it is absent a scrape of all is refused. */
  scrapeAll?(): Iterable<readonly [infoHash: Uint8Array, counts: SwarmCounts]>;
  /** Up to `countMax` peers of a swarm, for people who look at it; absent where they are unknown. */
  listPeers?(
    infoHash: Uint8Array,
    countMax: number,
  ): readonly ListedPeer[] | Promise<readonly ListedPeer[]>;
  totals(): StoreTotals;
  /** Resolves once what was answered is safe; no answer leaves before. Absent where nothing is kept. */
  readonly settling?: Promise<void> | undefined;
  /** Seconds of silence after which a peer expires; set again as the load changes. */
  setExpiry(seconds: number): void;
  /** The way to the database, of a store that has one. */
  state?(): StoreState;
  close(): void | Promise<void>;
}
