/**
 * The memory of one unfinished piece, hashed while its blocks come in. What a peer sends in order
 * is hashed right after it was copied, when the processor's caches still hold it: a pass over a
 * whole piece later costs half as much again. Leaves are hashed block by block, in any order.
 */
import { createHash, type Hash } from "node:crypto";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { MERKLE_HASH_SIZE } from "../../core/metainfo/merkle.ts";
import { type DigestPlan, type PieceDigest, SHA1_PLAN } from "../../core/metainfo/piece_check.ts";
import { digestHere, digestOffThread } from "./digest.ts";
import { hashesFastHere } from "./sha1.ts";
import { sha256 } from "./sha256.ts";

export interface PieceBufferOptions {
  /** What to compute; SHA-1 unless given. */
  readonly plan?: DigestPlan;
  /** Bytes that leaves cover; the whole piece unless given. */
  readonly contentSize?: number;
  /** Whether to hash on this thread; for tests. */
  readonly isFastHere?: boolean;
}

export class PieceBuffer {
  readonly #plan: DigestPlan;
  readonly #contentSize: number;
  readonly #isFastHere: boolean;
  readonly #leaves: Uint8Array | undefined;
  /** Counts modulo 256 suffice: no caller asks that late. */
  readonly #versions: Uint8Array;
  #hash: Hash | undefined;
  /** Bytes from the start that `#hash` took in. */
  #hashed = 0;

  /** `bytes`: room for the longest piece; `size`: how long this one is. */
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly size: number,
    options: PieceBufferOptions = {},
  ) {
    this.#plan = options.plan ?? SHA1_PLAN;
    this.#versions = new Uint8Array(Math.ceil(size / BLOCK_SIZE));
    this.#contentSize = options.contentSize ?? size;
    this.#isFastHere = options.isFastHere ?? hashesFastHere();
    if (this.#plan.leaves && this.#isFastHere) {
      this.#leaves = new Uint8Array(Math.ceil(this.#contentSize / BLOCK_SIZE) * MERKLE_HASH_SIZE);
    }
  }

  /** The piece, once every block was put in. */
  get content(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.size);
  }

  /** How often the block was put in; another number means other bytes. */
  versionOf(block: number): number {
    return this.#versions[block]!;
  }

  /** Puts a block in its place. */
  put(block: Uint8Array, begin: number): void {
    this.#versions[begin / BLOCK_SIZE]!++;
    const padding = begin + block.length - this.#contentSize;
    if (padding > 0) return this.#putPadded(block, begin, Math.min(padding, block.length));
    this.#putAsIs(block, begin);
  }

  /** Padding is zeros, whatever a peer sends: leaves do not cover it, and SHA-1 does. */
  #putPadded(block: Uint8Array, begin: number, padding: number): void {
    this.#putAsIs(block.slice().fill(0, block.length - padding), begin);
  }

  #putAsIs(block: Uint8Array, begin: number): void {
    this.bytes.set(block, begin);
    if (this.#leaves !== undefined && begin < this.#contentSize) this.#hashLeaf(block, begin);
    if (!this.#plan.sha1) return;
    if (begin === this.#hashed) this.#takeIn(block);
    // Sent again, after the piece was given up: the previous block may have come from another peer.
    else if (begin < this.#hashed) this.#forget();
  }

  /** What the plan asks for: at once where that is fast, else from other threads. */
  digest(): PieceDigest | Promise<PieceDigest> {
    const bytes = this.content;
    const content = bytes.subarray(0, this.#contentSize);
    if (!this.#isFastHere) return digestOffThread(this.#plan, bytes, content);
    // The caller may keep the leaves, while blocks of this piece are sent again.
    const leaves = this.#leaves?.slice();
    if (this.#hash === undefined) {
      const { sha1 } = digestHere({ ...this.#plan, leaves: false }, bytes, content);
      return { sha1, leaves };
    }
    if (this.#hashed < this.size) this.#hash.update(bytes.subarray(this.#hashed));
    const sha1 = new Uint8Array(this.#hash.digest());
    this.#forget();
    return { sha1, leaves };
  }

  /** A block may end in padding, which its leaf does not cover. */
  #hashLeaf(block: Uint8Array, begin: number): void {
    const leaf = sha256(block.subarray(0, this.#contentSize - begin));
    this.#leaves!.set(leaf, (begin / BLOCK_SIZE) * MERKLE_HASH_SIZE);
  }

  #takeIn(block: Uint8Array): void {
    // A piece of one block has nothing to gain.
    if (this.size <= BLOCK_SIZE || !this.#isFastHere) return;
    this.#hash ??= createHash("sha1");
    this.#hash.update(block);
    this.#hashed += block.length;
  }

  #forget(): void {
    this.#hash = undefined;
    this.#hashed = 0;
  }
}
