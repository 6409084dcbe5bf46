/**
 * Which blocks to ask a peer for: suggested pieces, then pieces already started, then the rarest new
 * one (the first few at random), and in endgame what others were asked for already.
 *
 * Owns the partial pieces: a block is free, requested or received, and every change goes through here.
 * Invariants: `free` and `received` of a partial count its states; `requesters` of a block is the number
 * of peers whose `outstanding` holds it, and only of a requested block it is not zero; a piece is in
 * `availability.order`, in `partials`, or had; those of `partials` that lack blocks are in `open`, so
 * that pieces on their way to the disk cost a pick nothing.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { nextUint32 } from "../bytes/random.ts";
import { BLOCK_SIZE, blockCount, blockLength, pieceSize } from "../metainfo/geometry.ts";
import {
  addWanted,
  anyOf,
  availabilityOf,
  isAnyAvailable,
  isAnyOnSeedsOnly,
  rarestOf,
  rarestOfFew,
  removeWanted,
} from "./availability.ts";
import { BUFFERED_BYTES_MAX } from "./limits.ts";
import type { Effect } from "./protocol.ts";
import { mayStartPiece } from "./share_rule.ts";
import {
  BLOCK_FREE,
  BLOCK_RECEIVED,
  BLOCK_REQUESTED,
  blockKey,
  isDead,
  isSeed,
  type PartialPiece,
  type Peer,
  type Torrent,
} from "./state.ts";

/** A peer that has fewer than one in so many of the wanted pieces has few: a byte of them is one look. */
const FEW_PIECES = 8;

/**
 * Marks up to `count` blocks as requested from the peer and appends them to `blocks` as triples of
 * piece, begin, length. A choked peer is asked only for what it allows.
 */
export function pickBlocks(
  torrent: Torrent,
  peer: Peer,
  count: number,
  now: number,
  blocks: number[],
): void {
  const before = blocks.length;
  const wanted = before + 3 * count;
  const { availability } = torrent;
  // While a seed alone has some pieces, others finish what others can: each copy that it sends of what
  // the swarm has keeps the swarm waiting.
  if (isSeed(peer) && isAnyOnSeedsOnly(availability)) {
    takeStarted(torrent, peer, now, wanted, blocks, true);
    while (blocks.length < wanted && isAnyOnSeedsOnly(availability)) {
      if (!takeNew(torrent, peer, now, wanted, blocks)) break;
    }
  }
  takeStarted(torrent, peer, now, wanted, blocks, false);
  while (blocks.length < wanted && takeNew(torrent, peer, now, wanted, blocks));
  if (peer.snubbed) return;
  if (blocks.length < wanted && isEndgame(torrent)) {
    takeDuplicates(torrent, peer, now, wanted, blocks);
  }
  if (blocks.length === before && peer.outstanding.size === 0) {
    takeStuck(torrent, peer, now, wanted, blocks);
  }
}

/** Takes free blocks of started pieces; with `onSeedsOnly` none that another than a seed has. */
function takeStarted(
  torrent: Torrent,
  peer: Peer,
  now: number,
  wanted: number,
  blocks: number[],
  onSeedsOnly: boolean,
): void {
  for (const partial of torrent.open) {
    if (blocks.length >= wanted) return;
    if (onSeedsOnly && torrent.availability.counts[partial.piece]! > 0) continue;
    if (partial.free > 0 && mayTake(partial, peer, now)) {
      takeFree(torrent, partial, peer, now, wanted, blocks);
    }
  }
}

/** Starts a piece with this peer; false when there is none to start. */
function takeNew(
  torrent: Torrent,
  peer: Peer,
  now: number,
  wanted: number,
  blocks: number[],
): boolean {
  const piece = nextPiece(torrent, peer);
  if (piece < 0) return false;
  takeFree(torrent, startPiece(torrent, piece, peer.onParole), peer, now, wanted, blocks);
  return true;
}

/**
 * Whether every piece that can be had is started and every block of them asked for. With the buffers
 * full of what slow peers owe it is so, too: else the fast would wait for the slow.
 */
export function isEndgame(torrent: Torrent): boolean {
  const { availability, partials, open } = torrent;
  const isMore = isAnyAvailable(availability) && mayStartPiece(torrent);
  if (isMore && (hasRoom(torrent) || open.size < partials.size)) return false;
  for (const { piece, free } of open) {
    if (free > 0 && availabilityOf(availability, piece) > 0) return false;
  }
  return partials.size > 0;
}

/** Whether the buffers have room for another piece; one is always allowed beside the first. */
export function hasRoom(torrent: Torrent): boolean {
  return torrent.bufferedBytes < BUFFERED_BYTES_MAX || torrent.partials.size <= 1;
}

/** The peer has it, may give it to us, and a piece that wants one sender has no other. */
export function mayTake(partial: PartialPiece, peer: Peer, now: number): boolean {
  if (!canGive(peer, partial, now)) return false;
  if (partial.alone) return partial.owner === undefined || partial.owner === peer.key;
  return !peer.onParole || isFresh(partial);
}

