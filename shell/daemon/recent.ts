/** The answer to requests for recent changes: torrents that changed, ids of those removed. */
import { now } from "../clock.ts";
import type { TorrentEntry } from "./entry.ts";

/** How long a change counts as recent. Clients ask more often. */
const RECENT_MS = 60_000;

/** Those that changed, or carried data, a moment ago. */
export function recentOf(entries: readonly TorrentEntry[]): TorrentEntry[] {
  const since = Math.round(Date.now() / 1000) - RECENT_MS / 1000;
  const sinceMs = now() - RECENT_MS;
  return entries.filter(({ record, changedMs }) =>
    record.activeAt >= since || record.editedAt >= since || changedMs >= sinceMs
  );
}

/** Ids of torrents that were removed. */
export class RemovedIds {
  /** The oldest first. */
  readonly #removed: { readonly id: number; readonly atMs: number }[] = [];

  add(id: number): void {
    this.#removed.push({ id, atMs: now() });
  }

  /** A moment ago. */
  recent(): readonly number[] {
    const since = now() - RECENT_MS;
    while (this.#removed.length > 0 && this.#removed[0]!.atMs < since) this.#removed.shift();
    return this.#removed.map(({ id }) => id);
  }
}
