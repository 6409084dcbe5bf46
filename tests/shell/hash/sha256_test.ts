import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { sha256 } from "../../../shell/hash/sha256.ts";
import { hashPairs } from "../../../shell/hash/sha256_pairs.ts";
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";

const rng = createRng(52);

function randomBytes(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => nextUint32(rng));
}

function reference(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

Deno.test("digests are those of the platform, at every length around a chunk", () => {
  for (const size of [0, 1, 31, 32, 55, 56, 63, 64, 65, 16_384]) {
    const bytes = randomBytes(size);
    assertEquals(sha256(bytes), reference(bytes), `${size} bytes`);
  }
});

Deno.test("pairs have the digests of the platform, wherever their bytes lie", () => {
  const count = 500;
  const room = new Uint8Array(7 + 64 * count);
  const pairs = room.subarray(7);
  pairs.set(randomBytes(pairs.length));
  // Words of all zeros and all ones, where signs and carries matter.
  pairs.fill(0, 0, 64);
  pairs.fill(255, 64, 128);
  const digests = new Uint8Array(32 * (count + 1)).subarray(3);
  hashPairs(pairs, digests);
  for (let i = 0; i < count; i++) {
    const digest = digests.slice(32 * i, 32 * (i + 1));
    assertEquals(digest, reference(pairs.subarray(64 * i, 64 * (i + 1))), `pair ${i}`);
  }
  assertEquals(digests.slice(32 * count), new Uint8Array(29), "nothing behind the last digest");
});

Deno.test("the digest of no pair is nothing", () => {
  const digests = new Uint8Array(32);
  hashPairs(new Uint8Array(0), digests);
  assertEquals(digests, new Uint8Array(32));
});
