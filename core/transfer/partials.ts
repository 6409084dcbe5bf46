/**
 * Pieces that were started: a block of one is free, requested or received, and every change goes
 * through here, with what each peer owes us.
 *
 * Invariants: `free` and `received` of a partial count its states; `requesters` of a block is the
 * number of peers whose `outstanding` holds it, and only of a requested block it is not zero; a
 * wanted piece is in `availability`, in `partials`, or had; those of `partials` that lack blocks
 * are in `open`, so that pieces on their way to the disk cost a pick nothing.
 */
import type { View } from "../bytes/view.ts";
import {
  BLOCK_SIZE,
  blockCount,
  blockLength,
  type Geometry,
  pieceSize,
} from "../metainfo/geometry.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { markAllDirty } from "./attention.ts";
import { addWanted, removeWanted } from "./availability.ts";
import { isWanted } from "./content.ts";
import { BUFFERED_BYTES_MAX, SLOW_PIECE_MS, SNUB_MS } from "./limits.ts";
import { setNothingNew } from "./offers.ts";
import type { Source } from "./source.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";

/** Where a block of a started piece stands. */
export const BLOCK_FREE = 0;
export const BLOCK_REQUESTED = 1;
export const BLOCK_RECEIVED = 2;
/** The sender of a block from an earlier run: no peer has this key. */
const NO_SENDER = 2 ** 32 - 1;

interface OwnPartial {
  readonly piece: number;
  readonly blocks: number;
  /** BLOCK_* of each block. */
  readonly state: Uint8Array;
  /** How many peers are asked for each block. */
  readonly requesters: Uint8Array;
  /** Who sent each block; of a block that is missing, who was asked last. */
  readonly senders: Uint32Array;
  free: number;
  received: number;
  /** `open`: blocks are missing. Afterwards the shell has it. */
  stage: "open" | "checking" | "writing";
  /** All blocks must come from one peer, because a mix failed its check before. */
  alone: boolean;
  /** That peer, once chosen. */
  owner: PeerKey | undefined;
  /** When its progress was last reviewed, and how many blocks were here then. */
  reviewedMs: number | undefined;
  receivedThen: number;
  /** At its pace of the last review it takes longer than SLOW_PIECE_MS. */
  isSlow: boolean;
}

export type PartialPiece = View<OwnPartial>;

interface Own {
  readonly partials: Map<number, PartialPiece>;
  /** Those of `partials` that lack blocks. */
  readonly open: Set<PartialPiece>;
  bufferedBytes: number;
  /** What the session grants. */
  bufferedBytesMax: number;
  readonly blocksPerPiece: number;
}

export type PartialPieces = View<Own>;

/** A block we wait for, keyed by `blockKey`; the value is when it was asked for (ms). */
export type Outstanding = ReadonlyMap<number, number>;

interface OwnPeer {
  /** What we asked and did not get. */
  readonly outstanding: Map<number, number>;
}

export type PeerBlocks = View<OwnPeer>;

/** No piece was started. */
export function createPartialPieces(geometry: Geometry): PartialPieces {
  const own: Own = {
    partials: new Map(),
    open: new Set(),
    bufferedBytes: 0,
    bufferedBytesMax: BUFFERED_BYTES_MAX,
    blocksPerPiece: Math.ceil(geometry.pieceLength / BLOCK_SIZE),
  };
  return own;
}

/** Nothing was asked of the peer. */
export function createPeerBlocks(): PeerBlocks {
  const own: OwnPeer = { outstanding: new Map() };
  return own;
}

const NOT_REVIEWED = { reviewedMs: undefined, receivedThen: 0, isSlow: false };

/** Once a second: each minute it shows whether the piece comes fast enough. */
export function reviewProgress(transfer: Transfer, view: PartialPiece, now: number): void {
  const partial = view as OwnPartial;
  partial.reviewedMs ??= now;
  const passedMs = now - partial.reviewedMs;
  if (passedMs < SNUB_MS) return;
  const blocks = partial.received - partial.receivedThen;
  partial.isSlow = blocks * SLOW_PIECE_MS < partial.blocks * passedMs;
  partial.reviewedMs = now;
  partial.receivedThen = partial.received;
  // One that is to come from one peer may now go to another.
  if (partial.isSlow && partial.alone) markAllDirty(transfer);
}

/** One number for a block of the torrent. */
export function blockKey(transfer: PartialPieces, piece: number, block: number): number {
  return piece * transfer.blocksPerPiece + block;
}

