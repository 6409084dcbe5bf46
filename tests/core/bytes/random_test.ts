import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng, nextUint32, randomBelow, shuffle } from "../../../core/bytes/random.ts";

const draw = (seed: number, count: number) => {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => nextUint32(rng));
};

Deno.test("a seed gives the same sequence in every version of the program", () => {
  // sfc32, computed with big integers in another language.
  assertEquals(draw(1, 4), [287317652, 3844763798, 2725124882, 3606935424]);
});

Deno.test("different seeds give different sequences", () => {
  assertNotEquals(draw(1, 4), draw(2, 4));
});

Deno.test("random numbers are unsigned 32-bit integers", () => {
  fc.assert(fc.property(fc.integer(), (seed) => {
    for (const value of draw(seed, 20)) assert(Number.isInteger(value) && value === value >>> 0);
  }));
});

Deno.test("a bounded random number is an integer below the bound", () => {
  fc.assert(fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
    const value = randomBelow(createRng(seed), bound);
    assert(Number.isInteger(value) && value >= 0 && value < bound);
  }));
});

Deno.test("bounded random numbers are uniformly distributed", () => {
  const rng = createRng(7);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 10_000; i++) counts[randomBelow(rng, 5)]!++;
  for (const count of counts) assert(Math.abs(count - 2_000) < 250, `${counts}`);
});

Deno.test("a shuffle works in place and keeps all items", () => {
  fc.assert(fc.property(fc.integer(), fc.array(fc.integer()), (seed, items) => {
    const shuffled = [...items];
    assertEquals(shuffle(createRng(seed), shuffled) === shuffled, true);
    assertEquals(shuffled.toSorted((a, b) => a - b), items.toSorted((a, b) => a - b));
  }));
});

Deno.test("a shuffle can move every item to every position", () => {
  const rng = createRng(3);
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) seen.add(shuffle(rng, ["a", "b", "c"]).join(""));
  assertEquals(seen.size, 6);
});