/** Whether the piece still lacks blocks and the peer has it and lets us ask for it now. */
export function canGive(peer: Peer, { stage, piece }: PartialPiece, now: number): boolean {
  if (stage !== "open" || !hasBit(peer.have, piece)) return false;
  const refusal = peer.refused.get(piece);
  if (refusal !== undefined && now < refusal.untilMs) return false;
  return !peer.isChoking || peer.allowedFast.has(piece);
}

/** Nothing was received or asked for yet, so one peer can still take it alone. */
function isFresh(partial: PartialPiece): boolean {
  return partial.free === partial.blocks;
}

function takeFree(
  torrent: Torrent,
  partial: PartialPiece,
  peer: Peer,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  if (peer.onParole && isFresh(partial)) partial.alone = true;
  if (partial.alone) partial.owner = peer.key;
  for (let block = 0; block < partial.blocks && partial.free > 0; block++) {
    if (blocks.length >= wanted) return;
    if (partial.state[block] === BLOCK_FREE) {
      partial.state[block] = BLOCK_REQUESTED;
      partial.free--;
      ask(torrent, partial, block, peer, now, blocks);
    }
  }
}

function ask(
  torrent: Torrent,
  partial: PartialPiece,
  block: number,
  peer: Peer,
  now: number,
  blocks: number[],
): void {
  partial.requesters[block]!++;
  peer.outstanding.set(blockKey(torrent, partial.piece, block), now);
  const length = blockLength(torrent.geometry, partial.piece, block);
  blocks.push(partial.piece, block * BLOCK_SIZE, length);
}

/** A piece to start with this peer, or -1. */
function nextPiece(torrent: Torrent, peer: Peer): number {
  const { availability } = torrent;
  if (availability.size === 0 || peer.hasNothingNew) return -1;
  if (!mayStartPiece(torrent) || !hasRoom(torrent)) return -1;
  if (peer.isChoking) {
    for (const piece of peer.allowedFast) {
      if (availability.position[piece]! >= 0 && hasBit(peer.have, piece)) return piece;
    }
    return -1;
  }
  while (peer.suggested.length > 0) {
    const piece = peer.suggested.pop()!;
    if (availability.position[piece]! >= 0 && hasBit(peer.have, piece)) return piece;
  }
  const isFirst = torrent.haveCount + torrent.partials.size < torrent.tuning.randomFirstPieces;
  const draw = nextUint32(torrent.rng);
  const { have } = peer;
  const rarest = peer.haveCount * FEW_PIECES < availability.size ? rarestOfFew : rarestOf;
  const piece = isFirst
    ? anyOf(availability, have, draw)
    : rarest(availability, have, draw, peer.countedAsSeed ? 0 : 1);
  // Finding none looked at every wanted piece: that is not done again before it can end otherwise.
  peer.hasNothingNew = piece < 0;
  return piece;
}

function startPiece(torrent: Torrent, piece: number, alone: boolean): PartialPiece {
  removeWanted(torrent.availability, piece);
  const blocks = blockCount(torrent.geometry, piece);
  const partial: PartialPiece = {
    piece,
    blocks,
    state: new Uint8Array(blocks),
    requesters: new Uint8Array(blocks),
    senders: new Uint32Array(blocks),
    free: blocks,
    received: 0,
    stage: "open",
    alone,
    owner: undefined,
  };
  torrent.partials.set(piece, partial);
  torrent.open.add(partial);
  torrent.bufferedBytes += pieceSize(torrent.geometry, piece);
  return partial;
}

/** Asks this peer, too, for blocks that others owe us: the ones fewest were asked for first. */
function takeDuplicates(
  torrent: Torrent,
  peer: Peer,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  const room = Math.max(0, torrent.tuning.endgamePipeline - peer.outstanding.size);
  const most = Math.min(wanted, blocks.length + 3 * room);
  for (let requesters = 1; requesters < torrent.tuning.endgameRequesters; requesters++) {
    for (const partial of torrent.open) {
      if (partial.alone || peer.onParole || !mayTake(partial, peer, now)) continue;
      for (let block = 0; block < partial.blocks; block++) {
        if (blocks.length >= most) return;
        if (partial.state[block] !== BLOCK_REQUESTED) continue;
        if (partial.requesters[block] !== requesters) continue;
        if (peer.outstanding.has(blockKey(torrent, partial.piece, block))) continue;
        ask(torrent, partial, block, peer, now, blocks);
      }
    }
  }
}

/**
 * A peer with nothing else to do unties a piece. One whose only sender stopped sending starts afresh
 * with this peer. A mixed one takes blocks even from a peer on parole: should it fail, it is fetched
 * alone next.
 */
