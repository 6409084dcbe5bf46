import { assert, assertEquals } from "@std/assert";
import { advanceReader, createReader, duePieces } from "../../../core/stream/reader.ts";

const PIECE = 1_000_000;

Deno.test("a reader's missing pieces are due from its position on, those that are here are not", () => {
  const reader = createReader(2_500_000, 20 * PIECE, PIECE, 0);
  const due = duePieces(reader, (piece) => piece === 3);
  assertEquals(due[0], { piece: 2, inMs: 0 });
  assertEquals(due[1]!.piece, 4);
  assert(due[1]!.inMs > 0 && due[1]!.inMs < due[2]!.inMs);
});

Deno.test("a reader says when it comes to another piece", () => {
  const reader = createReader(0, 2 * PIECE, PIECE, 0);
  assertEquals(advanceReader(reader, PIECE - 1, 10), false);
  assertEquals(advanceReader(reader, 1, 20), true);
  assertEquals(reader.atByte, PIECE);
});

Deno.test("deadlines follow the measured rate, and a reader that pauses is still served", () => {
  const inMsOfNext = (bytesPerSecond: number) => {
    const reader = createReader(0, 1_000 * PIECE, PIECE, 0);
    for (let second = 1; second <= 60; second++) {
      advanceReader(reader, bytesPerSecond, 1_000 * second);
    }
    const [first, second] = duePieces(reader, () => false);
    return second!.inMs - first!.inMs;
  };
  assert(Math.abs(inMsOfNext(2_000_000) - 500) < 20, `${inMsOfNext(2_000_000)}`);
  assert(inMsOfNext(0) < 10_000, "128 KiB/s at least");
});

Deno.test("a piece is left where its last byte is taken, wherever the reader began", () => {
  const reader = createReader(PIECE - 10, 3 * PIECE, PIECE, 0);
  assertEquals([9, 1, 1, PIECE - 2, 1].map((bytes) => advanceReader(reader, bytes, 1)), [
    ...[false, true, false, false, true],
  ]);
});

Deno.test("a rate is measured over a second at least, and counts as much as its time", () => {
  const rateAfter = (...takes: [bytes: number, atMs: number][]) => {
    const reader = createReader(0, 1_000 * PIECE, PIECE, 0);
    for (const [bytes, atMs] of takes) advanceReader(reader, bytes, atMs);
    return reader.bytesPerSecond;
  };
  const first = 1024 * 1024;
  assertEquals(rateAfter([5_000_000, 999]), first, "not measured yet");
  // A second of the ten over which a rate is known.
  assertEquals(rateAfter([5_000_000, 1_000]), first * 0.9 + 5_000_000 * 0.1);
  assertEquals(rateAfter([5_000_000, 999], [0, 1_000]), first * 0.9 + 5_000_000 * 0.1);
  assertEquals(rateAfter([50_000_000, 10_000]), 5_000_000);
  assertEquals(rateAfter([100_000_000, 20_000]), 5_000_000, "no more than all");
  assertEquals(rateAfter([50_000_000, 10_000], [50_000_000, 20_000]), 5_000_000);
});
