/**
 * The 10 % share rule: until it has uploaded the owed part of the torrent's size, a download does
 * not start its last missing piece. It waits only while a peer can be served.
 *
 * Who could be served: a connected peer that lacks a piece of ours, wants it (a `tt` that waits
 * under this very rule tells others it is not interested, so two that wait never hold each other),
 * and uses the slot it is given; and, for a short time, incomplete peers that the tracker names and
 * that we have not reached. When no such peer is left, or the debt cannot be paid at the present
 * rate within the time that the download took, and a peer offers the piece, the debt is waived,
 * unless the rule is strict. Without that offer a waiver would give nothing, and a restart would
 * always earn it.
 */
import type { View } from "../bytes/view.ts";
import { markAllDirty } from "./attention.ts";
import { anyWanted, availabilityOf } from "./availability.ts";
import { isFinished } from "./content.ts";
import { readRate } from "../limits/rate_meter.ts";
import {
  SHARE_IDLE_MS,
  SHARE_INTEREST_MS,
  SHARE_JUDGE_MS,
  SHARE_STALLED_MS,
  SHARE_UNMET_MS,
  SHARE_WAIT_MAX_MS,
  SHARE_WAIT_MIN_MS,
} from "./limits.ts";
import { isSeed } from "./offers.ts";
import type { Peer } from "./peer.ts";
import type { ShareState, TransferEffects } from "./protocol.ts";
import { scheduleSave } from "./saving.ts";
import type { Transfer } from "./state.ts";

export interface ShareRule {
  /** 0 to 100; 0 is off. */
  readonly percent: number;
  /** Never waived. */
  readonly strict: boolean;
}

/**
 * State of the share rule's wait; the unserved and untaken clocks restart with every byte that a
 * peer takes.
 */
interface ShareWait {
  /** How long the download took until here. */
  readonly tookMs: number;
  reviewedMs: number;
  /** How long there was a peer that could be served, all in all. */
  servedMs: number;
  /** How long there was no peer that could be served. */
  unservedMs: number;
  /** How long there was one, and it took nothing. */
  untakenMs: number;
}

interface Own {
  share: ShareState | undefined;
  waived: boolean;
  /** Waiting under a rule that may be waived. */
  wait: ShareWait | undefined;
  /** When the download began in this run, monotonic ms. */
  readonly beganMs: number;
}

export type Share = View<Own>;

/** What trackers tell of peers that we may not have met. */
export interface SwarmOutlook {
  /** Incomplete peers, as the tracker that answered last counts them. */
  readonly leechers: number;
  /** A tracker may still answer and none has yet. */
  readonly isAwaitingTracker: boolean;
}

/** `waived`: the debt was waived in an earlier run. */
export function createShare(waived: boolean, now: number): Share {
  return { share: undefined, waived, wait: undefined, beganMs: now };
}

/** Bytes that must be uploaded in all. */
export function owedBytes(transfer: Transfer): number {
  return Math.ceil(transfer.wantedBytes * transfer.goals.shareRule.percent / 100);
}

/**
 * Whether the last piece is free to be asked for: enough was uploaded in all runs, or the debt was
 * waived.
 */
export function isDebtSettled(transfer: Transfer): boolean {
  return transfer.waived || transfer.uploaded >= owedBytes(transfer);
}

/**
 * Whether the picker may start another piece: any but the last, and the last once nothing is owed.
 */
export function mayStartPiece(transfer: Transfer): boolean {
  return transfer.availability.size !== 1 || isDebtSettled(transfer);
}

/** The piece that the rule withholds now, or -1. */
export function withheldPiece(transfer: Transfer): number {
  return mayStartPiece(transfer) ? -1 : anyWanted(transfer.availability);
}

/** Whether only the withheld piece is missing. */
export function isWaiting(transfer: Transfer): boolean {
  return transfer.wantedHaveCount === transfer.wantedCount - 1 && !mayStartPiece(transfer);
}

/** Pieces of ours that the peer lacks. */
export function lackedBy(transfer: Transfer, peer: Peer): number {
  return transfer.haveCount - peer.shared;
}

/** Whether giving this peer something is possible and likely. */
export function canServe(transfer: Transfer, peer: Peer, now: number): boolean {
  if (lackedBy(transfer, peer) <= 0 || peer.isSilent || peer.link.isUploadOnly) return false;
  if (!peer.isInterested) {
    return !peer.interestKnown && now - peer.lastHaveSentMs < SHARE_INTEREST_MS;
  }
  if (peer.amChoking) return true;
  return now - Math.max(peer.lastRequestMs, peer.chokeChangedMs) < SHARE_IDLE_MS;
}

