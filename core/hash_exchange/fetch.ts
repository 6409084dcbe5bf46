/**
 * Which hashes we still want, and which peer is asked for each: piece layers that the metadata did not
 * bring, and the leaves of pieces that failed their check. Every want is asked of one peer at a time; one
 * that rejects, stays silent or leaves makes it another's turn, so that layers come from several peers
 * at once and nobody can hold them up.
 *
 * What arrives is proven before it comes here. Deliberately absent: hashes.
 */
import type { View } from "../bytes/view.ts";
import { needsLayer, type PieceTrees, treeOfPiece } from "../metainfo/piece_trees.ts";
import {
  coversContent,
  type FileHashRange,
  layerPart,
  layerPartCount,
  leafPart,
  leafPartCount,
  piecesOfRange,
} from "./ranges.ts";

/** Requests under way with one peer: 4 answers are 64 KiB of hashes, for 2 GiB of 1 MiB pieces. */
export const HASH_REQUESTS_MAX = 4;
/** A peer that does not answer within this has refused. */
export const HASH_TIMEOUT_MS = 15_000;
/** A peer that refused is not asked for the same again before this. */
export const HASH_RETRY_MS = 30_000;
/** Wants looked at for one peer at once; the others have their turn next time. */
const LOOKS_MAX = 256;

interface Want {
  readonly range: FileHashRange;
  /** The piece whose leaves these are; undefined for a part of a layer. */
  readonly piece: number | undefined;
  /** Who is asked, and since when (ms). */
  asked: { readonly peer: number; readonly atMs: number } | undefined;
  /** Peers that refused, and until when they are left alone (ms). */
  readonly refusedBy: Map<number, number>;
}

interface Own {
  /** Without its own layers: the sizes only. */
  readonly trees: PieceTrees;
  /** By `rangeKey`. */
  readonly wants: Map<string, Want>;
  /** Those of `wants` without an outstanding request. */
  readonly free: Set<Want>;
  /** Wants of each peer that is asked. */
  readonly byPeer: Map<number, Set<Want>>;
  /** Parts that a layer, by its tree, or a piece's leaves still lack. */
  readonly layersLeft: Map<number, number>;
  readonly leavesLeft: Map<number, number>;
}

export type HashFetch = View<Own>;

/** What is complete once a range was proven. */
export type HashNews =
  | { readonly kind: "layer"; readonly tree: number }
  | { readonly kind: "leaves"; readonly piece: number };

/** Wants the layers of the files at `missing` in `trees.files`. */
export function createHashFetch(trees: PieceTrees, missing: readonly number[]): HashFetch {
  const own: Own = {
    trees,
    wants: new Map(),
    free: new Set(),
    byPeer: new Map(),
    layersLeft: new Map(),
    leavesLeft: new Map(),
  };
  for (const tree of missing) {
    const file = trees.files[tree];
    if (file === undefined || !needsLayer(file)) continue;
    const parts = layerPartCount(file);
    own.layersLeft.set(tree, parts);
    for (let part = 0; part < parts; part++) addWant(own, layerPart(trees, tree, part), undefined);
  }
  return own;
}

/** Whether anything is wanted. */
export function isFetchingHashes(fetch: HashFetch): boolean {
  return fetch.wants.size > 0;
}

/** Wants the leaves of a piece. False when the piece has but one. */
export function wantLeaves(view: HashFetch, piece: number): boolean {
  const own = view as Own;
  if (own.leavesLeft.has(piece)) return true;
  const tree = treeOfPiece(own.trees, piece);
  const parts = leafPartCount(own.trees, piece);
  const ranges = Array.from({ length: parts }, (_, part) => leafPart(own.trees, tree, piece, part))
    .filter((range) => coversContent(own.trees, range));
  if (ranges.length === 0) return false;
  own.leavesLeft.set(piece, ranges.length);
  for (const range of ranges) addWant(own, range, piece);
  return true;
}

/** The layer of the file is no longer wanted. */
export function dropLayer(view: HashFetch, tree: number): void {
  const own = view as Own;
  if (!own.layersLeft.delete(tree)) return;
  for (const want of [...own.wants.values()]) {
    if (want.piece === undefined && want.range.tree === tree) removeWant(own, want);
  }
}

/** The leaves of the piece are no longer wanted. */
export function dropLeaves(view: HashFetch, piece: number): void {
  const own = view as Own;
  if (!own.leavesLeft.delete(piece)) return;
  for (const want of [...own.wants.values()]) if (want.piece === piece) removeWant(own, want);
}

/**
 * What to ask this peer for now: it must support v2. `hasPiece` says what it has; a peer need not answer
 * for other pieces.
 */
