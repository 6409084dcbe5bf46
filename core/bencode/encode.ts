/**
 * Bencode encoding of our own values. One value has one encoding: keys are sorted by their bytes.
 * Only mistakes of ours can fail here, so it asserts instead of answering with a `Result`.
 */
import { assert } from "../bytes/result.ts";
import { bytesOfByteText } from "./node.ts";

/**
 * What can be encoded. Text becomes UTF-8, in values and in the keys of a record; the keys of a Map
 * are byte text, as decoding gives them. An undefined value in a record leaves its key out.
 */
export type Bencodable =
  | number
  | string
  | Uint8Array
  | readonly Bencodable[]
  | ReadonlyMap<string, Bencodable>
  | { readonly [key: string]: Bencodable | undefined };

const UTF8 = new TextEncoder();
const BYTES_INTEGER = UTF8.encode("i");
const BYTES_LIST = UTF8.encode("l");
const BYTES_DICT = UTF8.encode("d");
const BYTES_END = UTF8.encode("e");

/**
 * Encodes a value; numbers must be safe integers.
 *
 * Spec: BEP 3, bencoding.
 */
export function encodeBencode(value: Bencodable): Uint8Array {
  const parts: Uint8Array[] = [];
  pushValue(parts, value);
  return concatenate(parts);
}

function pushValue(parts: Uint8Array[], value: Bencodable): void {
  if (typeof value === "number") {
    assert(Number.isSafeInteger(value), `${value} is a safe integer`);
    // A minus zero prints as "0".
    parts.push(BYTES_INTEGER, UTF8.encode(String(value)), BYTES_END);
  } else if (typeof value === "string") {
    pushString(parts, UTF8.encode(value));
  } else if (value instanceof Uint8Array) {
    pushString(parts, value);
  } else if (isList(value)) {
    parts.push(BYTES_LIST);
    for (const item of value) pushValue(parts, item);
    parts.push(BYTES_END);
  } else {
    parts.push(BYTES_DICT);
    for (const [key, item] of sortedEntries(value)) {
      pushString(parts, key);
      pushValue(parts, item);
    }
    parts.push(BYTES_END);
  }
}

function pushString(parts: Uint8Array[], bytes: Uint8Array): void {
  parts.push(UTF8.encode(`${bytes.length}:`), bytes);
}

// Array.isArray does not narrow a readonly array out of a union.
function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value);
}

function sortedEntries(
  dict: ReadonlyMap<string, Bencodable> | { readonly [key: string]: Bencodable | undefined },
): [Uint8Array, Bencodable][] {
  const entries: [Uint8Array, Bencodable][] = [];
  if (dict instanceof Map) {
    for (const [key, value] of dict) entries.push([bytesOfByteText(key), value]);
  } else {
    for (const [key, value] of Object.entries(dict)) {
      if (value !== undefined) entries.push([UTF8.encode(key), value]);
    }
  }
  return entries.sort(([a], [b]) => compareBytes(a, b));
}

/** Negative, zero or positive as `a` sorts before, with or after `b`; bytes are unsigned. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
