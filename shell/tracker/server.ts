/**
 * The tracker on a real port: HTTP requests in, answers of `core/tracker_server` out, and a timer that
 * lets silent peers expire. Swarms live in memory; a tracker started again learns them anew within
 * one interval.
 */
import { addressText } from "../../core/bytes/address.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import { createRng, type Rng } from "../../core/bytes/random.ts";
import { ok, type Result } from "../../core/bytes/result.ts";
import { answerAnnounce } from "../../core/tracker_server/announce.ts";
import {
  encodeAnnounceReply,
  encodeFailure,
  encodeScrapeReply,
  type Intervals,
} from "../../core/tracker_server/http_codec.ts";
import { parseAnnounceQuery, parseScrapeQuery } from "../../core/tracker_server/query.ts";
import { createSwarmStore, expirePeers, type SwarmStore } from "../../core/tracker_server/swarm.ts";
import { statusPage } from "./page.ts";

/** Swarms of a few machines change quickly, and an announce costs next to nothing. */
export const INTERVAL_SECONDS_DEFAULT = 300;
/** What a client may take when it needs peers. */
export const MIN_INTERVAL_SECONDS = 15;
/** A peer is forgotten after two missed announces, each of them late by an eighth. */
const EXPIRY_INTERVALS = 2.25;
/** Clients don't announce more often than once a minute or so, however short the interval is. */
const EXPIRY_SECONDS_MIN = 120;
/** How often the timer looks for expired peers; every request looks too. */
const EXPIRY_CHECK_MS = 10_000;

export interface TrackerOptions {
  /** An IP address or host name to listen on. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Seconds between announces; INTERVAL_SECONDS_DEFAULT unless given. */
  readonly intervalSeconds?: number;
  /** One line about each announce, if wanted. */
  readonly log?: (line: string) => void;
  /** Monotonic milliseconds; the machine's unless given. */
  readonly now?: () => number;
}

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

export interface RunningTracker {
  readonly port: number;
  /** The announce URL. */
  readonly url: string;
  stats(): TrackerStats;
  /** Closes the port; requests under way are answered first. */
  stop(): Promise<void>;
}

/** What the routes share. */
interface Tracker {
  readonly store: SwarmStore;
  readonly rng: Rng;
  readonly intervals: Intervals;
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly startedAt: number;
  readonly counts: { announces: number; scrapes: number; failures: number };
}

/** Starts listening. Rejects with `Deno.errors.AddrInUse` and other errors of listening. */
export async function startTracker(options: TrackerOptions): Promise<RunningTracker> {
  const tracker = createTracker(options);
  const listening = Promise.withResolvers<Deno.NetAddr>();
  const server = Deno.serve({
    hostname: options.host,
    port: options.port,
    onListen: listening.resolve,
  }, (request, { remoteAddr }) => {
    return answerRequest(tracker, request, (remoteAddr as Deno.NetAddr).hostname);
  });
  const { port } = await listening.promise;
  const timer = setInterval(() => expire(tracker), EXPIRY_CHECK_MS);
  return {
    port,
    url: `http://${urlHost(options.host)}:${port}/announce`,
    stats: () => readStats(tracker),
    async stop() {
      clearInterval(timer);
      await server.shutdown();
    },
  };
}

function createTracker(options: TrackerOptions): Tracker {
  const now = options.now ?? (() => performance.now());
  const intervalSeconds = options.intervalSeconds ?? INTERVAL_SECONDS_DEFAULT;
  const minIntervalSeconds = Math.min(MIN_INTERVAL_SECONDS, intervalSeconds);
  return {
    store: createSwarmStore(),
    rng: createRng(crypto.getRandomValues(new Uint32Array(1))[0]!),
    intervals: { intervalSeconds, minIntervalSeconds },
    now,
    log: options.log ?? (() => {}),
    startedAt: now(),
    counts: { announces: 0, scrapes: 0, failures: 0 },
  };
}

function answerRequest(tracker: Tracker, request: Request, remoteHost: string): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const headers = { allow: "GET, HEAD" };
    return new Response("Only GET is answered here\n", { status: 405, headers });
  }
  const { path, query } = splitTarget(request.url);
  expire(tracker);
  switch (path) {
    case "/announce":
      tracker.counts.announces++;
      return bencoded(tracker, announce(tracker, query, canonicalIp(remoteHost)!));
    case "/scrape":
      tracker.counts.scrapes++;
      return bencoded(tracker, scrape(tracker, query));
    case "/stats":
      return Response.json(readStats(tracker));
    case "/healthz":
      return new Response("ok\n");
    case "/":
      return statusPage(readStats(tracker));
    default:
      return new Response("Not found\n", { status: 404 });
  }
}

/** By hand: a URL object would rewrite the query, whose bytes count. */
function splitTarget(url: string): { path: string; query: string } {
  const [, path = "", query = ""] = /^[a-z]+:\/\/[^/?#]*([^?#]*)\??([^#]*)/.exec(url) ?? [];
  return { path, query };
}

function announce(tracker: Tracker, query: string, remoteIp: string): Result<Uint8Array, string> {
  const parsed = parseAnnounceQuery(query);
  if (!parsed.ok) return parsed;
  const { infoHash, event, port } = parsed.value;
  const reply = answerAnnounce(tracker.store, parsed.value, remoteIp, tracker.now(), tracker.rng);
  if (!reply.ok) return reply;
  tracker.log(`${addressText({ ip: remoteIp, port })} ${event ?? "announced"} ${infoHash}`);
  return ok(encodeAnnounceReply(reply.value, parsed.value, tracker.intervals));
}

function scrape(tracker: Tracker, query: string): Result<Uint8Array, string> {
  const hashes = parseScrapeQuery(query);
  return hashes.ok ? ok(encodeScrapeReply(tracker.store, hashes.value)) : hashes;
}

function bencoded(tracker: Tracker, answer: Result<Uint8Array, string>): Response {
  if (!answer.ok) {
    tracker.counts.failures++;
    tracker.log(`refused: ${answer.error}`);
  }
  const body = answer.ok ? answer.value : encodeFailure(answer.error);
  return new Response(body as BodyInit, { headers: { "content-type": "text/plain" } });
}

function expire(tracker: Tracker): void {
  const seconds = Math.max(
    EXPIRY_SECONDS_MIN,
    tracker.intervals.intervalSeconds * EXPIRY_INTERVALS,
  );
  expirePeers(tracker.store, tracker.now() - seconds * 1000);
}

function readStats({ store, counts, now, startedAt }: Tracker): TrackerStats {
  return {
    swarms: store.swarms.size,
    peers: store.peers.size,
    seeders: store.counts.seeders,
    leechers: store.counts.leechers,
    completed: store.completedCount,
    ...counts,
    uptimeSeconds: Math.floor((now() - startedAt) / 1000),
  };
}

/** An address to hand out: a wildcard stands for this machine. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
