/**
 * Changing what is wanted while the transfer runs. What was started and is wanted no longer is given
 * up, unless it is whole already.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { markAllDirty } from "./attention.ts";
import { addWanted, PRIORITY_MAX, PRIORITY_SKIP, removeWanted } from "./availability.ts";
import { isFinished, isWanted, reviewFinished, setPriority } from "./content.ts";
import { isWithheld } from "./hash_trees.ts";
import { recountPiece, setNothingNew } from "./offers.ts";
import { abandonPiece } from "./partials.ts";
import type { TransferEffects } from "./protocol.ts";
import { withdrawPiece } from "./requests.ts";
import { resumeSeeding } from "./seeding.ts";
import type { Transfer } from "./state.ts";

/** Pieces `first` to `end - 1`. */
export interface PieceRange {
  readonly first: number;
  readonly end: number;
  /** PRIORITY_SKIP to PRIORITY_MAX. */
  readonly priority: number;
}

/**
 * Applies the ranges in order; what of them lies outside of the torrent or of the priorities is ignored.
 * True when the torrent is finished by that.
 */
export function setPriorities(
  transfer: Transfer,
  ranges: readonly PieceRange[],
  now: number,
  effects: TransferEffects,
): boolean {
  for (const { first, end, priority } of ranges) {
    if (!(priority >= PRIORITY_SKIP && priority <= PRIORITY_MAX)) continue;
    const last = Math.min(end, transfer.geometry.pieceCount);
    for (let piece = Math.max(0, first); piece < last; piece++) {
      if (transfer.priorities[piece] === priority || transfer.lost.has(piece)) continue;
      changePriority(transfer, piece, priority, effects);
    }
  }
  for (const peer of transfer.peers.values()) setNothingNew(peer, false);
  markAllDirty(transfer);
  const becameFinished = reviewFinished(transfer, now);
  if (!isFinished(transfer)) resumeSeeding(transfer);
  return becameFinished;
}

function changePriority(
  transfer: Transfer,
  piece: number,
  priority: number,
  effects: TransferEffects,
): void {
  const wasWanted = isWanted(transfer, piece);
  const change = () => setPriority(transfer, piece, priority);
  if (wasWanted === (priority !== PRIORITY_SKIP)) change();
  else recountPiece(transfer, piece, change);
  if (hasBit(transfer.have, piece)) return;
  const partial = transfer.partials.get(piece);
  if (partial === undefined) {
    if (priority === PRIORITY_SKIP) removeWanted(transfer.availability, piece);
    else if (!isWithheld(transfer, piece)) addWanted(transfer.availability, piece, priority);
  } else if (priority === PRIORITY_SKIP && partial.stage === "open") {
    withdrawPiece(transfer, partial, effects);
    abandonPiece(transfer, partial, effects);
  }
}
