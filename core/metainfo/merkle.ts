/**
 * The hash trees of v2 files. A leaf is the SHA-256 of one block of 16 KiB (the last block of a file is
 * hashed as it is); missing leaves up to the next power of two are 32 zero bytes; a node is the hash of
 * its two children. Heights count from the leaves: a leaf has height 0.
 *
 * Lists of hashes are byte arrays of 32 bytes a hash. Hashes that cover nothing but missing leaves are
 * left out at the end of a list, and stand for the padding node of their height.
 *
 * Spec: BEP 52, pieces root, piece layers.
 */
import { assert } from "../bytes/result.ts";
import { BLOCK_SIZE } from "./geometry.ts";

/** SHA-256, handed in by the shell: the core computes no digests. 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Bytes of SHA-256. */
export const MERKLE_HASH_SIZE = 32;
/** Enough for files of 2^53 bytes. */
const HEIGHT_MAX = 40;

/** SHA-256 of each 64 bytes of `pairs`, put into `parents` one behind the other. */
export type HashPairs = (pairs: Uint8Array, parents: Uint8Array) => void;

/** SHA-256 of pairs together with the padding nodes of all heights. */
export interface MerkleHasher {
  readonly hashPairs: HashPairs;
  /** One hash a height, from 0 on. */
  readonly padding: Uint8Array;
}

/** Computes the padding nodes: a few dozen hashes. */
export function createMerkleHasher(hashPairs: HashPairs): MerkleHasher {
  const padding = new Uint8Array((HEIGHT_MAX + 1) * MERKLE_HASH_SIZE);
  for (let height = 1; height <= HEIGHT_MAX; height++) {
    const child = hashAt(padding, height - 1);
    padding.set(hashPair(hashPairs, child, child), height * MERKLE_HASH_SIZE);
  }
  return { hashPairs, padding };
}

/** The hash at `index` of a list, as a view. */
export function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * MERKLE_HASH_SIZE, (index + 1) * MERKLE_HASH_SIZE);
}

/** Hashes in a list. */
export function countHashes(hashes: Uint8Array): number {
  return hashes.length / MERKLE_HASH_SIZE;
}

/** Height of the smallest tree with at least `leaves` leaves; `leaves` is 1 or more. */
export function treeHeight(leaves: number): number {
  let height = 0;
  for (let width = 1; width < leaves; width *= 2) height++;
  return height;
}

/** Height of a file's tree; `length` in bytes, 1 or more. */
export function fileTreeHeight(length: number): number {
  return treeHeight(Math.ceil(length / BLOCK_SIZE));
}

/** The layer above: `hashes` have height `height`, one or more of them. */
export function parentLayer(hasher: MerkleHasher, hashes: Uint8Array, height: number): Uint8Array {
  const count = countHashes(hashes);
  const whole = Math.floor(count / 2);
  const parents = new Uint8Array(Math.ceil(count / 2) * MERKLE_HASH_SIZE);
  hasher.hashPairs(hashes.subarray(0, 2 * whole * MERKLE_HASH_SIZE), parents);
  if (2 * whole < count) {
    const last = hashAt(hashes, count - 1);
    const parent = hashPair(hasher.hashPairs, last, hashAt(hasher.padding, height));
    parents.set(parent, whole * MERKLE_HASH_SIZE);
  }
  return parents;
}

/** All layers from `hashes`, which have height `from`, up to height `to`; the first is `hashes` itself. */
export function layersAbove(
  hasher: MerkleHasher,
  hashes: Uint8Array,
  from: number,
  to: number,
): Uint8Array[] {
  const layers = [hashes];
  for (let height = from; height < to; height++) {
    layers.push(parentLayer(hasher, layers.at(-1)!, height));
  }
  return layers;
}

/** As `layersAbove`, up to a single node. */
export function buildLayers(
  hasher: MerkleHasher,
  hashes: Uint8Array,
  from: number,
  to: number,
): Uint8Array[] {
  const layers = layersAbove(hasher, hashes, from, to);
  assert(countHashes(layers.at(-1)!) === 1, "a tree ends in one root");
  return layers;
}

/** The node of height `to` above `hashes`, which have height `from` and start at its left edge. */
export function merkleRoot(
  hasher: MerkleHasher,
  hashes: Uint8Array,
  from: number,
  to: number,
): Uint8Array {
  let layer = hashes;
  for (let height = from; height < to; height++) layer = parentLayer(hasher, layer, height);
  assert(countHashes(layer) === 1, "a tree ends in one root");
  return layer;
}

/** Whether two hashes are the same. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Leaf hashes of some bytes that start at a block. */
export function leavesOf(sha256: Sha256, bytes: Uint8Array): Uint8Array {
  const leaves = new Uint8Array(Math.ceil(bytes.length / BLOCK_SIZE) * MERKLE_HASH_SIZE);
  for (let at = 0, leaf = 0; at < bytes.length; at += BLOCK_SIZE, leaf++) {
    leaves.set(sha256(bytes.subarray(at, at + BLOCK_SIZE)), leaf * MERKLE_HASH_SIZE);
  }
  return leaves;
}

/** Uncle hashes in a `hashes` message. Spec: BEP 52, "the first log2(length)-1 proof layers". */
export function uncleCount(length: number, proofLayers: number): number {
  return Math.max(0, proofLayers - (Math.log2(length) - 1));
}

/** A node of a layer; those beyond the end of the list are padding. */
export function nodeOf(
  hasher: MerkleHasher,
  layer: Uint8Array,
  height: number,
  index: number,
): Uint8Array {
  return index < countHashes(layer) ? hashAt(layer, index) : hashAt(hasher.padding, height);
}

/**
 * The node that a range of hashes and its uncles lead to: compare it with a hash that is known. `hashes`
 * has `length` hashes of height `height`, a power of two, starting at `index`.
 */
export function climb(
  hasher: MerkleHasher,
  hashes: Uint8Array,
  uncles: Uint8Array,
  height: number,
  index: number,
): Uint8Array {
  const own = Math.log2(countHashes(hashes));
  let node = merkleRoot(hasher, hashes, height, height + own);
  let at = index / countHashes(hashes);
  for (let step = 0; step < countHashes(uncles); step++) {
    const uncle = hashAt(uncles, step);
    node = at % 2 === 0
      ? hashPair(hasher.hashPairs, node, uncle)
      : hashPair(hasher.hashPairs, uncle, node);
    at = Math.floor(at / 2);
  }
  return node;
}

function hashPair(hashPairs: HashPairs, left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * MERKLE_HASH_SIZE);
  pair.set(left);
  pair.set(right, MERKLE_HASH_SIZE);
  const parent = new Uint8Array(MERKLE_HASH_SIZE);
  hashPairs(pair, parent);
  return parent;
}
