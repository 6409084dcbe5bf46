/**
 * Which blocks to ask a source for, a peer or a web server: what a reader needs soon, suggested pieces,
 * then pieces already started, then the rarest new one (the first few at random), and in endgame what
 * others were asked for already.
 */
import { leastRate } from "../limits/rate_meter.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { nextUint32 } from "../bytes/random.ts";
import {
  anyOf,
  availabilityOf,
  isAnyAvailable,
  isAnyOnSeedsOnly,
  rarestOf,
  rarestOfFew,
} from "./availability.ts";
import { isSeed, setNothingNew } from "./offers.ts";
import {
  ask,
  BLOCK_FREE,
  BLOCK_REQUESTED,
  blockKey,
  claimPartial,
  giveBackPiece,
  hasRoom,
  type PartialPiece,
  restartAlone,
  startPiece,
} from "./partials.ts";
import { dueRoom, isLeftToFaster, takeDue } from "./due.ts";
import type { Source } from "./source.ts";
import { takeSuggestion } from "./hints.ts";
import { ENDGAME_SLOW_FACTOR } from "./limits.ts";
import { isInCrowd, nextInSequence } from "./order.ts";
import { canGive, giveObstacle, mayTake, type Obstacle, takeObstacle } from "./obstacles.ts";
import { nextOfRun } from "./runs.ts";
import { mayStartPiece } from "./share_rule.ts";
import type { Transfer } from "./state.ts";

/** A peer with less than this part of the wanted pieces has few: its bitfield is searched instead. */
const FEW_PIECES = 8;

/**
 * Marks up to `count` blocks as requested from the peer and appends them to `blocks` as triples of
 * piece, begin, length. A choked peer is asked only for what it allows.
 */
export function pickBlocks(
  transfer: Transfer,
  peer: Source,
  count: number,
  now: number,
  blocks: number[],
): void {
  const before = blocks.length;
  const { availability } = transfer;
  const isSource = isSeed(peer) && !peer.link.isWebSeed && isAnyOnSeedsOnly(availability);
  const isForReader = transfer.due.length > 0 && !(isSource && isInCrowd(transfer));
  const room = isForReader ? dueRoom(peer) : Infinity;
  const wanted = before + 3 * Math.min(count, room);
  // Whole pieces one behind the other make one request of a server; what others left over does not.
  while (peer.link.isWebSeed && blocks.length < wanted) {
    if (!takeNew(transfer, peer, now, wanted, blocks)) break;
  }
  if (isForReader) takeDue(transfer, peer, now, wanted, blocks);
  // While a seed alone has some pieces, others finish what others can: each copy that it sends of what
  // the swarm has keeps the swarm waiting.
  if (isSource) {
    takeStarted(transfer, peer, now, wanted, blocks, true);
    while (blocks.length < wanted && isAnyOnSeedsOnly(availability)) {
      if (!takeNew(transfer, peer, now, wanted, blocks)) break;
    }
  }
  takeStarted(transfer, peer, now, wanted, blocks, false);
  while (blocks.length < wanted && takeNew(transfer, peer, now, wanted, blocks));
  if (peer.snubbed) return;
  if (blocks.length < wanted && isEndgame(transfer)) {
    takeDuplicates(transfer, peer, now, wanted, blocks);
  }
  if (blocks.length === before && peer.outstanding.size === 0) {
    takeStuck(transfer, peer, now, wanted, blocks);
  }
}

/** Takes free blocks of started pieces; with `onSeedsOnly` none that another than a seed has. */
function takeStarted(
  transfer: Transfer,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
  onSeedsOnly: boolean,
): void {
  for (const partial of transfer.open) {
    if (blocks.length >= wanted) return;
    if (onSeedsOnly && transfer.availability.counts[partial.piece]! > 0) continue;
    if (partial.free > 0 && mayTake(partial, peer, now)) {
      if (isLeftToFaster(transfer, peer, partial.piece, now)) continue;
      takeFree(transfer, partial, peer, now, wanted, blocks);
    }
  }
}

