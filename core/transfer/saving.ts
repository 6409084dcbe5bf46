/** When the state that must survive a restart is written, and what is in it. */
import { finishJob, type JobId, startJob } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import { SAVE_INTERVAL_MS } from "./limits.ts";
import type { SavedState, TransferEffects } from "./protocol.ts";
import { startedPieces } from "./started_pieces.ts";
import type { Transfer } from "./state.ts";

interface Own {
  /** Monotonic ms; undefined while there is nothing new to save. */
  nextSaveMs: number | undefined;
  saving: boolean;
}

export type Saving = View<Own>;

/** Nothing is to be saved. */
export function createSaving(): Saving {
  return { nextSaveMs: undefined, saving: false };
}

/** Something changed that a restart must not lose. */
export function scheduleSave(transfer: Transfer, now: number): void {
  (transfer as Own).nextSaveMs ??= now + SAVE_INTERVAL_MS;
}

/** As `scheduleSave`, without the wait. */
export function saveSoon(transfer: Transfer, now: number): void {
  (transfer as Own).nextSaveMs = now;
}

/** When a save is due; undefined while there is nothing to save, or a save is under way. */
export function saveDueAt(transfer: Transfer): number | undefined {
  return transfer.saving ? undefined : transfer.nextSaveMs;
}

/** Saves if it is time and no save is under way. */
export function saveIfDue(transfer: Transfer, now: number, effects: TransferEffects): void {
  const dueAt = saveDueAt(transfer);
  if (dueAt !== undefined && dueAt <= now) save(transfer, effects);
}

/** Hands the shell a copy of the state to keep, due or not. One save is under way at a time. */
export function save(transfer: Transfer, effects: TransferEffects): void {
  const own = transfer as Own;
  own.saving = true;
  own.nextSaveMs = undefined;
  const job = startJob(transfer.jobs, { kind: "save" });
  effects.push({ kind: "save-state", job, state: savedStateOf(transfer) });
}

/** A copy of what must survive a restart. */
export function savedStateOf(transfer: Transfer): SavedState {
  return {
    pieces: transfer.have.bytes.slice(),
    uploaded: transfer.uploaded,
    downloaded: transfer.downloaded,
    waived: transfer.waived,
    started: startedPieces(transfer),
  };
}

/** The disk refused the state: it is still to be saved, but a torrent that stops does not insist. */
export function onSaveFailed(transfer: Transfer, isRunning: boolean, now: number): void {
  (transfer as Own).saving = false;
  if (isRunning) scheduleSave(transfer, now);
}

/** The state is on disk; the next save may start. Unknown jobs are ignored. */
export function onStateSaved(transfer: Transfer, id: JobId): void {
  if (finishJob(transfer.jobs, id, "save") !== undefined) (transfer as Own).saving = false;
}
