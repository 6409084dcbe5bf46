/**
 * Started pieces that no peer can complete. With the buffers full of them nothing else could be started, so
 * that a few peers which begin pieces and stop would end a download.
 */
import { anyOf } from "./availability.ts";
import { abandonPiece, BLOCK_REQUESTED, type PartialPiece, reviewProgress } from "./partials.ts";
import type { Peer } from "./peer.ts";
import { mayTake } from "./obstacles.ts";
import type { TransferEffects } from "./protocol.ts";
import { snub, withdrawPiece } from "./requests.ts";
import type { Transfer } from "./state.ts";

/**
 * Once a second: with the buffers full, gives up pieces that no connected peer can finish, and, while
 * another peer has nothing to do, those of peers that deliver nothing or too slowly.
 */
export function abandonStranded(transfer: Transfer, now: number, effects: TransferEffects): void {
  for (const partial of transfer.open) reviewProgress(transfer, partial, now);
  if (transfer.bufferedBytes < transfer.bufferedBytesMax) return;
  const isAnyPeerIdle = [...transfer.peers.values()].some((peer) => isIdle(transfer, peer));
  // Those of which least is lost first.
  for (const partial of [...transfer.open].sort((a, b) => a.received - b.received)) {
    if (transfer.bufferedBytes < transfer.bufferedBytesMax) return;
    if (isAnyPeerIdle ? isComing(transfer, partial, now) : mayCome(transfer, partial, now)) {
      continue;
    }
    // Else they would begin it anew, in the room that is made for others.
    if (partial.isSlow) { for (const peer of askedFor(transfer, partial)) snub(peer); }
    withdrawPiece(transfer, partial, effects);
    abandonPiece(transfer, partial, effects);
  }
}

function isComing(transfer: Transfer, partial: PartialPiece, now: number): boolean {
  if (partial.isSlow) return false;
  return askedFor(transfer, partial).some(delivers) ||
    isObtainable(transfer, partial, delivers, now);
}

function mayCome(transfer: Transfer, partial: PartialPiece, now: number): boolean {
  const isAsked = partial.free + partial.received < partial.blocks;
  return isAsked || isObtainable(transfer, partial, isAlive, now);
}

/** It would send us another piece, if that could be started. */
function isIdle(transfer: Transfer, peer: Peer): boolean {
  return delivers(peer) && peer.amInterested && !peer.isChoking && peer.outstanding.size === 0 &&
    anyOf(transfer.availability, peer.have, 0) >= 0;
}

function delivers(peer: Peer): boolean {
  return !peer.isSilent && !peer.snubbed;
}

function isAlive(peer: Peer): boolean {
  return !peer.isSilent;
}

/** The peers of which blocks of the piece are requested, for each block the one asked last. */
function askedFor(transfer: Transfer, partial: PartialPiece): Peer[] {
  const asked = new Set<Peer>();
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    const peer = transfer.peers.get(partial.senders[block]!);
    if (peer !== undefined) asked.add(peer);
  }
  return [...asked];
}

/** Whether such a peer may be asked for a block that is free. */
function isObtainable(
  transfer: Transfer,
  partial: PartialPiece,
  passes: (peer: Peer) => boolean,
  now: number,
): boolean {
  for (const peer of transfer.peers.values()) {
    if (passes(peer) && mayTake(partial, peer, now)) return true;
  }
  return false;
}
