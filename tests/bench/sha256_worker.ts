/**
 * Hashes memory with SHA-256 for `bench v2`: receives a number of bytes and whether to hash block
 * by block or as one stream, and replies when it is done.
 */
import { createHash } from "node:crypto";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { sha256 } from "../../shell/hash/sha256.ts";

export interface HashProbe {
  readonly bytes: number;
  readonly isOneStream: boolean;
}

/** Fits the second level cache, as the reads of hashing threads do. */
const BUFFER_BLOCKS = 16;

const buffer = new Uint8Array(BUFFER_BLOCKS * BLOCK_SIZE).fill(7);

/** The part of a worker's global scope that this file uses. */
interface Scope {
  onmessage: (event: MessageEvent<HashProbe>) => void;
  postMessage(bytes: number): void;
}

const scope = globalThis as unknown as Scope;
scope.onmessage = ({ data: { bytes, isOneStream } }) => {
  const stream = createHash("sha256");
  for (let at = 0; at < bytes; at += BLOCK_SIZE) {
    const start = at % buffer.length;
    const block = buffer.subarray(start, start + BLOCK_SIZE);
    if (isOneStream) stream.update(block);
    else sha256(block);
  }
  stream.digest();
  scope.postMessage(bytes);
};
