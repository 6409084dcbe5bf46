/** SHA-1 digests, computed at once on this thread. */
import { createHash } from "node:crypto";

/** 20 bytes. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(bytes).digest());
}

/** A digest of bytes that come in parts. */
export interface IncrementalSha1 {
  update(bytes: Uint8Array): void;
  /** 20 bytes; ends the digest. */
  digest(): Uint8Array;
}

/** Starts an incremental digest. */
export function createSha1(): IncrementalSha1 {
  const hash = createHash("sha1");
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.digest()),
  };
}
