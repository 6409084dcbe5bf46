/**
 * Pieces of v2 torrents that a restart finds half received: their blocks are kept one by one, since
 * each has a hash of its own. What is kept is as good as received from a peer that left: the piece
 * is checked as a whole once it is complete, and leaves tell which of its blocks are bad.
 *
 * The blocks themselves, and their hashes, are the shell's.
 */
import { countBits, createBitfield, hasBit, parseBitfield, setBit } from "../bytes/bitfield.ts";
import { BLOCK_SIZE, blockCount } from "../metainfo/geometry.ts";
import { isMissing } from "./content.ts";
import { hasLeaves, isWithheld } from "./hash_trees.ts";
import { BUFFERED_BYTES_MAX } from "./limits.ts";
import { BLOCK_RECEIVED, hasRoom, markKept, type PartialPiece, startPiece } from "./partials.ts";
import type { StartedPiece } from "./protocol.ts";
import type { Transfer } from "./state.ts";

/** As many as buffers hold; their hashes take 128 KiB. */
export const STARTED_BLOCKS_MAX = BUFFERED_BYTES_MAX / BLOCK_SIZE;

/**
 * What is worth keeping now. Pieces that failed a check before are not: any block may be the bad
 * one.
 */
export function startedPieces(transfer: Transfer): StartedPiece[] {
  const started: StartedPiece[] = [];
  let count = 0;
  for (const partial of transfer.open) {
    if (partial.received === 0 || partial.alone || !hasLeaves(transfer, partial.piece)) continue;
    count += partial.received;
    if (count > STARTED_BLOCKS_MAX) break;
    started.push({ piece: partial.piece, blocks: receivedBlocks(partial) });
  }
  return started;
}

/**
 * These blocks of a piece are in its buffer from an earlier run. False when they are of no use: the
 * caller removes them.
 */
export function keepBlocks(transfer: Transfer, { piece, blocks }: StartedPiece): boolean {
  if (piece >= transfer.geometry.pieceCount || transfer.partials.has(piece)) return false;
  if (!isMissing(transfer, piece) || isWithheld(transfer, piece)) return false;
  if (!hasLeaves(transfer, piece) || !hasRoom(transfer)) return false;
  const count = blockCount(transfer.geometry, piece);
  const kept = parseBitfield(blocks, count);
  if (!kept.ok || countBits(kept.value) === 0 || countBits(kept.value) === count) return false;
  const partial = startPiece(transfer, piece, false);
  for (let block = 0; block < count; block++) {
    if (hasBit(kept.value, block)) markKept(partial, block);
  }
  return true;
}

function receivedBlocks(partial: PartialPiece): Uint8Array {
  const blocks = createBitfield(partial.blocks);
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] === BLOCK_RECEIVED) setBit(blocks, block);
  }
  return blocks.bytes;
}
