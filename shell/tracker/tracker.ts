/**
 * The tracker that runs: its store, its metrics and its settings, which all transports share, and
 * what is decided about an announce before it reaches a store.
 */
import type { Result } from "../../core/bytes/result.ts";
import { fail } from "../../core/bytes/result.ts";
import { createRng, type Rng } from "../../core/bytes/random.ts";
import { infoHashFromBytes } from "../../core/metainfo/info_hash.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import {
  createFloodGuard,
  type FloodGuard,
  guardAnnounce,
} from "../../core/tracker_server/access/flood_guard.ts";
import {
  createPace,
  drawInterval,
  INTERVAL_SECONDS_DEFAULT,
  minIntervalOf,
  type Pace,
} from "../../core/tracker_server/intervals.ts";
import { createMetrics, type TrackerMetrics } from "../../core/tracker_server/metrics/metrics.ts";
import type { Network } from "../../core/tracker_server/access/networks.ts";
import { renameLoopbackPeers } from "../../core/tracker_server/swarms/own_machine.ts";
import type { AnnounceQuery, AnnounceReply } from "../../core/tracker_server/types.ts";
import { randomSeed, randomWords } from "../entropy.ts";
import type { AccessLog } from "./log/access_log.ts";
import type { SwarmBackend } from "./store/store.ts";

const UNREGISTERED = "This torrent is not registered on this tracker";

/** Settings of a tracker; all but the store have a default. */
export interface TrackerSettings {
  /** Seconds between announces; INTERVAL_SECONDS_DEFAULT unless given. */
  readonly intervalSeconds?: number | undefined;
  /** Announces a second; no limit unless given. */
  readonly addressRate?: number | undefined;
  readonly totalRate?: number | undefined;
  /** Whether a torrent may be announced; every one may unless given. Must not reject. */
  readonly isRegistered?: ((infoHash: InfoHash) => boolean | Promise<boolean>) | undefined;
  /** Torrents that are not served. */
  readonly denied?: ReadonlySet<InfoHash> | undefined;
  /** Those that name their client in X-Forwarded-For. */
  readonly trustedProxies?: readonly Network[] | undefined;
  /** Clients on this machine and in private networks may name their address themselves. */
  readonly trustsIpParam?: boolean | undefined;
  /** A scrape without info hashes returns every torrent. */
  readonly allowsFullScrape?: boolean | undefined;
  /** Gets an entry for each request. */
  readonly accessLog?: Pick<AccessLog, "note"> | undefined;
  /** Called with one sentence that the operator should see. */
  readonly onProblem?: ((sentence: string) => void) | undefined;
  /** Monotonic milliseconds; the machine's unless given. */
  readonly now?: (() => number) | undefined;
}

export interface Tracker {
  readonly settings: TrackerSettings;
  readonly backend: SwarmBackend;
  readonly metrics: TrackerMetrics;
  readonly pace: Pace;
  readonly guard: FloodGuard | undefined;
  readonly rng: Rng;
  readonly now: () => number;
  readonly startedAt: number;
}

/** A tracker that listens nowhere yet. */
export function createTracker(
  settings: TrackerSettings,
  createBackend: (pace: Pace, now: () => number) => SwarmBackend,
): Tracker {
  const now = settings.now ?? (() => performance.now());
  const pace = createPace(settings.intervalSeconds ?? INTERVAL_SECONDS_DEFAULT);
  const rng = createRng(randomSeed());
  return {
    settings,
    backend: createBackend(pace, now),
    metrics: createMetrics(),
    pace,
    guard: createFloodGuard(
      settings.addressRate ?? Infinity,
      settings.totalRate ?? Infinity,
      [...randomWords(2)] as [number, number],
    ),
    rng,
    now,
    startedAt: now(),
  };
}

/**
 * Asks the store, unless there is a reason not to. `remoteIp` is held to the limits; `ownIp` is the
 * address of ours that was asked, undefined where that is not known. Both are read before the call
 * returns.
 */
export function announce(
  tracker: Tracker,
  query: AnnounceQuery,
  remoteIp: Uint8Array,
  ownIp: Uint8Array | undefined,
  now: number,
): Result<AnnounceReply, string> | Promise<Result<AnnounceReply, string>> {
  const result = askStore(tracker, query, remoteIp, now);
  if (result instanceof Promise) {
    const [asker, own] = [remoteIp.slice(), ownIp?.slice()];
    return result.then((late) => {
      if (late.ok) renameLoopbackPeers(late.value, asker, own);
      return late;
    });
  }
  if (result.ok) renameLoopbackPeers(result.value, remoteIp, ownIp);
  return result;
}

function askStore(
  { backend, guard, settings }: Tracker,
  query: AnnounceQuery,
  remoteIp: Uint8Array,
  now: number,
): Result<AnnounceReply, string> | Promise<Result<AnnounceReply, string>> {
  if (guard !== undefined) {
    const excess = guardAnnounce(guard, remoteIp, now);
    if (excess !== undefined) return fail(excess);
  }
  // Who stops is let go, whatever became of the torrent.
  const { isRegistered, denied } = settings;
  if ((isRegistered ?? denied) !== undefined && query.event !== "stopped") {
    const infoHash = infoHashFromBytes(query.infoHash);
    if (denied?.has(infoHash)) return fail("This torrent is not allowed on this tracker");
    const isKnown = isRegistered?.(infoHash) ?? true;
    if (isKnown instanceof Promise) {
      const kept = copyQuery(query);
      return isKnown.then((isLate) => isLate ? backend.announce(kept, now) : fail(UNREGISTERED));
    }
    if (!isKnown) return fail(UNREGISTERED);
  }
  return backend.announce(query, now);
}

/** One that may be used after the call it came with. */
function copyQuery(query: AnnounceQuery): AnnounceQuery {
  const { infoHash, peerId, ip } = query;
  return { ...query, infoHash: infoHash.slice(), peerId: peerId.slice(), ip: ip.slice() };
}

/** Seconds to the next announce of a peer, and the least it may take. */
export function nextIntervals(tracker: Tracker): {
  intervalSeconds: number;
  minIntervalSeconds: number;
} {
  return {
    intervalSeconds: drawInterval(tracker.pace, tracker.rng),
    minIntervalSeconds: minIntervalOf(tracker.pace),
  };
}
