/**
 * Which blocks of a v2 piece that failed are bad: its leaves are fetched and compared, so that only the
 * peers that sent bad blocks are blamed and only those blocks are fetched again. While leaves cannot be
 * had in time, the piece is blamed as a v1 piece is.
 */
import type { View } from "../bytes/view.ts";
import { canFetchLeaves, wantLeaves } from "../hash_exchange/fetch.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { markAllDirty } from "./attention.ts";
import { forgetLeaves, hasLayer, hasLeaves } from "./hash_trees.ts";
import type { Transfer } from "./state.ts";

/** A piece waits no longer than this for its leaves: its buffer is needed. */
export const LEAVES_WAIT_MS = 30_000;

interface Own {
  /** Pieces that failed and wait for their leaves, and since when (ms). */
  readonly blaming: Map<number, number>;
}

export type BlockBlame = View<Own>;

/** No piece failed. */
export function createBlockBlame(): BlockBlame {
  return { blaming: new Map<number, number>() };
}

/** Whether the leaves of a piece that failed will be asked for. */
export function startBlame(transfer: Transfer, piece: number, now: number): boolean {
  // Leaves are proven by the hash of their piece.
  const areProvable = hasLeaves(transfer, piece) && hasLayer(transfer, piece);
  if (!areProvable || !canAsk(transfer, now, piece)) return false;
  (transfer as BlockBlame as Own).blaming.set(piece, now);
  markAllDirty(transfer);
  return true;
}

/** The blame is settled, one way or another. */
export function endBlame(transfer: Transfer, piece: number): void {
  (transfer as BlockBlame as Own).blaming.delete(piece);
  forgetLeaves(transfer, piece);
}

/** Pieces whose leaves did not come in time, or cannot come. */
export function takeHopelessBlames(transfer: Transfer, now: number): number[] {
  const pieces: number[] = [];
  for (const [piece, sinceMs] of transfer.blaming) {
    // Once the leaves are here, the shell compares them.
    const isComparing = !transfer.hashes!.leavesLeft.has(piece);
    if (isComparing) continue;
    if (now - sinceMs < LEAVES_WAIT_MS && canAsk(transfer, now, piece)) continue;
    pieces.push(piece);
  }
  for (const piece of pieces) endBlame(transfer, piece);
  return pieces;
}

function canAsk(transfer: Transfer, now: number, piece: number): boolean {
  if (!wantLeaves(transfer.hashes!, piece)) return false;
  const peers = [...transfer.peers.values()]
    .filter((peer) => peer.link.features.v2 && !peer.isSilent)
    .map((peer) => ({ key: peer.key, has: (piece: number) => hasBit(peer.have, piece) }));
  if (canFetchLeaves(transfer.hashes!, piece, peers, now)) return true;
  forgetLeaves(transfer, piece);
  return false;
}