/** Connected peers that could be served now. */
export function countServable(transfer: Transfer, now: number): number {
  let count = 0;
  for (const peer of transfer.peers.values()) if (canServe(transfer, peer, now)) count++;
  return count;
}

/** Incomplete peers that the tracker counts and that are not among the connected. */
function countUnmet(transfer: Transfer, { leechers }: SwarmOutlook): number {
  let met = isFinished(transfer) ? 0 : 1;
  for (const peer of transfer.peers.values()) {
    // A peer that became a seed while we were connected was still counted as a leecher.
    const becameSeed = isSeed(peer) && !peer.countedAsSeed;
    if (!isSeed(peer) || becameSeed) met++;
  }
  return Math.max(0, leechers - met);
}

/**
 * Looks at the debt after whatever happened: waives it when no peer can be served, and reports
 * every change. Gives whether the trackers are to be asked for a peer to serve. Called by `settle`.
 */
export function reviewShare(
  transfer: Transfer,
  outlook: SwarmOutlook,
  now: number,
  effects: TransferEffects,
): boolean {
  const own = transfer as Own;
  const before = own.share;
  let needsPeers = false;
  if (transfer.goals.shareRule.strict || !isWaiting(transfer)) own.wait = undefined;
  else {
    own.wait ??= {
      tookMs: now - own.beganMs,
      reviewedMs: now,
      servedMs: 0,
      unservedMs: 0,
      untakenMs: 0,
    };
    const prospect = serviceProspect(transfer, own.wait, outlook, now);
    needsPeers = prospect === "unmet";
    if (
      prospect === "none" &&
      availabilityOf(transfer.availability, withheldPiece(transfer)) > 0
    ) {
      own.waived = true;
      scheduleSave(transfer, now);
    }
  }
  const state = shareState(transfer);
  if (state === before || state === undefined) return needsPeers;
  own.share = state;
  markAllDirty(transfer);
  const sharedBytes = transfer.uploaded;
  const report = { kind: "share", state, owedBytes: owedBytes(transfer), sharedBytes } as const;
  effects.push({ kind: "report", report });
  return needsPeers;
}

/** The clocks add up: they go on where peers come and go faster than any of them would run out. */
function serviceProspect(
  transfer: Transfer,
  wait: ShareWait,
  outlook: SwarmOutlook,
  now: number,
): "servable" | "unmet" | "awaited" | "none" {
  if (transfer.haveCount === 0) return "none";
  const passedMs = now - wait.reviewedMs;
  if (transfer.lastUploadMs >= wait.reviewedMs) wait.unservedMs = wait.untakenMs = 0;
  wait.reviewedMs = now;
  if (countServable(transfer, now) > 0) {
    wait.untakenMs += passedMs;
    wait.servedMs += passedMs;
    const isHopeless = wait.untakenMs >= SHARE_STALLED_MS || isTooSlow(transfer, wait, now);
    return isHopeless ? "none" : "servable";
  }
  wait.unservedMs += passedMs;
  if (wait.unservedMs >= SHARE_UNMET_MS) return "none";
  if (outlook.isAwaitingTracker) return "awaited";
  return countUnmet(transfer, outlook) > 0 ? "unmet" : "none";
}

/** Whether the debt cannot be paid at the present rate within the time that the download took. */
function isTooSlow(transfer: Transfer, wait: ShareWait, now: number): boolean {
  if (wait.servedMs < SHARE_JUDGE_MS) return false;
  const allowedMs = Math.min(SHARE_WAIT_MAX_MS, Math.max(SHARE_WAIT_MIN_MS, wait.tookMs));
  // Without a rate the clock of untaken bytes decides.
  const leftMs = 1_000 * secondsToPay(transfer, now);
  return wait.servedMs + (Number.isFinite(leftMs) ? leftMs : 0) > allowedMs;
}

/** Bytes that are still owed; 0 once the debt is paid. */
export function remainingDebt(transfer: Transfer): number {
  return Math.max(0, owedBytes(transfer) - transfer.uploaded);
}

/**
 * How long the rest of the debt takes at the present upload rate; Infinity where nothing is
 * uploaded.
 */
export function secondsToPay(transfer: Transfer, now: number): number {
  const rate = readRate(transfer.up, now);
  return rate > 0 ? remainingDebt(transfer) / rate : Infinity;
}

/** The status for the user: undefined before the rule first matters. */
function shareState(transfer: Transfer): ShareState | undefined {
  if (transfer.goals.shareRule.percent === 0) return undefined;
  if (transfer.share === undefined && isFinished(transfer)) return undefined;
  if (transfer.uploaded >= owedBytes(transfer)) return "paid";
  if (transfer.waived) return "waived";
  return isWaiting(transfer) ? "owing" : transfer.share;
}
