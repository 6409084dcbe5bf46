/**
 * The core's only source of chance: a small integer PRNG (sfc32) kept as plain data in the state, so
 * that one seed gives one run. Not for secrets; those come in as bytes from the shell.
 */

/** Four 32-bit words of sfc32 state. */
export type Rng = Uint32Array;

/** Seeds a generator from any 32-bit number. */
export function createRng(seed: number): Rng {
  const rng = new Uint32Array([seed, seed ^ 0x9e3779b9, 0x243f6a88, 1]);
  for (let i = 0; i < 12; i++) nextUint32(rng);
  return rng;
}

/** Uniform in 0..2^32-1. */
export function nextUint32(rng: Rng): number {
  const a = rng[0]!, b = rng[1]!, c = rng[2]!, counter = rng[3]!;
  const t = (a + b + counter) >>> 0;
  rng[3] = counter + 1;
  rng[0] = b ^ (b >>> 9);
  rng[1] = c + (c << 3);
  rng[2] = ((c << 21) | (c >>> 11)) + t;
  return t;
}

/** Uniform in 0..bound-1; bound in 1..2^32. The bias of the multiply is below 2^-32 a draw. */
export function randomBelow(rng: Rng, bound: number): number {
  return Math.floor((nextUint32(rng) / 0x1_0000_0000) * bound);
}

/** Fisher-Yates, in place; returns its argument. */
export function shuffle<T>(rng: Rng, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomBelow(rng, i + 1);
    const held = items[i]!;
    items[i] = items[j]!;
    items[j] = held;
  }
  return items;
}
