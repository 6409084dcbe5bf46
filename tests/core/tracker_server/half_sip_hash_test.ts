import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { halfSipHash, type HashKey } from "../../../core/tracker_server/half_sip_hash.ts";

/** Bytes 0 to 7, as in the vectors of the hash's authors. */
const KEY: HashKey = [0x03020100, 0x07060504];

Deno.test("hashes of zero and one word equal the published ones", () => {
  const words = Int32Array.of(0x03020100);
  assertEquals(halfSipHash(KEY, words, 0, 0, 2) >>> 0, 0x5b9f35a9);
  assertEquals(halfSipHash(KEY, words, 0, 1, 2) >>> 0, 0x89466e2a);
});

Deno.test("a hash depends on every bit of key and input, and on nothing else", () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const input = fc.tuple(word, word, fc.array(word, { minLength: 1, maxLength: 5 }));
  fc.assert(fc.property(input, fc.nat(31), fc.nat(6), ([a, b, list], bit, where) => {
    const all = [a, b, ...list];
    const hash = ([k0, k1, ...words]: number[]) =>
      halfSipHash([k0!, k1!], Int32Array.of(9, ...words), 1, words.length, 1);
    assertEquals(hash(all), hash(all));
    const changed = all.map((value, i) => i === where % all.length ? value ^ (1 << bit) : value);
    assert(hash(all) !== hash(changed));
  }));
});