/** Whether the buffers have room for another piece; one is always allowed beside the first. */
export function hasRoom(transfer: Transfer): boolean {
  const { bufferedBytes, bufferedBytesMax } = transfer;
  if (bufferedBytes < bufferedBytesMax) return true;
  return bufferedBytesMax > 0 && transfer.partials.size <= 1;
}

/** Maximum number of buffered bytes at which a piece is started; at 0 none at all. */
export function limitBuffers(transfer: Transfer, bytes: number): void {
  (transfer as PartialPieces as Own).bufferedBytesMax = Math.min(BUFFERED_BYTES_MAX, bytes);
  markAllDirty(transfer);
}

/** Nothing was received or asked for yet, so one peer can still take it alone. */
export function isFresh(partial: PartialPiece): boolean {
  return partial.free === partial.blocks;
}

/** The piece is no longer to be picked: its blocks are. */
export function startPiece(transfer: Transfer, piece: number, alone: boolean): PartialPiece {
  const own = transfer as PartialPieces as Own;
  removeWanted(transfer.availability, piece);
  const blocks = blockCount(transfer.geometry, piece);
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
    ...NOT_REVIEWED,
  };
  own.partials.set(piece, partial);
  own.open.add(partial);
  own.bufferedBytes += pieceSize(transfer.geometry, piece);
  return partial;
}

/** The piece's blocks come from this peer if they must come from one. */
export function claimPartial(partial: PartialPiece, peer: Source): void {
  const own = partial as OwnPartial;
  if (peer.onParole && isFresh(partial)) own.alone = true;
  if (own.alone) own.owner = peer.key;
}

/** The peer owes us the block from now on. */
export function requestBlock(
  transfer: Transfer,
  view: PartialPiece,
  block: number,
  peer: Source,
  now: number,
): void {
  const partial = view as OwnPartial;
  if (partial.state[block] === BLOCK_FREE) {
    partial.state[block] = BLOCK_REQUESTED;
    partial.free--;
  }
  partial.requesters[block]!++;
  partial.senders[block] = peer.key;
  (peer as PeerBlocks as OwnPeer).outstanding.set(blockKey(transfer, partial.piece, block), now);
}

/** Whether the peer owed us the block; from now on it does not. `markReceived` must follow. */
export function takeOutstanding(peer: PeerBlocks, key: number): boolean {
  return (peer as PeerBlocks as OwnPeer).outstanding.delete(key);
}

/**
 * The block that `peer` owed us is here. True when it was the piece's last: it is to be checked.
 */
export function markReceived(
  transfer: Transfer,
  view: PartialPiece,
  block: number,
  sender: PeerKey,
): boolean {
  const partial = view as OwnPartial;
  partial.requesters[block]!--;
  partial.state[block] = BLOCK_RECEIVED;
  partial.senders[block] = sender;
  partial.received++;
  if (partial.received < partial.blocks) return false;
  partial.stage = "checking";
  (transfer as PartialPieces as Own).open.delete(partial);
  return true;
}

/** The free block is here from an earlier run. At least one block of the piece must stay free. */
export function markKept(view: PartialPiece, block: number): void {
  const partial = view as OwnPartial;
  partial.state[block] = BLOCK_RECEIVED;
  partial.senders[block] = NO_SENDER;
  partial.free--;
  partial.received++;
}

/**
 * The block of a cancelled request came all the same and is still missing: counted as if the peer
 * had been asked for it again. False when it is of no use.
 */
export function reviveRequest(
  transfer: Transfer,
  piece: number,
  block: number,
  peer: Source,
): boolean {
  const partial = transfer.partials.get(piece) as OwnPartial | undefined;
  if (partial === undefined || partial.stage !== "open") return false;
  if (partial.alone || peer.onParole || partial.state[block] === BLOCK_RECEIVED) return false;
  if (partial.state[block] === BLOCK_FREE) {
    partial.state[block] = BLOCK_REQUESTED;
    partial.free--;
  }
  partial.requesters[block]!++;
  return true;
}

/** Its digest matched: the piece is on its way to the disk. */
export function markWriting(partial: PartialPiece): void {
  (partial as OwnPartial).stage = "writing";
}

/** The received block is no longer owed by this peer; false when it was not. */
export function withdrawRequest(
  transfer: Transfer,
  partial: PartialPiece,
  block: number,
  peer: Source,
): boolean {
  const key = blockKey(transfer, partial.piece, block);
  if (!(peer as PeerBlocks as OwnPeer).outstanding.delete(key)) return false;
  (partial as OwnPartial).requesters[block]!--;
  return true;
}

