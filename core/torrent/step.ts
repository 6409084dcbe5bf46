/**
 * The torrent as a machine: `step` for everything but block payload, `receiveBlock` for that (see
 * data_plane.ts), `settle` once after a batch of either, `nextDeadline` for the one timer.
 *
 * Deterministic: the same options and the same calls give the same effects. The contract of whoever
 * drives it is in protocol.ts.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { unreachable } from "../bytes/result.ts";
import { requestPeers } from "../tracker/announcer.ts";
import { announceDueAt, announceIfDue, onAnnounced, sayFarewell } from "./announcing.ts";
import { addCandidates, dialCandidates, onDialFailed } from "./candidates.ts";
import { chokeRound, fillIdleSlots } from "./choker.ts";
import { closePeer, onConnected, onDisconnected } from "./connections.ts";
import { TICK_MS } from "./limits.ts";
import { reviewLiveness } from "./liveness.ts";
import { onMessage } from "./peer_messages.ts";
import { abandonStranded, isEndgame } from "./picker.ts";
import { onPieceChecked, onPieceWritten, onWriteFailed } from "./pieces.ts";
import type { Effect, Event } from "./protocol.ts";
import { tickRate } from "./rate_meter.ts";
import { adjustPipeline, checkSnubbed, refillRequests, reviewRefusals } from "./requests.ts";
import { onSaveFailed, onStateSaved, save, saveIfDue } from "./saving.ts";
import { reviewSeeding } from "./seeding.ts";
import { isWaiting, reviewShare, withheldPiece } from "./share_rule.ts";
import { finishJob, isComplete, type Peer, type Torrent } from "./state.ts";
import { onBlocksSent, onBlockUnreadable, serveQueue } from "./uploads.ts";

/** Takes one event in. `now` is monotonic milliseconds; effects are appended in the order to run. */
export function step(torrent: Torrent, event: Event, now: number, effects: Effect[]): void {
  switch (event.kind) {
    case "start":
      return start(torrent, now);
    case "peers-found":
      return addCandidates(torrent, event.addresses, now);
    case "connected":
      return onConnected(torrent, event, now, effects);
    case "dial-failed":
      return onDialFailed(torrent, event.job, now);
    case "message": {
      const peer = torrent.peers.get(event.peer);
      if (peer !== undefined) onMessage(torrent, peer, event.message, now, effects);
      return;
    }
    case "disconnected": {
      const peer = torrent.peers.get(event.peer);
      if (peer !== undefined) onDisconnected(torrent, peer, now, effects);
      return;
    }
    case "violated": {
      const peer = torrent.peers.get(event.peer);
      if (peer === undefined) return;
      return closePeer(torrent, peer, "protocol-violation", now, effects, event.why);
    }
    case "piece-checked":
      return onPieceChecked(torrent, event.job, event.matches, now, effects);
    case "piece-written":
      return onPieceWritten(torrent, event.job, now, effects);
    case "disk-failed":
      return onDiskFailed(torrent, event.job, event.message, now, effects);
    case "blocks-sent":
      return onBlocksSent(torrent, torrent.peers.get(event.peer), event.bytes, now);
    case "block-unreadable": {
      const peer = torrent.peers.get(event.peer);
      if (peer !== undefined) onBlockUnreadable(torrent, peer, event, effects);
      return;
    }
    case "announced":
      return onAnnounced(torrent, event.job, event.result, now, effects);
    case "state-saved":
      return onStateSaved(torrent, event.job);
    case "timer":
      return onTimer(torrent, now, effects);
    case "stop":
      return stop(torrent, now, effects);
    default:
      return unreachable(event);
  }
}

/**
 * Does once what many events ask for: interest, requests, uploads, the share rule, dialling, saving.
 * To be called after each batch of `step` and `receiveBlock`, before the effects are run.
 */
export function settle(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage === "stopping") return finishStop(torrent, effects);
  if (torrent.stage !== "running") return;
  reviewShare(torrent, now, effects);
  const withheld = withheldPiece(torrent);
  settlePeers(torrent, now, effects);
  const endgame = isEndgame(torrent);
  // Asking the last peer can change what the first ones should be told or asked.
  if ((endgame && !torrent.inEndgame) || withheldPiece(torrent) !== withheld) {
    torrent.allDirty = true;
    settlePeers(torrent, now, effects);
  }
  torrent.inEndgame = endgame;
  dialCandidates(torrent, now, effects);
  askForPeers(torrent, now);
  announceIfDue(torrent, now, effects);
  saveIfDue(torrent, now, effects);
}

/** Once those that the tracker named were tried: the first answer is followed by dials, not by a second. */
function askForPeers(torrent: Torrent, now: number): void {
  if (torrent.peers.size > 0 || torrent.dials.size > 0 || isComplete(torrent)) return;
  requestPeers(torrent.announcer, now);
}

