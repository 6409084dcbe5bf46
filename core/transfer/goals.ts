/** What the user wants of sharing: how much a download must give, and when seeding has been enough. */
import type { View } from "../bytes/view.ts";
import { markAllDirty } from "./attention.ts";
import type { ShareRule } from "./share_rule.ts";
import type { Transfer } from "./state.ts";

export interface SharingGoals {
  readonly shareRule: ShareRule;
  /** Stop seeding once uploaded / total size reaches this. */
  readonly seedRatio: number | undefined;
  /** Stop seeding this long after completion. */
  readonly seedTimeMs: number | undefined;
}

interface Own {
  goals: SharingGoals;
}

export type Goals = View<Own>;

/** As they are at first. */
export function createGoals({ shareRule, seedRatio, seedTimeMs }: SharingGoals): Goals {
  return { goals: { shareRule, seedRatio, seedTimeMs } };
}

/** Other goals from now on; a piece that the share rule withheld may be free. */
export function setGoals(transfer: Transfer, goals: SharingGoals): void {
  (transfer as Own).goals = createGoals(goals).goals;
  markAllDirty(transfer);
}