/**
 * The block is no longer requested from the peer; if from no other, it is free again. False when
 * the peer did not owe it.
 */
export function giveBack(transfer: Transfer, peer: Source, key: number): boolean {
  if (!(peer as PeerBlocks as OwnPeer).outstanding.delete(key)) return false;
  const partial = transfer.partials.get(Math.floor(key / transfer.blocksPerPiece)) as OwnPartial;
  const block = key % transfer.blocksPerPiece;
  markAllDirty(transfer);
  if (--partial.requesters[block]! === 0) {
    partial.state[block] = BLOCK_FREE;
    partial.free++;
  }
  return true;
}

/** The peer owes us no block of the piece any more. */
export function giveBackPiece(transfer: Transfer, peer: Source, partial: PartialPiece): void {
  for (let block = 0; block < partial.blocks; block++) {
    giveBack(transfer, peer, blockKey(transfer, partial.piece, block));
  }
}

/** The peer owes us nothing any more; pieces it held alone start afresh. */
export function giveBackAll(transfer: Transfer, peer: Source, effects: TransferEffects): void {
  for (const key of [...peer.outstanding.keys()]) giveBack(transfer, peer, key);
  releaseUntouched(transfer, peer);
  for (const partial of transfer.open) {
    if (partial.owner !== peer.key) continue;
    restartAlone(transfer, partial);
    effects.push({ kind: "drop-piece", piece: partial.piece });
  }
}

/** Pieces that the peer was to send alone and of which nothing came yet may go to another. */
export function releaseUntouched(transfer: Transfer, peer: Source): void {
  for (const partial of transfer.open) {
    if (partial.owner !== peer.key || !isFresh(partial)) continue;
    (partial as OwnPartial).owner = undefined;
    markAllDirty(transfer);
  }
}

/** Drops a piece without outstanding requests, and lets it be picked again if it is wanted. */
export function abandonPiece(
  transfer: Transfer,
  partial: PartialPiece,
  effects: TransferEffects,
): void {
  const { piece } = partial;
  removePartial(transfer, partial);
  if (isWanted(transfer, piece)) {
    addWanted(transfer.availability, piece, transfer.priorities[piece]!);
  }
  for (const peer of transfer.peers.values()) setNothingNew(peer, false);
  effects.push({ kind: "drop-piece", piece });
  markAllDirty(transfer);
}

/** Same piece again, from one peer. Nothing of it may be outstanding. */
export function restartAlone(transfer: Transfer, view: PartialPiece): void {
  const partial = view as OwnPartial;
  partial.state.fill(BLOCK_FREE);
  partial.free = partial.blocks;
  partial.received = 0;
  partial.stage = "open";
  (transfer as PartialPieces as Own).open.add(partial);
  partial.alone = true;
  partial.owner = undefined;
  Object.assign(partial, NOT_REVIEWED);
  markAllDirty(transfer);
}

/** These blocks again, from any peer; the others stay. */
export function restartBlocks(
  transfer: Transfer,
  view: PartialPiece,
  blocks: readonly number[],
): void {
  const partial = view as OwnPartial;
  for (const block of blocks) partial.state[block] = BLOCK_FREE;
  partial.free = blocks.length;
  partial.received = partial.blocks - blocks.length;
  partial.stage = "open";
  (transfer as PartialPieces as Own).open.add(partial);
  partial.alone = false;
  partial.owner = undefined;
  Object.assign(partial, NOT_REVIEWED, { receivedThen: partial.received });
  markAllDirty(transfer);
}

/**
 * Drops a started piece without giving it back to `availability`; the caller decides what it
 * becomes.
 */
export function removePartial(transfer: Transfer, partial: PartialPiece): void {
  const own = transfer as PartialPieces as Own;
  own.partials.delete(partial.piece);
  own.open.delete(partial);
  own.bufferedBytes -= pieceSize(transfer.geometry, partial.piece);
}

/** Marks the block as requested from the peer and appends it to `blocks`. */
export function ask(
  transfer: Transfer,
  partial: PartialPiece,
  block: number,
  peer: Source,
  now: number,
  blocks: number[],
): void {
  requestBlock(transfer, partial, block, peer, now);
  const length = blockLength(transfer.geometry, partial.piece, block);
  blocks.push(partial.piece, block * BLOCK_SIZE, length);
}
