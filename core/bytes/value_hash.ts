/**
 * One number for everything that a core, or a whole simulated world, has decided so far. Two runs with the
 * same number gave the same effects, field by field; the order of fields in an object means nothing.
 */

/** Of a run that has decided nothing. */
export const NO_EFFECTS = 0;

/** Tags keep apart what would mix alike: 1 and "\u0001", [] and "". */
const TAG = { number: 1, text: 2, yes: 3, no: 4, bytes: 5, list: 6, record: 7 };

const NUMBER = new DataView(new ArrayBuffer(8));

/** Plain data: numbers, text, booleans, bytes, lists and records; an undefined field counts as none. */
export function hashValue(hash: number, value: unknown): number {
  switch (typeof value) {
    case "number":
      NUMBER.setFloat64(0, value);
      return mix(mix(mix(hash, TAG.number), NUMBER.getUint32(0)), NUMBER.getUint32(4));
    case "string":
      return hashText(mix(hash, TAG.text), value);
    case "boolean":
      return mix(hash, value ? TAG.yes : TAG.no);
    case "object":
      if (value instanceof Uint8Array) return hashBytes(mix(hash, TAG.bytes), value);
      if (Array.isArray(value)) return hashList(mix(hash, TAG.list), value);
      return hashRecord(mix(hash, TAG.record), value as Readonly<Record<string, unknown>>);
    default:
      return hash;
  }
}

/** Eight hexadecimal digits. */
export function formatHash(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function hashText(hash: number, text: string): number {
  let mixed = mix(hash, text.length);
  for (let i = 0; i < text.length; i++) mixed = mix(mixed, text.charCodeAt(i));
  return mixed;
}

function hashBytes(hash: number, bytes: Uint8Array): number {
  let mixed = mix(hash, bytes.length);
  for (const byte of bytes) mixed = mix(mixed, byte);
  return mixed;
}

function hashList(hash: number, list: readonly unknown[]): number {
  let mixed = mix(hash, list.length);
  for (const item of list) mixed = hashValue(mixed, item);
  return mixed;
}

function hashRecord(hash: number, record: Readonly<Record<string, unknown>>): number {
  let mixed = hash;
  for (const key of Object.keys(record).sort()) {
    const value = record[key];
    if (value !== undefined) mixed = hashValue(hashText(mixed, key), value);
  }
  return mixed;
}

/** Takes in 32 bits: multiplications spread them upwards, rotations carry them round. */
function mix(hash: number, word: number): number {
  const spread = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return Math.imul(rotate(hash ^ spread, 13), 5) + 0xe6546b64 | 0;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
