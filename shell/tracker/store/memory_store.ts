/** Swarms in this process's memory: answers at once. Silent peers are looked for a little at a time. */
import type { Result } from "../../../core/bytes/result.ts";
import { type ListedPeer, listPeers } from "../../../core/tracker_server/swarms/list_peers.ts";
import {
  announce,
  countsAt,
  createSwarmStore,
  scrape,
  slotsInUse,
  type SwarmStore,
  type SwarmStoreOptions,
  sweepSome,
  totalsOf,
} from "../../../core/tracker_server/swarms/swarm_store.ts";
import type {
  AnnounceQuery,
  AnnounceReply,
  StoreTotals,
  SwarmCounts,
} from "../../../core/tracker_server/types.ts";
import { infoHashAt } from "../../../core/tracker_server/swarms/swarm_table.ts";
import type { SwarmBackend } from "./store.ts";

/** How often every swarm is visited. */
const ROUND_SECONDS = 30;
const STEP_MS = 250;
/** A small store is looked through in one step. */
const STEP_SLOTS_MIN = 1_000;

export class MemoryStore implements SwarmBackend {
  /** Its room; `now` is in whole seconds there. */
  readonly store: SwarmStore;
  readonly #timer: ReturnType<typeof setInterval>;

  /** `now` is the tracker's clock, in milliseconds. */
  constructor(options: SwarmStoreOptions, now: () => number) {
    this.store = createSwarmStore(options);
    this.#timer = setInterval(() => this.#sweep(secondsOf(now())), STEP_MS);
  }

  announce(query: AnnounceQuery, now: number): Result<AnnounceReply, string> {
    return announce(this.store, query, secondsOf(now));
  }

  scrape(hashes: readonly Uint8Array[]): readonly SwarmCounts[] {
    return hashes.map((hash) => scrape(this.store, hash));
  }

  *scrapeAll(): Iterable<readonly [Uint8Array, SwarmCounts]> {
    for (let slot = 1; slot <= slotsInUse(this.store); slot++) {
      const counts = countsAt(this.store, slot);
      if (counts.seeders + counts.leechers + counts.completed === 0) continue;
      yield [infoHashAt(this.store.table, slot), counts];
    }
  }

  listPeers(infoHash: Uint8Array, countMax: number): readonly ListedPeer[] {
    return listPeers(this.store, infoHash, countMax);
  }

  totals(): StoreTotals {
    return totalsOf(this.store);
  }

  setExpiry(seconds: number): void {
    this.store.expirySeconds = seconds;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(now: number): void {
    const share = slotsInUse(this.store) * STEP_MS / (ROUND_SECONDS * 1000);
    sweepSome(this.store, Math.max(STEP_SLOTS_MIN, Math.ceil(share)), now);
  }
}

function secondsOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
