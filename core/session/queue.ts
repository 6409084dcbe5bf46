/**
 * The queue of a session: which torrents may run at once. Those that run go on running; a free place
 * goes to the first one that waits. What is stalled takes no place.
 */

/** One torrent in the queue. */
export interface Queued<K> {
  readonly key: K;
  /** All its wanted content is here. */
  readonly isComplete: boolean;
  /** The user wants it to run. */
  readonly isWanted: boolean;
  /** Runs whatever the queue says. */
  readonly isForced: boolean;
  /** Has its place already. */
  readonly isAdmitted: boolean;
  /** Runs, but nothing has moved for long. */
  readonly isStalled: boolean;
}

/** How many at once; undefined is no limit. */
export interface QueueLimits {
  readonly downloads: number | undefined;
  readonly seeds: number | undefined;
}

/** Those that may run now. `torrents` in the order of the queue. */
export function planQueue<K>(torrents: readonly Queued<K>[], limits: QueueLimits): Set<K> {
  const admitted = new Set<K>();
  let downloads = limits.downloads ?? Infinity;
  let seeds = limits.seeds ?? Infinity;
  for (const torrent of torrents) {
    if (!torrent.isWanted || !(torrent.isAdmitted || torrent.isForced)) continue;
    admitted.add(torrent.key);
    if (torrent.isStalled) continue;
    if (torrent.isComplete) seeds--;
    else downloads--;
  }
  for (const { key, isWanted, isComplete } of torrents) {
    if (!isWanted || admitted.has(key)) continue;
    if ((isComplete ? seeds : downloads) <= 0) continue;
    admitted.add(key);
    if (isComplete) seeds--;
    else downloads--;
  }
  return admitted;
}

export type QueueMove = "top" | "up" | "down" | "bottom";

/** The order after a move of those in `chosen`, which keep their order among each other. */
export function moveInQueue<K>(
  order: readonly K[],
  chosen: ReadonlySet<K>,
  move: QueueMove,
): K[] {
  const moving = order.filter((key) => chosen.has(key));
  const others = order.filter((key) => !chosen.has(key));
  if (move === "top") return [...moving, ...others];
  if (move === "bottom") return [...others, ...moving];
  const moved = move === "up" ? [...order] : order.toReversed();
  for (let at = 1; at < moved.length; at++) {
    if (chosen.has(moved[at]!) && !chosen.has(moved[at - 1]!)) {
      [moved[at - 1], moved[at]] = [moved[at]!, moved[at - 1]!];
    }
  }
  return move === "up" ? moved : moved.reverse();
}

/** The order after `key` was put at a place, the last one at most. */
export function placeInQueue<K>(order: readonly K[], key: K, place: number): K[] {
  const others = order.filter((other) => other !== key);
  others.splice(place, 0, key);
  return others;
}
