/**
 * Strict bencode decoding of hostile bytes. One canonical encoding per value is accepted: keys sorted
 * by their bytes and unique, no leading zeros, nothing after the value.
 *
 * Tolerant decoding is for messages of other programs whose bytes are never hashed (tracker answers,
 * extension handshakes). It forgives four things and no more: keys out of order, a key that occurs
 * again (the first one counts), leading zeros in a string's length, and bytes after the value.
 *
 * A `.torrent` is decoded strictly below one key only, the one whose bytes are hashed. Around it three
 * things that occur in the field are forgiven: keys out of order (but none twice), numbers too large to
 * be held, and one line end after the value.
 *
 * No recursion, and nothing is allocated from a claimed length before the bytes are seen to be there.
 */
import { fail, type Failure, ok, type Result } from "../bytes/result.ts";
import { type BencodeNode, byteText } from "./node.ts";

/** A v2 file tree takes one level a folder; no file system nests deeper in practice. */
export const DEPTH_MAX = 100;
/** Values in one message; each costs up to 250 bytes of memory. */
export const VALUES_MAX = 1_000_000;
/** The `pieces` of 1.6 million pieces, by far the longest string there is. */
export const STRING_BYTES_MAX = 32 * 1024 * 1024;
/** Keys are words, hashes or file names. */
export const KEY_BYTES_MAX = 4096;
/** A whole message: piece hashes of both formats beside a long file list. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface DecodeOptions {
  /** See the module header; false unless given. */
  readonly tolerant?: boolean;
  /** Only the value of this key of the outermost dictionary is decoded strictly: see the header. */
  readonly strictBelow?: string;
  /** Bytes of the whole input; MESSAGE_BYTES_MAX unless given. */
  readonly bytesMax?: number;
  /** Values in it; VALUES_MAX unless given. */
  readonly valuesMax?: number;
}

/** `offset` is where the offending byte, number, key or value starts. */
export type BencodeError =
  | {
    readonly code:
      | "unexpected-end" // the input stops inside a value
      | "unexpected-byte" // no value or number goes on with this byte
      | "integer-empty" // no digits
      | "integer-leading-zero" // also minus zero
      | "integer-unsafe" // beyond 2^53 - 1
      | "length-leading-zero"
      | "key-not-string"
      | "key-without-value"
      | "key-duplicate"
      | "keys-unsorted"
      | "trailing-data";
    readonly offset: number;
  }
  | {
    readonly code: "too-deep" | "too-many-values" | "string-too-long" | "message-too-long";
    readonly offset: number;
    readonly max: number;
  };

type OpenNode =
  | { readonly kind: "list"; readonly start: number; readonly items: BencodeNode[] }
  | {
    readonly kind: "dict";
    readonly start: number;
    readonly entries: Map<string, BencodeNode>;
    /** The key whose value comes next. */
    key: string | undefined;
    lastKey: string | undefined;
  };

const BYTE_LINE_FEED = 0x0a;
const BYTE_CARRIAGE_RETURN = 0x0d;
const BYTE_COLON = 0x3a;
const BYTE_MINUS = 0x2d;
const BYTE_ZERO = 0x30;
const BYTE_DICT = 0x64;
const BYTE_END = 0x65;
const BYTE_INTEGER = 0x69;
const BYTE_LIST = 0x6c;

/**
 * Decodes one value. Strings are views into `bytes`, so keep `bytes` unchanged. With `tolerant`, the
 * node's `end` is where trailing bytes begin.
 *
 * Spec: BEP 3, bencoding.
 */
