/**
 * Super-seeding: a seeder that has the only copy announces no piece at first, then shows each peer
 * a few pieces that nobody else has, and the next one once another peer has what this one took. So
 * it sends each piece about once, and peers that pass nothing on get little.
 *
 * It ends for good when a few other seeds were seen, or when peers stop passing pieces on; then the
 * rest is announced, and requests are served as by any seeder.
 *
 * Invariants, while it goes on: a peer asks only for what it was shown; `waitingCounts[p]` is the
 * number of peers with p in `waiting`, and each of those was shown p.
 *
 * Spec: BEP 16.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { toHex } from "../bytes/hex.ts";
import { nextUint32, type Rng } from "../bytes/random.ts";
import type { View } from "../bytes/view.ts";
import { type Geometry, pieceSize } from "../metainfo/geometry.ts";
import { availabilityOf } from "./availability.ts";
import { noteHaveSent } from "./interest.ts";
import {
  SUPER_SEED_HAVES_PER_TICK,
  SUPER_SEED_LOOKS_MAX,
  SUPER_SEED_PATIENCE_MS,
  SUPER_SEED_PEER_BYTES_PER_SECOND,
  SUPER_SEED_PIECES_AT_ONCE,
  SUPER_SEED_SEEDS_ENOUGH,
  SUPER_SEED_UNWANTED_MS,
} from "./limits.ts";
import { isSeed } from "./offers.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";
import { isServed } from "./request_queue.ts";

/** A piece that a peer was shown and has not passed on. */
interface Wait {
  /** When it got the piece, or when it was announced to it; monotonic ms. */
  sinceMs: number;
  /** What it has not asked for. */
  leftBytes: number;
}

interface OwnPeer {
  /** Pieces announced to it; undefined where all were. */
  shown: Set<number> | undefined;
  /** Of those, the ones that it has not passed on. */
  readonly waiting: Map<number, Wait>;
  /** Where the announcement of the rest goes on, once super-seeding is over. */
  nextRest: number;
}

export type PeerSuperSeeding = View<OwnPeer>;

interface SuperSeed {
  readonly waitingCounts: Uint16Array;
  /** Where the search for the next piece begins. */
  next: number;
  /**
   * When a peer last got a piece, and when one last got a piece that we did not show it; monotonic
   * ms.
   */
  lastHaveMs: number;
  lastSpreadMs: number;
  /** Peer ids of other seeds. */
  readonly seeds: Set<string>;
}

interface Own {
  /** Undefined when pieces are announced as usual. */
  superSeed: SuperSeed | undefined;
}

export type SuperSeeding = View<Own>;

/** Why super-seeding ended: other peers have everything, or peers pass nothing on. */
export type SuperSeedingEnd = "seeds" | "stalled";

/** `isOn` where the user asks for it and every piece is here. */
export function createSuperSeeding(
  isOn: boolean,
  { pieceCount }: Geometry,
  rng: Rng,
  now: number,
): SuperSeeding {
  const own: Own = {
    superSeed: !isOn ? undefined : {
      waitingCounts: new Uint16Array(pieceCount),
      next: nextUint32(rng) % pieceCount,
      lastHaveMs: now,
      lastSpreadMs: now,
      seeds: new Set(),
    },
  };
  return own;
}

/** All our pieces were announced to it, or nothing yet. */
export function createPeerSuperSeeding(): PeerSuperSeeding {
  const own: OwnPeer = { shown: undefined, waiting: new Map(), nextRest: 0 };
  return own;
}

/** Whether pieces are held back from peers. */
export function isSuperSeeding(transfer: SuperSeeding): boolean {
  return transfer.superSeed !== undefined;
}

/** Whether the peer may not ask for the piece, since it was not shown it. */
export function isHidden(transfer: Transfer, peer: Peer, piece: number): boolean {
  return transfer.superSeed !== undefined && !(peer.shown?.has(piece) ?? false);
}

/** Whether some peer has not been sent all our pieces. */
export function isHolding(transfer: Transfer): boolean {
  if (isSuperSeeding(transfer)) return true;
  for (const peer of transfer.peers.values()) if (peer.shown !== undefined) return true;
  return false;
}

/**
 * Tells a peer that just connected that we have nothing. It is shown its first piece once it said
 * what it has, at the latest at the next tick.
 */
export function sendNothing(peer: Peer, effects: TransferEffects): void {
  ownOf(peer).shown = new Set();
  if (!peer.link.features.fast) return;
  effects.push({ kind: "send", peer: peer.key, message: { kind: "have-none" } });
}