function takeStuck(
  torrent: Torrent,
  peer: Peer,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  for (const partial of torrent.open) {
    if (blocks.length >= wanted) return;
    if ((partial.free === 0 && !partial.alone) || !canGive(peer, partial, now)) continue;
    if (partial.alone) {
      if (!hasStuckOwner(torrent, partial, now)) continue;
      giveBackPiece(torrent, torrent.peers.get(partial.owner!)!, partial);
      restartAlone(torrent, partial);
    }
    takeFree(torrent, partial, peer, now, wanted, blocks);
  }
}

/** Whether the peer that sends a piece alone has stopped, so that another may start it afresh. */
export function hasStuckOwner(torrent: Torrent, partial: PartialPiece, now: number): boolean {
  const owner = torrent.peers.get(partial.owner!)!;
  const isAsked = partial.free + partial.received < partial.blocks;
  const mayStillSend = isAsked || canGive(owner, partial, now);
  return owner.snubbed || !mayStillSend || isDead(owner, now);
}

/** The block that `peer` owed us is here. True when it was the piece's last: it is to be checked. */
export function markReceived(
  torrent: Torrent,
  partial: PartialPiece,
  block: number,
  peer: Peer,
): boolean {
  partial.requesters[block]!--;
  partial.state[block] = BLOCK_RECEIVED;
  partial.senders[block] = peer.key;
  partial.received++;
  if (partial.received < partial.blocks) return false;
  partial.stage = "checking";
  torrent.open.delete(partial);
  return true;
}

/**
 * The peer no longer owes us the block; with nobody else owing it, it is free again. False when the
 * peer did not owe it.
 */
export function giveBack(torrent: Torrent, peer: Peer, key: number): boolean {
  if (!peer.outstanding.delete(key)) return false;
  const partial = torrent.partials.get(Math.floor(key / torrent.blocksPerPiece))!;
  const block = key % torrent.blocksPerPiece;
  torrent.allDirty = true;
  if (--partial.requesters[block]! === 0) {
    partial.state[block] = BLOCK_FREE;
    partial.free++;
  }
  return true;
}

function giveBackPiece(torrent: Torrent, peer: Peer, partial: PartialPiece): void {
  for (let block = 0; block < partial.blocks; block++) {
    giveBack(torrent, peer, blockKey(torrent, partial.piece, block));
  }
}

/** The peer owes us nothing any more; pieces it held alone start afresh. */
export function giveBackAll(torrent: Torrent, peer: Peer, effects: Effect[]): void {
  for (const key of [...peer.outstanding.keys()]) giveBack(torrent, peer, key);
  releaseUntouched(torrent, peer);
  for (const partial of torrent.open) {
    if (partial.owner !== peer.key) continue;
    restartAlone(torrent, partial);
    effects.push({ kind: "drop-piece", piece: partial.piece });
  }
}

/** Pieces that the peer was to send alone and of which nothing came yet may go to another. */
export function releaseUntouched(torrent: Torrent, peer: Peer): void {
  for (const partial of torrent.open) {
    if (partial.owner !== peer.key || !isFresh(partial)) continue;
    partial.owner = undefined;
    torrent.allDirty = true;
  }
}

/** Forgets a piece that nobody owes us blocks of, and lets it be picked anew. */
export function abandonPiece(torrent: Torrent, partial: PartialPiece, effects: Effect[]): void {
  removePartial(torrent, partial);
  addWanted(torrent.availability, partial.piece);
  for (const peer of torrent.peers.values()) peer.hasNothingNew = false;
  effects.push({ kind: "drop-piece", piece: partial.piece });
  torrent.allDirty = true;
}

/** Same piece again, from one peer. Nobody may owe us blocks of it. */
export function restartAlone(torrent: Torrent, partial: PartialPiece): void {
  partial.state.fill(BLOCK_FREE);
  partial.free = partial.blocks;
  partial.received = 0;
  partial.stage = "open";
  torrent.open.add(partial);
  partial.alone = true;
  partial.owner = undefined;
  torrent.allDirty = true;
}

/** Forgets a started piece without giving it back to `availability`; the caller says what it becomes. */
export function removePartial(torrent: Torrent, partial: PartialPiece): void {
  torrent.partials.delete(partial.piece);
  torrent.open.delete(partial);
  torrent.bufferedBytes -= pieceSize(torrent.geometry, partial.piece);
}

/**
 * With the buffers full, gives up pieces that no connected peer can finish, so that others can be
 * started. Without this, a swarm of peers that leave could fill memory with halves for ever.
 */
export function abandonStranded(torrent: Torrent, now: number, effects: Effect[]): void {
  for (const partial of [...torrent.open]) {
    if (torrent.bufferedBytes < BUFFERED_BYTES_MAX) return;
    const isAsked = partial.free + partial.received < partial.blocks;
    if (isAsked || isObtainable(torrent, partial, now)) continue;
    abandonPiece(torrent, partial, effects);
  }
}

function isObtainable(torrent: Torrent, partial: PartialPiece, now: number): boolean {
  for (const peer of torrent.peers.values()) {
    if (!isDead(peer, now) && mayTake(partial, peer, now)) return true;
  }
  return false;
}
