/**
 * How many requests a peer gets: enough to keep its link full through a round trip, never more than
 * it is willing to queue. Also what becomes of requests when a peer falls silent.
 */
import type { View } from "../bytes/view.ts";
import { BLOCK_SIZE, blockLength, pieceSize } from "../metainfo/geometry.ts";
import { countBytes, createRateMeter, type RateMeter } from "../limits/rate_meter.ts";
import type { BlockMessage } from "../wire/message.ts";
import { markDirty } from "./attention.ts";
import { disallowFast, dropSuggestions, noteRefusal } from "./hints.ts";
import {
  CANCELLED_MAX,
  PIPELINE_MAX,
  PIPELINE_MIN,
  PIPELINE_NEAR,
  PIPELINE_NEAR_MS,
  PIPELINE_SECONDS,
  ROUND_TRIP_MAX_MS,
  SNUB_MS,
  UNREQUESTED_BYTES_MAX,
  WEB_SEED_PIPELINE_SECONDS,
  WEB_SEED_REFILL_BELOW,
} from "./limits.ts";
import { type DuePiece, replaceDue } from "./order.ts";
import {
  abandonPiece,
  blockKey,
  giveBack,
  hasRoom,
  type PartialPiece,
  releaseUntouched,
  withdrawRequest,
} from "./partials.ts";
import type { Peer } from "./peer.ts";
import { pickBlocks } from "./picker.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";

interface Own {
  isChoking: boolean;
  /** How many requests we want under way. */
  pipeline: number;
  /** When it was last asked with nothing under way; undefined once a block came. */
  askedAfreshMs: number | undefined;
  /** From such a request to its block; 0 before the first. */
  roundTripMs: number;
  /** Doubling each round trip until the rate stops growing. */
  slowStart: boolean;
  rateBefore: number;
  snubbed: boolean;
  lastBlockMs: number;
  readonly down: RateMeter;
  /**
   * Answers that it may still give to requests which were cancelled, by block key; the oldest
   * first.
   */
  readonly cancelled: Map<number, number>;
  /** Payload that it sent without being asked. */
  unrequestedBytes: number;
}

export type PeerRequests = View<Own>;

/** It chokes us, and `pipeline` blocks will be asked of it at first. */
export function createPeerRequests(pipeline: number, now: number): PeerRequests {
  return {
    isChoking: true,
    pipeline,
    askedAfreshMs: undefined,
    roundTripMs: 0,
    slowStart: true,
    rateBefore: 0,
    snubbed: false,
    lastBlockMs: now,
    down: createRateMeter(now),
    cancelled: new Map(),
    unrequestedBytes: 0,
  };
}

/** A rate that grew less than this in a second ends slow start. */
const SLOW_START_GROWTH = 1.1;
/** Requests are topped up in batches: one message a block would cost a system call a block. */
const REFILL_BELOW = 0.75;

/** Tops up the peer's requests. */
export function refillRequests(
  transfer: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  if (!peer.amInterested || transfer.diskFailed) return;
  if (peer.isChoking && peer.allowedFast.size === 0) return;
  if (peer.isSilent) return;
  if (!mayRefill(peer)) return;
  const blocks: number[] = [];
  pickBlocks(transfer, peer, pipelineTarget(peer) - peer.outstanding.size, now, blocks);
  if (blocks.length === 0) return;
  if (peer.outstanding.size === blocks.length / 3) {
    const own = peer as PeerRequests as Own;
    own.lastBlockMs = now;
    own.askedAfreshMs = now;
  }
  effects.push({ kind: "request", peer: peer.key, blocks });
}

/** Whether enough requests were answered to make another batch. */
export function mayRefill(peer: Peer): boolean {
  const target = pipelineTarget(peer);
  const { size } = peer.outstanding;
  const below = peer.link.isWebSeed ? WEB_SEED_REFILL_BELOW : REFILL_BELOW;
  return size < target && size <= target * below;
}

/** Blocks that we want under way with this peer. */
export function pipelineTarget(peer: Peer): number {
  if (peer.snubbed) return 1;
  return Math.max(1, Math.min(peer.pipeline, peer.link.reqq, pipelineCeiling(peer)));
}

/** What a link of the peer's round trip can hold, however fast it is. */
function pipelineCeiling({ roundTripMs, link }: Peer): number {
  if (link.isWebSeed) return PIPELINE_MAX;
  const ways = Math.max(1, roundTripMs / PIPELINE_NEAR_MS);
  return Math.min(PIPELINE_MAX, Math.ceil(PIPELINE_NEAR * ways));
}

