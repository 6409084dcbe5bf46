import { assertEquals } from "@std/assert";
import { formatHash, hashValue, NO_EFFECTS } from "../../../core/bytes/value_hash.ts";

const hashOf = (...values: unknown[]) =>
  values.reduce<number>((hash, value) => hashValue(hash, value), NO_EFFECTS);

Deno.test("whatever differs has another hash", () => {
  const values: unknown[] = [
    ...[0, -0, 1, -1, 256, 65_536, 2 ** 32, 2 ** 33, 0.5, 1e300, NaN, Infinity],
    ...["", "a", "b", "ab", "ba", "\u0001", "\u0101", true, false],
    ...[
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.of(1),
      Uint8Array.of(0, 0),
      Uint8Array.of(1, 0),
    ],
    ...[[], [0], [1], [0, 0], [[0]], [[], 0], [""], [false]],
    ...[{}, { a: 0 }, { a: 1 }, { b: 0 }, { a: 0, b: 0 }, { a: { b: 0 } }, { a: [0] }],
  ];
  const hashes = values.map((value) => formatHash(hashOf(value)));
  assertEquals(new Set(hashes).size, values.length);
  for (const hash of hashes) assertEquals(/^[0-9a-f]{8}$/.test(hash), true, hash);
});

Deno.test("what means the same has the same hash", () => {
  assertEquals(hashOf({ a: 1, b: 2 }), hashOf({ b: 2, a: 1 }));
  assertEquals(hashOf({ a: 1, b: undefined }), hashOf({ a: 1 }));
  assertEquals(hashOf(Uint8Array.of(9, 1, 2).subarray(1)), hashOf(Uint8Array.of(1, 2)));
});

Deno.test("each value goes in where it stands", () => {
  assertEquals(new Set([hashOf(1, 2), hashOf(2, 1), hashOf(1), hashOf(1, 2, 2)]).size, 4);
  assertEquals(hashOf(undefined), NO_EFFECTS);
});

Deno.test("a hash is MurmurHash3's mix of 32 bits at a time, so that traces can be compared for ever", () => {
  // Of the tag 3 alone; of the tag 1 and the two halves of a double; of tags, lengths and characters.
  assertEquals(formatHash(hashOf(true)), "c7c2d820");
  assertEquals(formatHash(hashOf(1)), "ade40f0a");
  assertEquals(formatHash(hashOf({ ab: [Uint8Array.of(255)] })), "3cc91332");
  assertEquals(formatHash(5), "00000005");
  assertEquals(formatHash(-1), "ffffffff");
});
