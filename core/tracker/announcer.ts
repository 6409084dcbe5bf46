/**
 * When to tell which tracker what: the tiers of BEP 12, the events of BEP 3, intervals and backoff.
 *
 * Every announce starts with the first URL of the first tier and goes on through the tiers until one
 * answers; that one moves to the front of its tier. Each tracker gets `started` before anything
 * else, whatever the others got. When all have failed, the round is repeated after a wait that
 * doubles. A tracker that failed and named a time is left out until then, and one that said "never"
 * for good. One announce is under way at a time.
 *
 * Deliberately absent: the request's byte counts and the exchange itself. Times are monotonic
 * milliseconds.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { randomBelow, type Rng, shuffle } from "../bytes/random.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceEvent, AnnounceResult } from "./types.ts";

/** A tracker that asks for a shorter interval is broken or hostile. */
export const INTERVAL_MIN_MS = 30_000;
/** Bounds a number from the network; a timer of more than 24 days would ring at once. */
export const INTERVAL_MAX_MS = 7 * 24 * 60 * 60_000;
/** Wait between two announces whatever the tracker allows, so that asking for peers never floods it. */
export const MIN_INTERVAL_MIN_MS = 5_000;
/** Where the tracker names no `min interval`, ask for more peers no sooner than this. */
export const MIN_INTERVAL_DEFAULT_MS = 60_000;
/** Part of the interval that is added at random, so that peers started together drift apart. */
export const INTERVAL_JITTER = 0.1;
/** A tracker that refuses and names no time is asked again no sooner than this. */
export const REFUSED_WAIT_MS = 60_000;
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
  /** Address families on which it was, where they are known. Spec: BEP 7. */
  startedOn: readonly IpVersion[];
  /** No announce before this, whatever the event; Infinity is never. Spec: BEP 31. */
  retryAt: number;
  /** `completed` still has to be sent. */
  completedDue: boolean;
  /** It refused an announce with `paused`, and is not sent `paused` any more. */
  refusesPaused: boolean;
  /** Cleared by the next success. */
  lastError: AnnounceError | undefined;
  lastSuccessAt: number | undefined;
  /** Complete and incomplete peers in the last answer, if given. */
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
  readonly startedOn: readonly IpVersion[];
}

/** A tracker that counts us, and must be sent `stopped`. */
export interface StopNotice {
  readonly url: string;
  readonly trackerId: string | undefined;
  /** Empty: on all families. */
  readonly startedOn: readonly IpVersion[];
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
    startedOn: [],
    retryAt: 0,
    completedDue: false,
    refusesPaused: false,
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

/**
 * The announce to send if one is due; it counts as under way until `onAnnounceDone`. A partial seed
 * tells each time that it is one.
 *
 * Spec: BEP 21, "in every announce while it is a partial seed".
 */
export function takeAnnounce(
  announcer: Announcer,
  now: number,
  isPartialSeed = false,
): PlannedAnnounce | undefined {
  const dueAt = nextAnnounceAt(announcer);
  if (dueAt === undefined || now < dueAt) return undefined;
  const tracker = seekTracker(announcer, now);
  if (tracker === undefined) {
    startRound(announcer);
    announcer.dueAt = earliestRetryAt(announcer);
    return undefined;
  }
  const { url, trackerId, startedOn } = tracker;
  announcer.underWay = { url, event: eventFor(tracker, isPartialSeed), trackerId, startedOn };
  return announcer.underWay;
}

/** Moves on to the first tracker of the round that may be asked; undefined at the round's end. */
function seekTracker(announcer: Announcer, now: number): TrackerState | undefined {
  for (; announcer.tier < announcer.tiers.length; announcer.tier++) {
    const tier = announcer.tiers[announcer.tier]!;
    for (; announcer.place < tier.length; announcer.place++) {
      const tracker = tier[announcer.place]!;
      if (tracker.retryAt <= now) return tracker;
    }
    announcer.place = 0;
  }
  return undefined;
}

/** Undefined when every tracker is gone for good. */
function earliestRetryAt({ tiers }: Announcer): number | undefined {
  const at = Math.min(...tiers.flat().map((tracker) => tracker.retryAt));
  return at === Infinity ? undefined : at;
}

function eventFor(tracker: TrackerState, isPartialSeed: boolean): AnnounceEvent | undefined {
  if (isPartialSeed && !tracker.refusesPaused) return "paused";
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
    onFailure(announcer, announce, result.error, now, rng);
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
  tracker.startedOn = [...new Set([...tracker.startedOn, ...answer.families ?? []])];
  tracker.retryAt = 0;
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

function onFailure(
  announcer: Announcer,
  { event }: PlannedAnnounce,
  error: AnnounceError,
  now: number,
  rng: Rng,
): void {
  const tracker = announcer.tiers[announcer.tier]![announcer.place]!;
  const isPlainRefusal = error.code === "refused" &&
    retryAtOf(error, now) === now + REFUSED_WAIT_MS;
  if (event === "paused" && isPlainRefusal) {
    // Some trackers refuse every event that they don't know: it is asked again without.
    tracker.refusesPaused = true;
    tracker.lastError = error;
    announcer.dueAt = now;
    return;
  }
  tracker.lastError = error;
  tracker.retryAt = retryAtOf(error, now);
  announcer.dueAt = now;
  announcer.place++;
  if (seekTracker(announcer, now) !== undefined) return;

  startRound(announcer);
  const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** announcer.failedRounds);
  announcer.failedRounds++;
  const backoffAt = now + waitMs - randomBelow(rng, Math.floor(waitMs * BACKOFF_JITTER));
  const retryAt = earliestRetryAt(announcer);
  announcer.dueAt = retryAt === undefined ? undefined : Math.max(backoffAt, retryAt);
}

/** Spec: BEP 31, retry in. */
function retryAtOf({ code, retryInSeconds, isGone }: AnnounceError, now: number): number {
  if (isGone) return Infinity;
  if (retryInSeconds !== undefined) return now + clamp(retryInSeconds * 1000, 0, INTERVAL_MAX_MS);
  return code === "refused" ? now + REFUSED_WAIT_MS : now;
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

/** Brings the next announce forward, also while trackers fail; never before one is allowed. */
export function advanceAnnounce(announcer: Announcer, now: number): void {
  if (nextAnnounceAt(announcer) === undefined) return;
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
    .filter(({ hasStarted, url, retryAt }) => (hasStarted || url === asked) && retryAt !== Infinity)
    .map(({ url, trackerId, startedOn }) => ({ url, trackerId, startedOn }));
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
