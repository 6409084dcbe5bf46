/**
 * How often peers are asked to announce: the interval that was set, stretched while more announces
 * come in than are wanted, and for each peer a little longer by chance, so that peers that came
 * together don't come together for ever.
 */
import { randomBelow, type Rng } from "../bytes/random.ts";

/** Swarms of a few machines change quickly, and an announce costs next to nothing. */
export const INTERVAL_SECONDS_DEFAULT = 300;
/** What a client may take when it needs peers. */
export const MIN_INTERVAL_SECONDS = 15;
/**
 * Announces a second from which on intervals are stretched: about a third of what one core
 * answers.
 */
export const CALM_ANNOUNCES_PER_SECOND = 10_000;
/** At most this many times the interval; beyond it peers would not find each other. */
const STRETCH_MAX = 6;
/** The share of an interval by which it may be longer. */
const JITTER = 1 / 8;
/** A peer is removed after two missed announces. */
const EXPIRY_INTERVALS = 2 * (1 + JITTER);
/**
 * However short the interval is: libtorrent announces every 300 s at the earliest and rtorrent
 * every 600, so that this is two of the slower one's with some room.
 */
const EXPIRY_SECONDS_MIN = 1_300;

export interface Pace {
  readonly baseSeconds: number;
  readonly calmPerSecond: number;
  /** What peers are asked for now, before chance. */
  intervalSeconds: number;
  /** A peer is removed after this silence. */
  expirySeconds: number;
  /** In the caller's seconds: until then there are peers that were asked for a longer interval. */
  heldUntil: number;
}

/** The intervals of an idle tracker. */
export function createPace(
  baseSeconds: number,
  calmPerSecond: number = CALM_ANNOUNCES_PER_SECOND,
): Pace {
  const expirySeconds = expiryOf(baseSeconds);
  return { baseSeconds, calmPerSecond, intervalSeconds: baseSeconds, expirySeconds, heldUntil: 0 };
}

/** Takes note of the load; `now` is in seconds. To be called every second or so. */
export function notePace(pace: Pace, announcesPerSecond: number, now: number): void {
  const stretch = Math.min(STRETCH_MAX, Math.max(1, announcesPerSecond / pace.calmPerSecond));
  pace.intervalSeconds = Math.round(pace.baseSeconds * stretch);
  const expirySeconds = expiryOf(pace.intervalSeconds);
  // Peers that were asked for a longer interval are waited for, even if the load is gone.
  if (expirySeconds >= pace.expirySeconds || now >= pace.heldUntil) {
    pace.expirySeconds = expirySeconds;
    pace.heldUntil = now + expirySeconds;
  }
}

/** Seconds for one peer: the interval, or up to an eighth more. */
export function drawInterval(pace: Pace, rng: Rng): number {
  return pace.intervalSeconds + randomBelow(rng, Math.floor(pace.intervalSeconds * JITTER) + 1);
}

/** The least that a peer may take, in seconds. */
export function minIntervalOf(pace: Pace): number {
  return Math.min(MIN_INTERVAL_SECONDS, pace.intervalSeconds);
}

function expiryOf(intervalSeconds: number): number {
  return Math.max(EXPIRY_SECONDS_MIN, Math.ceil(intervalSeconds * EXPIRY_INTERVALS));
}
