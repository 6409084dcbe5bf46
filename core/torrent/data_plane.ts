/**
 * Blocks coming in. The pump passes five numbers for each and keeps the bytes; nothing here allocates
 * for a block in the steady state.
 */
import { pieceSize } from "../metainfo/geometry.ts";
import { noteHeard } from "../swarm/liveness.ts";
import { markDirty } from "../transfer/attention.ts";
import { takeBlock } from "../transfer/blocks.ts";
import { onSilence } from "../transfer/peers.ts";
import { closePeer } from "./peers.ts";
import type { BlockVerdict, Effect, PeerKey } from "./protocol.ts";
import type { Torrent } from "./state.ts";
import { countWebSeedBytes } from "./web_seeds.ts";

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
  const { transfer } = torrent;
  const peer = transfer?.peers.get(key);
  if (transfer === undefined || peer === undefined) return "unwanted";
  const { geometry } = transfer;
  const isBeyond = piece >= geometry.pieceCount || begin + length > pieceSize(geometry, piece);
  if (isBeyond || length === 0) {
    const why = isBeyond ? "a block beyond the end" : "an empty block";
    closePeer(torrent, key, "protocol-violation", now, effects, why);
    return "violation";
  }
  const connection = torrent.swarm.connections.get(key);
  if (connection !== undefined) noteHeard(connection, now);
  if (peer.isSilent) onSilence(transfer, peer, false);
  markDirty(transfer, peer);
  const verdict = takeBlock(transfer, peer, piece, begin, length, now, effects);
  if (verdict === "violation") {
    const why = "a flood of blocks that were not requested";
    closePeer(torrent, key, "protocol-violation", now, effects, why);
  }
  if (connection === undefined && verdict === "accepted") countWebSeedBytes(torrent, key, length);
  return verdict;
}
