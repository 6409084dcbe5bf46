import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { PieceBuffer } from "../../../shell/hash/piece_buffer.ts";
import { leavesOf } from "../../../core/metainfo/merkle.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { sha256 } from "../../../shell/hash/sha256.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";

function contentOf(size: number, salt: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + salt) & 0xff);
}

function putBlock(buffer: PieceBuffer, content: Uint8Array, block: number): void {
  const begin = block * BLOCK_SIZE;
  buffer.put(content.subarray(begin, Math.min(begin + BLOCK_SIZE, content.length)), begin);
}

for (const isFastHere of [true, false]) {
  const where = isFastHere ? "hashed on the way" : "hashed at the end";

  Deno.test(`blocks in any order give the piece's digest, ${where}`, async () => {
    const shuffled = fc.integer({ min: 1, max: 5 * BLOCK_SIZE }).chain((size) => {
      const blocks = Array.from({ length: Math.ceil(size / BLOCK_SIZE) }, (_, block) => block);
      return fc.record({
        size: fc.constant(size),
        order: fc.shuffledSubarray(blocks, { minLength: blocks.length }),
      });
    });
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ size, order }) => {
        const content = contentOf(size, 0);
        const buffer = new PieceBuffer(new Uint8Array(5 * BLOCK_SIZE), size, { isFastHere });
        for (const block of order) putBlock(buffer, content, block);
        assertEquals((await buffer.digest()).sha1, sha1(content));
        assertEquals(buffer.content, content);
      }),
      fuzzRuns(40),
    );
  });

  Deno.test(`a piece received again replaces what a liar sent, ${where}`, async () => {
    const blocks = [0, 1, 2, 3];
    const lie = contentOf(4 * BLOCK_SIZE, 1), content = contentOf(4 * BLOCK_SIZE, 0);
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(blocks),
        fc.shuffledSubarray(blocks, { minLength: 4 }),
        async (lies, order) => {
          const buffer = new PieceBuffer(new Uint8Array(4 * BLOCK_SIZE), lie.length, {
            isFastHere,
          });
          for (const block of lies) putBlock(buffer, lie, block);
          for (const block of order) putBlock(buffer, content, block);
          assertEquals((await buffer.digest()).sha1, sha1(content));
        },
      ),
      fuzzRuns(40),
    );
  });
}

for (const isFastHere of [true, false]) {
  Deno.test(`leaves cover a piece without its padding, hashed ${isFastHere ? "here" : "elsewhere"}`, async () => {
    const contentSize = 2 * BLOCK_SIZE + 100, size = 4 * BLOCK_SIZE;
    const plan = { sha1: true, leaves: true };
    const buffer = new PieceBuffer(new Uint8Array(size), size, { plan, contentSize, isFastHere });
    const content = contentOf(size, 0).fill(0, contentSize);
    for (const block of [3, 1, 0, 2]) putBlock(buffer, content, block);
    const expected = {
      sha1: sha1(content),
      leaves: leavesOf(sha256, content.subarray(0, contentSize)),
    };
    assertEquals(await buffer.digest(), expected);
    // One more block: the digest may be read again.
    putBlock(buffer, contentOf(size, 1), 1);
    putBlock(buffer, content, 1);
    assertEquals(await buffer.digest(), expected);
  });
}
