/** When seeding has been enough: `--seed-ratio` and `--seed-time`. */
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/** Reports once that a limit set by the user is reached; the shell then stops the torrent. */
export function reviewSeeding(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.completedMs === undefined || torrent.seedingDone) return;
  const { seedRatio, seedTimeMs } = torrent.options;
  const ratio = torrent.uploaded / torrent.geometry.totalSize;
  const byRatio = seedRatio !== undefined && ratio >= seedRatio;
  const byTime = seedTimeMs !== undefined && now - torrent.completedMs >= seedTimeMs;
  if (!byRatio && !byTime) return;
  torrent.seedingDone = true;
  const why = byRatio ? "ratio" : "time";
  effects.push({ kind: "report", report: { kind: "seeding-done", why } });
}
