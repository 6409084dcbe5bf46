/**
 * HalfSipHash: a keyed hash of 32-bit words, so that who does not know the key can neither aim at one
 * place of a hash table nor make up a UDP connection id. Words, because that is what the tables hold.
 */

/** Two words of secret. */
export type HashKey = readonly [number, number];

/** Rounds a word: 1 spreads the entries of a table, 2 keeps a secret from who sees the hashes. */
export type HashStrength = 1 | 2;

/**
 * A 32-bit integer, signed, of `count` words from `at` on.
 *
 * Spec: HalfSipHash-c-(c + 2), 32 bits out, the words in the machine's little-endian sense.
 */
export function halfSipHash(
  key: HashKey,
  words: Int32Array,
  at: number,
  count: number,
  strength: HashStrength,
): number {
  const finalRounds = strength + 2;
  let v0 = key[0];
  let v1 = key[1];
  let v2 = 0x6c796765 ^ key[0];
  let v3 = 0x74656462 ^ key[1];
  // Word by word, then the length in bytes, then the final rounds on nothing.
  for (let i = 0; i <= count + 1; i++) {
    const word = i < count ? words[at + i]! : i === count ? count << 26 : 0;
    if (i <= count) v3 ^= word;
    else v2 ^= 0xff;
    for (let round = i <= count ? strength : finalRounds; round > 0; round--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  return v1 ^ v3;
}
