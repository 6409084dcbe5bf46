/**
 * How a piece is compared with what the torrent says of it, as a strategy: by one SHA-1 (v1), by the
 * node of a hash tree above its blocks (v2), or by both (hybrid). Digests are computed elsewhere; this
 * says which ones, and judges them.
 *
 * Spec: BEP 3, pieces; BEP 52, piece layers, upgrade path: "verify that pieces match both".
 */
import { type Geometry, pieceSize } from "./geometry.ts";
import { INFO_HASH_SIZE } from "./info_hash.ts";
import { countHashes, hashAt, type MerkleHasher, sameHash } from "./merkle.ts";
import {
  nodeOfLeaves,
  pieceContentSize,
  pieceNode,
  pieceNodeHeight,
  type PieceTrees,
} from "./piece_trees.ts";

/** What has to be computed of a piece's bytes. */
export interface DigestPlan {
  readonly sha1: boolean;
  /** SHA-256 of each block of 16 KiB. */
  readonly leaves: boolean;
}

/** What was computed, as the plan says. */
export interface PieceDigest {
  /** 20 bytes. */
  readonly sha1: Uint8Array | undefined;
  /** 32 bytes for each block of the piece's content, padding apart. */
  readonly leaves: Uint8Array | undefined;
  /** The node above the leaves, instead of them where they are not needed one by one. */
  readonly node?: Uint8Array | undefined;
}

/**
 * "unknown": the torrent's hash of this piece is not here yet. "contradictory": the parts of a hybrid
 * describe different content, so that no content is right by both.
 */
export type PieceVerdict = "good" | "bad" | "unknown" | "contradictory";

export interface PieceCheck {
  readonly plan: DigestPlan;
  /** Bytes of the piece that leaves cover: those before padding, the whole piece for v1. */
  contentSize(piece: number): number;
  /** Height of the node above the piece's leaves; 0 for v1, which has none. */
  nodeHeight(piece: number): number;
  judge(piece: number, digest: PieceDigest): PieceVerdict;
}

/** Only SHA-1: the plan of v1 torrents. */
export const SHA1_PLAN: DigestPlan = { sha1: true, leaves: false };

/** `pieceHashes` has 20 bytes for each piece of `geometry`. */
export function createSha1Check(geometry: Geometry, pieceHashes: Uint8Array): PieceCheck {
  return {
    plan: SHA1_PLAN,
    contentSize: (piece) => pieceSize(geometry, piece),
    nodeHeight: () => 0,
    judge: (piece, { sha1 }) => matchesSha1(pieceHashes, piece, sha1) ? "good" : "bad",
  };
}

/** `trees` may learn layers later; until then the pieces below them are "unknown". */
export function createMerkleCheck(trees: PieceTrees, hasher: MerkleHasher): PieceCheck {
  return {
    plan: { sha1: false, leaves: true },
    contentSize: (piece) => pieceContentSize(trees, piece),
    nodeHeight: (piece) => pieceNodeHeight(trees, piece),
    judge(piece, { leaves, node: given }) {
      const expected = pieceNode(trees, piece);
      if (expected === undefined) return "unknown";
      const node = given ?? (leaves && nodeOfLeaves(trees, hasher, piece, leaves));
      return node !== undefined && sameHash(node, expected) ? "good" : "bad";
    },
  };
}

/**
 * Both: a piece is good when neither finds it bad, padding being zeros.
 *
 * Spec: BEP 52, upgrade path: "If any inconsistency is detected they may either abort or fall back".
 */
export function createHybridCheck(v1: PieceCheck, v2: PieceCheck): PieceCheck {
  return {
    plan: { sha1: true, leaves: true },
    contentSize: (piece) => v2.contentSize(piece),
    nodeHeight: (piece) => v2.nodeHeight(piece),
    judge(piece, digest) {
      const [first, second] = [v1.judge(piece, digest), v2.judge(piece, digest)];
      if (second === "unknown") return first;
      return first === second ? first : "contradictory";
    },
  };
}

/**
 * Blocks whose leaf differs from the one that is known to be right. Both lists have the piece's leaves
 * from its first one on; the known one may be padded.
 */
export function differingBlocks(leaves: Uint8Array, known: Uint8Array): number[] {
  const blocks: number[] = [];
  for (let block = 0; block < countHashes(leaves); block++) {
    if (!sameHash(hashAt(leaves, block), hashAt(known, block))) blocks.push(block);
  }
  return blocks;
}

function matchesSha1(
  pieceHashes: Uint8Array,
  piece: number,
  digest: Uint8Array | undefined,
): boolean {
  if (digest === undefined) return false;
  const at = piece * INFO_HASH_SIZE;
  return sameHash(digest, pieceHashes.subarray(at, at + INFO_HASH_SIZE));
}