/** A block of `length` bytes came that the peer owed us. */
export function onBlockFrom(peer: Peer, length: number, now: number): void {
  const own = peer as PeerRequests as Own;
  own.lastBlockMs = now;
  own.snubbed = false;
  measureRoundTrip(own, now);
  // In slow start the pipeline grows by one with each block, which doubles it every round trip.
  if (own.slowStart && own.pipeline < PIPELINE_MAX) own.pipeline++;
  countBytes(own.down, length);
}

/**
 * The first block after a pause: how long it took is a round trip. Should the pipeline be too short
 * for the way, it runs dry, and the next measure makes it longer.
 */
function measureRoundTrip(own: Own, now: number): void {
  if (own.askedAfreshMs === undefined) return;
  const tookMs = Math.min(ROUND_TRIP_MAX_MS, now - own.askedAfreshMs);
  own.roundTripMs = own.roundTripMs === 0 ? tookMs : (own.roundTripMs + tookMs) / 2;
  own.askedAfreshMs = undefined;
}

/** Once a second, after the rates were folded. */
export function adjustPipeline(
  view: PeerRequests & Pick<Peer, "link">,
  pipelineSeconds = PIPELINE_SECONDS,
): void {
  const peer = view as PeerRequests as Own;
  const rate = peer.down.rate;
  const ahead = view.link.isWebSeed ? WEB_SEED_PIPELINE_SECONDS : pipelineSeconds;
  const seconds = ahead + peer.roundTripMs / 1_000;
  const measured = Math.ceil(rate * seconds / BLOCK_SIZE);
  if (peer.slowStart) {
    const stillGrows = rate > peer.rateBefore * SLOW_START_GROWTH;
    peer.rateBefore = rate;
    if (rate === 0 || stillGrows) return;
    peer.slowStart = false;
  }
  if (rate > 0) peer.pipeline = Math.min(PIPELINE_MAX, Math.max(PIPELINE_MIN, measured));
}

/**
 * A peer that owes us blocks and sent none for a minute is snubbed: its requests go back, so that
 * others can be asked, and from now on it gets one at a time, after the others, until it delivers.
 */
export function checkSnubbed(
  transfer: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  if (peer.outstanding.size === 0 || now - peer.lastBlockMs < SNUB_MS) return;
  snub(peer);
  takeBackRequests(transfer, peer, effects);
}

/** From now on the peer gets one request at a time, after the others, until it delivers. */
export function snub(peer: Peer): void {
  const own = peer as PeerRequests as Own;
  own.snubbed = true;
  own.slowStart = false;
  own.pipeline = PIPELINE_MIN;
}

/** What was requested from the peer may be requested from others; it gets cancels. */
export function takeBackRequests(transfer: Transfer, peer: Peer, effects: TransferEffects): void {
  for (const key of [...peer.outstanding.keys()]) {
    sendCancel(transfer, peer, key, effects);
    giveBack(transfer, peer, key);
  }
  releaseUntouched(transfer, peer);
}

/** Once a second: pieces that the peer rejected may be asked of it again. */
export function reviewRefusals(transfer: Transfer, peer: Peer): void {
  if (peer.refused.size > 0) markDirty(transfer, peer);
}

/** Endgame: others were asked for the block that just came; tell them not to bother. */
export function cancelOthers(
  transfer: Transfer,
  partial: PartialPiece,
  block: number,
  except: Peer,
  effects: TransferEffects,
): void {
  if (partial.requesters[block] === 0) return;
  const key = blockKey(transfer, partial.piece, block);
  for (const peer of transfer.peers.values()) {
    if (peer === except || !withdrawRequest(transfer, partial, block, peer)) continue;
    sendCancel(transfer, peer, key, effects);
    markDirty(transfer, peer);
  }
}

/** Whether this answers a request that was cancelled; the answer is not expected any more. */
export function takeCancelled(peer: Peer, key: number): boolean {
  const { cancelled } = peer as PeerRequests as Own;
  const owed = cancelled.get(key);
  if (owed === undefined) return false;
  if (owed > 1) cancelled.set(key, owed - 1);
  else cancelled.delete(key);
  return true;
}

/** The peer sent payload that was not asked for. Whether that is more than any mistake explains. */
export function noteUnrequested(peer: Peer, length: number): boolean {
  const own = peer as PeerRequests as Own;
  own.unrequestedBytes += length;
  return own.unrequestedBytes > UNREQUESTED_BYTES_MAX;
}

