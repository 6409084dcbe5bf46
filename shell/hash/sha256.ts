/**
 * SHA-256 at once, on this thread: for blocks, info dictionaries, and nodes of hash trees. A tree has as
 * many nodes as blocks, and a call of `node:crypto` costs more than hashing the 64 bytes of one: nodes
 * are hashed here.
 */
import { createHash } from "node:crypto";
import type { Digests } from "../../core/metainfo/digests.ts";
import { createMerkleHasher, MERKLE_HASH_SIZE } from "../../core/metainfo/merkle.ts";
import { sha1 } from "./sha1.ts";
import { hashPairs } from "./sha256_pairs.ts";

const CODE_OF_0 = "0".charCodeAt(0);
const CODE_OF_A = "a".charCodeAt(0);

/** 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  // Hexadecimal digits cost a quarter of the buffer that would be made for each digest.
  const digits = createHash("sha256").update(bytes).digest("hex");
  const digest = new Uint8Array(MERKLE_HASH_SIZE);
  for (let i = 0; i < MERKLE_HASH_SIZE; i++) {
    digest[i] = valueOf(digits.charCodeAt(2 * i)) << 4 | valueOf(digits.charCodeAt(2 * i + 1));
  }
  return digest;
}

/** Of a lower case hexadecimal digit. */
function valueOf(code: number): number {
  return code < CODE_OF_A ? code - CODE_OF_0 : code - CODE_OF_A + 10;
}

/** What the core computes hash trees with. */
export const MERKLE = createMerkleHasher(hashPairs);

/** The digests that the core reads metainfo with. */
export const DIGESTS: Digests = { sha1, sha256, merkle: MERKLE };
