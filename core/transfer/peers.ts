/** The peers of a transfer: those that are connected, and those that may still be to blame. */
import type { View } from "../bytes/view.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { markAllDirty, markDirty } from "./attention.ts";
import { placeInRotation } from "./choker.ts";
import { forgetPeerHashes } from "./hash_trees.ts";
import { DISCONNECTED_PEERS_MAX, WEB_SEED_PIPELINE_FIRST } from "./limits.ts";
import { withdrawOffer } from "./offers.ts";
import { giveBackAll } from "./partials.ts";
import { createPeer, type Link, type Peer, setSilent } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";
import { forgetShown } from "./super_seeding.ts";

interface Own {
  readonly peers: Map<PeerKey, Peer>;
  /** Those that gave us blocks and left, the latest DISCONNECTED_PEERS_MAX: blame finds them here. */
  readonly disconnectedPeers: Map<PeerKey, Peer>;
}

export type PeerTable = View<Own>;

/** Without peers. */
export function createPeerTable(): PeerTable {
  const own: Own = { peers: new Map(), disconnectedPeers: new Map() };
  return own;
}

/** A connection that may exchange blocks. */
export function addPeer(transfer: Transfer, link: Link, now: number): Peer {
  const first = link.isWebSeed ? WEB_SEED_PIPELINE_FIRST : transfer.tuning.pipelineFirst;
  const peer = createPeer(link, transfer.geometry, first, now);
  (transfer as PeerTable as Own).peers.set(link.key, peer);
  if (!link.isWebSeed) placeInRotation(transfer, peer);
  markDirty(transfer, peer);
  return peer;
}

/** The connection is gone: what was asked of it may be asked of others. */
export function removePeer(transfer: Transfer, peer: Peer, effects: TransferEffects): void {
  const own = transfer as PeerTable as Own;
  own.peers.delete(peer.key);
  if (peer.sentUsBlocks) remember(own, peer);
  giveBackAll(transfer, peer, effects);
  forgetPeerHashes(transfer, peer.key);
  forgetShown(transfer, peer);
  withdrawOffer(transfer, peer);
  markAllDirty(transfer);
}

/** The peer counts as dead, or does so no longer. */
export function onSilence(transfer: Transfer, peer: Peer, isSilent: boolean): void {
  if (peer.isSilent === isSilent) return;
  setSilent(peer, isSilent);
  // A peer that was ignored as dead may be asked again.
  if (!isSilent) markDirty(transfer, peer);
}

function remember({ disconnectedPeers }: Own, peer: Peer): void {
  disconnectedPeers.set(peer.key, peer);
  if (disconnectedPeers.size > DISCONNECTED_PEERS_MAX) {
    disconnectedPeers.delete(disconnectedPeers.keys().next().value!);
  }
}
