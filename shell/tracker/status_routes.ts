/** The tracker's numbers for programs, and a sign of life. */
import { statusPage } from "./page.ts";
import type { Route } from "./route.ts";
import type { Tracker } from "./tracker.ts";

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
  readonly uptimeSeconds: number;
}

export const STATUS_ROUTES: readonly Route[] = [
  {
    method: "GET",
    pattern: /^\/stats$/,
    handle: ({ tracker }) => Response.json(readStats(tracker)),
  },
  {
    method: "GET",
    pattern: /^\/$/,
    handle: ({ tracker }) => statusPage(readStats(tracker)),
  },
  { method: "GET", pattern: /^\/healthz$/, handle: () => new Response("ok\n") },
];

/** The numbers of both transports together. */
export function readStats({ backend, counters, now, startedAt }: Tracker): TrackerStats {
  const { http, udp } = counters;
  const { swarms, peers, seeders, leechers, completed } = backend.totals();
  return {
    swarms,
    peers,
    seeders,
    leechers,
    completed,
    announces: http.announces + udp.announces,
    scrapes: http.scrapes + udp.scrapes,
    failures: http.failures + udp.failures,
    uptimeSeconds: Math.floor((now() - startedAt) / 1000),
  };
}
