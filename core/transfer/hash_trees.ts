/**
 * The transfer's part in exchanging hashes of v2 trees: asking peers for piece layers that the
 * metadata did not bring, and for the leaves of pieces that failed; answering what peers ask.
 * Hashes themselves stay in the shell: here they are ranges, and verdicts on them.
 *
 * Without its layer a piece of a v2 torrent cannot be checked, so it is not asked for until then.
 * In a hybrid SHA-1 checks it, and layers are fetched only to be handed on.
 *
 * Spec: BEP 52, hash request, hashes, hash reject.
 */
import { type Bitfield, copyBitfield, hasBit, setBit } from "../bytes/bitfield.ts";
import { finishJob, type JobId, startJob } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import {
  createHashFetch,
  dropLayer,
  dropLeaves,
  expireHashRequests,
  forgetHashPeer,
  type HashFetch,
  isFetchingHashes,
  isHashRangeAsked,
  onHashesProven as takeProven,
  onHashesRefused as takeRefused,
  pickHashRanges,
} from "../hash_exchange/fetch.ts";
import { type FileHashRange, piecesOfRange } from "../hash_exchange/ranges.ts";
import type { Geometry } from "../metainfo/geometry.ts";
import {
  pieceNodeHeight,
  type PieceTrees,
  plannedTrees,
  treeOfPiece,
} from "../metainfo/piece_trees.ts";
import { markAllDirty } from "./attention.ts";
import { addWanted } from "./availability.ts";
import { isMissing } from "./content.ts";
import { setNothingNew } from "./offers.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";

/** Answers that a peer may wait for; more are rejected at once. */
export const HASH_QUEUE_MAX = 32;
/**
 * Content that we read and hash a second for one peer that asks for leaves. One piece is always
 * allowed, or large ones could never be asked for.
 */
export const LEAF_BYTES_PER_SECOND = 32 * 1024 * 1024;

/** What a transfer must know of a v2 torrent's trees. */
export interface HashTreeOptions {
  /** Bytes of each file that is not empty, in the order of its pieces, padding left out. */
  readonly fileLengths: readonly number[];
  /** Files whose piece layer is still unknown: indices into `fileLengths`. */
  readonly missingLayers: readonly number[];
  /** Nothing but the layers can check pieces: the torrent has no v1 part. */
  readonly layersRequired: boolean;
}

interface Own {
  /** Undefined for a v1 torrent. */
  readonly hashes: HashFetch | undefined;
  readonly layersRequired: boolean;
  /** Trees, in `hashes.trees.files`, whose layer is unknown. */
  readonly unknownLayers: Set<number>;
}

export type HashTrees = View<Own>;

interface OwnPeer {
  /** What it asked for and did not get yet; the first is being answered. */
  readonly hashQueue: FileHashRange[];
  /** Content hashed for it in this second, bytes. */
  leafBytes: number;
}

export type PeerHashes = View<OwnPeer>;

/** Wants the layers that are missing. */
export function createHashTrees(
  geometry: Geometry,
  options: HashTreeOptions | undefined,
): HashTrees {
  if (options === undefined) {
    return { hashes: undefined, layersRequired: false, unknownLayers: new Set<number>() };
  }
  const trees = plannedTrees(options.fileLengths, geometry.pieceLength);
  const { missingLayers, layersRequired } = options;
  return {
    hashes: createHashFetch(trees, missingLayers),
    layersRequired,
    unknownLayers: new Set(missingLayers.filter((tree) => trees.files[tree]!.pieceCount > 1)),
  };
}

/** It asked for nothing. */
export function createPeerHashes(): PeerHashes {
  return { hashQueue: [], leafBytes: 0 };
}

/** The pieces that are had or cannot be checked yet: the others may be asked for. */
export function piecesNotToAsk(have: Bitfield, trees: HashTrees): Bitfield {
  if (!trees.layersRequired || trees.unknownLayers.size === 0) return have;
  const pieces = copyBitfield(have);
  for (const tree of trees.unknownLayers) {
    for (const piece of piecesOfTree(trees, tree)) setBit(pieces, piece);
  }
  return pieces;
}

/** Whether the piece waits for its layer. */
export function isWithheld(trees: HashTrees, piece: number): boolean {
  return trees.layersRequired && !hasLayer(trees, piece);
}

/** Whether the v2 hash of the piece is known, of a torrent that has one. */
export function hasLayer({ unknownLayers, hashes }: HashTrees, piece: number): boolean {
  return hashes !== undefined && !unknownLayers.has(treeOfPiece(hashes.trees, piece));
}

/** Asks the peer for hashes that are wanted, whether it chokes us or not. */
export function refillHashRequests(
  { hashes }: Transfer,
  peer: Peer,
  now: number,
  effects: TransferEffects,
): void {
  if (hashes === undefined || !isFetchingHashes(hashes)) return;
  if (!peer.link.features.v2 || peer.isSilent) return;
  const ranges = pickHashRanges(hashes, peer.key, (piece) => hasBit(peer.have, piece), now);
  for (const range of ranges) effects.push({ kind: "ask-hashes", peer: peer.key, range });
}

/** Whether the range was asked of the peer: the shell proves nothing else. */
export function isAskedForHashes(
  transfer: Pick<HashTrees, "hashes"> | undefined,
  peer: number,
  range: FileHashRange,
): boolean {
  return transfer?.hashes !== undefined && isHashRangeAsked(transfer.hashes, peer, range);
}