/** Starts a piece with this peer; false when there is none to start. */
function takeNew(
  transfer: Transfer,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
): boolean {
  const piece = nextPiece(transfer, peer);
  if (piece < 0) return false;
  takeFree(transfer, startPiece(transfer, piece, peer.onParole), peer, now, wanted, blocks);
  return true;
}

/**
 * Whether every piece that can be had is started and every block of them asked for. With the buffers
 * full of what slow peers owe it is so, too: else the fast would wait for the slow.
 */
export function isEndgame(transfer: Transfer): boolean {
  const { availability, partials, open } = transfer;
  const isMore = isAnyAvailable(availability) && mayStartPiece(transfer);
  if (isMore && (hasRoom(transfer) || open.size < partials.size)) return false;
  for (const { piece, free } of open) {
    if (free > 0 && availabilityOf(availability, piece) > 0) return false;
  }
  return partials.size > 0;
}

/** What keeps the peer from being asked for some block of a started piece, by any of the ways above. */
export function askObstacle(
  transfer: Transfer,
  peer: Source,
  partial: PartialPiece,
  isEndgame: boolean,
  now: number,
): Obstacle | undefined {
  const obstacle = takeObstacle(partial, peer, now);
  if (obstacle !== undefined) {
    return mayTakeStuck(transfer, peer, partial, now) ? undefined : obstacle;
  }
  if (partial.free > 0) return undefined;
  return isEndgame && mayAskAgain(transfer, peer, partial, now) ? undefined : "asked";
}

function mayTakeStuck(
  transfer: Transfer,
  peer: Source,
  partial: PartialPiece,
  now: number,
): boolean {
  if (peer.outstanding.size > 0 || peer.snubbed) return false;
  if (giveObstacle(peer, partial, now) !== undefined) return false;
  return partial.alone ? hasStuckOwner(transfer, partial, now) : partial.free > 0;
}

/** Endgame: whether a block that others owe us may be asked of this peer, too. */
function mayAskAgain(
  transfer: Transfer,
  peer: Source,
  partial: PartialPiece,
  now: number,
): boolean {
  if (peer.snubbed || peer.onParole || partial.alone) return false;
  if (peer.outstanding.size >= transfer.tuning.endgamePipeline) return false;
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    if (partial.requesters[block]! >= transfer.tuning.endgameRequesters) continue;
    if (peer.outstanding.has(blockKey(transfer, partial.piece, block))) continue;
    if (isLate(transfer, partial, block, peer, now)) return true;
  }
  return false;
}

function takeFree(
  transfer: Transfer,
  partial: PartialPiece,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  claimPartial(partial, peer);
  for (let block = 0; block < partial.blocks && partial.free > 0; block++) {
    if (blocks.length >= wanted) return;
    if (partial.state[block] === BLOCK_FREE) ask(transfer, partial, block, peer, now, blocks);
  }
}

/** A piece to start with this peer, or -1. */
function nextPiece(transfer: Transfer, peer: Source): number {
  const { availability } = transfer;
  if (availability.size === 0 || peer.hasNothingNew) return -1;
  if (!mayStartPiece(transfer) || !hasRoom(transfer)) return -1;
  if (peer.isChoking) {
    for (const piece of peer.allowedFast) {
      if (availability.position[piece]! >= 0 && hasBit(peer.have, piece)) return piece;
    }
    return -1;
  }
  if (peer.link.isWebSeed) return nextOfRun(transfer, peer);
  const suggested = nextSuggested(transfer, peer);
  if (suggested >= 0) return suggested;
  if (isInSequence(transfer)) return nextOrNothingNew(peer, nextInSequence(transfer, peer));
  const isFirst = transfer.haveCount + transfer.partials.size < transfer.tuning.randomFirstPieces;
  const draw = nextUint32(transfer.rng);
  const { have } = peer;
  const rarest = peer.haveCount * FEW_PIECES < availability.size ? rarestOfFew : rarestOf;
  const piece = isFirst
    ? anyOf(availability, have, draw)
    : rarest(availability, have, draw, peer.countedAsSeed ? 0 : 1);
  return nextOrNothingNew(peer, piece);
}

/**
 * Whether the next piece is the next in sequence. In a crowd of readers only every second one is: if all
 * have the same beginning, they have nothing to exchange.
 */
