/**
 * Which blocks to ask a peer for: suggested pieces, then pieces already started, then the rarest new
 * one (the first few at random), and in endgame what others were asked for already.
 *
 * Owns the partial pieces: a block is free, requested or received, and every change goes through here.
 * Invariants: `free` and `received` of a partial count its states; `requesters` of a block is the number
 * of peers whose `outstanding` holds it; a piece is in `availability.order`, in `partials`, or had.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { randomBelow } from "../bytes/random.ts";
import { BLOCK_SIZE, blockCount, blockLength, pieceSize } from "../metainfo/geometry.ts";
import { addWanted, rarestOf, removeWanted } from "./availability.ts";
import {
  BUFFERED_BYTES_MAX,
  ENDGAME_PIPELINE_MAX,
  ENDGAME_REQUESTERS_MAX,
  RANDOM_FIRST_PIECES,
} from "./limits.ts";
import type { Effect } from "./protocol.ts";
import { mayStartPiece } from "./share_rule.ts";
import {
  BLOCK_FREE,
  BLOCK_RECEIVED,
  BLOCK_REQUESTED,
  blockKey,
  type PartialPiece,
  type Peer,
  type Torrent,
} from "./state.ts";

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
  const wanted = blocks.length + 3 * count;
  for (const partial of torrent.partials.values()) {
    if (blocks.length >= wanted) return;
    if (partial.free > 0 && mayTake(partial, peer)) {
      takeFree(torrent, partial, peer, now, wanted, blocks);
    }
  }
  while (blocks.length < wanted) {
    const piece = nextPiece(torrent, peer);
    if (piece < 0) break;
    takeFree(torrent, startPiece(torrent, piece, peer.onParole), peer, now, wanted, blocks);
  }
  if (blocks.length < wanted && isEndgame(torrent)) {
    takeDuplicates(torrent, peer, now, wanted, blocks);
  }
}

/** Whether every piece we may have is started and every block of them asked for. */
export function isEndgame(torrent: Torrent): boolean {
  if (torrent.availability.size > 0 && mayStartPiece(torrent)) return false;
  for (const partial of torrent.partials.values()) if (partial.free > 0) return false;
  return torrent.partials.size > 0;
}

/** The peer has it, may give it to us, and a piece that wants one sender has no other. */
function mayTake(partial: PartialPiece, peer: Peer): boolean {
  if (partial.stage !== "open" || !hasBit(peer.have, partial.piece)) return false;
  if (peer.isChoking && !peer.allowedFast.has(partial.piece)) return false;
  if (partial.alone) return partial.owner === undefined || partial.owner === peer.key;
  return !peer.onParole || isFresh(partial);
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
  if (peer.onParole) partial.alone = true;
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
  if (availability.size === 0 || torrent.diskFailed || !mayStartPiece(torrent)) return -1;
  if (torrent.bufferedBytes >= BUFFERED_BYTES_MAX && torrent.partials.size > 1) return -1;
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
  const isFirst = torrent.haveCount + torrent.partials.size < RANDOM_FIRST_PIECES;
  const from = isFirst ? randomBelow(torrent.rng, availability.size) : 0;
  return rarestOf(availability, peer.have, from);
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
  const most = Math.min(wanted, blocks.length + 3 * ENDGAME_PIPELINE_MAX);
  for (let requesters = 1; requesters < ENDGAME_REQUESTERS_MAX; requesters++) {
    for (const partial of torrent.partials.values()) {
      if (partial.alone || peer.onParole || !mayTake(partial, peer)) continue;
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

/** The block is here, sent by `peer`. True when it was the piece's last. */
export function markReceived(partial: PartialPiece, block: number, peer: Peer): boolean {
  if (partial.state[block] === BLOCK_FREE) partial.free--;
  partial.state[block] = BLOCK_RECEIVED;
  partial.senders[block] = peer.key;
  partial.received++;
  return partial.received === partial.blocks;
}

/** The peer no longer owes us the block; with nobody else owing it, it is free again. */
export function giveBack(torrent: Torrent, peer: Peer, key: number): void {
  if (!peer.outstanding.delete(key)) return;
  const partial = torrent.partials.get(Math.floor(key / torrent.blocksPerPiece));
  if (partial === undefined) return;
  const block = key % torrent.blocksPerPiece;
  partial.requesters[block]!--;
  if (partial.state[block] === BLOCK_REQUESTED && partial.requesters[block] === 0) {
    partial.state[block] = BLOCK_FREE;
    partial.free++;
    torrent.allDirty = true;
  }
}

/** The peer owes us nothing any more; pieces it held alone start afresh. */
export function giveBackAll(torrent: Torrent, peer: Peer, effects: Effect[]): void {
  for (const key of [...peer.outstanding.keys()]) giveBack(torrent, peer, key);
  for (const partial of [...torrent.partials.values()]) {
    if (partial.owner !== peer.key || partial.stage !== "open") continue;
    if (partial.received > 0) abandonPiece(torrent, partial, effects);
    else partial.owner = undefined;
  }
}

/** Forgets what was received of a piece and lets it be picked anew. */
export function abandonPiece(torrent: Torrent, partial: PartialPiece, effects: Effect[]): void {
  for (let block = 0; block < partial.blocks; block++) {
    const key = blockKey(torrent, partial.piece, block);
    if (partial.requesters[block]! === 0) continue;
    for (const peer of torrent.peers.values()) peer.outstanding.delete(key);
  }
  removePartial(torrent, partial);
  addWanted(torrent.availability, partial.piece);
  effects.push({ kind: "drop-piece", piece: partial.piece });
  torrent.allDirty = true;
}

/** The piece failed its check: same piece again, this time from one peer. */
export function restartAlone(torrent: Torrent, partial: PartialPiece): void {
  removePartial(torrent, partial);
  startPiece(torrent, partial.piece, true);
  torrent.allDirty = true;
}

/** Forgets a started piece without giving it back to `availability`; the caller says what it becomes. */
export function removePartial(torrent: Torrent, partial: PartialPiece): void {
  torrent.partials.delete(partial.piece);
  torrent.bufferedBytes -= pieceSize(torrent.geometry, partial.piece);
}

/**
 * With the buffers full, gives up pieces that no connected peer can finish, so that others can be
 * started. Without this, a swarm of peers that leave could fill memory with halves for ever.
 */
export function abandonStranded(torrent: Torrent, effects: Effect[]): void {
  if (torrent.bufferedBytes < BUFFERED_BYTES_MAX) return;
  for (const partial of [...torrent.partials.values()]) {
    if (partial.stage !== "open") continue;
    const asked = partial.blocks - partial.free - partial.received > 0;
    if (asked || availableFrom(torrent, partial)) continue;
    abandonPiece(torrent, partial, effects);
  }
}

function availableFrom(torrent: Torrent, partial: PartialPiece): boolean {
  for (const peer of torrent.peers.values()) if (mayTake(partial, peer)) return true;
  return false;
}
