/**
 * What others ask of us. Requests wait in the peer's queue as coordinates; a bounded number of bytes is
 * handed to the shell, which reads and sends them. A full queue stops our reading, it drops nothing.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { pieceSize } from "../metainfo/geometry.ts";
import type { BlockMessage } from "../wire/message.ts";
import { closePeer } from "./connections.ts";
import {
  ALLOWED_FAST_BELOW_PIECES,
  REQUEST_LENGTH_MAX,
  UPLOAD_AHEAD_BYTES,
  UPLOAD_QUEUE_PAUSE,
  UPLOAD_QUEUE_RESUME,
} from "./limits.ts";
import type { Effect, Event } from "./protocol.ts";
import { countBytes } from "./rate_meter.ts";
import { scheduleSave } from "./saving.ts";
import { suggestPiece } from "./suggesting.ts";
import { markDirty, type Peer, type Torrent } from "./state.ts";

/** Processed heads are cut off the queue once they are this many numbers. */
const QUEUE_TRIM = 3 * 1_024;

/**
 * Queues a request, rejects one that we may not serve, and ends the connection for one that no honest
 * peer sends: over 128 KiB, of nothing, or beyond the end of the piece or the torrent.
 *
 * Spec: BEP 3, request; BEP 6, reject request.
 */
export function onRequest(
  torrent: Torrent,
  peer: Peer,
  request: BlockMessage,
  now: number,
  effects: Effect[],
): void {
  const { piece, begin, length } = request;
  const why = violationOf(torrent, request);
  if (why !== undefined) return closePeer(torrent, peer, "protocol-violation", now, effects, why);
  peer.lastAskedMs = now;
  const mayAsk = !peer.amChoking || mayAskChoked(torrent, peer, piece);
  if (!mayAsk || !hasBit(torrent.have, piece)) return reject(peer, piece, begin, length, effects);
  peer.queue.push(piece, begin, length);
  // Its next piece is needed once this one is asked for.
  if (begin === 0 && !peer.amChoking) suggestPiece(torrent, peer, effects);
  if (!peer.readingPaused && queueSize(peer) >= UPLOAD_QUEUE_PAUSE) {
    peer.readingPaused = true;
    effects.push({ kind: "pause-reading", peer: peer.key });
  }
  markDirty(torrent, peer);
}

/**
 * A newcomer may ask for its allowed fast set, while few others do: were all of them served at once, the
 * uplink would be split among more than have slots, and nobody's first piece would soon be whole.
 *
 * Spec: BEP 6, "a peer MAY reject requests ... if the local peer lacks resources".
 */
function mayAskChoked(torrent: Torrent, peer: Peer, piece: number): boolean {
  if (peer.haveCount >= ALLOWED_FAST_BELOW_PIECES || !peer.grantedFast.has(piece)) return false;
  return isServed(peer) || countServedChoked(torrent) < torrent.tuning.allowedFastPeers;
}

function countServedChoked(torrent: Torrent): number {
  let count = 0;
  for (const peer of torrent.peers.values()) if (peer.amChoking && isServed(peer)) count++;
  return count;
}

/** Something that it asked for was not sent yet. */
export function isServed(peer: Peer): boolean {
  return peer.uploadAhead > 0 || peer.queueHead < peer.queue.length;
}

function violationOf(torrent: Torrent, { piece, begin, length }: BlockMessage): string | undefined {
  if (piece >= torrent.geometry.pieceCount) return `a request for piece ${piece}, beyond the end`;
  if (length > REQUEST_LENGTH_MAX) return `a request for ${length} bytes, over 128 KiB`;
  if (length === 0) return "a request for nothing";
  if (begin + length > pieceSize(torrent.geometry, piece)) return "a request beyond a piece's end";
  return undefined;
}

/**
 * Takes a request out of the queue if it still waits there; one that left for the shell will be served.
 *
 * Spec: BEP 3, cancel; BEP 6, "a reject or the block" answers a cancelled request.
 */
