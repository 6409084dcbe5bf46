/**
 * Who may use how much of what one process has: connections, dials, upload slots, buffer memory.
 * Each torrent reports what it needs at least and what it could use; what is available is shared
 * out again at each review, so that what one no longer needs goes to others:
 *
 * 1. To each its least. While there is not enough for all, they take turns, in order, TURN_MS each.
 * 2. Up to what each could use, so that the smallest share is as large as it can be.
 * 3. What is left goes to all alike, since peers come and go between two reviews.
 *
 * Torrents that need no connections get a few beyond the total: most of thousands are never
 * dialled. The shell refuses peers once the total is reached.
 *
 * A grant below what a torrent uses takes the difference back; how, is the torrent's matter.
 */

import type { Needs, Resources } from "../limits/resources.ts";
import { IDLE_CONNECTIONS } from "./limits.ts";

export interface Demand<K> extends Needs {
  readonly key: K;
}

/** A torrent without its least waits no longer than this for another to give up its own. */
export const TURN_MS = 30_000;
/** Dials are over soon: they can go round faster. */
export const DIAL_TURN_MS = 1_000;

const NOTHING: Resources = { connections: 0, dials: 0, uploadSlots: 0, bufferBytes: 0 };
const KINDS = ["connections", "dials", "uploadSlots", "bufferBytes"] as const;

/**
 * Shares out `total`, none to get more than `cap`. `now` in monotonic ms; it decides whose turn it
 * is.
 */
export function grantAll<K>(
  total: Resources,
  cap: Resources,
  demands: readonly Demand<K>[],
  now: number,
): Map<K, Resources> {
  const grants = demands.map(() => ({ ...NOTHING }));
  for (const kind of KINDS) {
    const turn = Math.floor(now / (kind === "dials" ? DIAL_TURN_MS : TURN_MS));
    const most = demands.map((demand) => Math.min(cap[kind], demand.most[kind]));
    const least = demands.map((demand, index) => Math.min(most[index]!, demand.least[kind]));
    const shares = shareOut(total[kind], cap[kind], least, most, turn);
    for (const [index, share] of shares.entries()) grants[index]![kind] = share;
  }
  return new Map(demands.map(({ key }, index) => [key, grants[index]!]));
}

/**
 * Keeps a grant of `before` that shrank by next to nothing, while there is enough of it: peers are
 * not sent away because of a small change elsewhere.
 */
export function keepSteady<K>(
  total: Resources,
  grants: ReadonlyMap<K, Resources>,
  before: ReadonlyMap<K, Resources>,
): Map<K, Resources> {
  const steady = new Map([...grants].map(([key, grant]) => [key, { ...grant }]));
  for (const kind of KINDS) {
    let left = total[kind];
    for (const grant of steady.values()) left -= grant[kind];
    for (const [key, grant] of steady) {
      const shrunk = (before.get(key)?.[kind] ?? 0) - grant[kind];
      if (shrunk <= 0 || shrunk > Math.max(1, grant[kind] / 8) || shrunk > left) continue;
      grant[kind] += shrunk;
      left -= shrunk;
    }
  }
  return steady;
}

/**
 * Lets peers dial the torrents that need no connections: IDLE_CONNECTIONS each, whatever is left.
 */
export function openToPeers<K>(
  grants: ReadonlyMap<K, Resources>,
  demands: readonly Demand<K>[],
): Map<K, Resources> {
  const open = new Map(grants);
  for (const { key, most } of demands) {
    const grant = grants.get(key)!;
    if (most.connections > 0 || grant.connections >= IDLE_CONNECTIONS) continue;
    open.set(key, { ...grant, connections: IDLE_CONNECTIONS });
  }
  return open;
}

/**
 * Whether a review at another time, with the same demands on the same total, would grant the same.
 */
export function isSettled<K>(
  total: Resources,
  before: readonly Demand<K>[],
  demands: readonly Demand<K>[],
): boolean {
  if (demands.length !== before.length) return false;
  const isSame = demands.every((demand, index) => {
    const { key, least, most } = before[index]!;
    return demand.key === key && isSameGrant(demand.least, least) && isSameGrant(demand.most, most);
  });
  // Those that take turns get something else in each.
  return isSame && KINDS.every((kind) => {
    let needed = 0;
    for (const { least } of demands) needed += least[kind];
    return needed <= total[kind];
  });
}

/** Whether two grants are the same. */
export function isSameGrant(a: Resources | undefined, b: Resources): boolean {
  return a !== undefined && KINDS.every((kind) => a[kind] === b[kind]);
}

function shareOut(
  total: number,
  cap: number,
  least: readonly number[],
  most: readonly number[],
  turn: number,
): number[] {
  const shares = least.map(() => 0);
  let left = grantLeast(total, least, turn, shares);
  left = level(left, most, shares);
  level(left, shares.map(() => cap), shares);
  return shares;
}

/** In order from the one whose turn it is, as far as it goes. Returns what is left. */
function grantLeast(
  total: number,
  least: readonly number[],
  turn: number,
  shares: number[],
): number {
  const asking = [...least.keys()].filter((index) => least[index]! > 0);
  const starts = startsOf(total, asking.map((index) => least[index]!));
  const first = starts[turn % starts.length]!;
  let left = total;
  for (let i = 0; i < asking.length; i++) {
    const index = asking[(first + i) % asking.length]!;
    const share = Math.min(total, least[index]!);
    // The next may need less, but taking it out of turn would let large needs wait for ever.
    if (share > left) break;
    shares[index] = share;
    left -= share;
  }
  return left;
}

/** Where each turn begins, so that after as many turns each was served once. */
function startsOf(total: number, least: readonly number[]): number[] {
  const starts = [0];
  let left = total;
  for (const [index, needed] of least.entries()) {
    const share = Math.min(total, needed);
    if (share > left) {
      starts.push(index);
      left = total;
    }
    left -= share;
  }
  return starts;
}

/** Raises the smallest shares first, none beyond its `most`. Returns what is left. */
function level(total: number, most: readonly number[], shares: number[]): number {
  let left = total;
  let open = [...most.keys()].filter((index) => shares[index]! < most[index]!);
  while (left > 0 && open.length > 0) {
    const target = levelOf(left, open, most, shares);
    let given = 0;
    for (const index of open) {
      const share = Math.min(most[index]!, Math.max(shares[index]!, target));
      given += share - shares[index]!;
      shares[index] = share;
    }
    left -= given;
    open = open.filter((index) => shares[index]! < most[index]!);
    if (given === 0) break;
  }
  // Whole units that do not divide go to the first ones, the same at each review.
  for (const index of open) {
    if (left < 1) break;
    shares[index]!++;
    left--;
  }
  return left;
}

/** The highest whole level to which all of `open` can be raised with `left`. */
function levelOf(
  left: number,
  open: readonly number[],
  most: readonly number[],
  shares: readonly number[],
): number {
  const costOf = (target: number) =>
    open.reduce((sum, index) => {
      const share = Math.min(most[index]!, Math.max(shares[index]!, target));
      return sum + share - shares[index]!;
    }, 0);
  let low = 0, high = open.reduce((highest, index) => Math.max(highest, most[index]!), 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (costOf(middle) <= left) low = middle;
    else high = middle - 1;
  }
  return low;
}
