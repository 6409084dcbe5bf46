/**
 * What happens to whole pieces: checked, written, announced to every peer; or discarded, with
 * blame.
 */
import { addressText } from "../bytes/address.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { finishJob, type JobId, startJob } from "../bytes/jobs.ts";
import { blockLength, pieceSize } from "../metainfo/geometry.ts";
import { markAllDirty, markDirty } from "./attention.ts";
import { setParole } from "./blame.ts";
import { endBlame, startBlame, takeHopelessBlames } from "./block_blame.ts";
import { countFailedBytes } from "./blocks.ts";
import { addPiece, isComplete, isWanted, losePiece } from "./content.ts";
import { finishComparison } from "./hash_trees.ts";
import { noteHaveSent } from "./interest.ts";
import { forgetDue } from "./order.ts";
import { recountPiece } from "./offers.ts";
import {
  abandonPiece,
  hasRoom,
  markWriting,
  type PartialPiece,
  removePartial,
  restartAlone,
  restartBlocks,
} from "./partials.ts";
import type { Peer } from "./peer.ts";
import type { Message } from "../wire/message.ts";
import type { TransferEffects } from "./protocol.ts";
import { saveSoon, scheduleSave } from "./saving.ts";
import type { Transfer } from "./state.ts";

/** Peers that are convicted by a piece, connected or not: they are to be banned. */
export interface Verdict {
  readonly piece: number;
  readonly culprits: readonly Peer[];
}

const NOBODY: Verdict = { piece: -1, culprits: [] };

/**
 * The digest was compared: a good piece goes to the disk, a bad one is blamed and fetched again, at
 * once or when its leaves tell which blocks are bad. Unknown jobs are ignored.
 */
export function onPieceChecked(
  transfer: Transfer,
  id: JobId,
  matches: boolean,
  now: number,
  effects: TransferEffects,
): Verdict {
  const job = finishJob(transfer.jobs, id, "check");
  const partial = job && transfer.partials.get(job.piece);
  if (partial === undefined) return NOBODY;
  const { piece } = partial;
  if (matches) {
    if (partial.alone) {
      for (const sender of sendersOf(transfer, partial)) setParole(sender, false);
    }
    markWriting(partial);
    const job = startJob(transfer.jobs, { kind: "write", piece });
    effects.push({ kind: "write-piece", job, piece });
    return NOBODY;
  }
  return startBlame(transfer, piece, now) ? NOBODY : failPiece(transfer, partial, effects);
}

/**
 * The leaves of a piece that failed were compared: `blocks` are those that differ. Gives the peers
 * that sent them. Unknown jobs are ignored.
 */
export function onLeavesCompared(
  transfer: Transfer,
  id: JobId,
  blocks: readonly number[],
  effects: TransferEffects,
): Verdict {
  const piece = finishComparison(transfer, id);
  const partial = piece === undefined ? undefined : transfer.partials.get(piece);
  if (partial === undefined) return NOBODY;
  endBlame(transfer, partial.piece);
  // Its leaves are right and its SHA-1 is not: the two halves of a hybrid contradict each other.
  if (blocks.length === 0) return failPiece(transfer, partial, effects);
  const culprits = sendersOf(transfer, partial, blocks);
  reportFailure(partial.piece, culprits, effects);
  const size = blocks.reduce((sum, block) => {
    return sum + blockLength(transfer.geometry, partial.piece, block);
  }, 0);
  countFailedBytes(transfer, size);
  restartBlocks(transfer, partial, blocks);
  return { piece: partial.piece, culprits };
}

/** Pieces whose leaves can't be had are blamed as a whole. Gives the peers that are convicted. */
export function reviewBlames(
  transfer: Transfer,
  now: number,
  effects: TransferEffects,
): Verdict[] {
  return takeHopelessBlames(transfer, now)
    .map((piece) => transfer.partials.get(piece))
    .filter((partial) => partial !== undefined)
    .map((partial) => failPiece(transfer, partial, effects));
}

function failPiece(
  transfer: Transfer,
  partial: PartialPiece,
  effects: TransferEffects,
): Verdict {
  const { piece } = partial;
  const senders = sendersOf(transfer, partial);
  reportFailure(piece, senders, effects);
  countFailedBytes(transfer, pieceSize(transfer.geometry, piece));
  const wasSentByOne = new Set(partial.senders).size === 1;
  if (isWanted(transfer, piece)) restartAlone(transfer, partial);
  else removePartial(transfer, partial);
  effects.push({ kind: "drop-piece", piece });
  if (wasSentByOne) return { piece, culprits: senders };
  for (const sender of senders) setParole(sender, true);
  return NOBODY;
}

function reportFailure(piece: number, from: readonly Peer[], effects: TransferEffects): void {
  const senders = from.filter(({ link }) => !link.isWebSeed)
    .map(({ link }) => addressText(link.address));
  effects.push({ kind: "report", report: { kind: "piece-failed", piece, senders } });
}

/**
 * The piece is on disk: from now on it is ours to give. True when it was the last one that was
 * wanted. Unknown jobs are ignored.
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
  let isLast = false;
  recountPiece(transfer, piece, () => isLast = addPiece(transfer, piece, now));
  forgetDue(transfer, piece);
  const message = { kind: "have", piece } as const;
  for (const peer of transfer.peers.values()) {
    // To those that have it, too: a super-seeder waits for this message before it names its next
    // piece.
    if (!peer.link.isWebSeed) effects.push({ kind: "send", peer: peer.key, message });
    if (hasBit(peer.have, piece)) markDirty(transfer, peer);
    else noteHaveSent(peer, now);
  }
  scheduleSave(transfer, now);
  if (!isLast) return false;
  saveSoon(transfer, now);
  effects.push({ kind: "report", report: { kind: "complete" } });
  return true;
}

/**
 * Announces our pieces to a peer that just connected.
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

/**
 * The disk cannot return the piece: it is announced to peers as lost. False when we did not have
 * it.
 */
export function onPieceLost(transfer: Transfer, piece: number): boolean {
  if (!hasBit(transfer.have, piece)) return false;
  recountPiece(transfer, piece, () => losePiece(transfer, piece));
  markAllDirty(transfer);
  return true;
}

/** What is in memory and could not be written is let go. */
export function onWriteFailed(transfer: Transfer, piece: number, effects: TransferEffects): void {
  const partial = transfer.partials.get(piece);
  if (partial !== undefined) abandonPiece(transfer, partial, effects);
}

/**
 * The peers that sent these blocks, all unless given; those that left since as far as we remember
 * them.
 */
function sendersOf(
  { peers, disconnectedPeers }: Transfer,
  partial: PartialPiece,
  blocks?: readonly number[],
): Peer[] {
  const keys = blocks?.map((block) => partial.senders[block]!) ?? partial.senders;
  return [...new Set(keys)]
    .map((key) => peers.get(key) ?? disconnectedPeers.get(key))
    .filter((peer) => peer !== undefined);
}
