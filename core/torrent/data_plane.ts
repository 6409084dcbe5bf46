/**
 * Blocks coming in. The pump passes five numbers for each and keeps the bytes; nothing here allocates
 * for a block in the steady state.
 */
import { BLOCK_SIZE, blockLength, pieceSize } from "../metainfo/geometry.ts";
import { closePeer } from "./connections.ts";
import { markReceived } from "./picker.ts";
import type { BlockVerdict, Effect, PeerKey } from "./protocol.ts";
import { countBytes } from "./rate_meter.ts";
import { cancelOthers, growPipeline, measureRoundTrip } from "./requests.ts";
import { blockKey, markDirty, type Peer, startJob, type Torrent } from "./state.ts";

/**
 * A whole block of `length` bytes arrived. On "accepted" the caller copies it into the piece's buffer
 * before it runs the effects.
 */
export function receiveBlock(
  torrent: Torrent,
  key: PeerKey,
  piece: number,
  begin: number,
  length: number,
  now: number,
  effects: Effect[],
): BlockVerdict {
  const peer = torrent.peers.get(key);
  if (peer === undefined) return "unwanted";
  const { geometry } = torrent;
  const isBeyond = piece >= geometry.pieceCount || begin + length > pieceSize(geometry, piece);
  if (isBeyond || length === 0) {
    const why = isBeyond ? "a block beyond the end" : "an empty block";
    closePeer(torrent, peer, "protocol-violation", now, effects, why);
    return "violation";
  }
  peer.lastHeardMs = now;
  markDirty(torrent, peer);
  return takeBlock(torrent, peer, piece, begin, length, now, effects);
}

function takeBlock(
  torrent: Torrent,
  peer: Peer,
  piece: number,
  begin: number,
  length: number,
  now: number,
  effects: Effect[],
): BlockVerdict {
  const block = Math.floor(begin / BLOCK_SIZE);
  const key = blockKey(torrent, piece, block);
  const isExact = begin % BLOCK_SIZE === 0 &&
    length === blockLength(torrent.geometry, piece, block);
  if (!isExact || !peer.outstanding.delete(key)) {
    torrent.wasted += length;
    return "unwanted";
  }
  peer.lastBlockMs = now;
  peer.snubbed = false;
  peer.hasGiven = true;
  measureRoundTrip(peer, now);
  growPipeline(peer);
  countBytes(peer.down, length);
  countBytes(torrent.down, length);
  torrent.downloaded += length;
  const partial = torrent.partials.get(piece)!;
  const isWhole = markReceived(torrent, partial, block, peer);
  cancelOthers(torrent, partial, block, peer, effects);
  if (isWhole) {
    effects.push({ kind: "check-piece", job: startJob(torrent, { kind: "check", piece }), piece });
  }
  return "accepted";
}
