/**
 * Which peers may ask of us. While downloading: those that send us most, and one at a time that
 * might send more. While seeding: those that take fastest, in turns. The peer that waited longest
 * is next, so that none waits for ever.
 */
import { randomBelow } from "../bytes/random.ts";
import type { View } from "../bytes/view.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { isFinished } from "./content.ts";
import {
  CHOKE_INTERVAL_MS,
  OPTIMISTIC_INTERVAL_MS,
  OPTIMISTIC_SLOTS,
  SEED_TURN_MS,
  SLOT_BYTES_PER_SECOND,
  STUCK_SLOT_MS,
  UNCHOKED_MAX,
  UNUSED_SLOT_MS,
  UNUSED_SLOTS_A_SECOND,
  UPLOAD_SLOTS_MAX,
  UPLOAD_SLOTS_MIN,
} from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";
import { suggestPiece } from "./suggesting.ts";
import { isSuperSeeding, showPieces } from "./super_seeding.ts";
import { isServed } from "./request_queue.ts";
import { dropQueue, takesNothing } from "./uploads.ts";

interface OwnPeer {
  amChoking: boolean;
  /** When choke state last changed, by us. Orders optimistic unchokes and seeding turns. */
  chokeChangedMs: number;
  optimistic: boolean;
  /** Its place in the rotation of the optimistic slot: the least is next. Monotonic ms, roughly. */
  rotationMs: number;
  /** Slots that it lost because it asked for nothing. */
  unusedSlots: number;
}

export type PeerChoking = View<OwnPeer>;

interface Own {
  /** What the session grants, optimistic slots among them. */
  slotsMax: number;
  nextChokeMs: number;
  nextOptimisticMs: number;
}

export type Choking = View<Own>;

/** Of a peer that is unchoked: it is behind all that wait. */
const NO_WAIT_MS = -1;
/** What a newcomer at the front of the rotation is ahead of the next peer. */
const AHEAD_MS = 1;

/** The first round is due at once. */
export function createChoking(now: number): Choking {
  return { slotsMax: UNCHOKED_MAX, nextChokeMs: now, nextOptimisticMs: now };
}

/** We choke it. Spec: BEP 3, "Connections start out choked and not interested". */
export function createPeerChoking(now: number): PeerChoking {
  return {
    amChoking: true,
    chokeChangedMs: now,
    optimistic: false,
    rotationMs: now,
    unusedSlots: 0,
  };
}

/**
 * Puts a new peer somewhere into the rotation of the optimistic slot: to the front three times as
 * likely as to any other place, so that it has a chance of a piece to trade with.
 *
 * Spec: BEP 3, optimistic unchoke.
 */
export function placeInRotation(transfer: Transfer, peer: Peer): void {
  const places = [...transfer.peers.values()]
    .filter((other) => other !== peer && other.amChoking)
    .map((other) => other.rotationMs)
    .sort((a, b) => a - b);
  const place = randomBelow(transfer.rng, places.length + 3) - 2;
  const next = places[Math.max(0, place)];
  if (next === undefined) return;
  const before = places[place - 1];
  (peer as OwnPeer).rotationMs = before === undefined ? next - AHEAD_MS : (before + next) / 2;
}

/** What the choker sees of a peer. */
export interface ChokeView {
  readonly key: PeerKey;
  readonly isInterested: boolean;
  readonly isUnchoked: boolean;
  readonly isOptimistic: boolean;
  /** Bytes a second from it. */
  readonly downRate: number;
  /** Bytes a second to it. */
  readonly upRate: number;
  /** It owes us blocks and sends none. */
  readonly isSnubbing: boolean;
  /** Milliseconds since we last changed its choke state. */
  readonly sinceChangeMs: number;
  /** Its place in the rotation of the optimistic slot: the least is next. */
  readonly rotationMs: number;
}

export interface ChokePlan {
  readonly regular: ReadonlySet<PeerKey>;
  readonly optimistic: ReadonlySet<PeerKey>;
}

/**
 * Decides all unchokes. `rotate`: the optimistic slot goes to the next peer. Peers that are not
 * interested get no slot; those who snub us compete for the optimistic one only.
 *
 * Spec: BEP 3, choking; `slots` and `optimisticSlots` are counts of peers.
 */
