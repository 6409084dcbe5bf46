import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BLOCK_SIZE,
  blockCount,
  blockLength,
  createGeometry,
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

Deno.test("blocks fill pieces and pieces fill the torrent, without a gap", () => {
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
