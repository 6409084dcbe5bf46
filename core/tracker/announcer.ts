/**
 * When to tell which tracker what: the tiers of BEP 12, the events of BEP 3, intervals and backoff.
 *
 * Every announce starts with the first URL of the first tier and goes on through the tiers until one
 * answers; that one moves to the front of its tier. Each tracker is told `started` before anything
 * else, whatever the others were told. When all have failed, the round is repeated after a wait that
 * doubles. One announce is under way at a time.
 *
 * Deliberately absent: the request's byte counts and the exchange itself. Times are monotonic
 * milliseconds.
 */
import { randomBelow, type Rng, shuffle } from "../bytes/random.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceEvent, AnnounceResult } from "./types.ts";

/** A tracker that wants to hear more often is broken or lies. */
export const INTERVAL_MIN_MS = 30_000;
/** Trackers forget a peer within hours; one that asks for days would lose us. */
export const INTERVAL_MAX_MS = 2 * 60 * 60_000;
/** Wait between two announces whatever the tracker allows, so that asking for peers never floods it. */
export const MIN_INTERVAL_MIN_MS = 5_000;
/** Where the tracker names no `min interval`, ask for more peers no sooner than this. */
export const MIN_INTERVAL_DEFAULT_MS = 60_000;
/** Part of the interval that is added at random, so that peers started together drift apart. */
export const INTERVAL_JITTER = 0.1;
/** First wait after all trackers failed. */
export const BACKOFF_FIRST_MS = 5_000;
/** Last wait: a tracker that comes back is found within it. */
export const BACKOFF_MAX_MS = 15 * 60_000;
/** Part of the backoff that is taken off at random, so that peers don't return all at once. */
export const BACKOFF_JITTER = 0.5;
/** Torrents with hundreds of trackers exist; failing through them all takes an hour. */
export const TRACKERS_MAX = 100;

/** What is known of one tracker; for the user to read, for this module to write. */
export interface TrackerState {
  readonly url: string;
  trackerId: string | undefined;
  /** `started` was answered, so `stopped` is due in the end. */
  hasStarted: boolean;
  /** `completed` is still to be told. */
  completedDue: boolean;
  /** Cleared by the next success. */
  lastError: AnnounceError | undefined;
  lastSuccessAt: number | undefined;
  /** Complete and incomplete peers in the last answer, if told. */
  seeders: number | undefined;
  leechers: number | undefined;
  /** In the last answer. */
  warning: string | undefined;
}

/** Opaque but for `tiers`, which may be read. */
export interface Announcer {
  readonly tiers: readonly TrackerState[][];
  /** The tracker to ask next. */
  tier: number;
  place: number;
  underWay: PlannedAnnounce | undefined;
  /** Undefined when there is no tracker or everything was stopped. */
  dueAt: number | undefined;
  /** No announce without an event before this. */
  allowedAt: number;
  /** Rounds in which every tracker failed, since the last success. */
  failedRounds: number;
}

/** What the shell is to send; the rest of the request is the caller's. */
export interface PlannedAnnounce {
  readonly url: string;
  readonly event: AnnounceEvent | undefined;
  readonly trackerId: string | undefined;
}

/** A tracker that counts us in and is to be told that we leave. */
export interface StopNotice {
  readonly url: string;
  readonly trackerId: string | undefined;
}

/**
 * Shuffles each tier; drops empty tiers, repeated URLs and what exceeds TRACKERS_MAX. The first
 * announce is due at once.
 *
 * Spec: BEP 12, order of processing.
 */
export function createAnnouncer(tiers: readonly (readonly string[])[], rng: Rng): Announcer {
  const seen = new Set<string>();
  const states: TrackerState[][] = [];
  for (const tier of tiers) {
    const fresh: TrackerState[] = [];
    for (const url of tier) {
      if (seen.has(url) || seen.size === TRACKERS_MAX) continue;
      seen.add(url);
      fresh.push(createTrackerState(url));
    }
    if (fresh.length > 0) states.push(shuffle(rng, fresh));
  }
  return {
    tiers: states,
    tier: 0,
    place: 0,
    underWay: undefined,
    dueAt: states.length > 0 ? 0 : undefined,
    allowedAt: 0,
    failedRounds: 0,
  };
}

function createTrackerState(url: string): TrackerState {
  return {
    url,
    trackerId: undefined,
    hasStarted: false,
    completedDue: false,
    lastError: undefined,
    lastSuccessAt: undefined,
    seeders: undefined,
    leechers: undefined,
    warning: undefined,
  };
}

/** Deadline of the next announce, perhaps in the past; undefined: none, or one is under way. */
export function nextAnnounceAt(announcer: Announcer): number | undefined {
  return announcer.underWay === undefined ? announcer.dueAt : undefined;
}

/** The announce to send if one is due; it counts as under way until `onAnnounceDone`. */
export function takeAnnounce(announcer: Announcer, now: number): PlannedAnnounce | undefined {
  const dueAt = nextAnnounceAt(announcer);
  if (dueAt === undefined || now < dueAt) return undefined;
  const tracker = announcer.tiers[announcer.tier]![announcer.place]!;
  announcer.underWay = { url: tracker.url, event: eventFor(tracker), trackerId: tracker.trackerId };
  return announcer.underWay;
}

