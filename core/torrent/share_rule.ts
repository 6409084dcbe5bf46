/**
 * The 10 % share rule: until it has uploaded the owed part of the torrent's size, a download does not
 * start its last missing piece. It waits only while somebody could be served.
 *
 * Who could be served: a connected peer that lacks a piece of ours, wants it (a `tt` that waits under
 * this very rule tells others it is not interested, so two that wait never hold each other), and uses
 * the slot it is given; and, for a bounded time, incomplete peers that the tracker names and we have not
 * met. When nobody is left, and somebody offers the piece, the debt is waived for good, unless the rule
 * is strict. Without that offer a waiver would give nothing, and a restart would always earn it.
 */
import { SHARE_GREETING_MS, SHARE_IDLE_MS, SHARE_STALLED_MS, SHARE_UNMET_MS } from "./limits.ts";
import type { Effect, ShareState } from "./protocol.ts";
import { scheduleSave } from "./saving.ts";
import { isComplete, isDead, isSeed, type Peer, type ShareWait, type Torrent } from "./state.ts";
import {
  type Announcer,
  haveAllTrackersFailed,
  lastAnswered,
  requestPeers,
} from "../tracker/announcer.ts";
import { availabilityOf } from "./availability.ts";

/** Bytes that must be uploaded in all. */
export function owedBytes(torrent: Torrent): number {
  return Math.ceil(torrent.geometry.totalSize * torrent.options.shareRule.percent / 100);
}

/** Whether the last piece is free to be asked for: enough was uploaded in all runs, or the debt was waived. */
export function isDebtSettled(torrent: Torrent): boolean {
  return torrent.waived || torrent.uploaded >= owedBytes(torrent);
}

/** Whether the picker may start another piece: any but the last, and the last once nothing is owed. */
export function mayStartPiece(torrent: Torrent): boolean {
  return torrent.availability.size !== 1 || isDebtSettled(torrent);
}

/** The piece that the rule withholds now, or -1. */
export function withheldPiece(torrent: Torrent): number {
  return mayStartPiece(torrent) ? -1 : torrent.availability.order[0]!;
}

/** Whether only the withheld piece is missing. */
export function isWaiting(torrent: Torrent): boolean {
  return torrent.haveCount === torrent.geometry.pieceCount - 1 && !mayStartPiece(torrent);
}

/** Pieces of ours that the peer lacks. */
export function lackedBy(torrent: Torrent, peer: Peer): number {
  return torrent.haveCount - (peer.haveCount - peer.offered);
}

/** Whether giving this peer something is possible and likely. */
export function canServe(torrent: Torrent, peer: Peer, now: number): boolean {
  if (lackedBy(torrent, peer) <= 0 || isDead(peer, now)) return false;
  if (!peer.isInterested) return !peer.answered && now - peer.toldMs < SHARE_GREETING_MS;
  if (peer.amChoking) return true;
  return now - Math.max(peer.lastAskedMs, peer.chokeChangedMs) < SHARE_IDLE_MS;
}

/** Connected peers that could be served now. */
export function countServable(torrent: Torrent, now: number): number {
  let count = 0;
  for (const peer of torrent.peers.values()) if (canServe(torrent, peer, now)) count++;
  return count;
}

/** Incomplete peers that the tracker named last and that are not among the connected. */
function countUnmet(torrent: Torrent): number {
  const leechers = lastAnswered(torrent.announcer)?.leechers ?? 0;
  let met = isComplete(torrent) ? 0 : 1;
  for (const peer of torrent.peers.values()) {
    // A seed that we watched become one was still counted as a leecher.
    const grewUp = isSeed(peer) && !peer.countedAsSeed;
    if (!isSeed(peer) || grewUp) met++;
  }
  return Math.max(0, leechers - met);
}

function isAwaitingFirstAnswer(announcer: Announcer): boolean {
  return announcer.tiers.length > 0 && lastAnswered(announcer) === undefined &&
    !haveAllTrackersFailed(announcer);
}

/**
 * Looks at the debt after whatever happened: waives it when nobody can be served, asks the tracker for
 * somebody to serve, and reports every change. Called by `settle` and each second.
 */
export function reviewShare(torrent: Torrent, now: number, effects: Effect[]): void {
  const before = torrent.share;
  if (torrent.options.shareRule.strict || !isWaiting(torrent)) torrent.wait = undefined;
  else {
    torrent.wait ??= { reviewedMs: now, unservedMs: 0, untakenMs: 0 };
    const isHopeless = !mayServeSomebody(torrent, torrent.wait, now);
    if (isHopeless && availabilityOf(torrent.availability, withheldPiece(torrent)) > 0) {
      torrent.waived = true;
      scheduleSave(torrent, now);
    }
  }
  const state = shareState(torrent);
  if (state === before || state === undefined) return;
  torrent.share = state;
  torrent.allDirty = true;
  const sharedBytes = torrent.uploaded;
  const report = { kind: "share", state, owedBytes: owedBytes(torrent), sharedBytes } as const;
  effects.push({ kind: "report", report });
}

/** The clocks add up: they go on where peers come and go faster than any of them would run out. */
function mayServeSomebody(torrent: Torrent, wait: ShareWait, now: number): boolean {
  if (torrent.haveCount === 0) return false;
  const passedMs = now - wait.reviewedMs;
  if (torrent.lastUploadMs >= wait.reviewedMs) wait.unservedMs = wait.untakenMs = 0;
  wait.reviewedMs = now;
  if (countServable(torrent, now) > 0) {
    wait.untakenMs += passedMs;
    return wait.untakenMs < SHARE_STALLED_MS;
  }
  wait.unservedMs += passedMs;
  if (wait.unservedMs >= SHARE_UNMET_MS) return false;
  if (isAwaitingFirstAnswer(torrent.announcer)) return true;
  if (countUnmet(torrent) === 0) return false;
  requestPeers(torrent.announcer, now);
  return true;
}

/** What the user is told: nothing before the rule first matters. */
function shareState(torrent: Torrent): ShareState | undefined {
  if (torrent.options.shareRule.percent === 0) return undefined;
  if (torrent.share === undefined && isComplete(torrent)) return undefined;
  if (torrent.uploaded >= owedBytes(torrent)) return "paid";
  if (torrent.waived) return "waived";
  return isWaiting(torrent) ? "owing" : torrent.share;
}
