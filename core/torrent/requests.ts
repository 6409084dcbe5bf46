/**
 * How many requests a peer gets: enough to keep its link full through a round trip, never more than
 * it is willing to queue. Also what becomes of requests when a peer falls silent.
 */
import { BLOCK_SIZE, blockLength } from "../metainfo/geometry.ts";
import {
  PIPELINE_MAX,
  PIPELINE_MIN,
  PIPELINE_NEAR,
  PIPELINE_NEAR_MS,
  PIPELINE_SECONDS,
  ROUND_TRIP_MAX_MS,
  SNUB_MS,
} from "./limits.ts";
import { giveBack, pickBlocks, releaseUntouched } from "./picker.ts";
import type { Effect } from "./protocol.ts";
import {
  blockKey,
  isDead,
  markDirty,
  type PartialPiece,
  type Peer,
  type Torrent,
} from "./state.ts";

/** A rate that grew less than this in a second ends slow start. */
const SLOW_START_GROWTH = 1.1;
/** Requests are topped up in batches: one message a block would cost a system call a block. */
const REFILL_BELOW = 0.75;

/** Tops up the peer's requests. */
export function refillRequests(torrent: Torrent, peer: Peer, now: number, effects: Effect[]): void {
  if (!peer.amInterested || torrent.diskFailed) return;
  if (peer.isChoking && peer.allowedFast.size === 0) return;
  if (isDead(peer, now)) return;
  if (!mayRefill(peer)) return;
  const blocks: number[] = [];
  pickBlocks(torrent, peer, pipelineTarget(peer) - peer.outstanding.size, now, blocks);
  if (blocks.length === 0) return;
  if (peer.outstanding.size === blocks.length / 3) {
    peer.lastBlockMs = now;
    peer.askedAfreshMs = now;
  }
  peer.lastSentMs = now;
  effects.push({ kind: "request", peer: peer.key, blocks });
}

/** Whether enough requests were answered to make another batch. */
export function mayRefill(peer: Peer): boolean {
  const target = pipelineTarget(peer);
  const { size } = peer.outstanding;
  return size < target && size <= target * REFILL_BELOW;
}

/** Blocks that we want under way with this peer. */
export function pipelineTarget(peer: Peer): number {
  if (peer.snubbed) return 1;
  return Math.max(1, Math.min(peer.pipeline, peer.reqq, pipelineCeiling(peer)));
}

/** What a link of the peer's round trip can hold, however fast it is. */
function pipelineCeiling({ roundTripMs }: Peer): number {
  const ways = Math.max(1, roundTripMs / PIPELINE_NEAR_MS);
  return Math.min(PIPELINE_MAX, Math.ceil(PIPELINE_NEAR * ways));
}

/** A block came: in slow start the pipeline grows by one, which doubles it every round trip. */
export function growPipeline(peer: Peer): void {
  if (peer.slowStart && peer.pipeline < PIPELINE_MAX) peer.pipeline++;
}

/**
 * The first block after a pause: how long it took is a round trip. Should the pipeline be too short for
 * the way, it runs dry, and the next measure makes it longer.
 */
export function measureRoundTrip(peer: Peer, now: number): void {
  if (peer.askedAfreshMs === undefined) return;
  const tookMs = Math.min(ROUND_TRIP_MAX_MS, now - peer.askedAfreshMs);
  peer.roundTripMs = peer.roundTripMs === 0 ? tookMs : (peer.roundTripMs + tookMs) / 2;
  peer.askedAfreshMs = undefined;
}

/** Once a second, after the rates were folded. */
export function adjustPipeline(peer: Peer, pipelineSeconds = PIPELINE_SECONDS): void {
  const rate = peer.down.rate;
  const seconds = pipelineSeconds + peer.roundTripMs / 1_000;
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
export function checkSnubbed(torrent: Torrent, peer: Peer, now: number, effects: Effect[]): void {
  if (peer.outstanding.size === 0 || now - peer.lastBlockMs < SNUB_MS) return;
  peer.snubbed = true;
  peer.slowStart = false;
  peer.pipeline = PIPELINE_MIN;
  for (const key of [...peer.outstanding.keys()]) {
    sendCancel(torrent, peer, key, effects);
    giveBack(torrent, peer, key);
  }
  releaseUntouched(torrent, peer);
}

/** Once a second: pieces that the peer rejected may be asked of it again. */
export function reviewRefusals(torrent: Torrent, peer: Peer): void {
  if (peer.refused.size > 0) markDirty(torrent, peer);
}

/** Endgame: others were asked for the block that just came; tell them not to bother. */
export function cancelOthers(
  torrent: Torrent,
  partial: PartialPiece,
  block: number,
  except: Peer,
  effects: Effect[],
): void {
  if (partial.requesters[block] === 0) return;
  const key = blockKey(torrent, partial.piece, block);
  for (const peer of torrent.peers.values()) {
    if (peer === except || !peer.outstanding.has(key)) continue;
    peer.outstanding.delete(key);
    partial.requesters[block]!--;
    sendCancel(torrent, peer, key, effects);
    markDirty(torrent, peer);
  }
}

function sendCancel(torrent: Torrent, peer: Peer, key: number, effects: Effect[]): void {
  const piece = Math.floor(key / torrent.blocksPerPiece);
  const block = key % torrent.blocksPerPiece;
  const length = blockLength(torrent.geometry, piece, block);
  const message = { kind: "cancel", piece, begin: block * BLOCK_SIZE, length } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}
