import { assertEquals } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { PieceBuffers } from "../../../shell/hash/piece_buffers.ts";
import { PieceMemory } from "../../../shell/hash/piece_memory.ts";
import { StartedBlocks } from "../../../shell/hash/started_blocks.ts";
import { parseTorrent } from "../../../shell/load_torrent.ts";

const SIZE = 2 * BLOCK_SIZE;

/** A torrent of one piece of two blocks, and a disk whose first write is slow. */
function open() {
  const info = { name: "f.bin", length: SIZE, "piece length": SIZE, pieces: new Uint8Array(20) };
  const { metainfo } = parseTorrent(encodeBencode({ info }), "a test");
  const buffers = new PieceBuffers(metainfo, new PieceMemory());
  const disk = new Uint8Array(SIZE);
  const gate = Promise.withResolvers<void>();
  const begun: number[] = [];
  const started = new StartedBlocks(metainfo.geometry, buffers, {
    async writePiece(at, bytes) {
      const copy = bytes.slice();
      begun.push(copy.length);
      if (begun.length === 1) await gate.promise;
      disk.set(copy, at);
    },
  });
  return { buffers, started, disk, gate, begun };
}

const block = (value: number) => new Uint8Array(BLOCK_SIZE).fill(value);

Deno.test("a whole piece is written after the write of a block that was replaced meanwhile", async () => {
  const { buffers, started, disk, gate, begun } = open();
  buffers.put(0, 0, block(1));
  const saved = started.save([{ piece: 0, blocks: Uint8Array.of(0b1000_0000) }]);
  buffers.put(0, 0, block(2));
  buffers.put(0, BLOCK_SIZE, block(3));
  const written = started.writeWhole(0);
  gate.resolve();
  await written;
  assertEquals(await saved, [], "the piece was completed meanwhile");
  assertEquals(begun, [BLOCK_SIZE, SIZE]);
  assertEquals([disk[0], disk[BLOCK_SIZE]], [2, 3]);
});

Deno.test("a block is written once for each time that it was put in, with its hash", async () => {
  const { buffers, started, disk, gate, begun } = open();
  gate.resolve();
  const first = { piece: 0, blocks: Uint8Array.of(0b1000_0000) };
  buffers.put(0, 0, block(1));
  const [before] = await started.save([first]);
  assertEquals(await started.save([first]), [before!]);
  assertEquals(begun, [BLOCK_SIZE]);
  buffers.put(0, 0, block(2));
  const [after] = await started.save([first]);
  assertEquals([begun.length, disk[0], after!.hashes.length], [2, 2, 32]);
  assertEquals(after!.hashes.every((byte, i) => byte === before!.hashes[i]), false);
});
