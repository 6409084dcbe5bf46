/**
 * What peers have. A peer's pieces are counted in `availability` exactly while it is in
 * `transfer.peers`: piece by piece, or once in `seeds` when it told of all at once.
 */
import {
  type Bitfield,
  createBitfield,
  createFullBitfield,
  hasBit,
  setBit,
} from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { addHolder, addSeed, removeHolder, removeSeed } from "./availability.ts";
import { markDirty } from "./attention.ts";
import type { Peer } from "./peer.ts";
import type { Transfer } from "./state.ts";

interface Own {
  readonly have: Bitfield;
  haveCount: number;
  /** Counted in `availability.seeds` instead of piece by piece. */
  countedAsSeed: boolean;
  /** Pieces that it has and we lack. */
  offered: number;
  /** All that it offers was started already: there is nothing to search for. */
  hasNothingNew: boolean;
}

/** What a peer has. */
export type PeerOffer = View<Own>;

/** It has nothing, as far as we know. */
export function createPeerOffer(pieceCount: number): PeerOffer {
  return {
    have: createBitfield(pieceCount),
    haveCount: 0,
    countedAsSeed: false,
    offered: 0,
    hasNothingNew: false,
  };
}

/** Whether the peer told that it has every piece. */
export function isSeed(peer: PeerOffer): boolean {
  return peer.haveCount === peer.have.count;
}

/** The peer told of one more piece. */
export function onHave(transfer: Transfer, peer: Peer, piece: number): void {
  if (hasBit(peer.have, piece)) return;
  const own = peer as Own;
  setBit(own.have, piece);
  own.haveCount++;
  addHolder(transfer.availability, piece);
  if (!hasBit(transfer.have, piece)) own.offered++;
  own.hasNothingNew = false;
  markDirty(transfer, peer);
}

/**
 * BEP 3 allows a bitfield only at first. aria2 sends one in the middle of the stream instead of many
 * haves, so a later one adds what it names.
 */
export function onBitfield(transfer: Transfer, peer: Peer, bits: Uint8Array): void {
  const { pieceCount } = transfer.geometry;
  if (peer.haveCount > 0) {
    const named = { bytes: bits, count: pieceCount };
    for (let piece = 0; piece < pieceCount; piece++) {
      if (hasBit(named, piece)) onHave(transfer, peer, piece);
    }
    return;
  }
  const own = peer as Own;
  own.have.bytes.set(bits);
  for (let piece = 0; piece < pieceCount; piece++) {
    if (!hasBit(own.have, piece)) continue;
    own.haveCount++;
    if (!hasBit(transfer.have, piece)) own.offered++;
  }
  markDirty(transfer, peer);
  if (own.haveCount === pieceCount) return countAsSeed(transfer, own);
  for (let piece = 0; piece < pieceCount; piece++) {
    if (hasBit(own.have, piece)) addHolder(transfer.availability, piece);
  }
}

/** The peer has every piece. Spec: BEP 6, have all. */
export function onHaveAll(transfer: Transfer, peer: Peer): void {
  const { pieceCount } = transfer.geometry;
  const own = peer as Own;
  own.have.bytes.set(createFullBitfield(pieceCount).bytes);
  own.haveCount = pieceCount;
  own.offered = pieceCount - transfer.haveCount;
  markDirty(transfer, peer);
  countAsSeed(transfer, own);
}

function countAsSeed(transfer: Transfer, own: Own): void {
  own.countedAsSeed = true;
  addSeed(transfer.availability);
}

/** The peer is gone: nothing of it counts any more. */
export function withdrawOffer(transfer: Transfer, peer: PeerOffer): void {
  if (peer.countedAsSeed) return removeSeed(transfer.availability);
  if (peer.haveCount === 0) return;
  for (let piece = 0; piece < transfer.geometry.pieceCount; piece++) {
    if (hasBit(peer.have, piece)) removeHolder(transfer.availability, piece);
  }
}

/** We have the piece, too: the peer offers one less. */
export function notePieceOurs(peer: PeerOffer): void {
  (peer as Own).offered--;
}

/** Whether a search for a new piece with this peer is in vain. */
export function setNothingNew(peer: PeerOffer, hasNothingNew: boolean): void {
  (peer as Own).hasNothingNew = hasNothingNew;
}