function isInSequence(transfer: Transfer): boolean {
  if (!transfer.isSequential) return false;
  const isOneOfMany = transfer.due.length > 0 && isInCrowd(transfer);
  return !isOneOfMany || nextUint32(transfer.rng) % 2 === 0;
}

/** A suggested piece that may be started, or -1. */
function nextSuggested({ availability }: Transfer, peer: Source): number {
  for (let piece = takeSuggestion(peer); piece >= 0; piece = takeSuggestion(peer)) {
    if (availability.position[piece]! >= 0 && hasBit(peer.have, piece)) return piece;
  }
  return -1;
}

/** Finding none looked at every wanted piece: that is not done again before it can end otherwise. */
function nextOrNothingNew(peer: Source, piece: number): number {
  setNothingNew(peer, piece < 0);
  return piece;
}

/** Asks this peer, too, for blocks that others owe us: the ones fewest were asked for first. */
function takeDuplicates(
  transfer: Transfer,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  const room = Math.max(0, transfer.tuning.endgamePipeline - peer.outstanding.size);
  const most = Math.min(wanted, blocks.length + 3 * room);
  for (let requesters = 1; requesters < transfer.tuning.endgameRequesters; requesters++) {
    for (const partial of transfer.open) {
      if (partial.alone || peer.onParole || !mayTake(partial, peer, now)) continue;
      takeAgain(transfer, partial, peer, requesters, now, most, blocks);
    }
  }
}

/** Late blocks of the piece that `requesters` others owe us. */
function takeAgain(
  transfer: Transfer,
  partial: PartialPiece,
  peer: Source,
  requesters: number,
  now: number,
  most: number,
  blocks: number[],
): void {
  for (let block = 0; block < partial.blocks; block++) {
    if (blocks.length >= most) return;
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    if (partial.requesters[block] !== requesters) continue;
    if (peer.outstanding.has(blockKey(transfer, partial.piece, block))) continue;
    if (!isLate(transfer, partial, block, peer, now)) continue;
    ask(transfer, partial, block, peer, now, blocks);
  }
}

/**
 * Whether a requested block is worth a second request: it has been outstanding for long, or `peer` is
 * much faster than the one that was asked last.
 */
function isLate(
  transfer: Transfer,
  partial: PartialPiece,
  block: number,
  peer: Source,
  now: number,
): boolean {
  const asked = transfer.peers.get(partial.senders[block]!);
  const askedMs = asked?.outstanding.get(blockKey(transfer, partial.piece, block));
  if (asked === undefined || askedMs === undefined) return true;
  if (now - askedMs >= transfer.tuning.endgameLateMs) return true;
  return leastRate(asked.down) * ENDGAME_SLOW_FACTOR < leastRate(peer.down);
}

/**
 * A peer with nothing else to do unties a piece. One whose only sender stopped sending starts afresh
 * with this peer. A mixed one takes blocks even from a peer on parole: should it fail, it is fetched
 * alone next.
 */
function takeStuck(
  transfer: Transfer,
  peer: Source,
  now: number,
  wanted: number,
  blocks: number[],
): void {
  for (const partial of transfer.open) {
    if (blocks.length >= wanted) return;
    if ((partial.free === 0 && !partial.alone) || !canGive(peer, partial, now)) continue;
    if (partial.alone) {
      if (!hasStuckOwner(transfer, partial, now)) continue;
      giveBackPiece(transfer, transfer.peers.get(partial.owner!)!, partial);
      restartAlone(transfer, partial);
    }
    takeFree(transfer, partial, peer, now, wanted, blocks);
  }
}

/** Whether a piece's only sender has stopped or hardly sends, so that another may start afresh. */
function hasStuckOwner(transfer: Transfer, partial: PartialPiece, now: number): boolean {
  const owner = transfer.peers.get(partial.owner!)!;
  const isAsked = partial.free + partial.received < partial.blocks;
  const mayStillSend = isAsked || canGive(owner, partial, now);
  return owner.snubbed || !mayStillSend || owner.isSilent || partial.isSlow;
}
