/** Invariants of every simulated world, under any faults. A check that fails throws. */
import { assert } from "../bytes/result.ts";
import { BLOCK_SIZE, pieceSize } from "../metainfo/geometry.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { transferOf } from "../torrent/state.ts";
import { PIPELINE_MAX } from "../transfer/limits.ts";
import { BLOCK_REQUESTED } from "../transfer/partials.ts";
import { isEndgame } from "../transfer/picker.ts";
import { isOnDisk } from "./disk.ts";
import { GOOD, type Node } from "./node.ts";
import type { World } from "./state.ts";

/** A node is about to send blocks: it has them, and no request exceeds the piece. */
export function checkUpload(world: World, node: Node, blocks: readonly number[]): void {
  for (let i = 0; i < blocks.length; i += 3) {
    const piece = blocks[i]!;
    assert(isOnDisk(node.disk, piece), `${node.name} uploads piece ${piece}, which it lacks`);
    const end = blocks[i + 1]! + blocks[i + 2]!;
    assert(end <= pieceSize(world.geometry, piece), `${node.name} uploads beyond a piece's end`);
  }
}

/**
 * A node is about to ask for blocks: each is owed by this peer now, by others only in endgame, and
 * the peer owes no more than it may.
 */
export function checkRequest(node: Node, key: number, blocks: readonly number[]): void {
  const { torrent } = node;
  const transfer = transferOf(torrent);
  const peer = transfer.peers.get(key);
  assert(peer !== undefined, "only connected peers are asked");
  const most = Math.min(PIPELINE_MAX, Math.max(1, peer.link.reqq));
  assert(peer.outstanding.size <= most, `${node.name} has too many requests under way`);
  for (let i = 0; i < blocks.length; i += 3) {
    const piece = blocks[i]!, block = blocks[i + 1]! / BLOCK_SIZE;
    assert(!hasBit(transfer.have, piece), `${node.name} asks for piece ${piece}, which it has`);
    const partial = transfer.partials.get(piece);
    const state = partial?.state[block];
    assert(state === BLOCK_REQUESTED, `${node.name} asks for block ${piece}.${block} in vain`);
    const requesters = partial!.requesters[block]!;
    assert(
      requesters === 1 || torrent.inEndgame || isEndgame(transfer),
      `${node.name} asks ${requesters} peers for block ${piece}.${block} outside endgame`,
    );
  }
}

/** A whole piece goes to the hash: every block of it is there. Whether all are right. */
export function isBufferGood(node: Node, piece: number): boolean {
  const buffer = node.buffers.get(piece);
  assert(buffer !== undefined, `${node.name} checks piece ${piece} without a buffer`);
  const isWhole = buffer.every((block) => block !== 0);
  assert(isWhole, `${node.name} checks piece ${piece} before it is whole`);
  return buffer.every((block) => block === GOOD);
}

/** Every piece that a node claims is valid on its disk, and the bookkeeping of all agrees. */
export function checkWorld(world: World): void {
  const { tally, nodes, geometry } = world;
  const { bytesSent, bytesTaken, bytesLost, bytesOnTheWay } = tally;
  let uploaded = 0, leaving = 0, received = 0;
  for (const { name, torrent, disk, ends, isOnline } of nodes) {
    const transfer = transferOf(torrent);
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      const isClaimed = isOnline && hasBit(transfer.have, piece);
      assert(!isClaimed || isOnDisk(disk, piece), `${name} claims piece ${piece}, which it lacks`);
    }
    for (const end of ends.values()) leaving += end.leaving;
    uploaded += transfer.uploaded - torrent.options.uploadedBefore;
    received += transfer.downloaded - torrent.options.downloadedBefore + transfer.wasted;
  }
  const accounted = bytesTaken + bytesLost + bytesOnTheWay;
  assert(bytesSent === accounted, `${bytesSent} bytes were sent, ${accounted} are accounted for`);
  // What earlier runs moved is in their cores, which are gone, or was never saved.
  if (nodes.some(({ run }) => run > 0)) return;
  assert(received === bytesTaken, `peers count ${received} bytes, they took ${bytesTaken}`);
  assert(uploaded + leaving <= bytesSent, `peers count ${uploaded} bytes uploaded of ${bytesSent}`);
}
