import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex } from "../../../core/bytes/hex.ts";
import {
  createBlockHeader,
  createFrameView,
  frameBytesMax,
  KEEP_ALIVE,
  readBlockHeader,
  readFrame,
} from "../../../core/wire/frame.ts";
import { anyMessage, framesOf } from "./messages.ts";

const BYTES_MAX = frameBytesMax(1);

function read(hex: string, start = 0, bytesMax = BYTES_MAX) {
  const bytes = fromHex(hex.replaceAll(" ", ""))!;
  const view = createFrameView();
  return { verdict: readFrame(bytes, start, bytes.length, bytesMax, view), view, bytes };
}

Deno.test("a frame is its length, its id and its body", () => {
  const { verdict, view } = read("ffff 00000005 04 00000102 aaaa", 2);
  assertEquals(verdict, "frame");
  assertEquals(view, { id: 4, bodyStart: 7, frameEnd: 11, needed: 9 });
});

Deno.test("a frame of length 0 is a keep-alive", () => {
  const { verdict, view } = read("00000000 00000001");
  assertEquals(verdict, "frame");
  assertEquals(view, { id: KEEP_ALIVE, bodyStart: 4, frameEnd: 4, needed: 4 });
});

Deno.test("a frame without its length needs four bytes", () => {
  for (const hex of ["", "00", "000000"]) {
    const { verdict, view } = read(hex);
    assertEquals([verdict, view.needed], ["incomplete", 4]);
  }
});

Deno.test("a truncated frame returns the number of bytes it needs", () => {
  for (const hex of ["00000005", "00000005 04", "00000005 04 000001"]) {
    const { verdict, view } = read(hex);
    assertEquals([verdict, view.needed], ["incomplete", 9]);
  }
});

Deno.test("bytes at and after the end are not read", () => {
  const bytes = fromHex("0000000504000001ff")!;
  const view = createFrameView();
  assertEquals(readFrame(bytes, 0, 3, BYTES_MAX, view), "incomplete");
  assertEquals(view.needed, 4);
  assertEquals(readFrame(bytes, 0, 8, BYTES_MAX, view), "incomplete");
  assertEquals(view.needed, 9);
});

Deno.test("a frame over the limit is refused once its length is known", () => {
  assertEquals(read("0000000c", 0, 16).verdict, "incomplete");
  assertEquals(read("0000000d", 0, 16).verdict, "violation");
  const { verdict, view } = read("ffffffff");
  assertEquals([verdict, view.needed], ["violation", 2 ** 32 + 3]);
});

Deno.test("the limit allows a block of 128 KiB and the bitfield", () => {
  assertEquals(frameBytesMax(1), 131_072 + 13);
  assertEquals(frameBytesMax(8 * (131_072 + 8)), 131_072 + 13);
  assertEquals(frameBytesMax(8 * (131_072 + 8) + 1), 131_072 + 14);
});

Deno.test("a piece frame gives piece, begin and payload offset", () => {
  const { view, bytes } = read("0000000c 07 00000001 80000000 616263");
  const block = createBlockHeader();
  assertEquals(readBlockHeader(bytes, view, block), true);
  assertEquals(block, { piece: 1, begin: 2 ** 31, payloadStart: 13, length: 3 });
});

Deno.test("a piece frame may be empty but not shorter than its header", () => {
  const block = createBlockHeader();
  const empty = read("00000009 07 00000001 00000002");
  assertEquals(readBlockHeader(empty.bytes, empty.view, block), true);
  assertEquals(block.length, 0);
  const short = read("00000008 07 00000001 000000");
  assertEquals(readBlockHeader(short.bytes, short.view, block), false);
});

/**
 * Frames found when the stream arrives in chunks of these sizes, keeping the unread rest each
 * time.
 */
function framesInChunks(stream: Uint8Array, sizes: readonly number[]): string[] {
  const found: string[] = [];
  const view = createFrameView();
  let start = 0;
  let end = 0;
  for (const size of [...sizes, stream.length]) {
    end = Math.min(stream.length, end + size);
    // Bytes that have not arrived must not matter.
    const arrived = stream.slice();
    arrived.fill(0xff, end);
    while (readFrame(arrived, start, end, BYTES_MAX, view) === "frame") {
      found.push(`${view.id} ${arrived.subarray(view.bodyStart, view.frameEnd)}`);
      start = view.frameEnd;
    }
    if (end < stream.length) assertEquals(start + view.needed > end, true);
  }
  assertEquals(start, stream.length);
  return found;
}

Deno.test("any split of the stream gives the same frames", () => {
  const chunks = fc.array(fc.integer({ min: 0, max: 40 }));
  fc.assert(fc.property(fc.array(anyMessage), chunks, (messages, sizes) => {
    const stream = framesOf(...messages);
    const whole = framesInChunks(stream, []);
    assertEquals(whole.length, messages.length);
    assertEquals(framesInChunks(stream, sizes), whole);
    assertEquals(framesInChunks(stream, new Array(stream.length).fill(1)), whole);
  }));
});
