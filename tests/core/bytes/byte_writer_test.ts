import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { readUint16, readUint32 } from "../../../core/bytes/byte_reader.ts";
import {
  createByteWriter,
  resetWriter,
  writeBytes,
  writeUint16,
  writeUint32,
  writeUint8,
  writtenBytes,
} from "../../../core/bytes/byte_writer.ts";

Deno.test("numbers are written big-endian, in order", () => {
  const writer = createByteWriter();
  writeUint8(writer, 0x01);
  writeUint16(writer, 0x0203);
  writeUint32(writer, 0x84050607);
  writeBytes(writer, Uint8Array.of(8, 9));
  assertEquals([...writtenBytes(writer)], [1, 2, 3, 0x84, 5, 6, 7, 8, 9]);
});

Deno.test("a writer grows beyond its capacity without losing bytes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), fc.array(fc.uint8Array()), (size, parts) => {
      const writer = createByteWriter(size);
      for (const part of parts) writeBytes(writer, part);
      assertEquals([...writtenBytes(writer)], parts.flatMap((part) => [...part]));
    }),
  );
});

Deno.test("a writer that has grown still writes numbers", () => {
  const writer = createByteWriter(1);
  for (let i = 0; i < 3; i++) writeUint32(writer, 0xfffffff0 + i);
  assertEquals(readUint32(writtenBytes(writer), 8), 0xfffffff2);
});

Deno.test("a reset writer is empty and reuses its buffer", () => {
  const writer = createByteWriter(4);
  writeUint32(writer, 1);
  const space = writer.bytes;
  resetWriter(writer);
  assertEquals(writtenBytes(writer).length, 0);
  writeUint16(writer, 2);
  assertEquals([...writtenBytes(writer)], [0, 2]);
  assertEquals(writer.bytes === space, true);
});

Deno.test("numbers are read as unsigned at any offset", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at <= 8; at++) {
      assertEquals(readUint16(bytes, at), view.getUint16(at));
      assertEquals(readUint32(bytes, at), view.getUint32(at));
    }
  }));
});
