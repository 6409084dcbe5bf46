/**
 * The memory of one unfinished piece, hashed while its blocks come in. What a peer sends in order is
 * hashed right after it was copied, when the processor's caches still hold it: a pass over a whole
 * piece later costs half as much again.
 */
import { createHash, type Hash } from "node:crypto";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { hashesFastHere, sha1, sha1OffThread } from "./sha1.ts";

export class PieceBuffer {
  #hash: Hash | undefined;
  /** Bytes from the start that `#hash` took in. */
  #hashed = 0;

  /** `bytes`: room for the longest piece; `size`: how long this one is; `isFastHere`: for tests. */
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly size: number,
    readonly isFastHere = hashesFastHere(),
  ) {}

  /** The piece, once every block was put in. */
  get content(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.size);
  }

  /** Puts a block in its place. */
  put(block: Uint8Array, begin: number): void {
    this.bytes.set(block, begin);
    if (begin === this.#hashed) this.#takeIn(block);
    // Sent anew, after the piece was given up: what was taken in may be another's lie.
    else if (begin < this.#hashed) this.#forget();
  }

  /** SHA-1 of the piece, at once where that is fast, else from another thread. Call it once. */
  digest(): Uint8Array | Promise<Uint8Array> {
    const bytes = this.content;
    if (this.#hash === undefined) return this.isFastHere ? sha1(bytes) : sha1OffThread(bytes);
    if (this.#hashed < this.size) this.#hash.update(bytes.subarray(this.#hashed));
    return new Uint8Array(this.#hash.digest());
  }

  #takeIn(block: Uint8Array): void {
    // A piece of one block has nothing to gain.
    if (this.size <= BLOCK_SIZE || !this.isFastHere) return;
    this.#hash ??= createHash("sha1");
    this.#hash.update(block);
    this.#hashed += block.length;
  }

  #forget(): void {
    this.#hash = undefined;
    this.#hashed = 0;
  }
}
