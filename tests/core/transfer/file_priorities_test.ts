import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createAlignedGeometry, createGeometry } from "../../../core/metainfo/geometry.ts";
import type { TorrentFile } from "../../../core/metainfo/types.ts";
import {
  filePriorities,
  piecePriorities,
  priorityRanges,
} from "../../../core/transfer/file_priorities.ts";

function fileOf(offset: number, length: number, pad = false): TorrentFile {
  return { path: ["f"], length, offset, pad, executable: false };
}

Deno.test("a piece has the highest priority of its files", () => {
  // Pieces of 10: a 0..14, b 15..15, an empty one, c 16..39, padding 40..49.
  const files = [fileOf(0, 15), fileOf(15, 1), fileOf(16, 0), fileOf(16, 24), fileOf(40, 10, true)];
  const geometry = createGeometry(50, 10);
  const of = (...priorities: number[]) => [...piecePriorities(files, geometry, priorities)];
  assertEquals(of(4, 4, 4, 4, 4), [4, 4, 4, 4, 0]);
  assertEquals(of(4, 0, 0, 0, 0), [4, 4, 0, 0, 0]);
  assertEquals(of(0, 7, 0, 1, 7), [0, 7, 1, 1, 0]);
  assertEquals(of(1, 0, 7, 4), [1, 4, 4, 4, 0]);
  assertEquals(of(), [0, 0, 0, 0, 0]);
});

Deno.test("files aligned to pieces share none", () => {
  const files = [fileOf(0, 15), fileOf(20, 5), fileOf(30, 10)];
  const geometry = createAlignedGeometry([15, 5, 10], 10);
  assertEquals([...piecePriorities(files, geometry, [0, 4, 0])], [0, 0, 4, 0]);
  assertEquals([...piecePriorities(files, geometry, [7, 0, 1])], [7, 7, 0, 1]);
});

Deno.test("equal adjacent pieces form one range", () => {
  assertEquals(priorityRanges(Uint8Array.of(4, 4, 0, 7)), [
    { first: 0, end: 2, priority: 4 },
    { first: 2, end: 3, priority: 0 },
    { first: 3, end: 4, priority: 7 },
  ]);
  assertEquals(priorityRanges(new Uint8Array()), []);
});

Deno.test("the first and last piece of a wanted file precede the rest of its priority", () => {
  const files = [fileOf(0, 35), fileOf(35, 45), fileOf(80, 20)];
  const geometry = createGeometry(100, 10);
  const of = (...priorities: number[]) => [
    ...piecePriorities(files, geometry, priorities, { firstLast: true }),
  ];
  assertEquals(of(4, 0, 0), [5, 4, 4, 5, 0, 0, 0, 0, 0, 0]);
  assertEquals(of(1, 4, 0), [2, 1, 1, 5, 4, 4, 4, 5, 0, 0]);
  assertEquals(of(0, 0, 7), [0, 0, 0, 0, 0, 0, 0, 0, 7, 7]);
});

Deno.test("every byte of a wanted file is in a wanted piece, and every wanted piece has one", () => {
  const drawn = fc.record({
    lengths: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 12 }),
    pieceLength: fc.integer({ min: 1, max: 20 }),
    choices: fc.infiniteStream(fc.constantFrom("skip", "low", "normal", "high")),
    firstLast: fc.boolean(),
  });
  fc.assert(
    fc.property(drawn, ({ lengths, pieceLength, choices, firstLast }) => {
      const total = lengths.reduce((sum, length) => sum + length, 0);
      fc.pre(total > 0);
      let offset = 0;
      const files = lengths.map((length) => fileOf((offset += length) - length, length));
      const priorities = filePriorities(files.map(() => choices.next().value!));
      const geometry = createGeometry(total, pieceLength);
      const pieces = piecePriorities(files, geometry, priorities, { firstLast });
      const wanted = new Array<number>(geometry.pieceCount).fill(0);
      for (const [index, { offset, length }] of files.entries()) {
        for (let at = offset; at < offset + length; at++) {
          const piece = Math.floor(at / pieceLength);
          wanted[piece] = Math.max(wanted[piece]!, priorities[index]!);
        }
      }
      for (const [piece, priority] of pieces.entries()) {
        assertEquals(priority === 0, wanted[piece] === 0);
        assert(priority === wanted[piece] || (firstLast && priority === wanted[piece]! + 1));
      }
      const ranges = priorityRanges(pieces);
      assertEquals(
        ranges.flatMap(({ first, end, priority }) => Array(end - first).fill(priority)),
        [
          ...pieces,
        ],
      );
    }),
    { seed: 1, numRuns: 300 },
  );
});
