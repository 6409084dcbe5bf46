import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  BLOCK_SIZE,
  blockCount,
  blockLength,
  contentEnd,
  createAlignedGeometry,
  createGeometry,
  isGeometry,
  pieceOffset,
  pieceSize,
} from "../../../core/metainfo/geometry.ts";

Deno.test("the last piece and the last block of each piece may be short", () => {
  const geometry = createGeometry(100_001, 50_000);
  assertEquals(geometry.pieceCount, 3);
  assertEquals([0, 1, 2].map((piece) => pieceSize(geometry, piece)), [50_000, 50_000, 1]);
  assertEquals([0, 1, 2].map((piece) => pieceOffset(geometry, piece)), [0, 50_000, 100_000]);
  assertEquals([0, 1, 2].map((piece) => blockCount(geometry, piece)), [4, 4, 1]);
  assertEquals(blockLength(geometry, 0, 3), 50_000 - 3 * BLOCK_SIZE);
  assertEquals(blockLength(geometry, 2, 0), 1);
});

Deno.test("blocks cover pieces and pieces cover the torrent, without gaps", () => {
  const size = fc.integer({ min: 1, max: 500_000 });
  const length = fc.integer({ min: 10_000, max: 100_000 });
  fc.assert(fc.property(size, length, (totalSize, pieceLength) => {
    const geometry = createGeometry(totalSize, pieceLength);
    let end = 0;
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      assertEquals(pieceOffset(geometry, piece), end);
      let filled = 0;
      for (let block = 0; block < blockCount(geometry, piece); block++) {
        const bytes = blockLength(geometry, piece, block);
        assertEquals(bytes >= 1 && bytes <= BLOCK_SIZE, true);
        filled += bytes;
      }
      assertEquals(filled, pieceSize(geometry, piece));
      end += filled;
    }
    assertEquals(end, totalSize);
  }));
});

Deno.test("any file of a v2 torrent may end with a short piece", () => {
  const geometry = createAlignedGeometry([0, 1, 32_768, 0, 32_769, 5], 32_768);
  assertEquals(geometry.pieceCount, 5);
  assertEquals(geometry.totalSize, 1 + 32_768 + 32_769 + 5);
  assertEquals([0, 1, 2, 3, 4].map((piece) => pieceSize(geometry, piece)), [
    1,
    32_768,
    32_768,
    1,
    5,
  ]);
  assertEquals(contentEnd(geometry), 4 * 32_768 + 5);
  assertEquals(blockCount(geometry, 0), 1);
  assertEquals(blockLength(geometry, 3, 0), 1);
  assertEquals(isGeometry(geometry), true);
  assertEquals(isGeometry({ ...geometry, totalSize: 7 }), false);
  assertEquals(
    isGeometry({ ...geometry, shortPieces: [...geometry.shortPieces!].reverse() }),
    false,
  );
});

Deno.test("a single file has the same layout in v1 and in v2", () => {
  for (const size of [1, 16_384, 32_768, 50_000]) {
    assertEquals(createAlignedGeometry([size, 0], 32_768), createGeometry(size, 32_768));
  }
});

Deno.test("a geometry from outside has pieces and bytes that agree", () => {
  const plain = { totalSize: 32_769, pieceLength: 16_384, pieceCount: 3 };
  assertEquals(isGeometry(plain), true);
  assertEquals([isGeometry({ ...plain, pieceCount: 2 }), isGeometry({ ...plain, pieceCount: 4 })], [
    ...[false, false],
  ]);
  assertEquals(isGeometry({ totalSize: 1, pieceLength: 1, pieceCount: 1 }), true);
  assertEquals(isGeometry({ totalSize: 0, pieceLength: 1, pieceCount: 0 }), false);
  assertEquals(isGeometry({ totalSize: 1, pieceLength: 0, pieceCount: 1 }), false);
  const aligned = (totalSize: number, ...shortPieces: { piece: number; size: number }[]) =>
    isGeometry({ totalSize, pieceLength: 10, pieceCount: 3, shortPieces });
  assertEquals(aligned(12, { piece: 0, size: 1 }, { piece: 1, size: 1 }), true);
  assertEquals(aligned(29, { piece: 0, size: 9 }), true);
  assertEquals(aligned(21, { piece: 2, size: 1 }), true);
  assertEquals(aligned(30, { piece: 0, size: 10 }), false, "it is not short");
  assertEquals(aligned(20, { piece: 0, size: 0 }), false, "it is empty");
  assertEquals(aligned(21, { piece: 3, size: 1 }), false, "it is beyond the end");
  assertEquals(aligned(12, { piece: 1, size: 1 }, { piece: 1, size: 1 }), false, "it comes twice");
  assertEquals(aligned(21, { piece: -1, size: 1 }), false);
});
