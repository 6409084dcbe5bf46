/** The tracker that runs: its store, its counters and its settings, which all transports share. */
import type { Route } from "./route.ts";
import type { SwarmBackend } from "./store.ts";

/** Plain counters that cost next to nothing; whoever renders metrics reads them. */
export interface TrackerCounters {
  /** By transport. */
  readonly announces: { http: number; udp: number };
  readonly scrapes: { http: number; udp: number };
  /** Announces and scrapes that were answered with a reason instead. */
  failures: number;
}

export interface Tracker {
  readonly backend: SwarmBackend;
  readonly counters: TrackerCounters;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly startedAt: number;
  /** Whether an info hash of 20 bytes may be announced; absent where every one may. */
  readonly isRegistered: ((infoHash: Uint8Array) => boolean) | undefined;
  readonly routes: readonly Route[];
}