export function decodeBencode(
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Result<BencodeNode, BencodeError> {
  const tolerant = options.tolerant ?? false;
  const bytesMax = options.bytesMax ?? MESSAGE_BYTES_MAX;
  const valuesMax = options.valuesMax ?? VALUES_MAX;
  if (bytes.length > bytesMax) {
    return fail({ code: "message-too-long", offset: bytesMax, max: bytesMax });
  }
  const { strictBelow } = options;
  const open: OpenNode[] = [];
  const isForgiven = () => {
    if (strictBelow === undefined) return false;
    const [root] = open;
    return open.length < 2 || root?.kind !== "dict" || root.key !== strictBelow;
  };
  let at = 0;
  let valueCount = 0;

  for (;;) {
    const parent = open.at(-1);
    const byte = bytes[at];
    if (byte === undefined) return failAt("unexpected-end", at);

    if (parent?.kind === "dict" && parent.key === undefined && byte !== BYTE_END) {
      if (!isDigit(byte)) return failAt("key-not-string", at);
      const key = readString(bytes, at, KEY_BYTES_MAX, tolerant);
      if (!key.ok) return key;
      const name = byteText(key.value);
      if (!tolerant) {
        if (parent.entries.has(name)) return failAt("key-duplicate", at);
        const isUnsorted = parent.lastKey !== undefined && name < parent.lastKey;
        if (isUnsorted && !isForgiven()) return failAt("keys-unsorted", at);
      }
      parent.key = name;
      parent.lastKey = name;
      at = endOfView(bytes, key.value);
      continue;
    }

    let node: BencodeNode;
    if (byte === BYTE_END && parent !== undefined) {
      if (parent.kind === "dict" && parent.key !== undefined) {
        return failAt("key-without-value", at);
      }
      open.pop();
      node = closeNode(parent, ++at);
    } else {
      if (++valueCount > valuesMax) {
        return fail({ code: "too-many-values", offset: at, max: valuesMax });
      }
      if (byte === BYTE_LIST || byte === BYTE_DICT) {
        if (open.length === DEPTH_MAX) {
          return fail({ code: "too-deep", offset: at, max: DEPTH_MAX });
        }
        open.push(openNode(byte, at++));
        continue;
      }
      const leaf = readLeaf(bytes, at, tolerant, isForgiven());
      if (!leaf.ok) return leaf;
      node = leaf.value;
      at = node.end;
    }

    const container = open.at(-1);
    if (container === undefined) {
      const isEnd = at === bytes.length || (strictBelow !== undefined && isLineEnd(bytes, at));
      return isEnd || tolerant ? ok(node) : failAt("trailing-data", at);
    }
    if (container.kind === "list") {
      container.items.push(node);
    } else {
      const key = container.key!;
      if (!container.entries.has(key)) container.entries.set(key, node);
      container.key = undefined;
    }
  }
}

function openNode(byte: number, start: number): OpenNode {
  return byte === BYTE_LIST
    ? { kind: "list", start, items: [] }
    : { kind: "dict", start, entries: new Map(), key: undefined, lastKey: undefined };
}

function closeNode(node: OpenNode, end: number): BencodeNode {
  return node.kind === "list"
    ? { kind: "list", start: node.start, end, items: node.items }
    : { kind: "dict", start: node.start, end, entries: node.entries };
}

function readLeaf(
  bytes: Uint8Array,
  start: number,
  tolerant: boolean,
  largeAllowed: boolean,
): Result<BencodeNode, BencodeError> {
  const byte = bytes[start]!;
  if (byte === BYTE_INTEGER) return readInteger(bytes, start, largeAllowed);
  if (!isDigit(byte)) return failAt("unexpected-byte", start);
  const string = readString(bytes, start, STRING_BYTES_MAX, tolerant);
  if (!string.ok) return string;
  const end = endOfView(bytes, string.value);
  return ok({ kind: "bytes", start, end, value: string.value });
}

/** "i", an optional minus, digits, "e". */
function readInteger(
  bytes: Uint8Array,
  start: number,
  largeAllowed: boolean,
): Result<BencodeNode, BencodeError> {
  const negative = bytes[start + 1] === BYTE_MINUS;
  const from = start + (negative ? 2 : 1);
  const { value, end } = readDigits(bytes, from);
  if (end === bytes.length) return failAt("unexpected-end", end);
  if (end === from) {
    return failAt(bytes[end] === BYTE_END ? "integer-empty" : "unexpected-byte", end);
  }
  if (bytes[end] !== BYTE_END) return failAt("unexpected-byte", end);
  const digitCount = end - from;
  if (bytes[from] === BYTE_ZERO && (digitCount > 1 || negative)) {
    return failAt("integer-leading-zero", from);
  }
  if (value > Number.MAX_SAFE_INTEGER) {
    if (!largeAllowed) return failAt("integer-unsafe", start);
    return ok({ kind: "integer", start, end: end + 1, value: NaN });
  }
  return ok({ kind: "integer", start, end: end + 1, value: negative ? -value : value });
}

/** Digits, ":", that many bytes; the first digit is known to be there. Gives a view. */
function readString(
  bytes: Uint8Array,
  start: number,
  max: number,
  tolerant: boolean,
): Result<Uint8Array, BencodeError> {
  const { value: length, end } = readDigits(bytes, start);
  if (end === bytes.length) return failAt("unexpected-end", end);
  if (bytes[end] !== BYTE_COLON) return failAt("unexpected-byte", end);
  if (!tolerant && bytes[start] === BYTE_ZERO && end - start > 1) {
    return failAt("length-leading-zero", start);
  }
  if (length > max) return fail({ code: "string-too-long", offset: start, max });
  const from = end + 1;
  if (length > bytes.length - from) return failAt("unexpected-end", bytes.length);
  return ok(bytes.subarray(from, from + length));
}

/** Beyond 2^53 the value is no longer exact, but stays beyond it, so callers can refuse it. */
function readDigits(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  let end = from;
  while (end < bytes.length && isDigit(bytes[end]!)) {
    value = value * 10 + (bytes[end]! - BYTE_ZERO);
    end++;
  }
  return { value, end };
}

function isLineEnd(bytes: Uint8Array, at: number): boolean {
  const rest = bytes.length - at;
  if (bytes[bytes.length - 1] !== BYTE_LINE_FEED) return false;
  return rest === 1 || (rest === 2 && bytes[at] === BYTE_CARRIAGE_RETURN);
}

function isDigit(byte: number): boolean {
  return byte >= BYTE_ZERO && byte <= BYTE_ZERO + 9;
}

function endOfView(bytes: Uint8Array, view: Uint8Array): number {
  return view.byteOffset - bytes.byteOffset + view.length;
}

function failAt(
  code: Exclude<BencodeError, { readonly max: number }>["code"],
  offset: number,
): Failure<BencodeError> {
  return fail({ code, offset });
}

const ERROR_TEXT: Record<BencodeError["code"], string> = {
  "unexpected-end": "it stops in the middle",
  "unexpected-byte": "there is something that is not bencode",
  "integer-empty": "there is a number without digits",
  "integer-leading-zero": "there is a number with a leading zero",
  "integer-unsafe": "there is a number beyond 2^53",
  "length-leading-zero": "there is a string length with a leading zero",
  "key-not-string": "there is a dictionary key that is not a string",
  "key-without-value": "there is a dictionary key without a value",
  "key-duplicate": "there is a dictionary key that occurs twice",
  "keys-unsorted": "there is a dictionary key out of order",
  "trailing-data": "there is more data after the end",
  "too-deep": "it is nested too deeply",
  "too-many-values": "it holds too many values",
  "string-too-long": "there is a string that is too long",
  "message-too-long": "it is too long",
};

/** A clause for a sentence: "it stops in the middle (at byte 12)". */
export function describeBencodeError(error: BencodeError): string {
  const limit = "max" in error ? `, the limit is ${error.max}` : "";
  return `${ERROR_TEXT[error.code]} (at byte ${error.offset}${limit})`;
}
