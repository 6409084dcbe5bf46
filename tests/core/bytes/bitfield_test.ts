import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  copyBitfield,
  countBits,
  countCommonBits,
  createBitfield,
  createFullBitfield,
  hasBit,
  parseBitfield,
  setBit,
} from "../../../core/bytes/bitfield.ts";

/** A piece count and some pieces below it. */
const pieceSets = fc.integer({ min: 1, max: 100 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    pieces: fc.uniqueArray(fc.integer({ min: 0, max: count - 1 })),
  })
);

function bitfieldOf(count: number, pieces: readonly number[]) {
  const field = createBitfield(count);
  for (const piece of pieces) setBit(field, piece);
  return field;
}

Deno.test("piece 0 is the high bit of the first byte", () => {
  assertEquals([...bitfieldOf(10, [0, 2, 9]).bytes], [0xa0, 0x40]);
});

Deno.test("a bitfield holds exactly the pieces that were set", () => {
  fc.assert(fc.property(pieceSets, ({ count, pieces }) => {
    const field = bitfieldOf(count, pieces);
    assertEquals(countBits(field), pieces.length);
    for (let i = 0; i < count + 20; i++) assertEquals(hasBit(field, i), pieces.includes(i));
  }));
});

Deno.test("a full bitfield has every piece and no spare bit", () => {
  for (const count of [0, 1, 7, 8, 9, 16, 17]) {
    const field = createFullBitfield(count);
    assertEquals(countBits(field), count);
    assertEquals(parseBitfield(field.bytes, count).ok, true);
  }
});

Deno.test("a copy is independent of its original", () => {
  const field = bitfieldOf(9, [8]);
  const copy = copyBitfield(field);
  setBit(field, 0);
  assertEquals([hasBit(copy, 0), hasBit(copy, 8), copy.count], [false, true, 9]);
});

Deno.test("a bitfield received from a peer is copied", () => {
  const bytes = Uint8Array.of(0x80);
  const parsed = parseBitfield(bytes, 8);
  bytes[0] = 0;
  assertEquals(parsed.ok && hasBit(parsed.value, 0), true);
});

Deno.test("a bitfield of the wrong size is refused", () => {
  const wrong = (size: number, wanted: number) => ({
    ok: false,
    error: { code: "bitfield-size", size, wanted },
  });
  assertEquals<unknown>(parseBitfield(new Uint8Array(2), 17), wrong(2, 3));
  assertEquals<unknown>(parseBitfield(new Uint8Array(3), 16), wrong(3, 2));
  assertEquals<unknown>(parseBitfield(new Uint8Array(1), 0), wrong(1, 0));
});

Deno.test("a bitfield with any spare bit set is refused", () => {
  for (const spare of [0x01, 0x02, 0x04]) {
    const parsed = parseBitfield(Uint8Array.of(0, spare), 13);
    assertEquals<unknown>(parsed, {
      ok: false,
      error: { code: "bitfield-spare-bits", lastByte: spare },
    });
  }
  assertEquals(parseBitfield(Uint8Array.of(0, 0x08), 13).ok, true);
  assertEquals(parseBitfield(Uint8Array.of(0x01), 8).ok, true);
  assertEquals(parseBitfield(new Uint8Array(0), 0).ok, true);
});

Deno.test("the pieces of two sets are counted, and those that both have", () => {
  const a = createBitfield(20), b = createBitfield(20);
  for (const piece of [0, 7, 8, 19]) setBit(a, piece);
  for (const piece of [7, 9, 19]) setBit(b, piece);
  assertEquals([countBits(a), countBits(b), countCommonBits(a, b)], [4, 3, 2]);
  assertEquals(countCommonBits(a, createFullBitfield(20)), 4);
});
