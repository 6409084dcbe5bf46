/**
 * What peers have. A peer's pieces are counted in `availability` exactly while it is in
 * `transfer.peers`: piece by piece, or once in `seeds` for a peer that has all.
 */
import {
  type Bitfield,
  clearBit,
  countBits,
  countCommonBits,
  createBitfield,
  createFullBitfield,
  hasBit,
  setBit,
} from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import {
  addHolder,
  addHolders,
  addSeed,
  removeHolder,
  removeHolders,
  removeSeed,
} from "./availability.ts";
import { markDirty } from "./attention.ts";
import { isMissing, isWanted } from "./content.ts";
import type { Peer } from "./peer.ts";
import type { Transfer } from "./state.ts";

interface Own {
  readonly have: Bitfield;
  haveCount: number;
  /** Counted in `availability.seeds` instead of piece by piece. */
  countedAsSeed: boolean;
  /** Pieces that it has and we want and lack. */
  offered: number;
  /** Pieces that it has and we have, too. */
  shared: number;
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
    shared: 0,
    hasNothingNew: false,
  };
}

/** Whether the peer announced that it has every piece. */
export function isSeed(peer: PeerOffer): boolean {
  return peer.haveCount === peer.have.count;
}

/** The peer announced one more piece. */
export function onHave(transfer: Transfer, peer: Peer, piece: number): void {
  if (hasBit(peer.have, piece)) return;
  const own = peer as PeerOffer as Own;
  setBit(own.have, piece);
  own.haveCount++;
  addHolder(transfer.availability, piece);
  count(transfer, own, piece, 1);
  // Most haves are of pieces that are here, or of peers that would not be asked anyway.
  if (hasBit(transfer.have, piece) && transfer.hashes === undefined) return;
  own.hasNothingNew = false;
  if (mayChange(transfer, peer)) markDirty(transfer, peer);
}

/** Whether one more piece to ask for may make us tell the peer something, or ask it. */
function mayChange(transfer: Transfer, peer: Peer): boolean {
  return !peer.amInterested || !peer.isChoking || peer.allowedFast.size > 0 ||
    transfer.hashes !== undefined;
}

/** The peer lost the piece. Ignored when it did not have it. Spec: BEP 54, lt_donthave. */
export function onDontHave(transfer: Transfer, peer: Peer, piece: number): void {
  if (!hasBit(peer.have, piece)) return;
  const own = peer as PeerOffer as Own;
  if (own.countedAsSeed) countOneByOne(transfer, own);
  clearBit(own.have, piece);
  own.haveCount--;
  removeHolder(transfer.availability, piece);
  count(transfer, own, piece, -1);
  markDirty(transfer, peer);
}

/**
 * BEP 3 allows a bitfield only at first. aria2 sends one in the middle of the stream instead of
 * many haves, so a later one adds what it names.
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
  const own = peer as PeerOffer as Own;
  own.have.bytes.set(bits);
  own.haveCount = countBits(own.have);
  own.shared = countCommonBits(own.have, transfer.have);
  own.offered = countOffered(transfer, own);
  markDirty(transfer, peer);
  if (own.haveCount === pieceCount) countAsSeed(transfer, own);
  else addHolders(transfer.availability, own.have);
}

/** The peer has every piece. Spec: BEP 6, have all. */
export function onHaveAll(transfer: Transfer, peer: Peer): void {
  const { pieceCount } = transfer.geometry;
  const own = peer as PeerOffer as Own;
  if (own.countedAsSeed) return;
  if (own.haveCount > 0) removeHolders(transfer.availability, own.have);
  own.have.bytes.set(createFullBitfield(pieceCount).bytes);
  own.haveCount = pieceCount;
  own.offered = transfer.wantedCount - transfer.wantedHaveCount;
  own.shared = transfer.haveCount;
  markDirty(transfer, peer);
  countAsSeed(transfer, own);
}

function countAsSeed(transfer: Transfer, own: Own): void {
  own.countedAsSeed = true;
  addSeed(transfer.availability);
}

function countOneByOne(transfer: Transfer, own: Own): void {
  own.countedAsSeed = false;
  removeSeed(transfer.availability);
  addHolders(transfer.availability, own.have);
}

/** A piece that the peer has counts as offered, as shared, or as neither. */
function count(transfer: Transfer, own: Own, piece: number, by: 1 | -1): void {
  if (hasBit(transfer.have, piece)) own.shared += by;
  else if (isWanted(transfer, piece)) own.offered += by;
}

/** Pieces that the peer has and we want and lack; `shared` is right already. */
function countOffered(transfer: Transfer, { have, haveCount, shared }: Own): number {
  if (transfer.wantedCount === have.count) return haveCount - shared;
  let offered = 0;
  for (let piece = 0; piece < have.count; piece++) {
    if (hasBit(have, piece) && isMissing(transfer, piece)) offered++;
  }
  return offered;
}

/** The peer is gone: nothing of it counts any more. */
export function withdrawOffer(transfer: Transfer, peer: PeerOffer): void {
  if (peer.countedAsSeed) return removeSeed(transfer.availability);
  if (peer.haveCount === 0) return;
  removeHolders(transfer.availability, peer.have);
}

/** We have the piece, or lost it, or want it, or want it no longer: `change` does that. */
export function recountPiece(transfer: Transfer, piece: number, change: () => void): void {
  const wasHere = hasBit(transfer.have, piece), wasWanted = isWanted(transfer, piece);
  change();
  const isHere = hasBit(transfer.have, piece);
  const shared = Number(isHere) - Number(wasHere);
  const offered = Number(!isHere && isWanted(transfer, piece)) - Number(!wasHere && wasWanted);
  if (shared === 0 && offered === 0) return;
  for (const peer of transfer.peers.values()) {
    if (!hasBit(peer.have, piece)) continue;
    const own = peer as PeerOffer as Own;
    own.shared += shared;
    own.offered += offered;
  }
}

/** Whether a search for a new piece with this peer would find none. */
export function setNothingNew(peer: PeerOffer, hasNothingNew: boolean): void {
  (peer as Own).hasNothingNew = hasNothingNew;
}
