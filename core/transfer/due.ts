/**
 * Blocks of pieces that readers of a stream need soon. Each goes to a peer that can deliver it in time:
 * one block of a slow peer late is a pause of the player. While anything is due, peers owe us no more
 * than they can send soon, so that what becomes urgent next finds the fast ones free.
 */
import { leastRate } from "../limits/rate_meter.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { BLOCK_SIZE } from "../metainfo/geometry.ts";
import {
  DUE_PEER_RATE,
  DUE_PIPELINE_FIRST,
  DUE_PIPELINE_SECONDS,
  DUE_ROUND_TRIP_MAX_MS,
  DUE_URGENT_MS,
} from "./limits.ts";
import type { DuePiece } from "./order.ts";
import {
  ask,
  BLOCK_FREE,
  BLOCK_REQUESTED,
  blockKey,
  type PartialPiece,
  startPiece,
} from "./partials.ts";
import type { Source } from "./source.ts";
import { mayTake, startObstacle } from "./obstacles.ts";
import type { Transfer } from "./state.ts";

/** A second peer is asked where it delivers in less than this part of the time of the first. */
const MUCH_SOONER = 0.5;

/** Blocks that may be asked of the peer besides those that it owes us, while something is due. */
export function dueRoom(peer: Source): number {
  if (peer.link.isWebSeed) return Infinity;
  const seconds = DUE_PIPELINE_SECONDS + Math.min(DUE_ROUND_TRIP_MAX_MS, peer.roundTripMs) / 1_000;
  const target = peer.roundTripMs === 0
    ? DUE_PIPELINE_FIRST
    : 1 + Math.ceil(leastRate(peer.down) * seconds / BLOCK_SIZE);
  return Math.max(0, target - peer.outstanding.size);
}

/** What a reader needs soon, before all else; what would come late, of a second peer, too. */
export function takeDue(
  transfer: Transfer,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  for (const due of transfer.due) {
    if (blocks.length >= wanted) return;
    if (!hasBit(peer.have, due.piece)) continue;
    const partial = transfer.partials.get(due.piece) ?? startDue(transfer, peer, due, now);
    if (partial === undefined || !mayTake(partial, peer, now)) continue;
    for (let block = 0; block < partial.blocks && blocks.length < wanted; block++) {
      const state = partial.state[block];
      const isTaken = state === BLOCK_FREE
        ? isInTime(transfer, peer, due, now)
        : state === BLOCK_REQUESTED && isWorthAsking(transfer, partial, block, peer, due, now);
      if (isTaken) ask(transfer, partial, block, peer, now, blocks);
    }
  }
}

/** Starts a due piece if it is to be picked and the peer lets us. */
function startDue(
  transfer: Transfer,
  peer: Source,
  due: DuePiece,
  now: number,
): PartialPiece | undefined {
  if (startObstacle(transfer, peer, due.piece) !== undefined) return undefined;
  return isInTime(transfer, peer, due, now)
    ? startPiece(transfer, due.piece, peer.onParole)
    : undefined;
}

/** Whether the piece is due, and others deliver in time what the peer would not. */
export function isLeftToFaster(
  transfer: Transfer,
  peer: Source,
  piece: number,
  now: number,
): boolean {
  const due = transfer.due.length === 0
    ? undefined
    : transfer.due.find((other) => other.piece === piece);
  return due !== undefined && !isInTime(transfer, peer, due, now);
}

/** Whether one more block of the peer comes in time, or no other peer is much faster. */
function isInTime(transfer: Transfer, peer: Source, { atMs }: DuePiece, now: number): boolean {
  const inMs = arrivalMs(peer, peer.outstanding.size + 1);
  return now + inMs <= atMs || inMs * MUCH_SOONER <= bestArrivalMs(transfer);
}

/** How soon the fastest peer delivers a block behind those that it owes us, as last measured. */
function bestArrivalMs({ bestRate }: Transfer): number {
  return bestRate === 0 ? Infinity : 1_000 * (DUE_PIPELINE_SECONDS + BLOCK_SIZE / bestRate);
}

/** Whether a block that another owes us comes late, and from this peer much sooner. */
function isWorthAsking(
  transfer: Transfer,
  partial: PartialPiece,
  block: number,
  peer: Source,
  { atMs }: DuePiece,
  now: number,
): boolean {
  if (atMs - now >= DUE_URGENT_MS || peer.snubbed || partial.alone) return false;
  if (partial.requesters[block] !== 1) return false;
  const key = blockKey(transfer, partial.piece, block);
  if (peer.outstanding.has(key)) return false;
  const asked = transfer.peers.get(partial.senders[block]!);
  const askedMs = asked?.outstanding.get(key);
  if (asked === undefined || askedMs === undefined) return true;
  let place = 1;
  for (const other of asked.outstanding.keys()) {
    if (other === key) break;
    place++;
  }
  // What was long in coming may be as long again.
  const theirsMs = Math.max(arrivalMs(asked, place), now - askedMs);
  const oursMs = arrivalMs(peer, peer.outstanding.size + 1);
  return now + theirsMs > atMs && oursMs < theirsMs * MUCH_SOONER;
}

/** How soon the peer's block comes that is the `place`-th of those that it owes us. */
function arrivalMs(peer: Source, place: number): number {
  const speed = peer.roundTripMs === 0 ? DUE_PEER_RATE : Math.max(1, leastRate(peer.down));
  return 1_000 * place * BLOCK_SIZE / speed;
}