/** The peer announced one more piece. */
export function onPieceSeen(
  transfer: Transfer,
  peer: Peer,
  piece: number,
  now: number,
  effects: TransferEffects,
): void {
  const { superSeed } = transfer as Own;
  if (superSeed === undefined) return;
  superSeed.lastHaveMs = now;
  if (!peer.shown?.has(piece)) superSeed.lastSpreadMs = now;
  if (isSeed(peer)) return onSeedSeen(transfer, superSeed, peer, effects);
  if (superSeed.waitingCounts[piece] === 0) return;
  for (const other of transfer.peers.values()) {
    const wait = ownOf(other).waiting.get(piece);
    if (wait === undefined) continue;
    if (other === peer && isLackedByOther(transfer, peer, piece)) wait.sinceMs = now;
    else stopWaiting(superSeed, other, piece);
    showPieces(transfer, other, now, effects);
  }
}

/** The peer may have the block: it is queued. */
export function noteAsked(peer: Peer, piece: number, length: number): void {
  const wait = ownOf(peer).waiting.get(piece);
  if (wait !== undefined) wait.leftBytes -= length;
}

/** The block will not be sent after all. */
export function noteNotSent(peer: Peer, piece: number, length: number): void {
  noteAsked(peer, piece, -length);
}

/**
 * Blocks left to the peer. One that got all that it asked for has the pieces, whether or not it
 * says so: rtorrent does only when it has something else to say.
 */
export function onServed(
  transfer: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  const { superSeed } = transfer as Own;
  if (superSeed === undefined || isServed(peer)) return;
  for (const [piece, wait] of [...ownOf(peer).waiting]) {
    if (wait.leftBytes > 0) continue;
    if (isLackedByOther(transfer, peer, piece)) wait.sinceMs = now;
    else stopWaiting(superSeed, peer, piece);
  }
  showPieces(transfer, peer, now, effects);
}

function onSeedSeen(
  transfer: Transfer,
  { seeds }: SuperSeed,
  peer: Peer,
  effects: TransferEffects,
): void {
  seeds.add(toHex(peer.link.id));
  if (seeds.size >= SUPER_SEED_SEEDS_ENOUGH) endSuperSeeding(transfer, "seeds", effects);
}

/** The peer sent its bitfield. */
export function onPiecesSeen(
  transfer: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  const { superSeed } = transfer as Own;
  if (superSeed === undefined) return;
  if (isSeed(peer)) return onSeedSeen(transfer, superSeed, peer, effects);
  for (const piece of [...peer.waiting.keys()]) {
    if (hasBit(peer.have, piece)) stopWaiting(superSeed, peer, piece);
  }
  showPieces(transfer, peer, now, effects);
}

/** The connection is gone: what it was shown may be shown to others. */
export function forgetShown(transfer: Transfer, peer: Peer): void {
  const { superSeed } = transfer as Own;
  if (superSeed === undefined) return;
  for (const piece of [...peer.waiting.keys()]) stopWaiting(superSeed, peer, piece);
}

/**
 * Once a second: shows further pieces, notices that it leads to nothing, announces the rest after
 * the end.
 */
export function reviewSuperSeeding(
  transfer: Transfer,
  now: number,
  effects: TransferEffects,
): void {
  const { superSeed } = transfer as Own;
  if (superSeed === undefined) {
    for (const peer of transfer.peers.values()) announceRest(transfer, peer, now, effects);
    return;
  }
  const sinceHaveMs = now - superSeed.lastHaveMs, sinceSpreadMs = now - superSeed.lastSpreadMs;
  const patienceMs = patienceOf(transfer);
  let isStalled = false;
  for (const peer of transfer.peers.values()) {
    for (const [piece, wait] of [...peer.waiting]) {
      const verdict = judgeWait(transfer, peer, piece, wait, now);
      if (verdict === "wait") continue;
      stopWaiting(superSeed, peer, piece);
      if (verdict === "not-passed-on" && sinceSpreadMs > patienceMs) isStalled = true;
    }
    showPieces(transfer, peer, now, effects);
    if (peer.waiting.size === 0 && !peer.isSilent && sinceHaveMs > patienceMs) isStalled = true;
  }
  if (transfer.peers.size === 0) superSeed.lastHaveMs = superSeed.lastSpreadMs = now;
  if (isStalled) endSuperSeeding(transfer, "stalled", effects);
}

type WaitVerdict = "wait" | "done" | "not-taken" | "not-passed-on";

