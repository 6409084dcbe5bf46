/**
 * A buffer that grows at its end: messages are appended one behind the other, taken as one view,
 * and the space is used again. Numbers are big-endian, as everywhere on the wire.
 */

/** Plain data; only the functions below change it. */
export interface ByteWriter {
  /** Capacity; the bytes at and after `size` mean nothing. */
  bytes: Uint8Array;
  view: DataView;
  /** Bytes written since the last reset. */
  size: number;
}

/** Enough for a burst of requests; it doubles from here. */
const CAPACITY_BYTES = 1024;

/** An empty writer with room for `capacity` bytes. */
export function createByteWriter(capacity: number = CAPACITY_BYTES): ByteWriter {
  const bytes = new Uint8Array(capacity);
  return { bytes, view: new DataView(bytes.buffer), size: 0 };
}

/** Appends one byte, 0..255. */
export function writeUint8(writer: ByteWriter, value: number): void {
  const at = extendWriter(writer, 1);
  writer.bytes[at] = value;
}

/** Appends two bytes, 0..65535. */
export function writeUint16(writer: ByteWriter, value: number): void {
  const at = extendWriter(writer, 2);
  writer.view.setUint16(at, value);
}

/** Appends four bytes, 0..2^32-1. */
export function writeUint32(writer: ByteWriter, value: number): void {
  const at = extendWriter(writer, 4);
  writer.view.setUint32(at, value);
}

/** Appends a copy of `bytes`. */
export function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  const at = extendWriter(writer, bytes.length);
  writer.bytes.set(bytes, at);
}

/** What was written, not copied: valid until the next write or reset. */
export function writtenBytes(writer: ByteWriter): Uint8Array {
  return writer.bytes.subarray(0, writer.size);
}

/** Empties the writer and keeps its space. */
export function resetWriter(writer: ByteWriter): void {
  writer.size = 0;
}

/** Appends `count` bytes that the caller fills in; returns where they begin. */
export function extendWriter(writer: ByteWriter, count: number): number {
  const at = writer.size;
  writer.size += count;
  if (writer.size > writer.bytes.length) {
    const grown = new Uint8Array(Math.max(writer.size, 2 * writer.bytes.length));
    grown.set(writer.bytes.subarray(0, at));
    writer.bytes = grown;
    writer.view = new DataView(grown.buffer);
  }
  return at;
}
