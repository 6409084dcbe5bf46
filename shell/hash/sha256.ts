/** SHA-256 at once, on this thread: for blocks, nodes of hash trees, and info dictionaries. */
import { createHash } from "node:crypto";
import type { Digests } from "../../core/metainfo/types.ts";
import { createMerkleHasher } from "../../core/metainfo/merkle.ts";
import { sha1 } from "./sha1.ts";

/** 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = createHash("sha256").update(bytes).digest();
  // A view, not a copy: one is made for every block.
  return new Uint8Array(buffer, byteOffset, length);
}

/** The digests that the core reads metainfo with. */
export const DIGESTS: Digests = { sha1, sha256 };

/** What the core computes hash trees with. */
export const MERKLE = createMerkleHasher(sha256);
