/** What must hold of a torrent's state between any two batches, computed the slow and obvious way. */
import { assertEquals } from "@std/assert";
import { countBits, hasBit } from "../../../core/bytes/bitfield.ts";
import { assert } from "../../../core/bytes/result.ts";
import { blockCount, pieceSize } from "../../../core/metainfo/geometry.ts";
import { availabilityOf } from "../../../core/torrent/availability.ts";
import {
  BLOCK_FREE,
  BLOCK_RECEIVED,
  BLOCK_REQUESTED,
  blockKey,
  type PartialPiece,
  type Torrent,
} from "../../../core/torrent/state.ts";

/** Throws when the books do not balance. */
export function checkInvariants(torrent: Torrent): void {
  checkPieces(torrent);
  checkPeers(torrent);
  for (const partial of torrent.partials.values()) checkPartial(torrent, partial);
}

function checkPieces(torrent: Torrent): void {
  const { availability, partials, have, geometry } = torrent;
  assertEquals(torrent.haveCount, countBits(have));
  let buffered = 0;
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    const isWanted = availability.position[piece]! >= 0;
    const places = [isWanted, partials.has(piece), hasBit(have, piece)];
    assertEquals(places.filter(Boolean).length, 1, `piece ${piece} is in exactly one place`);
    if (partials.has(piece)) buffered += pieceSize(geometry, piece);
    let holders = 0;
    for (const peer of torrent.peers.values()) if (hasBit(peer.have, piece)) holders++;
    assertEquals(availabilityOf(availability, piece), holders, `holders of piece ${piece}`);
  }
  assertEquals(torrent.bufferedBytes, buffered);
}

function checkPeers(torrent: Torrent): void {
  for (const peer of torrent.peers.values()) {
    assertEquals(peer.haveCount, countBits(peer.have));
    let offered = 0;
    for (let piece = 0; piece < peer.have.count; piece++) {
      if (hasBit(peer.have, piece) && !hasBit(torrent.have, piece)) offered++;
    }
    assertEquals(peer.offered, offered, `pieces that peer ${peer.key} offers`);
    for (const key of peer.outstanding.keys()) {
      const partial = torrent.partials.get(Math.floor(key / torrent.blocksPerPiece));
      assert(partial !== undefined && partial.stage === "open", "only open pieces are owed");
      assertEquals(partial.state[key % torrent.blocksPerPiece], BLOCK_REQUESTED);
      assert(!partial.alone || partial.owner === peer.key, "a piece fetched alone has one sender");
    }
  }
}

function checkPartial(torrent: Torrent, partial: PartialPiece): void {
  const counts = [0, 0, 0];
  assertEquals(partial.blocks, blockCount(torrent.geometry, partial.piece));
  for (let block = 0; block < partial.blocks; block++) {
    const state = partial.state[block]!;
    counts[state]!++;
    const key = blockKey(torrent, partial.piece, block);
    let requesters = 0;
    for (const peer of torrent.peers.values()) if (peer.outstanding.has(key)) requesters++;
    assertEquals(partial.requesters[block], requesters, `requesters of ${partial.piece}.${block}`);
    assertEquals(state === BLOCK_REQUESTED, requesters > 0);
  }
  assertEquals(partial.free, counts[BLOCK_FREE]);
  assertEquals(partial.received, counts[BLOCK_RECEIVED]);
  assertEquals(partial.stage === "open", partial.received < partial.blocks);
  if (partial.owner !== undefined) assert(torrent.peers.has(partial.owner), "an owner is there");
}