/** What becomes of a piece that was shown to the peer and that no other has. */
function judgeWait(
  transfer: Transfer,
  peer: Peer,
  piece: number,
  { sinceMs, leftBytes }: View<Wait>,
  now: number,
): WaitVerdict {
  const patienceMs = patienceOf(transfer);
  if (hasBit(peer.have, piece) || (leftBytes <= 0 && !isServed(peer))) {
    if (!isLackedByOther(transfer, peer, piece)) return "done";
    return now - sinceMs > patienceMs ? "not-passed-on" : "wait";
  }
  if (peer.isSilent) return "not-taken";
  if (!peer.isInterested) return now - sinceMs > SUPER_SEED_UNWANTED_MS ? "not-taken" : "wait";
  // Its turn will come.
  if (peer.amChoking) return "wait";
  return now - Math.max(sinceMs, peer.chokeChangedMs) > patienceMs ? "not-taken" : "wait";
}

/** Whether the peer could pass the piece on to another. */
function isLackedByOther(transfer: Transfer, peer: Peer, piece: number): boolean {
  for (const other of transfer.peers.values()) {
    if (other === peer || other.isSilent || other.link.isUploadOnly) continue;
    if (!hasBit(other.have, piece)) return true;
  }
  return false;
}

/** How long a peer may take for a piece, or for passing it on. */
function patienceOf({ geometry: { pieceLength } }: Transfer): number {
  return SUPER_SEED_PATIENCE_MS + 1_000 * pieceLength / SUPER_SEED_PEER_BYTES_PER_SECOND;
}

/**
 * Shows the peer pieces that nobody has and nobody was shown: one while it is choked, so that it
 * becomes interested; when it may ask, as many as it may have at once.
 */
export function showPieces(
  transfer: Transfer,
  view: Peer,
  now: number,
  effects: TransferEffects,
): void {
  const { superSeed } = transfer as Own;
  const peer = view as Peer & OwnPeer;
  if (superSeed === undefined || peer.shown === undefined || peer.isSilent) return;
  const most = peer.amChoking ? 1 : SUPER_SEED_PIECES_AT_ONCE;
  while (peer.waiting.size < most) {
    const piece = nextUnseen(transfer, superSeed, peer);
    if (piece < 0) return;
    peer.shown.add(piece);
    peer.waiting.set(piece, { sinceMs: now, leftBytes: pieceSize(transfer.geometry, piece) });
    superSeed.waitingCounts[piece]!++;
    noteHaveSent(peer, now);
    effects.push({ kind: "send", peer: peer.key, message: { kind: "have", piece } });
  }
}

/** Goes on where the last search ended, so that no piece is shown again before all were. */
function nextUnseen(transfer: Transfer, superSeed: SuperSeed, peer: Peer): number {
  const { availability, have, geometry: { pieceCount } } = transfer;
  const looks = Math.min(pieceCount, SUPER_SEED_LOOKS_MAX);
  for (let look = 0; look < looks; look++) {
    const piece: number = superSeed.next;
    superSeed.next = (piece + 1) % pieceCount;
    const isFree = availabilityOf(availability, piece) === 0 &&
      superSeed.waitingCounts[piece] === 0;
    if (isFree && hasBit(have, piece) && !peer.shown!.has(piece)) return piece;
  }
  return -1;
}

function ownOf(peer: PeerSuperSeeding): OwnPeer {
  return peer as OwnPeer;
}

function stopWaiting(superSeed: SuperSeed, peer: Peer, piece: number): void {
  ownOf(peer).waiting.delete(piece);
  superSeed.waitingCounts[piece]!--;
}

function endSuperSeeding(
  transfer: Transfer,
  why: SuperSeedingEnd,
  effects: TransferEffects,
): void {
  (transfer as Own).superSeed = undefined;
  for (const peer of transfer.peers.values()) ownOf(peer).waiting.clear();
  effects.push({ kind: "report", report: { kind: "super-seeding-done", why } });
}

/** After the end: announces what the peer lacks and has not been sent, some of it at a time. */
function announceRest(transfer: Transfer, view: Peer, now: number, effects: TransferEffects): void {
  const peer = view as Peer & OwnPeer;
  if (peer.shown === undefined) return;
  const { have, geometry: { pieceCount } } = transfer;
  let sent = 0;
  while (peer.nextRest < pieceCount && sent < SUPER_SEED_HAVES_PER_TICK) {
    const piece = peer.nextRest++;
    if (!hasBit(have, piece) || hasBit(peer.have, piece) || peer.shown.has(piece)) continue;
    effects.push({ kind: "send", peer: peer.key, message: { kind: "have", piece } });
    sent++;
  }
  if (sent > 0) noteHaveSent(peer, now);
  if (peer.nextRest === pieceCount) peer.shown = undefined;
}
