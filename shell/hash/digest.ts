/** Everything that a plan asks for of one piece in memory, on this thread or on others. */
import { leavesOf, MERKLE_HASH_SIZE, merkleRoot } from "../../core/metainfo/merkle.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import type { DigestPlan, PieceDigest } from "../../core/metainfo/piece_check.ts";
import { sha1, sha1OffThread } from "./sha1.ts";
import { MERKLE, sha256 } from "./sha256.ts";

/** The digest with a node where a height is given, in place of its leaves unless they are kept. */
export function withNode(
  sha1: Uint8Array | undefined,
  leaves: Uint8Array | undefined,
  nodeHeight: number | undefined,
  keepsLeaves = false,
): PieceDigest {
  if (nodeHeight === undefined || leaves === undefined) return { sha1, leaves };
  const node = merkleRoot(MERKLE, leaves, 0, nodeHeight);
  return { sha1, leaves: keepsLeaves ? leaves : undefined, node };
}

/** `content`: the part of `bytes` that leaves cover. */
export function digestHere(
  plan: DigestPlan,
  bytes: Uint8Array,
  content: Uint8Array,
): PieceDigest {
  return {
    sha1: plan.sha1 ? sha1(bytes) : undefined,
    leaves: plan.leaves ? leavesOf(sha256, content) : undefined,
  };
}

/** `bytes` may be changed once the promise has settled. */
export async function digestOffThread(
  plan: DigestPlan,
  bytes: Uint8Array,
  content: Uint8Array,
): Promise<PieceDigest> {
  return {
    sha1: plan.sha1 ? await sha1OffThread(bytes) : undefined,
    leaves: plan.leaves ? await leavesOffThread(content) : undefined,
  };
}

async function leavesOffThread(content: Uint8Array): Promise<Uint8Array> {
  const count = Math.ceil(content.length / BLOCK_SIZE);
  const digests = await Promise.all(Array.from({ length: count }, (_, block) => {
    const bytes = content.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
    return crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  }));
  const leaves = new Uint8Array(count * MERKLE_HASH_SIZE);
  for (const [block, digest] of digests.entries()) {
    leaves.set(new Uint8Array(digest), block * MERKLE_HASH_SIZE);
  }
  return leaves;
}

/** Lists of hashes as one. */
export function concatHashes(lists: readonly Uint8Array[]): Uint8Array {
  if (lists.length === 1) return lists[0]!;
  const all = new Uint8Array(lists.reduce((size, list) => size + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
