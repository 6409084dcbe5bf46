/**
 * SHA-256 of 64 bytes, many times: the nodes of hash trees. Such a message has two chunks, of which the
 * second is the same each time, so its schedule is computed once.
 *
 * Spec: FIPS 180-4, 6.2.
 */
import { MERKLE_HASH_SIZE } from "../../core/metainfo/merkle.ts";

const ROUNDS = 64;
const CHUNK_WORDS = 16;
const STATE_WORDS = 8;
const PAIR_SIZE = 2 * MERKLE_HASH_SIZE;

const PRIMES = primes(ROUNDS);
const CONSTANTS = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const INITIAL = Int32Array.from(
  PRIMES.slice(0, STATE_WORDS),
  (prime) => fraction(Math.sqrt(prime)),
);
/** The end of a message of 512 bits. */
const PADDING = scheduleOf([0x80000000, ...Array<number>(CHUNK_WORDS - 2).fill(0), 8 * PAIR_SIZE]);

const schedule = new Int32Array(ROUNDS);
const state = new Int32Array(STATE_WORDS);

/** The digest of each 64 bytes of `pairs`, one behind the other in `digests`. */
export function hashPairs(pairs: Uint8Array, digests: Uint8Array): void {
  const input = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength);
  const output = new DataView(digests.buffer, digests.byteOffset, digests.byteLength);
  let to = 0;
  for (let at = 0; at < pairs.byteLength; at += PAIR_SIZE, to += MERKLE_HASH_SIZE) {
    for (let i = 0; i < CHUNK_WORDS; i++) schedule[i] = input.getInt32(at + 4 * i);
    expand(schedule);
    for (let i = 0; i < STATE_WORDS; i++) state[i] = INITIAL[i]!;
    compress(schedule);
    compress(PADDING);
    for (let i = 0; i < STATE_WORDS; i++) output.setInt32(to + 4 * i, state[i]!);
  }
}

/** From the 16 words of a chunk to what is added in each round, constants included. */
function expand(words: Int32Array): void {
  for (let i = CHUNK_WORDS; i < ROUNDS; i++) {
    const a = words[i - 15]!;
    const b = words[i - 2]!;
    const low = (a >>> 7 | a << 25) ^ (a >>> 18 | a << 14) ^ a >>> 3;
    const high = (b >>> 17 | b << 15) ^ (b >>> 19 | b << 13) ^ b >>> 10;
    words[i] = words[i - 16]! + low + words[i - 7]! + high;
  }
  for (let i = 0; i < ROUNDS; i++) words[i] = words[i]! + CONSTANTS[i]!;
}

function compress(words: Int32Array): void {
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let i = 0; i < ROUNDS; i++) {
    const sigmaE = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const sigmaA = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const first = (h + sigmaE + (e & f ^ ~e & g) + words[i]!) | 0;
    const second = (sigmaA + (a & b ^ a & c ^ b & c)) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

function scheduleOf(chunk: readonly number[]): Int32Array {
  const words = new Int32Array(ROUNDS);
  words.set(chunk);
  expand(words);
  return words;
}

/** The first 32 bits behind the point. */
function fraction(root: number): number {
  return (root % 1) * 2 ** 32;
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    if (found.every((prime) => n % prime !== 0)) found.push(n);
  }
  return found;
}
