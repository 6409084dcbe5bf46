/**
 * What decoding gives: a tree of values, each with the span of bytes it came from, so that a digest
 * can be taken over the original bytes instead of a re-encoding.
 *
 * Strings are bytes. Text is a reading of them that may fail, never a replacement of bytes.
 */

interface Span {
  /** Offset of the value's first byte in the decoded bytes. */
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
}

export interface IntegerNode extends Span {
  readonly kind: "integer";
  /** A safe integer; larger ones are refused, or NaN where they are not needed. Never rounded. */
  readonly value: number;
}

export interface BytesNode extends Span {
  readonly kind: "bytes";
  /** A view into the decoded bytes, not a copy. */
  readonly value: Uint8Array;
}

export interface ListNode extends Span {
  readonly kind: "list";
  readonly items: readonly BencodeNode[];
}

export interface DictNode extends Span {
  readonly kind: "dict";
  /** Keys are byte text (see `byteText`); ASCII keys read as themselves. Order as found. */
  readonly entries: ReadonlyMap<string, BencodeNode>;
}

export type BencodeNode = IntegerNode | BytesNode | ListNode | DictNode;

/** Up to here the decoder's call costs more than reading byte by byte. */
const SHORT_BYTES = 64;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The value of `key`, or undefined when there is none or `node` is no dictionary. */
export function dictGet(node: BencodeNode | undefined, key: string): BencodeNode | undefined {
  return node?.kind === "dict" ? node.entries.get(key) : undefined;
}

/** The integer, or undefined when `node` is something else. */
export function asInteger(node: BencodeNode | undefined): number | undefined {
  return node?.kind === "integer" && !Number.isNaN(node.value) ? node.value : undefined;
}

/** The bytes of a string, or undefined when `node` is something else. */
export function asBytes(node: BencodeNode | undefined): Uint8Array | undefined {
  return node?.kind === "bytes" ? node.value : undefined;
}

/** A string read as UTF-8, or undefined when `node` is something else or not UTF-8. */
export function asText(node: BencodeNode | undefined): string | undefined {
  return node?.kind === "bytes" ? utf8Text(node.value) : undefined;
}

/** The items of a list, or undefined when `node` is something else. */
export function asList(node: BencodeNode | undefined): readonly BencodeNode[] | undefined {
  return node?.kind === "list" ? node.items : undefined;
}

/** Bytes read as UTF-8, or undefined when they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  if (bytes.length <= SHORT_BYTES && isAscii(bytes)) return byteText(bytes);
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One character (U+0000 to U+00FF) a byte: lossless, and compares in byte order. */
export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes behind a `byteText`; characters above U+00FF are not allowed in it. */
export function bytesOfByteText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 0x7f) return false;
  return true;
}
