/**
 * SHA-1 in two ways. On processors with SHA instructions the hash of `node:crypto` is as fast as
 * memory and best done at once, on this thread. Without them it is several times slower than
 * WebCrypto, which works off this thread. Which it is shows only by trying.
 */
import { createHash } from "node:crypto";

/** Enough for a stable measurement, little enough to go unnoticed: below 3 ms on a slow machine. */
const PROBE_BYTES = 128 * 1024;
const PROBE_RUNS = 3;
/** Between what is seen with SHA instructions (2.0 GB/s) and without (0.1 to 0.4 GB/s). */
const FAST_BYTES_PER_MS = 800_000;

let isFastHere: boolean | undefined;

/** 20 bytes, computed at once; for short input. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(bytes).digest());
}

/** 20 bytes, computed on another thread. `bytes` may be changed once this has returned. */
export async function sha1OffThread(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", bytes as Uint8Array<ArrayBuffer>));
}

/** Whether hashing on this thread costs less than handing the bytes to another. */
export function hashesFastHere(): boolean {
  return isFastHere ??= measureBytesPerMs() > FAST_BYTES_PER_MS;
}

/** The best of a few runs, since other work may interrupt any one of them. */
function measureBytesPerMs(): number {
  const probe = new Uint8Array(PROBE_BYTES);
  let bestMs = Infinity;
  for (let run = 0; run < PROBE_RUNS; run++) {
    const startMs = performance.now();
    sha1(probe);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return PROBE_BYTES / bestMs;
}
