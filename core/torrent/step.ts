/**
 * The torrent as a machine: `step` for everything but block payload, `receiveBlock` for that (see
 * data_plane.ts), `settle` once after a batch of either, `nextDeadline` for the one timer.
 *
 * Deterministic: the same options and the same calls give the same effects. The driver's contract is in
 * protocol.ts.
 */
import { finishJob } from "../bytes/jobs.ts";
import { unreachable } from "../bytes/result.ts";
import { addAddresses, onDialFailed, retryAddresses } from "../swarm/address_book.ts";
import { announceCompleted, announceSoon, onAnnounced } from "../swarm/announcing.ts";
import { banPeer } from "../swarm/connections.ts";
import { sendDontHave } from "../swarm/dont_have.ts";
import { concludeFetch } from "../swarm/metadata_extension.ts";
import { markAllDirty } from "../transfer/attention.ts";
import { isComplete, isFinished, markDiskFailed } from "../transfer/content.ts";
import {
  onHashesAnswered,
  onHashesProven,
  onHashesRefused,
  onHashRequest,
  onLayerFound,
} from "../transfer/hash_trees.ts";
import {
  onLeavesCompared,
  onPieceChecked,
  onPieceLost,
  onPieceWritten,
  onWriteFailed,
} from "../transfer/pieces.ts";
import { setSequential } from "../transfer/order.ts";
import { setDue } from "../transfer/requests.ts";
import { resumeSeeding } from "../transfer/seeding.ts";
import { setGoals } from "../transfer/goals.ts";
import { onSaveFailed, onStateSaved } from "../transfer/saving.ts";
import { keepBlocks } from "../transfer/started_pieces.ts";
import type { Transfer } from "../transfer/state.ts";
import { onServed } from "../transfer/super_seeding.ts";
import { onBlocksSent, onBlockUnreadable, onUploadsTakenBack } from "../transfer/uploads.ts";
import { type PieceRange, setPriorities } from "../transfer/wanted.ts";
import { onTimer } from "./deadlines.ts";
import { onGranted } from "./grants.ts";
import { start, stop } from "./lifecycle.ts";
import { onMetadata } from "./metadata.ts";
import { onMessage } from "./peer_messages.ts";
import {
  banSender,
  closeIfBothDone,
  closePeer,
  onConnected,
  onDisconnected,
  onHeard,
} from "./peers.ts";
import type { Effect, Event } from "./protocol.ts";
import { tellUploadOnly, type Torrent } from "./state.ts";
import { banSenders, closeWebSeeds, onWebSeedFailed } from "./web_seeds.ts";

export { type Deadline, nextDeadline } from "./deadlines.ts";
export { settle } from "./settle.ts";

/** Takes one event in. `now` is monotonic milliseconds; effects are appended in the order to run. */
export function step(torrent: Torrent, event: Event, now: number, effects: Effect[]): void {
  const { swarm } = torrent;
  switch (event.kind) {
    case "start":
      return start(torrent, now);
    case "peers-found":
      return addAddresses(swarm.addresses, event.addresses, event.source, now);
    case "connected":
      return onConnected(torrent, event, now, effects);
    case "dial-failed":
      return onDialFailed(swarm.addresses, event.job, now);
    case "message": {
      const connection = swarm.connections.get(event.peer);
      if (connection !== undefined) onMessage(torrent, connection, event.message, now, effects);
      return;
    }
    case "disconnected":
      return onDisconnected(torrent, event.peer, now, effects);
    case "violated":
      return closePeer(torrent, event.peer, "protocol-violation", now, effects, event.why);
    case "announced": {
      const isRunning = torrent.stage === "running";
      return onAnnounced(swarm, event.job, event.result, isRunning, now, effects);
    }
    case "announce-now":
      return announceSoon(swarm, now);
    case "web-seed-failed":
      return onWebSeedFailed(torrent, event.peer, event, now, effects);
    case "metadata-checked":
      return onMetadataChecked(torrent, event.job, event.matches, now, effects);
    case "metadata":
      return onMetadata(torrent, event, now, effects);
    case "granted":
      return onGranted(torrent, event, now, effects);
    case "timer":
      return onTimer(torrent, now, effects);
    case "stop":
      return stop(torrent, now, effects);
    default:
      if (torrent.transfer !== undefined) {
        stepTransfer(torrent, torrent.transfer, event, now, effects);
      }
  }
}

type TransferEvent = Extract<
  Event,
  {
    readonly kind:
      | "goals"
      | "piece-checked"
      | "piece-written"
      | "blocks-kept"
      | "leaves-compared"
      | "hashes-proven"
      | "hashes-wrong"
      | "hashes-refused"
      | "hash-request"
      | "hashes-answered"
      | "disk-failed"
      | "blocks-sent"
      | "uploads-taken-back"
      | "block-unreadable"
      | "prioritize"
      | "order"
      | "due"
      | "state-saved";
  }
>;

