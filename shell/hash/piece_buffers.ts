/** The unfinished pieces of one torrent: blocks go in, digests come out, the disk takes them. */
import { assert } from "../../core/bytes/result.ts";
import { hasBit } from "../../core/bytes/bitfield.ts";
import { BLOCK_SIZE, blockCount, pieceSize } from "../../core/metainfo/geometry.ts";
import type { PieceCheck, PieceDigest } from "../../core/metainfo/piece_check.ts";
import { treeOfPiece } from "../../core/metainfo/piece_trees.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { PieceBuffer, type PieceBufferOptions } from "./piece_buffer.ts";
import { noteLeaves } from "./noted_leaves.ts";
import { contradiction, hashTreesOf, pieceCheckOf } from "./piece_checks.ts";
import type { PieceMemory } from "./piece_memory.ts";

type Torrent = Pick<Metainfo, "name" | "identity" | "geometry" | "pieceHashes" | "trees">;

export class PieceBuffers {
  readonly #torrent: Torrent;
  readonly #memory: PieceMemory;
  readonly #check: PieceCheck;
  readonly #buffers = new Map<number, PieceBuffer>();
  readonly #options: Pick<PieceBufferOptions, "isFastHere">;
  readonly #unknownLayers: Set<number>;
  #isOpen = false;

  /** `isFastHere`: see PieceBufferOptions. */
  constructor(torrent: Torrent, memory: PieceMemory, isFastHere?: boolean) {
    this.#torrent = torrent;
    this.#options = isFastHere === undefined ? {} : { isFastHere };
    this.#memory = memory;
    this.#check = pieceCheckOf(torrent);
    this.#unknownLayers = new Set(hashTreesOf(torrent)?.missingLayers);
  }

  put(piece: number, begin: number, block: Uint8Array): void {
    (this.#buffers.get(piece) ?? this.#open(piece)).put(block, begin);
  }

  /** Puts these blocks of a whole piece in. `blocks`: a wire-order bitfield. */
  putAll(piece: number, blocks: Uint8Array, bytes: Uint8Array): void {
    const field = { bytes: blocks, count: blockCount(this.#torrent.geometry, piece) };
    for (let block = 0; block < field.count; block++) {
      const begin = block * BLOCK_SIZE;
      if (hasBit(field, block)) this.put(piece, begin, bytes.subarray(begin, begin + BLOCK_SIZE));
    }
  }

  /**
   * Whether the piece, of which every block was put in, is right; at once or from another thread.
   * Throws a Failure when a hybrid contradicts itself.
   */
  check(piece: number): boolean | Promise<boolean> {
    const { trees } = this.#torrent;
    const judge = (digest: PieceDigest) => {
      const verdict = this.#check.judge(piece, digest);
      if (verdict === "contradictory") throw contradiction(this.#torrent, piece);
      const isGood = verdict === "good";
      if (isGood && trees && digest.leaves) noteLeaves(trees, piece, digest.leaves);
      return isGood;
    };
    const digest = this.#get(piece).digest();
    return digest instanceof Promise ? digest.then(judge) : judge(digest);
  }

  /**
   * The file, by its tree, whose layer became known since the last call, if the piece is part of
   * one.
   */
  takeFoundLayer(piece: number): number | undefined {
    const { trees } = this.#torrent;
    if (trees === undefined || this.#unknownLayers.size === 0) return undefined;
    const tree = treeOfPiece(trees, piece);
    if (trees.layers[tree] === undefined) return undefined;
    return this.#unknownLayers.delete(tree) ? tree : undefined;
  }

  /** The buffer of a piece, of which some blocks may be here. */
  peek(piece: number): PieceBuffer | undefined {
    return this.#buffers.get(piece);
  }

  /** The leaves of a whole piece of a torrent with a v2 part. */
  async leaves(piece: number): Promise<Uint8Array> {
    const { leaves } = await this.#get(piece).digest();
    assert(leaves !== undefined, "leaves are computed for a v2 torrent");
    return leaves;
  }

  /** The piece is the caller's from now on, who gives it to `release` when it was written. */
  detach(piece: number): PieceBuffer {
    const buffer = this.#get(piece);
    this.#buffers.delete(piece);
    return buffer;
  }

  release(buffer: PieceBuffer): void {
    this.#memory.give(buffer.bytes);
  }

  /** Drops a piece, if any of it is here. */
  drop(piece: number): void {
    const buffer = this.#buffers.get(piece);
    if (buffer === undefined) return;
    this.#buffers.delete(piece);
    this.release(buffer);
  }

  /** No more pieces come for now: idle memory goes to others. */
  rest(): void {
    if (!this.#isOpen || this.#buffers.size > 0) return;
    this.#isOpen = false;
    this.#memory.close(this.#torrent.geometry.pieceLength);
  }

  /** Drops everything. */
  close(): void {
    for (const piece of [...this.#buffers.keys()]) this.drop(piece);
    this.rest();
  }

  #get(piece: number): PieceBuffer {
    const buffer = this.#buffers.get(piece);
    assert(buffer !== undefined, "a whole piece has a buffer");
    return buffer;
  }

  #open(piece: number): PieceBuffer {
    const { geometry } = this.#torrent;
    if (!this.#isOpen) this.#memory.open(geometry.pieceLength);
    this.#isOpen = true;
    const { plan } = this.#check;
    const contentSize = this.#check.contentSize(piece);
    const bytes = this.#memory.take(geometry.pieceLength);
    const buffer = new PieceBuffer(bytes, pieceSize(geometry, piece), {
      plan,
      contentSize,
      ...this.#options,
    });
    this.#buffers.set(piece, buffer);
    return buffer;
  }
}
