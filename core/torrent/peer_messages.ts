/**
 * What a peer's messages do to the state. A message that the protocol forbids ends the connection;
 * one that is merely late or useless is ignored.
 *
 * Spec: BEP 3, peer messages; BEP 6, Fast extension; BEP 10.
 */
import { createFullBitfield, hasBit, parseBitfield, setBit } from "../bytes/bitfield.ts";
import { unreachable } from "../bytes/result.ts";
import { BLOCK_SIZE, pieceSize } from "../metainfo/geometry.ts";
import { EXTENDED_HANDSHAKE_ID } from "../wire/extended.ts";
import type { BlockMessage, Message } from "../wire/message.ts";
import { addHolder } from "./availability.ts";
import { unchokeIfRoom } from "./choker.ts";
import { closeIfBothComplete, closePeer } from "./connections.ts";
import { onExtendedHandshake } from "./greeting.ts";
import { REFUSED_FIRST_MS, REFUSED_LAST_MS } from "./limits.ts";
import { giveBack, releaseUntouched } from "./picker.ts";
import type { Effect } from "./protocol.ts";
import { blockKey, isDead, markDirty, type Peer, type Torrent } from "./state.ts";
import { onCancel, onRequest } from "./uploads.ts";

/** Pieces that a peer may suggest or allow; more say nothing and cost memory. */
const HINTS_MAX = 64;

/**
 * Applies one message of the peer, or closes the connection with a `peer-violated` report that says why.
 *
 * Spec: BEP 3, peer messages; BEP 6; BEP 10.
 */
export function onMessage(
  torrent: Torrent,
  peer: Peer,
  message: Message,
  now: number,
  effects: Effect[],
): void {
  // A peer that was ignored as dead may be asked again.
  if (isDead(peer, now)) markDirty(torrent, peer);
  peer.lastHeardMs = now;
  const fault = faultOf(torrent, peer, message);
  if (fault !== undefined) {
    return closePeer(torrent, peer, "protocol-violation", now, effects, fault);
  }
  switch (message.kind) {
    case "keep-alive":
    case "port":
    case "unknown":
      return;
    case "choke":
      return onChoke(torrent, peer);
    case "unchoke":
      peer.isChoking = false;
      markDirty(torrent, peer);
      peer.lastBlockMs = now;
      return;
    case "interested":
      peer.isInterested = true;
      peer.answered = true;
      return unchokeIfRoom(torrent, peer, now, effects);
    case "not-interested":
      peer.isInterested = false;
      peer.answered = true;
      return;
    case "have":
      onHave(torrent, peer, message.piece);
      return closeIfBothComplete(torrent, peer, now, effects);
    case "bitfield":
      onBitfield(torrent, peer, message.bits);
      return closeIfBothComplete(torrent, peer, now, effects);
    case "have-all":
      holdAll(torrent, peer);
      return closeIfBothComplete(torrent, peer, now, effects);
    case "have-none":
      return;
    case "request":
      return onRequest(torrent, peer, message, now, effects);
    case "cancel":
      return onCancel(torrent, peer, message, effects);
    case "reject":
      return onReject(torrent, peer, message, now);
    case "suggest":
      if (peer.suggested.length < HINTS_MAX) peer.suggested.push(message.piece);
      return;
    case "allowed-fast":
      if (peer.allowedFast.size < HINTS_MAX) peer.allowedFast.add(message.piece);
      markDirty(torrent, peer);
      return;
    case "extended":
      if (message.id === EXTENDED_HANDSHAKE_ID) {
        onExtendedHandshake(torrent, peer, message.payload, now);
      }
      return;
    default:
      return unreachable(message);
  }
}

/** Why the protocol forbids this message here, if it does. */
function faultOf(torrent: Torrent, peer: Peer, message: Message): string | undefined {
  const { pieceCount } = torrent.geometry;
  switch (message.kind) {
    case "have":
      return message.piece < pieceCount
        ? undefined
        : `have of piece ${message.piece}, beyond the end`;
    case "bitfield": {
      const parsed = parseBitfield(message.bits, pieceCount);
      if (parsed.ok) return undefined;
      return parsed.error.code === "bitfield-size"
        ? `a bitfield of ${parsed.error.size} bytes instead of ${parsed.error.wanted}`
        : "a bitfield with spare bits set";
    }
    case "have-all":
    case "have-none":
      if (!peer.features.fast) return `${message.kind} without the Fast extension`;
      return peer.haveCount > 0 ? `${message.kind} after the first message` : undefined;
    case "suggest":
    case "allowed-fast":
      if (!peer.features.fast) return `${message.kind} without the Fast extension`;
      return message.piece < pieceCount ? undefined : `${message.kind} of a piece beyond the end`;
    case "reject":
      return peer.features.fast ? undefined : "reject without the Fast extension";
    default:
      return undefined;
  }
}

