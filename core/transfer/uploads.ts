/**
 * What others ask of us. Requests wait in the peer's queue as coordinates; a bounded number of bytes is
 * handed to the shell, which reads and sends them. A full queue stops our reading, it drops nothing.
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import { countBytes, createRateMeter, type RateMeter } from "../limits/rate_meter.ts";
import { BLOCK_SIZE, pieceSize } from "../metainfo/geometry.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import { allowedFastSet } from "../wire/fast.ts";
import type { BlockMessage } from "../wire/message.ts";
import { markDirty } from "./attention.ts";
import {
  ALLOWED_FAST_BELOW_PIECES,
  ALLOWED_FAST_COUNT,
  REQUEST_LENGTH_MAX,
  UPLOAD_AHEAD_MAX,
  UPLOAD_AHEAD_MIN,
  UPLOAD_AHEAD_SECONDS,
  UPLOAD_QUEUE_PAUSE,
  UPLOAD_QUEUE_RESUME,
} from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import {
  cancelRequest,
  createRequestQueue,
  isServed,
  pushRequest,
  type RequestQueue,
  takeAllRequests,
  takeRequest,
} from "./request_queue.ts";
import { scheduleSave } from "./saving.ts";
import type { Transfer } from "./state.ts";
import { suggestPiece } from "./suggesting.ts";
import { isHidden, noteAsked, noteNotSent } from "./super_seeding.ts";

interface OwnPeer {
  /** What it asked of us. */
  readonly queue: RequestQueue;
  readingPaused: boolean;
  /** Payload handed to the shell and not yet sent. */
  uploadAhead: number;
  /** Of that, what was on its way when we choked it: it is sent, but the peer is served no more. */
  leftoverBytes: number;
  /** Pieces we let it ask for while choked. BEP 6. */
  readonly grantedFast: Set<number>;
  lastRequestMs: number;
  /** Since when it has waited for the next block, and what all peers together had taken by then. */
  waitsSinceMs: number;
  uploadedThen: number;
  readonly up: RateMeter;
}

export type PeerUploads = View<OwnPeer>;

interface Own {
  /** Payload bytes of all runs. */
  uploaded: number;
  lastUploadMs: number;
  readonly up: RateMeter;
}

export type Uploads = View<Own>;

/** `uploaded`: payload bytes of earlier runs. */
export function createUploads(uploaded: number, now: number): Uploads {
  return { uploaded, lastUploadMs: now, up: createRateMeter(now) };
}

/** It asked for nothing. */
export function createPeerUploads(pieceLength: number, now: number): PeerUploads {
  return {
    queue: createRequestQueue(pieceLength),
    readingPaused: false,
    uploadAhead: 0,
    leftoverBytes: 0,
    grantedFast: new Set(),
    lastRequestMs: -Infinity,
    waitsSinceMs: now,
    uploadedThen: 0,
    up: createRateMeter(now),
  };
}

/**
 * Tells the peer the pieces that it may ask for while choked. Only pieces that we have: a promise that
 * we can't keep would be rejected anyway. Spec: BEP 6, allowed fast.
 */
export function grantFast(transfer: Transfer, peer: Peer, effects: TransferEffects): void {
  if (!peer.link.features.fast || transfer.haveCount === 0) return;
  const { options, geometry } = transfer;
  const hash = infoHashBytes(options.infoHash);
  const { ip } = peer.link.address;
  const set = allowedFastSet(hash, ip, geometry.pieceCount, ALLOWED_FAST_COUNT, options.sha1);
  for (const piece of set) {
    if (!hasBit(transfer.have, piece)) continue;
    (peer as PeerUploads as OwnPeer).grantedFast.add(piece);
    effects.push({ kind: "send", peer: peer.key, message: { kind: "allowed-fast", piece } });
  }
}

/**
 * Queues a request, rejects one that we may not serve, and gives a reason to end the connection for one
 * that no honest peer sends: over 128 KiB, of nothing, or beyond the end of the piece or the torrent.
 *
 * Spec: BEP 3, request; BEP 6, reject request.
 */