export function rankUnchokes(
  views: readonly ChokeView[],
  isSeeding: boolean,
  rotate: boolean,
  slots = UPLOAD_SLOTS_MIN,
  optimisticSlots = OPTIMISTIC_SLOTS,
): ChokePlan {
  const interested = views.filter((view) => view.isInterested);
  const ranked = isSeeding ? rankBySeedTurn(interested) : rankByDownloadRate(interested);
  const regular = new Set(ranked.slice(0, slots).map((view) => view.key));
  const others = interested.filter((view) => !regular.has(view.key));
  const optimistic = new Set<PeerKey>();
  if (!rotate) {
    for (const view of others) {
      if (view.isOptimistic && optimistic.size < optimisticSlots) optimistic.add(view.key);
    }
  }
  const waiting = others
    .filter((view) => !optimistic.has(view.key))
    .sort((a, b) =>
      Number(a.isUnchoked) - Number(b.isUnchoked) || a.rotationMs - b.rotationMs || a.key - b.key
    );
  for (const view of waiting) {
    if (optimistic.size >= optimisticSlots) break;
    optimistic.add(view.key);
  }
  return { regular, optimistic };
}

/** How long it has been choked; one that is unchoked has not waited at all. */
function waitOf(view: ChokeView): number {
  return view.isUnchoked ? NO_WAIT_MS : view.sinceChangeMs;
}

/** Tit for tat: what it sends, then what we already send it, so that equals do not flap. */
function rankByDownloadRate(views: readonly ChokeView[]): ChokeView[] {
  return views
    .filter((view) => !view.isSnubbing)
    .sort((a, b) =>
      b.downRate - a.downRate || Number(b.isUnchoked) - Number(a.isUnchoked) ||
      waitOf(b) - waitOf(a) || a.key - b.key
    );
}

/**
 * Served peers in their turn by rate, then those who waited longest, then those whose turn is
 * over.
 */
function rankBySeedTurn(views: readonly ChokeView[]): ChokeView[] {
  const isInTurn = (view: ChokeView) => view.isUnchoked && view.sinceChangeMs < SEED_TURN_MS;
  return [...views].sort((a, b) =>
    Number(isInTurn(b)) - Number(isInTurn(a)) || waitOf(b) - waitOf(a) || b.upRate - a.upRate ||
    a.key - b.key
  );
}

/** A slot for so much of what we send: a fast uplink has more, and each of them is worth having. */
export function slotsOf(transfer: Transfer): number {
  const { tuning } = transfer;
  const least = isFinished(transfer) ? tuning.seedSlots : tuning.uploadSlots;
  const wanted = Math.floor(transfer.up.rate / SLOT_BYTES_PER_SECOND);
  const granted = Math.max(0, transfer.slotsMax - tuning.optimisticSlots);
  return Math.min(UPLOAD_SLOTS_MAX, granted, Math.max(least, wanted));
}

/** Serves no more peers at once than this, from the next round on. */
export function limitSlots(transfer: Transfer, count: number): void {
  (transfer as Own).slotsMax = Math.min(UNCHOKED_MAX, count);
}

/** The round of every ten seconds. */
export function chokeRound(transfer: Transfer, now: number, effects: TransferEffects): void {
  if (now < transfer.nextChokeMs) return;
  (transfer as Own).nextChokeMs = now + CHOKE_INTERVAL_MS;
  const rotate = now >= transfer.nextOptimisticMs;
  if (rotate) (transfer as Own).nextOptimisticMs = now + OPTIMISTIC_INTERVAL_MS;
  const plan = rankUnchokes(
    viewsOf(transfer, now),
    isFinished(transfer),
    rotate,
    slotsOf(transfer),
    Math.min(transfer.slotsMax, transfer.tuning.optimisticSlots),
  );
  for (const peer of transfer.peers.values()) {
    (peer as OwnPeer).optimistic = plan.optimistic.has(peer.key);
    const unchoke = peer.optimistic || plan.regular.has(peer.key);
    if (unchoke && peer.amChoking) unchokePeer(transfer, peer, now, effects);
    if (!unchoke && !peer.amChoking) chokePeer(transfer, peer, now, effects);
  }
}

/** Between rounds: a peer that just became interested takes a slot if one is free. */
export function unchokeIfRoom(
  transfer: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  if (!peer.isInterested || !peer.amChoking) return;
  let taken = 0;
  for (const other of transfer.peers.values()) {
    if (!other.amChoking && other.isInterested) taken++;
  }
  if (taken < slotsOf(transfer) + transfer.tuning.optimisticSlots) {
    unchokePeer(transfer, peer, now, effects);
  }
}

