import { assertEquals } from "@std/assert";
import { createAlignedGeometry, createGeometry } from "../../../core/metainfo/geometry.ts";
import type { TorrentFile } from "../../../core/metainfo/types.ts";
import { piecePriorities, priorityRanges } from "../../../core/transfer/file_priorities.ts";

function fileOf(offset: number, length: number, pad = false): TorrentFile {
  return { path: ["f"], length, offset, pad, executable: false };
}

Deno.test("a piece is as urgent as the most urgent of its files", () => {
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

Deno.test("files that start at pieces share none", () => {
  const files = [fileOf(0, 15), fileOf(20, 5), fileOf(30, 10)];
  const geometry = createAlignedGeometry([15, 5, 10], 10);
  assertEquals([...piecePriorities(files, geometry, [0, 4, 0])], [0, 0, 4, 0]);
  assertEquals([...piecePriorities(files, geometry, [7, 0, 1])], [7, 7, 0, 1]);
});

Deno.test("runs of equal pieces are one range", () => {
  assertEquals(priorityRanges(Uint8Array.of(4, 4, 0, 7)), [
    { first: 0, end: 2, priority: 4 },
    { first: 2, end: 3, priority: 0 },
    { first: 3, end: 4, priority: 7 },
  ]);
  assertEquals(priorityRanges(new Uint8Array()), []);
});
