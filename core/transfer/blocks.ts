/**
 * Blocks coming in. The pump passes five numbers for each and keeps the bytes; nothing here allocates
 * for a block in the steady state.
 */
import { startJob } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import { countBytes, createRateMeter, type RateMeter } from "../limits/rate_meter.ts";
import { BLOCK_SIZE, blockLength } from "../metainfo/geometry.ts";
import { noteBlockFrom } from "./blame.ts";
import { blockKey, markReceived, reviveRequest, takeOutstanding } from "./partials.ts";
import type { Peer } from "./peer.ts";
import type { BlockVerdict, TransferEffects } from "./protocol.ts";
import { cancelOthers, noteUnrequested, onBlockFrom, takeCancelled } from "./requests.ts";
import { scheduleSave } from "./saving.ts";
import type { Transfer } from "./state.ts";

interface Own {
  /** Payload bytes of all runs; `wasted` came twice, late or wrong. */
  downloaded: number;
  wasted: number;
  readonly down: RateMeter;
}

export type Downloads = View<Own>;

/** `downloaded`: payload bytes of earlier runs. */
export function createDownloads(downloaded: number, now: number): Downloads {
  return { downloaded, wasted: 0, down: createRateMeter(now) };
}

/** A block of `length` bytes within the torrent came from the peer. */
export function takeBlock(
  transfer: Transfer,
  peer: Peer,
  piece: number,
  begin: number,
  length: number,
  now: number,
  effects: TransferEffects,
): BlockVerdict {
  const own = transfer as Own;
  const block = Math.floor(begin / BLOCK_SIZE);
  const isExact = begin % BLOCK_SIZE === 0 &&
    length === blockLength(transfer.geometry, piece, block);
  const key = blockKey(transfer, piece, block);
  if (!isExact || !takeOutstanding(peer, key)) {
    const wasCancelled = isExact && takeCancelled(peer, key);
    if (!wasCancelled || !reviveRequest(transfer, piece, block, peer)) {
      own.wasted += length;
      return !wasCancelled && noteUnrequested(peer, length) ? "violation" : "unwanted";
    }
  }
  onBlockFrom(peer, length, now);
  noteBlockFrom(peer);
  countBytes(own.down, length);
  own.downloaded += length;
  const partial = transfer.partials.get(piece)!;
  // Blocks of a v2 torrent are kept before their piece is whole.
  if (transfer.hashes !== undefined) scheduleSave(transfer, now);
  const isWhole = markReceived(transfer, partial, block, peer.key);
  cancelOthers(transfer, partial, block, peer, effects);
  if (isWhole) {
    const job = startJob(transfer.jobs, { kind: "check", piece });
    effects.push({ kind: "check-piece", job, piece });
  }
  return "accepted";
}

/** Bytes that failed a check: they came for nothing. */
export function countFailedBytes(transfer: Transfer, size: number): void {
  const own = transfer as Own;
  own.downloaded -= Math.min(own.downloaded, size);
  own.wasted += size;
}