function stepTransfer(
  torrent: Torrent,
  transfer: Transfer,
  event: TransferEvent,
  now: number,
  effects: Effect[],
): void {
  switch (event.kind) {
    case "piece-checked": {
      if (event.layer !== undefined) onLayerFound(transfer, event.layer);
      const verdict = onPieceChecked(transfer, event.job, event.matches, now, effects);
      return banSenders(torrent, verdict, now, effects);
    }
    case "leaves-compared": {
      const verdict = onLeavesCompared(transfer, event.job, event.blocks, effects);
      return banSenders(torrent, verdict, now, effects);
    }
    case "hashes-proven":
      return onHashesProven(transfer, event.range, effects);
    case "hashes-wrong": {
      onHashesRefused(transfer, event.peer, event.range, now);
      const peer = transfer.peers.get(event.peer);
      if (peer === undefined) return;
      return banSender(torrent, peer, "sent hashes that prove nothing", now, effects);
    }
    case "hashes-refused":
      return onHashesRefused(transfer, event.peer, event.range, now);
    case "hash-request": {
      const peer = transfer.peers.get(event.peer);
      if (peer !== undefined) onHashRequest(transfer, peer, event.range, effects);
      return;
    }
    case "hashes-answered": {
      const peer = transfer.peers.get(event.peer);
      if (peer !== undefined) onHashesAnswered(peer, effects);
      return;
    }
    case "piece-written":
      if (onPieceWritten(transfer, event.job, now, effects)) {
        finish(torrent, transfer, now, effects);
      }
      return;
    case "blocks-kept":
      keepBlocks(transfer, event);
      return;
    case "disk-failed":
      return onDiskFailed(torrent, transfer, event.job, event.message, now, effects);
    case "blocks-sent": {
      const peer = transfer.peers.get(event.peer);
      onBlocksSent(transfer, peer, event.bytes, now);
      if (peer !== undefined) onServed(transfer, peer, now, effects);
      // We do not read it, so what it takes is its sign of life.
      const connection = torrent.swarm.connections.get(event.peer);
      if (peer?.readingPaused && connection) onHeard(torrent, connection, now);
      return;
    }
    case "uploads-taken-back": {
      const peer = transfer.peers.get(event.peer);
      if (peer !== undefined) onUploadsTakenBack(transfer, peer, event.blocks, effects);
      return;
    }
    case "block-unreadable":
      return onUnreadable(torrent, transfer, event, effects);
    case "prioritize":
      return onPrioritize(torrent, transfer, event.ranges, now, effects);
    case "order":
      return setSequential(transfer, event.isSequential);
    case "due":
      return setDue(transfer, event.pieces, now, effects);
    case "goals":
      setGoals(transfer, event);
      return resumeSeeding(transfer);
    case "state-saved":
      return onStateSaved(transfer, event.job);
    default:
      return unreachable(event);
  }
}

function onMetadataChecked(
  torrent: Torrent,
  id: number,
  matches: boolean,
  now: number,
  effects: Effect[],
): void {
  const { swarm } = torrent;
  const job = finishJob(swarm.jobs, id, "check-metadata");
  if (job === undefined) return;
  for (const key of concludeFetch(swarm, job.bytes, matches)) {
    const liar = swarm.connections.get(key);
    if (liar === undefined) continue;
    banPeer(swarm, liar, "sent metadata that fails its check", effects);
    closePeer(torrent, key, "banned", now, effects);
  }
  if (!matches) return;
  effects.push({ kind: "report", report: { kind: "metadata", bytes: job.bytes } });
}

function onPrioritize(
  torrent: Torrent,
  transfer: Transfer,
  ranges: readonly PieceRange[],
  now: number,
  effects: Effect[],
): void {
  const wasFinished = isFinished(transfer);
  if (setPriorities(transfer, ranges, now, effects)) {
    effects.push({ kind: "report", report: { kind: "complete" } });
    return finish(torrent, transfer, now, effects);
  }
  // Seeds went because we were finished.
  if (wasFinished && !isFinished(transfer)) retryAddresses(torrent.swarm.addresses);
  tellUploadOnly(torrent, effects);
}

/** Every wanted piece is here: nothing more will be downloaded. */
function finish(torrent: Torrent, transfer: Transfer, now: number, effects: Effect[]): void {
  // Trackers count complete copies only. Spec: BEP 21.
  if (isComplete(transfer)) announceCompleted(torrent.swarm);
  tellUploadOnly(torrent, effects);
  closeWebSeeds(torrent, effects);
  for (const peer of [...transfer.peers.values()]) closeIfBothDone(torrent, peer, now, effects);
}

/** The disk broke a promise of ours: peers need not ask for the piece. */
function onUnreadable(
  torrent: Torrent,
  transfer: Transfer,
  event: Extract<Event, { kind: "block-unreadable" }>,
  effects: Effect[],
): void {
  const peer = transfer.peers.get(event.peer);
  if (peer !== undefined) onBlockUnreadable(transfer, peer, event, effects);
  if (onPieceLost(transfer, event.piece)) sendDontHave(torrent.swarm, event.piece, effects);
}

function onDiskFailed(
  torrent: Torrent,
  transfer: Transfer,
  id: number,
  message: string,
  now: number,
  effects: Effect[],
): void {
  const job = finishJob(transfer.jobs, id, "write", "save");
  if (job === undefined) return;
  if (job.kind === "save") onSaveFailed(transfer, torrent.stage === "running", now);
  else onWriteFailed(transfer, job.piece, effects);
  if (transfer.diskFailed) return;
  markDiskFailed(transfer);
  markAllDirty(transfer);
  effects.push({ kind: "report", report: { kind: "disk-failed", message } });
}
