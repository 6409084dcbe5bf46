/**
 * Big-endian numbers out of a buffer at an offset, without a DataView for every buffer that passes.
 * The caller has checked that the bytes are there.
 */

/** 0..65535 from two bytes. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100 + bytes[at + 1]!;
}

/** 0..2^32-1 from four bytes; sums, because shifts would give negative numbers. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x1_0000 + readUint16(bytes, at + 2);
}