function settlePeers(torrent: Torrent, now: number, effects: Effect[]): void {
  const peers = torrent.allDirty ? torrent.peers.values() : torrent.dirty;
  torrent.allDirty = false;
  torrent.dirty = [];
  const withheld = withheldPiece(torrent);
  const slow: Peer[] = [];
  for (const peer of peers) {
    peer.dirty = false;
    if (!torrent.peers.has(peer.key)) continue;
    tellInterest(torrent, peer, withheld, now, effects);
    if (peer.snubbed) slow.push(peer);
    else refillRequests(torrent, peer, now, effects);
    serveQueue(peer, now, effects);
  }
  for (const peer of slow) refillRequests(torrent, peer, now, effects);
}

export interface Deadline {
  /** Monotonic milliseconds, perhaps in the past. */
  readonly at: number;
  readonly reason: "announce" | "dial" | "save" | "tick";
}

/** When `timer` must be fed next, and why; undefined when nothing will ever be due by itself. */
export function nextDeadline(torrent: Torrent): Deadline | undefined {
  if (torrent.stage !== "running") return undefined;
  const announce = announceDueAt(torrent) ?? Infinity;
  const dial = torrent.nextDialMs ?? Infinity;
  const save = torrent.saving ? Infinity : torrent.nextSaveMs ?? Infinity;
  const tick = needsTick(torrent) ? torrent.nextTickMs : Infinity;
  const at = Math.min(announce, dial, save, tick);
  if (at === Infinity) return undefined;
  if (at === announce) return { at, reason: "announce" };
  if (at === dial) return { at, reason: "dial" };
  return { at, reason: at === save ? "save" : "tick" };
}

/** The first save makes the torrent known to a later run even if this one is killed at once. */
function start(torrent: Torrent, now: number): void {
  if (torrent.stage !== "idle") return;
  torrent.stage = "running";
  torrent.nextTickMs = now;
  if (!isComplete(torrent)) torrent.nextSaveMs = now;
}

/** The second's round. Announces, dials and saves that are due happen in `settle`. */
function onTimer(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage !== "running" || now < torrent.nextTickMs) return;
  // On the clock's whole seconds, so that many torrents wake the process once.
  torrent.nextTickMs = (Math.floor(now / TICK_MS) + 1) * TICK_MS;
  tickRate(torrent.down, now);
  tickRate(torrent.up, now);
  for (const peer of torrent.peers.values()) {
    tickRate(peer.down, now);
    tickRate(peer.up, now);
    adjustPipeline(peer, torrent.tuning.pipelineSeconds);
    checkSnubbed(torrent, peer, now, effects);
    reviewRefusals(torrent, peer);
  }
  reviewLiveness(torrent, now, effects);
  chokeRound(torrent, now, effects);
  fillIdleSlots(torrent, now, effects);
  abandonStranded(torrent, now, effects);
  reviewSeeding(torrent, now, effects);
}

/** A torrent alone in the world sleeps. */
function needsTick(torrent: Torrent): boolean {
  const { seedRatio, seedTimeMs } = torrent.options;
  const isLimited = seedRatio !== undefined || seedTimeMs !== undefined;
  return torrent.peers.size > 0 || torrent.down.rate + torrent.up.rate > 0 ||
    isWaiting(torrent) || (isLimited && isComplete(torrent) && !torrent.seedingDone);
}

/** Interest is a promise to ask: the piece that the share rule withholds is none. */
function tellInterest(
  torrent: Torrent,
  peer: Peer,
  withheld: number,
  now: number,
  effects: Effect[],
): void {
  const asksNothing = withheld >= 0 && hasBit(peer.have, withheld) ? 1 : 0;
  const wants = peer.offered - asksNothing > 0 && !torrent.diskFailed;
  if (wants === peer.amInterested) return;
  peer.amInterested = wants;
  peer.lastSentMs = now;
  const message = wants ? { kind: "interested" } as const : { kind: "not-interested" } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

function onDiskFailed(
  torrent: Torrent,
  id: number,
  message: string,
  now: number,
  effects: Effect[],
): void {
  const job = finishJob(torrent, id, "write", "save");
  if (job === undefined) return;
  if (job.kind === "save") onSaveFailed(torrent, now);
  else onWriteFailed(torrent, job.piece, effects);
  if (torrent.diskFailed) return;
  torrent.diskFailed = true;
  torrent.allDirty = true;
  effects.push({ kind: "report", report: { kind: "disk-failed", message } });
}

/** Says farewell at once; checks and writes under way still count for the last save. */
function stop(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage !== "running" && torrent.stage !== "idle") return;
  torrent.stage = "stopping";
  sayFarewell(torrent, effects);
  for (const peer of [...torrent.peers.values()]) {
    closePeer(torrent, peer, "stopping", now, effects);
  }
}

function finishStop(torrent: Torrent, effects: Effect[]): void {
  for (const job of torrent.jobs.values()) if (job.kind !== "announce") return;
  if (torrent.nextSaveMs === undefined) torrent.stage = "stopped";
  else save(torrent, effects);
}
