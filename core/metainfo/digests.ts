/** The digests that the shell hands in: the core computes none. */
import type { MerkleHasher, Sha256 } from "./merkle.ts";

/** SHA-1, handed in by the shell: the core computes no digests. 20 bytes. */
export type Sha1 = (bytes: Uint8Array) => Uint8Array;

/** The digests that metainfo is read with. */
export interface Digests {
  readonly sha1: Sha1;
  readonly sha256: Sha256;
  readonly merkle: MerkleHasher;
}