/** The peer sent hashes that lead to a known one. */
export function onHashesProven(
  transfer: Transfer,
  range: FileHashRange,
  effects: TransferEffects,
): void {
  const news = transfer.hashes && takeProven(transfer.hashes, range);
  markAllDirty(transfer);
  if (news?.kind === "layer") return learnLayer(transfer, news.tree);
  if (news?.kind !== "leaves" || !transfer.partials.has(news.piece)) return;
  const job = startJob(transfer.jobs, { kind: "compare", piece: news.piece });
  effects.push({ kind: "compare-leaves", job, piece: news.piece });
}

/** The piece whose leaves were compared; undefined for a job that is unknown. */
export function finishComparison(transfer: Transfer, id: JobId): number | undefined {
  return finishJob(transfer.jobs, id, "compare")?.piece;
}

/** The peer rejected our request, or answered with what proves nothing. */
export function onHashesRefused(
  transfer: Transfer,
  peer: number,
  range: FileHashRange,
  now: number,
): void {
  if (transfer.hashes === undefined) return;
  takeRefused(transfer.hashes, peer, range, now);
  markAllDirty(transfer);
}

/** The peer is gone, and what it was asked for is others' now. */
export function forgetPeerHashes({ hashes }: Transfer, peer: number): void {
  if (hashes !== undefined) forgetHashPeer(hashes, peer);
}

/** Once a second: silent peers lose their turn, and leaves may be asked for again. */
export function reviewHashRequests(transfer: Transfer, now: number): void {
  const { hashes } = transfer;
  if (hashes === undefined) return;
  for (const peer of transfer.peers.values()) (peer as PeerHashes as OwnPeer).leafBytes = 0;
  if (!isFetchingHashes(hashes)) return;
  expireHashRequests(hashes, now);
  markAllDirty(transfer);
}

/** The leaves of the piece are of no use any more. */
export function forgetLeaves({ hashes }: Transfer, piece: number): void {
  if (hashes !== undefined) dropLeaves(hashes, piece);
}

/**
 * A peer asks for a range that `requestProblem` let pass. It is answered in turn; rejected when we
 * lack what it is made of, or when the peer asks for too much.
 */
export function onHashRequest(
  transfer: Transfer,
  peer: Peer,
  range: FileHashRange,
  effects: TransferEffects,
): void {
  const own = peer as PeerHashes as OwnPeer;
  const isServed = own.hashQueue.length < HASH_QUEUE_MAX && canAnswer(transfer, range) &&
    takeLeafAllowance(transfer, own, range);
  if (!isServed) {
    effects.push({ kind: "reject-hashes", peer: peer.key, range });
    return;
  }
  if (own.hashQueue.push(range) === 1) {
    effects.push({ kind: "answer-hashes", peer: peer.key, range });
  }
}

/** The first request of the peer was answered, or rejected by the shell: the next one's turn. */
export function onHashesAnswered(peer: Peer, effects: TransferEffects): void {
  const { hashQueue } = peer as PeerHashes as OwnPeer;
  hashQueue.shift();
  const range = hashQueue[0];
  if (range !== undefined) effects.push({ kind: "answer-hashes", peer: peer.key, range });
}

function canAnswer(transfer: Transfer, range: FileHashRange): boolean {
  const { hashes, unknownLayers } = transfer;
  if (hashes === undefined || unknownLayers.has(range.tree)) return false;
  if (!isOfLeaves(hashes.trees, range)) return true;
  const [first, last] = piecesOfRange(hashes.trees, range);
  for (let piece = first; piece <= last; piece++) {
    if (!hasBit(transfer.have, piece)) return false;
  }
  return true;
}

function takeLeafAllowance(transfer: Transfer, own: OwnPeer, range: FileHashRange): boolean {
  const { trees } = transfer.hashes!;
  if (!isOfLeaves(trees, range)) return true;
  if (own.leafBytes >= LEAF_BYTES_PER_SECOND) return false;
  const [first, last] = piecesOfRange(trees, range);
  own.leafBytes += (last - first + 1) * transfer.geometry.pieceLength;
  return true;
}

/** Leaves are not kept: their piece is read and hashed again. */
function isOfLeaves(trees: PieceTrees, range: FileHashRange): boolean {
  return range.baseLayer < trees.pieceHeight;
}

/** The layer of a file of a hybrid was found out from its content: peers may have it. */
export function onLayerFound(transfer: Transfer, tree: number): void {
  if (transfer.hashes === undefined || !transfer.unknownLayers.has(tree)) return;
  dropLayer(transfer.hashes, tree);
  learnLayer(transfer, tree);
}

/** Pieces of the file can be checked from now on. */
function learnLayer(transfer: Transfer, tree: number): void {
  (transfer as HashTrees as Own).unknownLayers.delete(tree);
  if (!transfer.layersRequired) return;
  for (const piece of piecesOfTree(transfer, tree)) {
    if (!isMissing(transfer, piece)) continue;
    addWanted(transfer.availability, piece, transfer.priorities[piece]!);
  }
  for (const peer of transfer.peers.values()) setNothingNew(peer, false);
}

function piecesOfTree({ hashes }: HashTrees, tree: number): number[] {
  const { firstPiece, pieceCount } = hashes!.trees.files[tree]!;
  return Array.from({ length: pieceCount }, (_, i) => firstPiece + i);
}

/** Whether the piece has more than one leaf, so that leaves can tell its blocks apart. */
export function hasLeaves({ hashes }: HashTrees, piece: number): boolean {
  return hashes !== undefined && pieceNodeHeight(hashes.trees, piece) > 0;
}
