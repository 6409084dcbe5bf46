/** How a torrent starts and stops. */
import { announceStopped } from "../swarm/announcing.ts";
import { isFinished } from "../transfer/content.ts";
import { save, saveSoon } from "../transfer/saving.ts";
import { totalsOf } from "./announce_totals.ts";
import { closePeer } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent, TorrentOwn } from "./state.ts";
import { closeWebSeeds } from "./web_seeds.ts";

/** The first save makes the torrent known to a later run even if this one is killed at once. */
export function start(torrent: Torrent, now: number): void {
  if (torrent.stage !== "idle") return;
  const own = torrent as TorrentOwn;
  own.stage = "running";
  own.nextTickMs = now;
  const { transfer } = torrent;
  if (transfer !== undefined && !isFinished(transfer)) saveSoon(transfer, now);
}

/**
 * Notifies trackers and peers immediately; pending checks and writes still count for the last
 * save.
 */
export function stop(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage !== "running" && torrent.stage !== "idle") return;
  (torrent as TorrentOwn).stage = "stopping";
  announceStopped(torrent.swarm, totalsOf(torrent), effects);
  closeWebSeeds(torrent, effects);
  for (const key of [...torrent.swarm.connections.keys()]) {
    closePeer(torrent, key, "stopping", now, effects);
  }
}

/** Saves once more when no check, write or save is under way, and then stops. */
export function finishStop(torrent: Torrent, effects: Effect[]): void {
  const { transfer } = torrent;
  if (transfer !== undefined && transfer.jobs.underWay.size > 0) return;
  if (transfer?.nextSaveMs === undefined) (torrent as TorrentOwn).stage = "stopped";
  else save(transfer, effects);
}