export function onRequest(
  transfer: Transfer,
  peer: Peer,
  request: BlockMessage,
  now: number,
  effects: TransferEffects,
): string | undefined {
  const { piece, begin, length } = request;
  const why = violationOf(transfer, request);
  if (why !== undefined) return why;
  const own = peer as PeerUploads as OwnPeer;
  own.lastRequestMs = now;
  const mayAsk = !peer.amChoking || mayAskChoked(transfer, peer, piece);
  if (!mayAsk || !hasBit(transfer.have, piece) || isHidden(transfer, peer, piece)) {
    reject(peer, piece, begin, length, effects);
    return undefined;
  }
  if (!isServed(own)) restartWait(transfer, own, now);
  pushRequest(own.queue, piece, begin, length);
  noteAsked(peer, piece, length);
  // Its next piece is needed once this one is asked for.
  if (begin === 0 && !peer.amChoking) suggestPiece(transfer, peer, effects);
  if (!peer.readingPaused && own.queue.size >= UPLOAD_QUEUE_PAUSE) {
    own.readingPaused = true;
    effects.push({ kind: "pause-reading", peer: peer.key });
  }
  markDirty(transfer, peer);
  return undefined;
}

/**
 * A newcomer may ask for its allowed fast set, while few others do: were all of them served at once, the
 * uplink would be split among more than have slots, and no first piece would soon be complete.
 *
 * Spec: BEP 6, "a peer MAY reject requests ... if the local peer lacks resources".
 */
function mayAskChoked(transfer: Transfer, peer: Peer, piece: number): boolean {
  if (peer.haveCount >= ALLOWED_FAST_BELOW_PIECES || !peer.grantedFast.has(piece)) return false;
  return isServed(peer) || countServedChoked(transfer) < transfer.tuning.allowedFastPeers;
}

function countServedChoked(transfer: Transfer): number {
  let count = 0;
  for (const peer of transfer.peers.values()) if (peer.amChoking && isServed(peer)) count++;
  return count;
}

function violationOf(
  transfer: Transfer,
  { piece, begin, length }: BlockMessage,
): string | undefined {
  if (piece >= transfer.geometry.pieceCount) return `a request for piece ${piece}, beyond the end`;
  if (length > REQUEST_LENGTH_MAX) return `a request for ${length} bytes, over 128 KiB`;
  if (length === 0) return "a request for nothing";
  const isBeyond = begin >= pieceSize(transfer.geometry, piece) ||
    begin + length > requestEnd(transfer, piece);
  if (isBeyond) return "a request beyond a piece's end";
  return undefined;
}

/**
 * Takes a request out of the queue, here or in the shell; one that is on its way will be served.
 *
 * Spec: BEP 3, cancel; BEP 6, "a reject or the block" answers a cancelled request.
 */
export function onCancel(
  transfer: Transfer,
  peer: Peer,
  cancel: BlockMessage,
  effects: TransferEffects,
): void {
  const { piece, begin, length } = cancel;
  if (cancelRequest(peer.queue, piece, begin, length)) {
    markDirty(transfer, peer);
    return dropRequest(peer, piece, begin, length, effects);
  }
  if (peer.uploadAhead === 0) return;
  effects.push({ kind: "take-back-uploads", peer: peer.key, blocks: [piece, begin, length] });
}

/**
 * The shell gave back blocks that it had not read: triples of piece, begin, length. They are rejected,
 * but for those that a choked peer may ask for, which wait again in front of all others.
 */
export function onUploadsTakenBack(
  transfer: Transfer,
  view: Peer,
  blocks: readonly number[],
  effects: TransferEffects,
): void {
  const peer = view as PeerUploads as Peer & OwnPeer;
  const kept: number[] = [];
  for (let i = 0; i < blocks.length; i += 3) {
    const piece = blocks[i]!, begin = blocks[i + 1]!, length = blocks[i + 2]!;
    peer.uploadAhead -= length;
    if (peer.amChoking && mayStay(transfer, peer, piece)) kept.push(piece, begin, length);
    else dropRequest(peer, piece, begin, length, effects);
  }
  peer.leftoverBytes = Math.min(peer.leftoverBytes, peer.uploadAhead);
  if (kept.length > 0) {
    kept.push(...takeAllRequests(peer.queue));
    for (let i = 0; i < kept.length; i += 3) {
      pushRequest(peer.queue, kept[i]!, kept[i + 1]!, kept[i + 2]!);
    }
  }
  markDirty(transfer, peer);
}

/** A choked peer's request for a piece of its allowed fast set. */
function mayStay(transfer: Transfer, peer: Peer, piece: number): boolean {
  return peer.grantedFast.has(piece) && hasBit(transfer.have, piece);
}

/** What the shell may hold for a peer, by how fast it took blocks in the last second. */
function aheadBytesMax({ up }: Peer): number {
  const ahead = UPLOAD_AHEAD_SECONDS * Math.max(up.rate, up.pending);
  return Math.min(UPLOAD_AHEAD_MAX, UPLOAD_AHEAD_MIN + ahead);
}

