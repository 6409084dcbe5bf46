/**
 * A set of piece indices in wire order: piece 0 is the high bit of byte 0, spare bits are zero.
 * Spec: BEP 3, bitfield.
 */
import { fail, ok, type Result } from "./result.ts";
import type { ReadonlyBytes } from "./view.ts";

export interface Bitfield {
  /** ceil(count / 8) bytes, wire order. */
  readonly bytes: Uint8Array;
  /** Number of pieces, not of bits set. */
  readonly count: number;
}

/** One that is only read. */
export interface ReadonlyBitfield {
  readonly bytes: ReadonlyBytes;
  readonly count: number;
}

export type BitfieldError =
  | { readonly code: "bitfield-size"; readonly size: number; readonly wanted: number }
  | { readonly code: "bitfield-spare-bits"; readonly lastByte: number };

/** The empty set over `count` pieces. */
export function createBitfield(count: number): Bitfield {
  return { bytes: new Uint8Array((count + 7) >>> 3), count };
}

/** Every piece in the set, spare bits zero. */
export function createFullBitfield(count: number): Bitfield {
  const field = createBitfield(count);
  field.bytes.fill(0xff);
  const spare = field.bytes.length * 8 - count;
  if (spare > 0) field.bytes[field.bytes.length - 1] = (0xff << spare) & 0xff;
  return field;
}

/** Copies bytes from the wire. Errors: wrong size, spare bits set. */
export function parseBitfield(bytes: Uint8Array, count: number): Result<Bitfield, BitfieldError> {
  const wanted = (count + 7) >>> 3;
  if (bytes.length !== wanted) return fail({ code: "bitfield-size", size: bytes.length, wanted });
  const spare = wanted * 8 - count;
  const lastByte = wanted > 0 ? bytes[wanted - 1]! : 0;
  if ((lastByte & ((1 << spare) - 1)) !== 0) return fail({ code: "bitfield-spare-bits", lastByte });
  return ok({ bytes: bytes.slice(), count });
}

/** False beyond the end. */
export function hasBit(field: ReadonlyBitfield, index: number): boolean {
  return (field.bytes[index >>> 3]! & (0x80 >>> (index & 7))) !== 0;
}

/** `index` in 0..count-1. */
export function setBit(field: Bitfield, index: number): void {
  field.bytes[index >>> 3]! |= 0x80 >>> (index & 7);
}

/** `index` in 0..count-1. */
export function clearBit(field: Bitfield, index: number): void {
  field.bytes[index >>> 3]! &= ~(0x80 >>> (index & 7));
}

/** How many pieces are in the set. */
export function countBits(field: ReadonlyBitfield): number {
  let total = 0;
  for (let byte of field.bytes) {
    for (; byte !== 0; byte &= byte - 1) total++;
  }
  return total;
}

/** How many pieces are in both of two sets of the same size. */
export function countCommonBits(a: ReadonlyBitfield, b: ReadonlyBitfield): number {
  let total = 0;
  for (let at = 0; at < a.bytes.length; at++) {
    for (let byte = a.bytes[at]! & b.bytes[at]!; byte !== 0; byte &= byte - 1) total++;
  }
  return total;
}

/** A set of its own, sharing no bytes. */
export function copyBitfield(field: ReadonlyBitfield): Bitfield {
  return { bytes: field.bytes.slice(), count: field.count };
}
