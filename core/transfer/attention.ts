/**
 * Which peers must be looked at when the batch is settled: their interest or requests may change.
 */
import type { View } from "../bytes/view.ts";
import type { Peer } from "./peer.ts";

interface OwnPeer {
  isDirty: boolean;
}

export type PeerAttention = View<OwnPeer>;

interface Own {
  /** Peers that are marked dirty, in the order in which they were. */
  dirty: Peer[];
  /** All peers must be looked at: blocks came free, or interest changed. */
  allDirty: boolean;
}

export type Attention = View<Own>;

/** No peer is due for a check. */
export function createAttention(): Attention {
  return { dirty: [], allDirty: false };
}

/** Not to be looked at. */
export function createPeerAttention(): PeerAttention {
  return { isDirty: false };
}

/** `settle` will look at the peer. */
export function markDirty(transfer: Attention, peer: Peer): void {
  if (peer.isDirty) return;
  (peer as OwnPeer).isDirty = true;
  (transfer as Own).dirty.push(peer);
}

/** `settle` will look at every peer. */
export function markAllDirty(transfer: Attention): void {
  (transfer as Own).allDirty = true;
}

/** The peers to look at; `clearDirty` is called for each, and some may be gone since. */
export function takeDirty(
  transfer: Attention & { readonly peers: ReadonlyMap<number, Peer> },
): Iterable<Peer> {
  const own = transfer as Attention as Own;
  const taken = own.allDirty ? transfer.peers.values() : own.dirty;
  own.allDirty = false;
  own.dirty = [];
  return taken;
}

/** The peer is being looked at: what happens from now on marks it again. */
export function clearDirty(peer: Peer): void {
  (peer as OwnPeer).isDirty = false;
}