function expectCancelled(peer: Peer, key: number): void {
  const { cancelled } = peer as PeerRequests as Own;
  cancelled.set(key, (cancelled.get(key) ?? 0) + 1);
  if (cancelled.size > CANCELLED_MAX) cancelled.delete(cancelled.keys().next().value!);
}

function sendCancel(transfer: Transfer, peer: Peer, key: number, effects: TransferEffects): void {
  expectCancelled(peer, key);
  const piece = Math.floor(key / transfer.blocksPerPiece);
  const block = key % transfer.blocksPerPiece;
  const length = blockLength(transfer.geometry, piece, block);
  const message = { kind: "cancel", piece, begin: block * BLOCK_SIZE, length } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

/** The peer serves us. Spec: BEP 3, unchoke. */
export function onUnchoke(transfer: Transfer, peer: Peer, now: number): void {
  const own = peer as PeerRequests as Own;
  own.isChoking = false;
  own.lastBlockMs = now;
  markDirty(transfer, peer);
}

/**
 * With the Fast extension each request is answered, by its block or by a reject: blocks on their
 * way are not thrown away. Without it, what the peer owes us will not come. Spec: BEP 6, choke.
 */
export function onChoke(transfer: Transfer, peer: Peer): void {
  (peer as PeerRequests as Own).isChoking = true;
  dropSuggestions(peer);
  if (peer.link.features.fast) return releaseUntouched(transfer, peer);
  (peer as PeerRequests as Own).cancelled.clear();
  for (const key of [...peer.outstanding.keys()]) {
    const piece = Math.floor(key / transfer.blocksPerPiece);
    if (!peer.allowedFast.has(piece)) giveBack(transfer, peer, key);
  }
  releaseUntouched(transfer, peer);
}

/**
 * The block goes to another peer. A peer that rejects an allowed fast piece takes its word back.
 */
export function onReject(transfer: Transfer, peer: Peer, reject: BlockMessage, now: number): void {
  const { piece, begin } = reject;
  const { geometry } = transfer;
  if (piece >= geometry.pieceCount || begin >= pieceSize(geometry, piece)) return;
  const key = blockKey(transfer, piece, Math.floor(begin / BLOCK_SIZE));
  // Answers come in order: the first of two is to the request that was cancelled. Spec: BEP 6,
  // reject.
  if (takeCancelled(peer, key)) return;
  if (peer.isChoking) disallowFast(peer, piece);
  if (giveBack(transfer, peer, key) && !peer.isChoking) noteRefusal(peer, piece, now);
}

/** Nothing of the piece is outstanding any more; its peers get cancels. */
export function withdrawPiece(
  transfer: Transfer,
  partial: PartialPiece,
  effects: TransferEffects,
): void {
  for (let block = 0; block < partial.blocks; block++) {
    const key = blockKey(transfer, partial.piece, block);
    for (const peer of transfer.peers.values()) {
      if (partial.requesters[block] === 0) break;
      if (giveBack(transfer, peer, key)) sendCancel(transfer, peer, key, effects);
    }
  }
}

/**
 * Other pieces are due. Requests that are of no use any more, as `replaceDue` says, are taken back, so
 * that peers are free for what a reader now needs.
 */
export function setDue(
  transfer: Transfer,
  pieces: readonly DuePiece[],
  now: number,
  effects: TransferEffects,
): void {
  const { obsolete, isSeek } = replaceDue(transfer, pieces, now);
  for (const piece of obsolete) {
    const partial = transfer.partials.get(piece);
    if (partial?.stage !== "open") continue;
    withdrawPiece(transfer, partial, effects);
    if (partial.received === 0) abandonPiece(transfer, partial, effects);
  }
  if (isSeek) makeRoomForDue(transfer, effects);
}

/** With the buffers full of pieces that no reader needs, gives up those of which least is here. */
function makeRoomForDue(transfer: Transfer, effects: TransferEffects): void {
  const { due, partials, open } = transfer;
  if (partials.has(due[0]!.piece)) return;
  const needed = new Set(due.map(({ piece }) => piece));
  while (!hasRoom(transfer)) {
    let least: PartialPiece | undefined;
    for (const partial of open) {
      if (partial.alone || needed.has(partial.piece)) continue;
      if (least === undefined || partial.received < least.received) least = partial;
    }
    if (least === undefined) return;
    withdrawPiece(transfer, least, effects);
    abandonPiece(transfer, least, effects);
  }
}
