/** The tracker's numbers for programs, and a sign of life. */
import {
  metricFamilies,
  type StoreState,
  sumsOf,
} from "../../../core/tracker_server/metrics/metrics.ts";
import {
  formatMetrics,
  PROMETHEUS_CONTENT_TYPE,
} from "../../../core/tracker_server/metrics/prometheus.ts";
import { VERSION } from "../../version.ts";
import type { Route } from "./route.ts";
import type { Tracker } from "../tracker.ts";

export interface TrackerStats {
  readonly swarms: number;
  readonly peers: number;
  readonly seeders: number;
  readonly leechers: number;
  /** Downloads finished since the start. */
  readonly completed: number;
  readonly announces: number;
  readonly scrapes: number;
  /** Announces and scrapes that were answered with a failure reason. */
  readonly failures: number;
  /** Announces that were answered from memory while the database was away. */
  readonly stale: number;
  /** The way to the database, where there is one. */
  readonly store: StoreState | undefined;
  readonly uptimeSeconds: number;
}

export const STATUS_ROUTES: readonly Route[] = [
  {
    method: "GET",
    isUnguarded: true,
    pattern: /^\/stats$/,
    handle: ({ tracker }) => Response.json(readStats(tracker)),
  },
  {
    method: "GET",
    isUnguarded: true,
    pattern: /^\/metrics$/,
    handle: ({ tracker }) => {
      const headers = { "content-type": PROMETHEUS_CONTENT_TYPE };
      return new Response(readMetrics(tracker), { headers });
    },
  },
  {
    method: "GET",
    isUnguarded: true,
    pattern: /^\/healthz$/,
    handle: ({ tracker }) => checkHealth(tracker),
  },
];

/** The numbers of both transports together. */
export function readStats(tracker: Tracker): TrackerStats {
  const { backend, metrics } = tracker;
  const { swarms, peers, seeders, leechers, completed } = backend.totals();
  return {
    swarms,
    peers,
    seeders,
    leechers,
    completed,
    ...sumsOf(metrics),
    store: backend.state?.(),
    uptimeSeconds: uptimeOf(tracker),
  };
}

function readMetrics(tracker: Tracker): string {
  const { backend, metrics } = tracker;
  return formatMetrics(metricFamilies(metrics, {
    version: VERSION,
    totals: backend.totals(),
    uptimeSeconds: uptimeOf(tracker),
    residentBytes: Deno.memoryUsage().rss,
    store: backend.state?.(),
  }));
}

/** A tracker without its database still answers, so it is healthy: a restart would not help. */
function checkHealth({ backend }: Tracker): Response {
  const isAway = backend.state?.().isUp === false;
  return new Response(isAway ? "ok, but its database is unreachable\n" : "ok\n");
}

function uptimeOf({ now, startedAt }: Tracker): number {
  return Math.floor((now() - startedAt) / 1000);
}
