/**
 * Blocks of pieces that are not complete, on their way to the disk and back: written in their place when
 * the state is saved, which keeps a hash of each, and read at the next start, which believes the hashes
 * only. Nothing of it is needed for v1, whose pieces are all or nothing.
 */
import { countBits, hasBit, parseBitfield } from "../../core/bytes/bitfield.ts";
import {
  BLOCK_SIZE,
  blockCount,
  blockLength,
  pieceOffset,
  pieceSize,
} from "../../core/metainfo/geometry.ts";
import { MERKLE_HASH_SIZE, sameHash } from "../../core/metainfo/merkle.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { StartedPiece } from "../../core/torrent/protocol.ts";
import type { StartedHashes } from "../../core/transfer/resume.ts";
import { STARTED_BLOCKS_MAX } from "../../core/transfer/started_pieces.ts";
import type { Storage } from "../disk/storage.ts";
import type { PieceBuffers } from "./piece_buffers.ts";
import { sha256 } from "./sha256.ts";

/** Blocks copied, hashed and written at once: little enough that nothing else waits for it. */
const RUN_BLOCKS = 16;

interface Written {
  /** The piece was started anew if this is no longer its buffer. */
  readonly buffer: object;
  /** By block, with how often the block had been put into the buffer. */
  readonly blocks: Map<number, { readonly version: number; readonly hash: Uint8Array }>;
}

export class StartedBlocks {
  readonly #geometry: Metainfo["geometry"];
  readonly #buffers: PieceBuffers;
  readonly #storage: Pick<Storage, "writePiece">;
  readonly #written = new Map<number, Written>();
  #saving: Promise<unknown> = Promise.resolve();

  constructor(
    geometry: Metainfo["geometry"],
    buffers: PieceBuffers,
    storage: Pick<Storage, "writePiece">,
  ) {
    this.#geometry = geometry;
    this.#buffers = buffers;
    this.#storage = storage;
  }

  /** Writes what is new of these blocks; gives those that are written. Rejects when the disk fails. */
  save(started: readonly StartedPiece[]): Promise<StartedHashes[]> {
    const saving = this.#saveAll(started);
    this.#saving = saving.catch(() => {});
    return saving;
  }

  /** Writes a whole piece, once no block is being written that might replace a better one. */
  async writeWhole(piece: number): Promise<void> {
    // From here on the buffer is the write's: the core may start the piece anew if the disk fails.
    const buffer = this.#buffers.detach(piece);
    await this.#saving;
    await this.#storage.writePiece(pieceOffset(this.#geometry, piece), buffer.content);
    this.#buffers.release(buffer);
  }

  async #saveAll(started: readonly StartedPiece[]): Promise<StartedHashes[]> {
    const pieces = new Set(started.map(({ piece }) => piece));
    for (const piece of this.#written.keys()) if (!pieces.has(piece)) this.#written.delete(piece);
    const saved: StartedHashes[] = [];
    for (const each of started) {
      const hashes = await this.#saveOne(each);
      if (hashes !== undefined) saved.push({ ...each, hashes });
    }
    return saved;
  }

  /** Undefined when the piece was completed or given up meanwhile. */
  async #saveOne({ piece, blocks }: StartedPiece): Promise<Uint8Array | undefined> {
    const buffer = this.#buffers.peek(piece);
    if (buffer === undefined) return undefined;
    const known = this.#written.get(piece);
    const written: Written = known?.buffer === buffer ? known : { buffer, blocks: new Map() };
    this.#written.set(piece, written);
    const count = blockCount(this.#geometry, piece);
    const field = { bytes: blocks, count };
    const hashes: Uint8Array[] = [];
    for (let block = 0; block < count; block++) {
      if (!hasBit(field, block)) continue;
      if (written.blocks.get(block)?.version !== buffer.versionOf(block)) {
        await this.#saveRun(piece, block, field, written);
        if (this.#buffers.peek(piece) !== buffer) return undefined;
      }
      hashes.push(written.blocks.get(block)!.hash);
    }
    const all = new Uint8Array(hashes.length * MERKLE_HASH_SIZE);
    for (const [i, hash] of hashes.entries()) all.set(hash, i * MERKLE_HASH_SIZE);
    return all;
  }

  /** Writes the block, and those behind it that are here, in one go. */
  async #saveRun(
    piece: number,
    first: number,
    field: { readonly bytes: Uint8Array; readonly count: number },
    written: Written,
  ): Promise<void> {
    const buffer = this.#buffers.peek(piece)!;
    let end = first + 1;
    while (end < field.count && end < first + RUN_BLOCKS && hasBit(field, end)) end++;
    const last = end - 1;
    const stop = last * BLOCK_SIZE + blockLength(this.#geometry, piece, last);
    const bytes = buffer.bytes.slice(first * BLOCK_SIZE, stop);
    for (let block = first; block < end; block++) {
      const at = (block - first) * BLOCK_SIZE;
      const hash = sha256(bytes.subarray(at, at + BLOCK_SIZE));
      written.blocks.set(block, { version: buffer.versionOf(block), hash });
    }
    const at = pieceOffset(this.#geometry, piece) + first * BLOCK_SIZE;
    await this.#storage.writePiece(at, bytes);
  }
}

/** A piece of which an earlier run kept blocks that are as they were. */
export interface KeptPiece extends StartedPiece {
  /** The whole piece; only the blocks' bytes count. */
  readonly bytes: Uint8Array;
}

/** Reads bytes of a piece from `begin` on; rejects when they are not there. */
export type ReadBlocks = (piece: number, begin: number, target: Uint8Array) => Promise<void>;

/**
 * Those of the blocks that the disk still has. Unreadable blocks, and more of them than
 * STARTED_BLOCKS_MAX, are left out: they are fetched again.
 */
export async function readStartedBlocks(
  geometry: Metainfo["geometry"],
  started: readonly StartedHashes[],
  read: ReadBlocks,
): Promise<KeptPiece[]> {
  const kept: KeptPiece[] = [];
  let left = STARTED_BLOCKS_MAX;
  for (const { piece, blocks, hashes } of started) {
    if (piece >= geometry.pieceCount) continue;
    const count = blockCount(geometry, piece);
    const field = parseBitfield(blocks, count);
    if (!field.ok || (left -= countBits(field.value)) < 0) continue;
    const bytes = new Uint8Array(pieceSize(geometry, piece));
    const found = new Uint8Array(blocks.length);
    let at = 0;
    for (let block = 0; block < count; block++) {
      if (!hasBit(field.value, block)) continue;
      const hash = hashes.subarray(at, at += MERKLE_HASH_SIZE);
      const begin = block * BLOCK_SIZE;
      const target = bytes.subarray(begin, begin + blockLength(geometry, piece, block));
      const isThere = await read(piece, begin, target).then(() => true, () => false);
      if (isThere && sameHash(sha256(target), hash)) found[block >>> 3]! |= 0x80 >>> (block & 7);
    }
    if (countBits({ bytes: found, count }) > 0) kept.push({ piece, blocks: found, bytes });
  }
  return kept;
}