/**
 * Once a second: when most slots are with peers that have no request waiting, because others serve
 * them already, the peer that waited longest gets one more. The next round takes back what is too
 * much. Peers that ask for nothing give theirs to others, and are the last to get one again: else a
 * crowd that only claims interest would block all others. So do, later, peers that send requests
 * and read nothing, since a slow one takes a block now and then. Until then they do not count as
 * served.
 */
export function fillIdleSlots(transfer: Transfer, now: number, effects: TransferEffects): void {
  const isTaking = (peer: Peer, forMs: number) =>
    !takesNothing(transfer, peer, UNCHOKED_MAX, forMs, now);
  let served = 0, unchoked = 0;
  const waiting: Peer[] = [], unused: Peer[] = [];
  for (const peer of transfer.peers.values()) {
    // One that this round unchoked will ask.
    const isNew = !peer.amChoking && peer.chokeChangedMs === now;
    if (isNew || (isServed(peer) && isTaking(peer, UNUSED_SLOT_MS))) served++;
    if (!peer.amChoking) {
      if (peer.isInterested) unchoked++;
      const isStuck = peer.down.rate === 0 && !isTaking(peer, STUCK_SLOT_MS);
      if (isStuck || isUnused(peer, now)) unused.push(peer);
    } else if (peer.isInterested && !peer.snubbed && !peer.isSilent) waiting.push(peer);
  }
  if (served >= transfer.tuning.servedWanted) return;
  waiting.sort((a, b) =>
    a.unusedSlots - b.unusedSlots || Number(takesBlocks(b)) - Number(takesBlocks(a)) ||
    a.chokeChangedMs - b.chokeChangedMs
  );
  const swapped = Math.min(UNUSED_SLOTS_A_SECOND, unused.length, waiting.length);
  for (const peer of unused.slice(0, swapped)) {
    (peer as OwnPeer).unusedSlots++;
    (peer as OwnPeer).optimistic = false;
    chokePeer(transfer, peer, now, effects);
  }
  // A super-seeder's peers soon have what they were shown: others take their places at once.
  const most = isSuperSeeding(transfer) ? slotsOf(transfer) : 1;
  const free = Math.max(0, transfer.slotsMax - unchoked);
  for (const peer of waiting.slice(0, swapped + Math.min(most, free))) {
    unchokePeer(transfer, peer, now, effects);
  }
}

/**
 * Unchoked and interested for long enough to have asked for something, and it neither did nor gives
 * us anything.
 */
function isUnused(peer: Peer, now: number): boolean {
  return peer.isInterested && peer.down.rate === 0 &&
    now - peer.chokeChangedMs >= UNUSED_SLOT_MS && peer.lastRequestMs < peer.chokeChangedMs;
}

/** It took something lately, or is about to: of its allowed fast set, or before it was choked. */
function takesBlocks(peer: Peer): boolean {
  return isServed(peer) || peer.up.rate + peer.up.pending > 0;
}

function viewsOf(transfer: Transfer, now: number): ChokeView[] {
  const views: ChokeView[] = [];
  for (const peer of transfer.peers.values()) {
    if (peer.isSilent) continue;
    views.push({
      key: peer.key,
      isInterested: peer.isInterested,
      isUnchoked: !peer.amChoking,
      isOptimistic: peer.optimistic,
      downRate: peer.down.rate,
      upRate: peer.up.rate,
      isSnubbing: peer.snubbed,
      sinceChangeMs: now - peer.chokeChangedMs,
      rotationMs: peer.rotationMs,
    });
  }
  return views;
}

function unchokePeer(transfer: Transfer, peer: Peer, now: number, effects: TransferEffects): void {
  const own = peer as OwnPeer;
  own.amChoking = false;
  own.chokeChangedMs = now;
  // Before the unchoke, which makes it ask at once.
  for (let i = 0; i < transfer.tuning.suggestFirst; i++) suggestPiece(transfer, peer, effects);
  showPieces(transfer, peer, now, effects);
  effects.push({ kind: "send", peer: peer.key, message: { kind: "unchoke" } });
}

function chokePeer(transfer: Transfer, peer: Peer, now: number, effects: TransferEffects): void {
  const own = peer as OwnPeer;
  own.amChoking = true;
  own.chokeChangedMs = now;
  own.rotationMs = now;
  effects.push({ kind: "send", peer: peer.key, message: { kind: "choke" } });
  dropQueue(transfer, peer, effects);
}
