/**
 * What becomes of whole pieces: checked, written, told to everybody; or thrown away, with blame on who
 * sent them.
 *
 * Blame: who sent a bad piece alone is banned. When several shared it, nobody knows who lied: the piece
 * is fetched again from one peer, and each of its senders is on parole, which means that it takes whole
 * pieces alone until one of them passes or one of them convicts it.
 */
import { hasBit, setBit } from "../bytes/bitfield.ts";
import { addressText } from "../bytes/address.ts";
import { markCompleted } from "../tracker/announcer.ts";
import { banPeer, closeIfBothComplete } from "./connections.ts";
import { pieceSize } from "../metainfo/geometry.ts";
import { abandonPiece, hasRoom, removePartial, restartAlone } from "./picker.ts";
import type { Effect, JobId } from "./protocol.ts";
import {
  finishJob,
  isComplete,
  markDirty,
  type PartialPiece,
  type Peer,
  startJob,
  type Torrent,
} from "./state.ts";
import { scheduleSave } from "./saving.ts";

/**
 * The digest was compared: a good piece goes to the disk, a bad one is blamed and fetched again. Unknown
 * jobs are ignored.
 */
export function onPieceChecked(
  torrent: Torrent,
  id: JobId,
  matches: boolean,
  now: number,
  effects: Effect[],
): void {
  const job = finishJob(torrent, id, "check");
  const partial = job && torrent.partials.get(job.piece);
  if (partial === undefined) return;
  const senders = sendersOf(torrent, partial);
  if (matches) {
    if (partial.alone) { for (const sender of senders) sender.onParole = false; }
    partial.stage = "writing";
    const { piece } = partial;
    effects.push({ kind: "write-piece", job: startJob(torrent, { kind: "write", piece }), piece });
    return;
  }
  const addresses = senders.map((sender) => addressText(sender.address));
  const report = { kind: "piece-failed", piece: partial.piece, senders: addresses } as const;
  effects.push({ kind: "report", report });
  const size = pieceSize(torrent.geometry, partial.piece);
  torrent.downloaded -= Math.min(torrent.downloaded, size);
  torrent.wasted += size;
  const wasSentByOne = new Set(partial.senders).size === 1;
  restartAlone(torrent, partial);
  effects.push({ kind: "drop-piece", piece: partial.piece });
  if (!wasSentByOne) { for (const sender of senders) sender.onParole = true; }
  else if (senders[0] !== undefined) {
    banPeer(
      torrent,
      senders[0],
      `sent a piece (${partial.piece}) that fails its check`,
      now,
      effects,
    );
  }
}

/** The piece is on disk: from now on it is ours to give. */
export function onPieceWritten(
  torrent: Torrent,
  id: JobId,
  now: number,
  effects: Effect[],
): void {
  const job = finishJob(torrent, id, "write");
  const partial = job && torrent.partials.get(job.piece);
  if (partial === undefined) return;
  const { piece } = partial;
  // Room for another piece, and the last piece being the last, concern every peer.
  if (!hasRoom(torrent) || torrent.availability.size <= 1) torrent.allDirty = true;
  removePartial(torrent, partial);
  setBit(torrent.have, piece);
  torrent.haveCount++;
  const message = { kind: "have", piece } as const;
  for (const peer of torrent.peers.values()) {
    if (hasBit(peer.have, piece)) {
      peer.offered--;
      markDirty(torrent, peer);
    } else {
      effects.push({ kind: "send", peer: peer.key, message });
      peer.lastSentMs = now;
      peer.toldMs = now;
      peer.answered = false;
    }
  }
  scheduleSave(torrent, now);
  if (isComplete(torrent)) complete(torrent, now, effects);
}

/** Nothing more is asked for; what is in memory and could not be written is let go. */
export function onWriteFailed(
  torrent: Torrent,
  piece: number,
  effects: Effect[],
): void {
  const partial = torrent.partials.get(piece);
  if (partial !== undefined) abandonPiece(torrent, partial, effects);
}

function complete(torrent: Torrent, now: number, effects: Effect[]): void {
  torrent.completedMs = now;
  torrent.nextSaveMs = now;
  markCompleted(torrent.announcer);
  effects.push({ kind: "report", report: { kind: "complete" } });
  for (const peer of [...torrent.peers.values()]) {
    closeIfBothComplete(torrent, peer, now, effects);
  }
}

/** Who sent the piece's blocks, those who left since included as far as we remember them. */
function sendersOf({ peers, departed }: Torrent, partial: PartialPiece): Peer[] {
  return [...new Set(partial.senders)]
    .map((key) => peers.get(key) ?? departed.get(key))
    .filter((peer) => peer !== undefined);
}
