/**
 * Invariants of a torrent's state between any two batches, computed in the slow and obvious way.
 */
import { assertEquals } from "@std/assert";
import { countBits, hasBit } from "../../../core/bytes/bitfield.ts";
import { assert } from "../../../core/bytes/result.ts";
import { blockCount, pieceSize } from "../../../core/metainfo/geometry.ts";
import { availabilityOf, PRIORITY_SKIP } from "../../../core/transfer/availability.ts";
import { isWithheld } from "../../../core/transfer/hash_trees.ts";
import { mayStartPiece, withheldPiece } from "../../../core/transfer/share_rule.ts";
import type { Torrent } from "../../../core/torrent/state.ts";
import { isDead } from "../../../core/swarm/liveness.ts";
import {
  BLOCK_FREE,
  BLOCK_RECEIVED,
  BLOCK_REQUESTED,
  blockKey,
  type PartialPiece,
} from "../../../core/transfer/partials.ts";
import type { Transfer } from "../../../core/transfer/state.ts";

/**
 * Throws when the bookkeeping is inconsistent, or when a peer idles while it could be sent a
 * request.
 */
export function checkInvariants(torrent: Torrent, now: number): void {
  const { transfer } = torrent;
  if (transfer === undefined) return;
  const open = [...torrent.webSeeds.values()].filter(({ stage }) => stage === "open");
  const keys = [...torrent.swarm.connections.keys(), ...open.map(({ options }) => options.key)];
  const taking = [...transfer.peers.keys()];
  assertEquals(taking.sort(), keys.sort(), "every connection takes part in the transfer");
  checkPieces(transfer);
  checkPeers(transfer);
  checkShown(transfer);
  if (torrent.stage === "running" && !transfer.diskFailed) checkBusy(torrent, transfer, now);
  for (const partial of transfer.partials.values()) checkPartial(transfer, partial);
}

function checkPieces(transfer: Transfer): void {
  const { availability, partials, have, geometry } = transfer;
  assertEquals(transfer.haveCount, countBits(have));
  let buffered = 0;
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    const isPickable = availability.position[piece]! >= 0;
    const isWanted = transfer.priorities[piece] !== PRIORITY_SKIP;
    const waits = isWithheld(transfer, piece) && !hasBit(have, piece);
    const places = [isPickable, partials.has(piece), hasBit(have, piece), waits];
    const count = places.filter(Boolean).length;
    if (isWanted) assertEquals(count, 1, `piece ${piece} is in exactly one place`);
    else assert(count <= 1 && !isPickable, `piece ${piece} is not wanted`);
    if (isPickable) assertEquals(availability.levelOf[piece], transfer.priorities[piece]);
    if (partials.has(piece)) buffered += pieceSize(geometry, piece);
    let holders = 0;
    for (const peer of transfer.peers.values()) if (hasBit(peer.have, piece)) holders++;
    assertEquals(availabilityOf(availability, piece), holders, `holders of piece ${piece}`);
  }
  assertEquals(transfer.bufferedBytes, buffered);
  const isPicked = (piece: number) => transfer.priorities[piece] !== PRIORITY_SKIP;
  const wanted = Array.from(transfer.priorities.keys()).filter(isPicked);
  const missing = wanted.filter((piece) => !hasBit(have, piece));
  const bytes = (pieces: number[]) =>
    pieces.reduce((sum, piece) => sum + pieceSize(geometry, piece), 0);
  assertEquals(transfer.wantedCount, wanted.length);
  assertEquals(transfer.wantedHaveCount, wanted.length - missing.length);
  assertEquals(transfer.wantedBytes, bytes(wanted));
  assertEquals(transfer.wantedMissingBytes, bytes(missing));
  const open = [...partials.values()].filter(({ stage }) => stage === "open");
  assertEquals(new Set(open), transfer.open, "the pieces that lack blocks");
}