export function pickHashRanges(
  view: HashFetch,
  peer: number,
  hasPiece: (piece: number) => boolean,
  now: number,
): FileHashRange[] {
  const own = view as Own;
  const ranges: FileHashRange[] = [];
  for (const want of [...firstOf(own.free, LOOKS_MAX)]) {
    if ((own.byPeer.get(peer)?.size ?? 0) >= HASH_REQUESTS_MAX) break;
    if (!mayAsk(own, want, peer, hasPiece, now)) {
      // It moves to the end, so that no want hides behind those that this peer cannot serve.
      own.free.delete(want);
      own.free.add(want);
      continue;
    }
    own.free.delete(want);
    want.asked = { peer, atMs: now };
    const asked = own.byPeer.get(peer) ?? new Set();
    own.byPeer.set(peer, asked.add(want));
    ranges.push(want.range);
  }
  return ranges;
}

/** Whether we wait for this range from this peer: only then is an answer worth proving. */
export function isHashRangeAsked(fetch: HashFetch, peer: number, range: FileHashRange): boolean {
  return (fetch.wants.get(rangeKey(range)) as Want | undefined)?.asked?.peer === peer;
}

/** The peer's answer was proven; returns what that completes. */
export function onHashesProven(view: HashFetch, range: FileHashRange): HashNews | undefined {
  const own = view as Own;
  const want = own.wants.get(rangeKey(range));
  if (want === undefined) return undefined;
  removeWant(own, want);
  const { piece } = want;
  const { tree } = range;
  if (piece !== undefined) return countDown(own.leavesLeft, piece, { kind: "leaves", piece });
  return countDown(own.layersLeft, tree, { kind: "layer", tree });
}

/** The peer does not answer, or not truthfully: the range is for others now. */
export function onHashesRefused(
  view: HashFetch,
  peer: number,
  range: FileHashRange,
  now: number,
): void {
  const own = view as Own;
  const want = own.wants.get(rangeKey(range));
  if (want?.asked?.peer === peer) refuse(own, want, peer, now);
}

/** The peer is gone. */
export function forgetHashPeer(view: HashFetch, peer: number): void {
  const own = view as Own;
  for (const want of own.byPeer.get(peer) ?? []) {
    want.asked = undefined;
    own.free.add(want);
  }
  own.byPeer.delete(peer);
  for (const want of own.wants.values()) want.refusedBy.delete(peer);
}

/** Requests that took too long count as refused. Call it once a second or so. */
export function expireHashRequests(view: HashFetch, now: number): void {
  const own = view as Own;
  for (const [peer, wants] of own.byPeer) {
    for (const want of [...wants]) {
      if (now - want.asked!.atMs >= HASH_TIMEOUT_MS) refuse(own, want, peer, now);
    }
  }
}

/** Whether a peer is asked for leaves of the piece, or may be. */
export function canFetchLeaves(
  view: HashFetch,
  piece: number,
  peers: Iterable<{ readonly key: number; has(piece: number): boolean }>,
  now: number,
): boolean {
  const own = view as Own;
  const open = [...own.wants.values()].filter((want) => want.piece === piece);
  if (open.some((want) => want.asked !== undefined)) return true;
  for (const peer of peers) {
    if (open.some((want) => mayAsk(own, want, peer.key, (piece) => peer.has(piece), now))) {
      return true;
    }
  }
  return false;
}

function mayAsk(
  { trees }: Own,
  want: Want,
  peer: number,
  hasPiece: (piece: number) => boolean,
  now: number,
): boolean {
  const until = want.refusedBy.get(peer);
  if (until !== undefined && now < until) return false;
  const [first, last] = piecesOfRange(trees, want.range);
  for (let piece = first; piece <= last; piece++) if (hasPiece(piece)) return true;
  return false;
}

function addWant(own: Own, range: FileHashRange, piece: number | undefined): void {
  const want: Want = { range, piece, asked: undefined, refusedBy: new Map() };
  own.wants.set(rangeKey(range), want);
  own.free.add(want);
}

function removeWant(own: Own, want: Want): void {
  own.wants.delete(rangeKey(want.range));
  own.free.delete(want);
  if (want.asked !== undefined) own.byPeer.get(want.asked.peer)?.delete(want);
}

function refuse(own: Own, want: Want, peer: number, now: number): void {
  own.byPeer.get(peer)?.delete(want);
  want.asked = undefined;
  want.refusedBy.set(peer, now + HASH_RETRY_MS);
  own.free.add(want);
}

function countDown(
  left: Map<number, number>,
  key: number,
  news: HashNews,
): HashNews | undefined {
  const parts = left.get(key)! - 1;
  left.set(key, parts);
  if (parts > 0) return undefined;
  left.delete(key);
  return news;
}

function rangeKey({ tree, baseLayer, index, length, proofLayers }: FileHashRange): string {
  return `${tree} ${baseLayer} ${index} ${length} ${proofLayers}`;
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  for (const item of items) {
    if (count-- <= 0) return;
    yield item;
  }
}