function eventFor(tracker: TrackerState): AnnounceEvent | undefined {
  if (!tracker.hasStarted) return "started";
  return tracker.completedDue ? "completed" : undefined;
}

/** Takes the answer to the announce under way; ignored when there is none, as after stopping. */
export function onAnnounceDone(
  announcer: Announcer,
  result: AnnounceResult,
  now: number,
  rng: Rng,
): void {
  const announce = announcer.underWay;
  if (announce === undefined) return;
  announcer.underWay = undefined;
  if (result.ok) {
    onSuccess(announcer, announce, result.value, now, rng);
  } else {
    onFailure(announcer, result.error, now, rng);
  }
}

function onSuccess(
  announcer: Announcer,
  announce: PlannedAnnounce,
  answer: AnnounceAnswer,
  now: number,
  rng: Rng,
): void {
  const tier = announcer.tiers[announcer.tier]!;
  const tracker = tier[announcer.place]!;
  tier.splice(announcer.place, 1);
  tier.unshift(tracker);

  tracker.hasStarted = true;
  if (announce.event === "completed") tracker.completedDue = false;
  tracker.trackerId = answer.trackerId ?? tracker.trackerId;
  tracker.lastError = undefined;
  tracker.lastSuccessAt = now;
  tracker.seeders = answer.seeders;
  tracker.leechers = answer.leechers;
  tracker.warning = answer.warning;

  const { intervalMs, minIntervalMs } = readIntervals(answer);
  startRound(announcer);
  announcer.failedRounds = 0;
  announcer.allowedAt = now + minIntervalMs;
  announcer.dueAt = tracker.completedDue
    ? now
    : now + intervalMs + randomBelow(rng, Math.floor(intervalMs * INTERVAL_JITTER));
}

function onFailure(announcer: Announcer, error: AnnounceError, now: number, rng: Rng): void {
  const tier = announcer.tiers[announcer.tier]!;
  tier[announcer.place]!.lastError = error;
  announcer.dueAt = now;
  if (++announcer.place < tier.length) return;
  announcer.place = 0;
  if (++announcer.tier < announcer.tiers.length) return;

  startRound(announcer);
  const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** announcer.failedRounds);
  announcer.failedRounds++;
  announcer.dueAt = now + waitMs - randomBelow(rng, Math.floor(waitMs * BACKOFF_JITTER));
}

function startRound(announcer: Announcer): void {
  announcer.tier = 0;
  announcer.place = 0;
}

/** Bounds for what a tracker may ask for: zero, negative and days are all seen in the field. */
function readIntervals(answer: AnnounceAnswer): { intervalMs: number; minIntervalMs: number } {
  const intervalMs = clamp(answer.intervalSeconds * 1000, INTERVAL_MIN_MS, INTERVAL_MAX_MS);
  const told = answer.minIntervalSeconds;
  const minIntervalMs = told === undefined
    ? Math.min(MIN_INTERVAL_DEFAULT_MS, intervalMs)
    : clamp(told * 1000, MIN_INTERVAL_MIN_MS, INTERVAL_MAX_MS);
  return { intervalMs: Math.max(intervalMs, minIntervalMs), minIntervalMs };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** Asks for an announce as soon as `min interval` allows; while the trackers fail, backoff decides. */
export function requestPeers(announcer: Announcer, now: number): void {
  if (nextAnnounceAt(announcer) === undefined || announcer.failedRounds > 0) return;
  announcer.dueAt = Math.min(announcer.dueAt!, Math.max(now, announcer.allowedAt));
}

/**
 * The download finished in this run: each tracker's next announce but its first carries `completed`.
 * Due at once, `min interval` or not, unless the trackers fail.
 *
 * Spec: BEP 3, event; never for content that was complete at the start.
 */
export function markCompleted(announcer: Announcer): void {
  for (const tracker of announcer.tiers.flat()) tracker.completedDue = true;
  if (announcer.dueAt !== undefined && announcer.failedRounds === 0) announcer.dueAt = 0;
}

/**
 * Ends all announces and lists the trackers to tell `stopped`: those that answered, and the one with
 * a request under way, which may count us in already.
 */
export function stopAnnounces(announcer: Announcer): StopNotice[] {
  const asked = announcer.underWay?.url;
  announcer.dueAt = undefined;
  announcer.underWay = undefined;
  return announcer.tiers.flat()
    .filter((tracker) => tracker.hasStarted || tracker.url === asked)
    .map(({ url, trackerId }) => ({ url, trackerId }));
}

/** Whether every tracker failed and none has answered since. */
export function haveAllTrackersFailed(announcer: Announcer): boolean {
  return announcer.failedRounds > 0;
}

/** The tracker that answered last, whose counts are the freshest; undefined before any answer. */
export function lastAnswered(announcer: Announcer): TrackerState | undefined {
  let last: TrackerState | undefined;
  for (const tracker of announcer.tiers.flat()) {
    if ((tracker.lastSuccessAt ?? -1) > (last?.lastSuccessAt ?? -1)) last = tracker;
  }
  return last;
}
