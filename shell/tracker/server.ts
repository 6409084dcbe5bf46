/** A tracker on real ports: HTTP and UDP with one number, one store, one clock. */
import { notePace } from "../../core/tracker_server/intervals.ts";
import { sumsOf } from "../../core/tracker_server/metrics/metrics.ts";
import {
  PEERS_MAX,
  SECRET_WORDS,
  SWARMS_MAX,
} from "../../core/tracker_server/swarms/swarm_store.ts";
import { randomSeed, randomWords } from "../entropy.ts";
import { createHttpHandler, describeClient } from "./http/server.ts";
import { type HttpListener, listenHttp } from "./http/listener.ts";
import { MemoryStore } from "./store/memory_store.ts";
import type { Route } from "./http/route.ts";
import { readStats, STATUS_ROUTES, type TrackerStats } from "./http/status_routes.ts";
import type { SwarmBackend } from "./store/store.ts";
import { createTracker, type Tracker, type TrackerSettings } from "./tracker.ts";
import { UdpServer } from "./udp/server.ts";

/** How often the load is looked at. */
const PACE_MS = 1_000;
/** Attempts to find one free number for both protocols. */
const PORT_ATTEMPTS = 20;

export interface TrackerOptions extends TrackerSettings {
  /** An IP address or host name to listen on. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Further routes, asked before our own. */
  readonly routes?: readonly Route[] | undefined;
  /** Where swarms are kept; a store in memory unless given. It is closed with the tracker. */
  readonly backend?: SwarmBackend;
  /** Of the store in memory. */
  readonly peersMax?: number;
  readonly swarmsMax?: number;
}

export interface RunningTracker {
  readonly port: number;
  /** The announce URL. */
  readonly url: string;
  readonly tracker: Tracker;
  stats(): TrackerStats;
  /** Closes the ports; requests under way are answered first. */
  stop(): Promise<void>;
}

/** Starts listening. Rejects with `Deno.errors.AddrInUse` and other errors of listening. */
export async function startTracker(options: TrackerOptions): Promise<RunningTracker> {
  const tracker = createTracker(
    options,
    (pace, now) =>
      options.backend ?? new MemoryStore({
        seed: randomSeed(),
        secret: randomWords(SECRET_WORDS),
        expirySeconds: pace.expirySeconds,
        peersMax: options.peersMax ?? PEERS_MAX,
        swarmsMax: options.swarmsMax ?? SWARMS_MAX,
      }, now),
  );
  let servers: { http: HttpListener; udp: UdpServer };
  try {
    servers = await listen(tracker, options);
  } catch (error) {
    await tracker.backend.close();
    throw error;
  }
  const { http, udp } = servers;
  const timer = watchPace(tracker);
  return {
    port: http.port,
    url: `http://${urlHost(options.host)}:${http.port}/announce`,
    tracker,
    stats: () => readStats(tracker),
    async stop() {
      clearInterval(timer);
      await Promise.all([http.stop(), udp.stop()]);
      await tracker.backend.close();
    },
  };
}

/** A number that is free for TCP may be taken for UDP; where we choose, we choose again. */
async function listen(
  tracker: Tracker,
  { host, port, routes = [] }: TrackerOptions,
): Promise<{ http: HttpListener; udp: UdpServer }> {
  const handler = createHttpHandler(tracker, [...routes, ...STATUS_ROUTES]);
  for (let attempt = 1;; attempt++) {
    const http = listenHttp({
      host,
      port,
      handler,
      describeClient: (hostname, ownHostname) => describeClient(tracker, hostname, ownHostname),
    });
    try {
      return { http, udp: new UdpServer(tracker, host, http.port) };
    } catch (error) {
      await http.stop();
      if (port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Stretches intervals under load, and sets how long the store waits for peers. */
function watchPace({ metrics, pace, backend, now }: Tracker): ReturnType<typeof setInterval> {
  let counted = 0;
  return setInterval(() => {
    const { announces } = sumsOf(metrics);
    notePace(pace, (announces - counted) * 1000 / PACE_MS, Math.floor(now() / 1000));
    counted = announces;
    backend.setExpiry(pace.expirySeconds);
  }, PACE_MS);
}

/** An address to hand out: a wildcard stands for this machine. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