function onHave(torrent: Torrent, peer: Peer, piece: number): void {
  if (hasBit(peer.have, piece)) return;
  setBit(peer.have, piece);
  peer.haveCount++;
  addHolder(torrent.availability, piece);
  if (!hasBit(torrent.have, piece)) peer.offered++;
  peer.hasNothingNew = false;
  markDirty(torrent, peer);
}

/**
 * BEP 3 allows a bitfield only at first. aria2 sends one in the middle of the stream instead of many
 * haves, so a later one adds what it names.
 */
function onBitfield(torrent: Torrent, peer: Peer, bits: Uint8Array): void {
  if (peer.haveCount > 0) return onHaves(torrent, peer, bits);
  const { pieceCount } = torrent.geometry;
  peer.have.bytes.set(bits);
  for (let piece = 0; piece < pieceCount; piece++) {
    if (!hasBit(peer.have, piece)) continue;
    peer.haveCount++;
    if (!hasBit(torrent.have, piece)) peer.offered++;
  }
  markDirty(torrent, peer);
  if (peer.haveCount === pieceCount) return countAsSeed(torrent, peer);
  for (let piece = 0; piece < pieceCount; piece++) {
    if (hasBit(peer.have, piece)) addHolder(torrent.availability, piece);
  }
}

function onHaves(torrent: Torrent, peer: Peer, bits: Uint8Array): void {
  const named = { bytes: bits, count: torrent.geometry.pieceCount };
  for (let piece = 0; piece < named.count; piece++) {
    if (hasBit(named, piece)) onHave(torrent, peer, piece);
  }
}

function holdAll(torrent: Torrent, peer: Peer): void {
  const { pieceCount } = torrent.geometry;
  peer.have.bytes.set(createFullBitfield(pieceCount).bytes);
  peer.haveCount = pieceCount;
  peer.offered = pieceCount - torrent.haveCount;
  markDirty(torrent, peer);
  countAsSeed(torrent, peer);
}

function countAsSeed(torrent: Torrent, peer: Peer): void {
  peer.countedAsSeed = true;
  torrent.availability.seeds++;
}

/**
 * With the Fast extension each request is answered, by its block or by a reject: blocks on their way are
 * not thrown away. Without it, what the peer owes us will not come. Spec: BEP 6, choke.
 */
function onChoke(torrent: Torrent, peer: Peer): void {
  peer.isChoking = true;
  // What it suggested was for then: by the next unchoke others have it.
  peer.suggested.length = 0;
  if (peer.features.fast) return releaseUntouched(torrent, peer);
  for (const key of [...peer.outstanding.keys()]) {
    const piece = Math.floor(key / torrent.blocksPerPiece);
    if (!peer.allowedFast.has(piece)) giveBack(torrent, peer, key);
  }
  releaseUntouched(torrent, peer);
}

/** The block goes to somebody else. A peer that rejects an allowed fast piece takes its word back. */
function onReject(torrent: Torrent, peer: Peer, reject: BlockMessage, now: number): void {
  const { piece, begin } = reject;
  const { geometry } = torrent;
  if (piece >= geometry.pieceCount || begin >= pieceSize(geometry, piece)) return;
  if (peer.isChoking) peer.allowedFast.delete(piece);
  const key = blockKey(torrent, piece, Math.floor(begin / BLOCK_SIZE));
  if (!giveBack(torrent, peer, key)) return;
  if (peer.isChoking) return;
  const before = peer.refused.get(piece);
  if (before !== undefined && now < before.untilMs) return;
  const waitMs = before === undefined
    ? REFUSED_FIRST_MS
    : Math.min(REFUSED_LAST_MS, 2 * before.waitMs);
  peer.refused.set(piece, { untilMs: now + waitMs, waitMs });
}
