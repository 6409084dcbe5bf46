/** When seeding has been enough: `--seed-ratio` and `--seed-time`. */
import type { View } from "../bytes/view.ts";
import { isFinished } from "./content.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";

interface Own {
  seedingDone: boolean;
}

export type Seeding = View<Own>;

/** No limit is reached. */
export function createSeeding(): Seeding {
  return { seedingDone: false };
}

/** Whether a limit may still be reached, for which the torrent needs its tick. */
export function isSeedingLimited(transfer: Transfer): boolean {
  const { seedRatio, seedTimeMs } = transfer.goals;
  const isLimited = seedRatio !== undefined || seedTimeMs !== undefined;
  return isLimited && isFinished(transfer) && !transfer.seedingDone;
}

/** More is wanted: what was enough may not be. */
export function resumeSeeding(transfer: Transfer): void {
  (transfer as Own).seedingDone = false;
}

/** Reports once that a limit set by the user is reached; the shell then stops the torrent. */
export function reviewSeeding(transfer: Transfer, now: number, effects: TransferEffects): void {
  if (transfer.finishedMs === undefined || transfer.seedingDone) return;
  const { seedRatio, seedTimeMs } = transfer.goals;
  const ratio = transfer.wantedBytes === 0 ? Infinity : transfer.uploaded / transfer.wantedBytes;
  const byRatio = seedRatio !== undefined && ratio >= seedRatio;
  const byTime = seedTimeMs !== undefined && now - transfer.finishedMs >= seedTimeMs;
  if (!byRatio && !byTime) return;
  (transfer as Own).seedingDone = true;
  const why = byRatio ? "ratio" : "time";
  effects.push({ kind: "report", report: { kind: "seeding-done", why } });
}