/** Hands waiting requests to the shell, up to what it may hold for one peer. */
export function serveQueue(view: Peer, effects: TransferEffects): void {
  const peer = view as PeerUploads as Peer & OwnPeer;
  if (peer.queue.size === 0) return resumeIfRoom(peer, effects);
  const blocks: number[] = [];
  const aheadMax = aheadBytesMax(peer);
  while (peer.queue.size > 0 && peer.uploadAhead < aheadMax) {
    peer.uploadAhead += takeRequest(peer.queue, blocks);
  }
  if (blocks.length > 0) effects.push({ kind: "upload", peer: peer.key, blocks });
  resumeIfRoom(peer, effects);
}

function resumeIfRoom(peer: Peer, effects: TransferEffects): void {
  if (!peer.readingPaused || peer.queue.size > UPLOAD_QUEUE_RESUME) return;
  (peer as PeerUploads as OwnPeer).readingPaused = false;
  effects.push({ kind: "resume-reading", peer: peer.key });
}

/** Payload left through a socket; it counts even when the peer is gone since. */
export function onBlocksSent(
  transfer: Transfer,
  peer: Peer | undefined,
  bytes: number,
  now: number,
): void {
  const own = transfer as Own;
  own.uploaded += bytes;
  own.lastUploadMs = now;
  countBytes(own.up, bytes);
  scheduleSave(transfer, now);
  if (peer === undefined) return;
  countBytes(peer.up, bytes);
  const ownPeer = peer as PeerUploads as OwnPeer;
  ownPeer.uploadAhead -= bytes;
  ownPeer.leftoverBytes = Math.max(0, ownPeer.leftoverBytes - bytes);
  restartWait(transfer, ownPeer, now);
  markDirty(transfer, peer);
}

function restartWait({ uploaded }: Uploads, own: OwnPeer, now: number): void {
  own.waitsSinceMs = now;
  own.uploadedThen = uploaded;
}

/**
 * Whether the peer takes nothing of what it asked for, for `forMs`, while the uplink would have given as
 * much to `shares` peers, or nobody takes anything.
 */
export function takesNothing(
  transfer: Uploads,
  peer: PeerUploads,
  shares: number,
  forMs: number,
  now: number,
): boolean {
  if (!isServed(peer) || now - peer.waitsSinceMs < forMs) return false;
  if (now - transfer.lastUploadMs >= forMs) return true;
  return transfer.uploaded - peer.uploadedThen >= shares * peer.uploadAhead;
}

/** A promise that the disk broke: the peer must look elsewhere. */
export function onBlockUnreadable(
  transfer: Transfer,
  peer: Peer,
  block: { readonly piece: number; readonly begin: number; readonly length: number },
  effects: TransferEffects,
): void {
  const { piece, begin, length } = block;
  (peer as PeerUploads as OwnPeer).uploadAhead -= length;
  markDirty(transfer, peer);
  dropRequest(peer, piece, begin, length, effects);
}

/** We choked it: what it asked for will not come, pieces of its allowed fast set excepted. */
export function dropQueue(transfer: Transfer, view: Peer, effects: TransferEffects): void {
  const peer = view as PeerUploads as Peer & OwnPeer;
  const asked = takeAllRequests(peer.queue);
  for (let i = 0; i < asked.length; i += 3) {
    const piece = asked[i]!, begin = asked[i + 1]!, length = asked[i + 2]!;
    if (mayStay(transfer, peer, piece)) pushRequest(peer.queue, piece, begin, length);
    else dropRequest(peer, piece, begin, length, effects);
  }
  peer.leftoverBytes = peer.uploadAhead;
  if (peer.uploadAhead > 0) {
    effects.push({ kind: "take-back-uploads", peer: peer.key, blocks: undefined });
  }
  resumeIfRoom(peer, effects);
}

/** A request that was accepted is not served after all. */
function dropRequest(
  peer: Peer,
  piece: number,
  begin: number,
  length: number,
  effects: TransferEffects,
): void {
  noteNotSent(peer, piece, length);
  reject(peer, piece, begin, length, effects);
}

/** Spec: BEP 6, every request gets its block or a reject; without the extension silence is the answer. */
function reject(
  peer: Peer,
  piece: number,
  begin: number,
  length: number,
  effects: TransferEffects,
): void {
  if (!peer.link.features.fast) return;
  const message = { kind: "reject", piece, begin, length } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

/**
 * Where requests of a piece end. libtorrent takes the gap behind a short piece of a v2 torrent for padding
 * and asks for whole blocks: the rest of such a block is zeros.
 */
function requestEnd(transfer: Transfer, piece: number): number {
  const size = pieceSize(transfer.geometry, piece);
  return transfer.layersRequired ? Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE : size;
}
