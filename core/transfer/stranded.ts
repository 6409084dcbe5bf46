/**
 * Started pieces that no peer can complete. With the buffers full of them nothing else could be started, so
 * that a few peers which begin pieces and stop would end a download.
 */
import { abandonPiece, BLOCK_REQUESTED, type PartialPiece } from "./partials.ts";
import type { Peer } from "./peer.ts";
import { mayTake } from "./obstacles.ts";
import type { TransferEffects } from "./protocol.ts";
import { withdrawPiece } from "./requests.ts";
import type { Transfer } from "./state.ts";

/**
 * With the buffers full, gives up pieces that no connected peer can finish, and those of peers that
 * deliver nothing while another one has nothing to do.
 */
export function abandonStranded(transfer: Transfer, now: number, effects: TransferEffects): void {
  if (transfer.bufferedBytes < transfer.bufferedBytesMax) return;
  const isAnyPeerIdle = [...transfer.peers.values()].some(isIdle);
  for (const partial of [...transfer.open]) {
    if (transfer.bufferedBytes < transfer.bufferedBytesMax) return;
    const isAsked = partial.free + partial.received < partial.blocks;
    const isKept = isAnyPeerIdle
      ? isAskedOf(transfer, partial, delivers) || isObtainable(transfer, partial, delivers, now)
      : isAsked || isObtainable(transfer, partial, isAlive, now);
    if (isKept) continue;
    withdrawPiece(transfer, partial, effects);
    abandonPiece(transfer, partial, effects);
  }
}

/** It would send us something else, if that could be started. */
function isIdle(peer: Peer): boolean {
  return delivers(peer) && peer.amInterested && !peer.isChoking && peer.outstanding.size === 0;
}

function delivers(peer: Peer): boolean {
  return !peer.isSilent && !peer.snubbed;
}

function isAlive(peer: Peer): boolean {
  return !peer.isSilent;
}

/** Whether a block is requested of such a peer. */
function isAskedOf(
  transfer: Transfer,
  partial: PartialPiece,
  passes: (peer: Peer) => boolean,
): boolean {
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    const asked = transfer.peers.get(partial.senders[block]!);
    if (asked !== undefined && passes(asked)) return true;
  }
  return false;
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
