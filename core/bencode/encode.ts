/**
 * Bencode encoding of our own values. One value has one encoding: keys are sorted by their bytes.
 * Only mistakes of ours can fail here, so it asserts instead of answering with a `Result`.
 */
import {
  type ByteWriter,
  createByteWriter,
  writeBytes,
  writeUint8,
  writtenBytes,
} from "../bytes/byte_writer.ts";
import { assert } from "../bytes/result.ts";
import { byteText } from "./node.ts";

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

/**
 * Encodes a value; numbers must be safe integers.
 *
 * Spec: BEP 3, bencoding.
 */
export function encodeBencode(value: Bencodable): Uint8Array {
  const writer = createByteWriter();
  writeValue(writer, value);
  // A copy, since the writer's buffer may be twice as large.
  return writtenBytes(writer).slice();
}

function writeValue(writer: ByteWriter, value: Bencodable): void {
  if (typeof value === "number") {
    assert(Number.isSafeInteger(value), `${value} is a safe integer`);
    // A minus zero prints as "0".
    writeByteText(writer, `i${value}e`);
  } else if (typeof value === "string") {
    writeString(writer, utf8ByteText(value));
  } else if (value instanceof Uint8Array) {
    writeByteText(writer, `${value.length}:`);
    writeBytes(writer, value);
  } else if (isList(value)) {
    writeByteText(writer, "l");
    for (const item of value) writeValue(writer, item);
    writeByteText(writer, "e");
  } else {
    writeByteText(writer, "d");
    for (const [key, item] of sortedEntries(value)) {
      writeString(writer, key);
      writeValue(writer, item);
    }
    writeByteText(writer, "e");
  }
}

function writeString(writer: ByteWriter, text: string): void {
  writeByteText(writer, `${text.length}:${text}`);
}

function writeByteText(writer: ByteWriter, text: string): void {
  for (let i = 0; i < text.length; i++) writeUint8(writer, text.charCodeAt(i));
}

// Array.isArray does not narrow a readonly array out of a union.
function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value);
}

/** Keys as byte text, whose order is that of their bytes. */
function sortedEntries(
  dict: ReadonlyMap<string, Bencodable> | { readonly [key: string]: Bencodable | undefined },
): [string, Bencodable][] {
  const entries: [string, Bencodable][] = [];
  if (dict instanceof Map) {
    for (const entry of dict) entries.push(entry);
  } else {
    for (const [key, value] of Object.entries(dict)) {
      if (value !== undefined) entries.push([utf8ByteText(key), value]);
    }
  }
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The UTF-8 bytes of a text as byte text; of ASCII, the text itself. */
function utf8ByteText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return byteText(UTF8.encode(text));
  }
  return text;
}