export function onCancel(
  torrent: Torrent,
  peer: Peer,
  cancel: BlockMessage,
  effects: Effect[],
): void {
  const { piece, begin, length } = cancel;
  for (let i = peer.queueHead; i < peer.queue.length; i += 3) {
    const { queue } = peer;
    if (queue[i] !== piece || queue[i + 1] !== begin || queue[i + 2] !== length) continue;
    queue.splice(i, 3);
    markDirty(torrent, peer);
    return reject(peer, piece, begin, length, effects);
  }
}

/** Hands waiting requests to the shell, up to what it may hold for one peer. */
export function serveQueue(peer: Peer, now: number, effects: Effect[]): void {
  if (peer.queue.length === 0) return resumeIfRoom(peer, now, effects);
  const blocks: number[] = [];
  while (peer.queueHead < peer.queue.length && peer.uploadAhead < UPLOAD_AHEAD_BYTES) {
    const length = peer.queue[peer.queueHead + 2]!;
    blocks.push(peer.queue[peer.queueHead]!, peer.queue[peer.queueHead + 1]!, length);
    peer.uploadAhead += length;
    peer.queueHead += 3;
  }
  if (peer.queueHead >= QUEUE_TRIM || peer.queueHead >= peer.queue.length) {
    peer.queue = peer.queue.slice(peer.queueHead);
    peer.queueHead = 0;
  }
  if (blocks.length > 0) {
    peer.lastSentMs = now;
    effects.push({ kind: "upload", peer: peer.key, blocks });
  }
  resumeIfRoom(peer, now, effects);
}

/** What the peer said while we did not read is heard late: it must not count as dead for that. */
function resumeIfRoom(peer: Peer, now: number, effects: Effect[]): void {
  if (!peer.readingPaused || queueSize(peer) > UPLOAD_QUEUE_RESUME) return;
  peer.readingPaused = false;
  peer.lastHeardMs = now;
  effects.push({ kind: "resume-reading", peer: peer.key });
}

/** Payload left through a socket; it counts even when the peer is gone since. */
export function onBlocksSent(
  torrent: Torrent,
  peer: Peer | undefined,
  bytes: number,
  now: number,
): void {
  torrent.uploaded += bytes;
  torrent.lastUploadMs = now;
  countBytes(torrent.up, bytes);
  scheduleSave(torrent, now);
  if (peer === undefined) return;
  countBytes(peer.up, bytes);
  peer.uploadAhead -= bytes;
  markDirty(torrent, peer);
  // We do not read it, so what it takes is its sign of life.
  if (peer.readingPaused) peer.lastHeardMs = now;
}

/** A promise that the disk broke: the peer must look elsewhere. */
export function onBlockUnreadable(
  torrent: Torrent,
  peer: Peer,
  block: Extract<Event, { kind: "block-unreadable" }>,
  effects: Effect[],
): void {
  const { piece, begin, length } = block;
  peer.uploadAhead -= length;
  markDirty(torrent, peer);
  reject(peer, piece, begin, length, effects);
}

/** We choked it: what it asked for will not come, pieces of its allowed fast set excepted. */
export function dropQueue(torrent: Torrent, peer: Peer, now: number, effects: Effect[]): void {
  const { queue, queueHead } = peer;
  peer.queue = [];
  peer.queueHead = 0;
  for (let i = queueHead; i < queue.length; i += 3) {
    const piece = queue[i]!, begin = queue[i + 1]!, length = queue[i + 2]!;
    if (peer.grantedFast.has(piece) && hasBit(torrent.have, piece)) {
      peer.queue.push(piece, begin, length);
    } else reject(peer, piece, begin, length, effects);
  }
  resumeIfRoom(peer, now, effects);
}

/** Spec: BEP 6, every request gets its block or a reject; without the extension silence is the answer. */
function reject(
  peer: Peer,
  piece: number,
  begin: number,
  length: number,
  effects: Effect[],
): void {
  if (!peer.features.fast) return;
  const message = { kind: "reject", piece, begin, length } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

function queueSize(peer: Peer): number {
  return (peer.queue.length - peer.queueHead) / 3;
}
