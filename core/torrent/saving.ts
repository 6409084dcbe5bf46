/** When the state that must survive a restart is written, and what is in it. */
import { SAVE_INTERVAL_MS } from "./limits.ts";
import type { Effect, JobId } from "./protocol.ts";
import { finishJob, startJob, type Torrent } from "./state.ts";

/** Something changed that a restart must not lose. */
export function scheduleSave(torrent: Torrent, now: number): void {
  torrent.nextSaveMs ??= now + SAVE_INTERVAL_MS;
}

/** Saves if it is time and no save is under way. */
export function saveIfDue(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.saving || torrent.nextSaveMs === undefined || now < torrent.nextSaveMs) return;
  save(torrent, effects);
}

/** Hands the shell a copy of the state to keep, due or not. One save is under way at a time. */
export function save(torrent: Torrent, effects: Effect[]): void {
  torrent.saving = true;
  torrent.nextSaveMs = undefined;
  const state = {
    pieces: torrent.have.bytes.slice(),
    uploaded: torrent.uploaded,
    downloaded: torrent.downloaded,
    waived: torrent.waived,
  };
  effects.push({ kind: "save-state", job: startJob(torrent, { kind: "save" }), state });
}

/** The disk refused the state: it is still to be saved, but a torrent that stops does not insist. */
export function onSaveFailed(torrent: Torrent, now: number): void {
  torrent.saving = false;
  if (torrent.stage === "running") scheduleSave(torrent, now);
}

/** The state is on disk; the next save may start. Unknown jobs are ignored. */
export function onStateSaved(torrent: Torrent, id: JobId): void {
  if (finishJob(torrent, id, "save") !== undefined) torrent.saving = false;
}
