/** What becomes of whole pieces: checked, written, told to every peer; or thrown away, with blame. */
import { addressText } from "../bytes/address.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { finishJob, type JobId, startJob } from "../bytes/jobs.ts";
import { pieceSize } from "../metainfo/geometry.ts";
import { markAllDirty, markDirty } from "./attention.ts";
import { setParole } from "./blame.ts";
import { countFailedPiece } from "./blocks.ts";
import { addPiece, isComplete } from "./content.ts";
import { noteHaveSent } from "./interest.ts";
import { notePieceOurs } from "./offers.ts";
import {
  abandonPiece,
  hasRoom,
  markWriting,
  type PartialPiece,
  removePartial,
  restartAlone,
} from "./partials.ts";
import type { Peer } from "./peer.ts";
import type { Message } from "../wire/message.ts";
import type { TransferEffects } from "./protocol.ts";
import { saveSoon, scheduleSave } from "./saving.ts";
import type { Transfer } from "./state.ts";

/**
 * The digest was compared: a good piece goes to the disk, a bad one is blamed and fetched again. Gives
 * the peer that is convicted, connected or not, if one is: it is to be banned. Unknown jobs are ignored.
 */
export function onPieceChecked(
  transfer: Transfer,
  id: JobId,
  matches: boolean,
  effects: TransferEffects,
): { readonly culprit: Peer; readonly piece: number } | undefined {
  const job = finishJob(transfer.jobs, id, "check");
  const partial = job && transfer.partials.get(job.piece);
  if (partial === undefined) return undefined;
  const { piece } = partial;
  const senders = sendersOf(transfer, partial);
  if (matches) {
    if (partial.alone) { for (const sender of senders) setParole(sender, false); }
    markWriting(partial);
    const job = startJob(transfer.jobs, { kind: "write", piece });
    effects.push({ kind: "write-piece", job, piece });
    return undefined;
  }
  const addresses = senders.filter(({ link }) => !link.isWebSeed)
    .map(({ link }) => addressText(link.address));
  effects.push({ kind: "report", report: { kind: "piece-failed", piece, senders: addresses } });
  countFailedPiece(transfer, pieceSize(transfer.geometry, piece));
  const wasSentByOne = new Set(partial.senders).size === 1;
  restartAlone(transfer, partial);
  effects.push({ kind: "drop-piece", piece });
  if (wasSentByOne) return senders[0] && { culprit: senders[0], piece };
  for (const sender of senders) setParole(sender, true);
  return undefined;
}

/**
 * The piece is on disk: from now on it is ours to give. True when it was the last one. Unknown jobs are
 * ignored.
 */
export function onPieceWritten(
  transfer: Transfer,
  id: JobId,
  now: number,
  effects: TransferEffects,
): boolean {
  const job = finishJob(transfer.jobs, id, "write");
  const partial = job && transfer.partials.get(job.piece);
  if (partial === undefined) return false;
  const { piece } = partial;
  // Room for another piece, and the last piece being the last, concern every peer.
  if (!hasRoom(transfer) || transfer.availability.size <= 1) markAllDirty(transfer);
  removePartial(transfer, partial);
  const isLast = addPiece(transfer, piece, now);
  const message = { kind: "have", piece } as const;
  for (const peer of transfer.peers.values()) {
    if (hasBit(peer.have, piece)) {
      notePieceOurs(peer);
      markDirty(transfer, peer);
    } else {
      effects.push({ kind: "send", peer: peer.key, message });
      noteHaveSent(peer, now);
    }
  }
  scheduleSave(transfer, now);
  if (!isLast) return false;
  saveSoon(transfer, now);
  effects.push({ kind: "report", report: { kind: "complete" } });
  return true;
}

/**
 * Tells a peer that just connected which pieces we have.
 *
 * Spec: BEP 3, bitfield; BEP 6, have all, have none.
 */
export function sendPieces(transfer: Transfer, peer: Peer, effects: TransferEffects): void {
  const { fast } = peer.link.features;
  const send = (message: Message) => effects.push({ kind: "send", peer: peer.key, message });
  if (fast && isComplete(transfer)) send({ kind: "have-all" });
  else if (fast && transfer.haveCount === 0) send({ kind: "have-none" });
  else if (transfer.haveCount > 0) send({ kind: "bitfield", bits: transfer.have.bytes.slice() });
}

/** What is in memory and could not be written is let go. */
export function onWriteFailed(transfer: Transfer, piece: number, effects: TransferEffects): void {
  const partial = transfer.partials.get(piece);
  if (partial !== undefined) abandonPiece(transfer, partial, effects);
}

/** The peers that sent the piece's blocks, those that left since included as far as we remember them. */
function sendersOf({ peers, disconnectedPeers }: Transfer, partial: PartialPiece): Peer[] {
  return [...new Set(partial.senders)]
    .map((key) => peers.get(key) ?? disconnectedPeers.get(key))
    .filter((peer) => peer !== undefined);
}
