import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { readAhead } from "../../../core/stream/read_ahead.ts";

Deno.test("a piece is due when the reader reaches it", () => {
  const reader = { atByte: 150, endByte: 1_000, pieceLength: 100, bytesPerSecond: 100 };
  assertEquals(readAhead(reader, 2_000, 1), [
    { piece: 1, inMs: 0 },
    { piece: 2, inMs: 500 },
    { piece: 3, inMs: 1_500 },
  ]);
});

Deno.test("a slow reader gets some pieces ahead, but none beyond its end", () => {
  const reader = { atByte: 0, endByte: 350, pieceLength: 100, bytesPerSecond: 1 };
  assertEquals(readAhead(reader, 1_000, 2).map(({ piece }) => piece), [0, 1]);
  assertEquals(readAhead(reader, 1_000, 9).map(({ piece }) => piece), [0, 1, 2, 3]);
});

Deno.test("for any position, the list is bounded, in order, and starts at the reader", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1e6 }), (at, more, pieceLength) => {
      const reader = { atByte: at, endByte: at + more + 1, pieceLength, bytesPerSecond: 1e9 };
      const due = readAhead(reader, 60_000, 4);
      assert(due.length > 0 && due.length <= 64);
      assertEquals(due[0]!.piece, Math.floor(at / pieceLength));
      for (const [i, { inMs }] of due.entries()) assert(i === 0 || inMs >= due[i - 1]!.inMs);
    }),
    { seed: 2 },
  );
});

Deno.test("the piece that begins at the end is not read, and the one due at the last moment is", () => {
  const reader = { atByte: 0, endByte: 300, pieceLength: 100, bytesPerSecond: 100 };
  assertEquals(readAhead(reader, 60_000, 1).map(({ piece }) => piece), [0, 1, 2]);
  assertEquals(readAhead(reader, 1_000, 1).map(({ piece }) => piece), [0, 1]);
  assertEquals(readAhead(reader, 999, 1).map(({ piece }) => piece), [0]);
});