function checkPeers(transfer: Transfer): void {
  for (const peer of transfer.peers.values()) {
    assertEquals(peer.haveCount, countBits(peer.have));
    let offered = 0, shared = 0;
    for (let piece = 0; piece < peer.have.count; piece++) {
      if (!hasBit(peer.have, piece)) continue;
      if (hasBit(transfer.have, piece)) shared++;
      else if (transfer.priorities[piece] !== PRIORITY_SKIP) offered++;
    }
    assertEquals(peer.shared, shared, `pieces that we share with peer ${peer.key}`);
    assertEquals(peer.offered, offered, `pieces that peer ${peer.key} offers`);
    const offersNew = transfer.availability.position.some((at, piece) =>
      at >= 0 && hasBit(peer.have, piece)
    );
    assert(!(peer.hasNothingNew && offersNew), `peer ${peer.key} has something new`);
    for (const key of peer.outstanding.keys()) {
      const partial = transfer.partials.get(Math.floor(key / transfer.blocksPerPiece));
      assert(partial !== undefined && partial.stage === "open", "only open pieces are owed");
      assertEquals(partial.state[key % transfer.blocksPerPiece], BLOCK_REQUESTED);
      assert(!partial.alone || partial.owner === peer.key, "a piece fetched alone has one sender");
    }
  }
}

function checkShown({ superSeed, peers, geometry }: Transfer): void {
  const counts = new Uint16Array(geometry.pieceCount);
  for (const { key, shown, waiting } of peers.values()) {
    for (const piece of waiting.keys()) {
      counts[piece]!++;
      assert(shown !== undefined && shown.has(piece), `peer ${key} was shown piece ${piece}`);
    }
  }
  if (superSeed !== undefined) assertEquals(superSeed.waitingCounts, counts);
}

function checkPartial(transfer: Transfer, partial: PartialPiece): void {
  const counts = [0, 0, 0];
  assertEquals(partial.blocks, blockCount(transfer.geometry, partial.piece));
  for (let block = 0; block < partial.blocks; block++) {
    const state = partial.state[block]!;
    counts[state]!++;
    const key = blockKey(transfer, partial.piece, block);
    let requesters = 0;
    for (const peer of transfer.peers.values()) if (peer.outstanding.has(key)) requesters++;
    assertEquals(partial.requesters[block], requesters, `requesters of ${partial.piece}.${block}`);
    assertEquals(state === BLOCK_REQUESTED, requesters > 0);
  }
  assertEquals(partial.free, counts[BLOCK_FREE]);
  assertEquals(partial.received, counts[BLOCK_RECEIVED]);
  assertEquals(partial.stage === "open", partial.received < partial.blocks);
  if (partial.owner === undefined || partial.stage !== "open") return;
  assert(transfer.peers.has(partial.owner), "an owner is there");
}

function checkBusy(torrent: Torrent, transfer: Transfer, now: number): void {
  const mayStart = mayStartPiece(transfer) &&
    transfer.bufferedBytes < transfer.bufferedBytesMax;
  const withheld = withheldPiece(transfer);
  for (const peer of transfer.peers.values()) {
    const useless = withheld >= 0 && hasBit(peer.have, withheld) ? 1 : 0;
    assertEquals(peer.amInterested, peer.offered - useless > 0, `interest in peer ${peer.key}`);
    const connection = torrent.swarm.connections.get(peer.key);
    const isAble = peer.amInterested && !peer.isChoking && !peer.snubbed &&
      !(connection !== undefined && isDead(connection, now));
    if (!isAble || peer.outstanding.size > 0 || peer.refused.size > 0) continue;
    for (const { piece, stage, free, alone, owner } of transfer.partials.values()) {
      if (stage !== "open" || free === 0 || !hasBit(peer.have, piece)) continue;
      assert(alone && owner !== undefined, `peer ${peer.key} idles and could give piece ${piece}`);
    }
    for (let piece = 0; mayStart && piece < transfer.geometry.pieceCount; piece++) {
      const isWanted = transfer.availability.position[piece]! >= 0 && hasBit(peer.have, piece);
      assert(!isWanted, `peer ${peer.key} idles and could start piece ${piece}`);
    }
  }
}
