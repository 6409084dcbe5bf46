/**
 * The head of an HTTP request where it lies in the buffer: only what decides how to answer is looked
 * at, and nothing is copied. Whatever could be read in two ways is refused, so that no proxy in front
 * can see another request than we do.
 *
 * Spec: RFC 9112 (HTTP/1.1), 2 to 7 and 11.
 */
import { fail, ok, type Result } from "../../bytes/result.ts";

/** Browsers send about 1 KiB; the longest query takes 8 KiB. */
export const HEAD_SIZE_MAX = 16_384;

/** A part of the buffer; empty where start is end. */
export interface Range {
  start: number;
  end: number;
}

/** Filled in again for each request. */
export interface HttpHead {
  readonly method: Range;
  /** Path and query as they were sent. */
  readonly target: Range;
  /** Of X-Forwarded-For, the last one sent. */
  readonly forwardedFor: Range;
  /** The header lines, without the empty line at the end. */
  readonly fields: Range;
  /** Where the body begins. */
  end: number;
  /** Bytes of the body. */
  contentLength: number;
  /** The connection ends with the answer. */
  isLast: boolean;
  /** Of Accept-Encoding; see `acceptsGzip`. */
  readonly acceptEncoding: Range;
  /** The client waits for a word before it sends the body. */
  expectsContinue: boolean;
}

/** An HTTP status and a sentence. */
export interface HeadError {
  readonly status: 400 | 411 | 417 | 431 | 505;
  readonly message: string;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
/** Makes letters of ASCII small. */
const CASE_BIT = 0x20;
/** Digits of a body's size that fit a safe integer. */
const LENGTH_DIGITS_MAX = 15;

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const VERSION = bytesOf(" HTTP/1.");
const FIELDS = [
  "connection",
  "content-length",
  "transfer-encoding",
  "accept-encoding",
  "x-forwarded-for",
  "expect",
] as const;
type Field = typeof FIELDS[number];
const FIELDS_BY_LETTER = Array.from(
  { length: 128 },
  (_, letter) =>
    FIELDS.filter((name) => name.charCodeAt(0) === letter)
      .map((name) => ({ name, bytes: bytesOf(name) })),
);

/** A head to fill in. */
export function createHttpHead(): HttpHead {
  const range = () => ({ start: 0, end: 0 });
  return {
    method: range(),
    target: range(),
    forwardedFor: range(),
    fields: range(),
    end: 0,
    contentLength: 0,
    isLast: false,
    acceptEncoding: range(),
    expectsContinue: false,
  };
}

/** Where the head that begins at `start` ends, the empty line included; -1 while it is not whole. */
export function findHeadEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end;) {
    const lineEnd = bytes.indexOf(LF, at);
    if (lineEnd < 0 || lineEnd >= end) return -1;
    if (lineEnd === at + 1 && bytes[at] === CR && at > start) return lineEnd + 1;
    at = lineEnd + 1;
  }
  return -1;
}

/** Reads the head from `start` to `end`, as `findHeadEnd` found it. */
export function readHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: HttpHead,
): Result<void, HeadError> {
  head.end = end;
  head.contentLength = 0;
  head.acceptEncoding.start = head.acceptEncoding.end = 0;
  head.expectsContinue = false;
  head.forwardedFor.start = head.forwardedFor.end = 0;
  const lineEnd = bytes.indexOf(LF, start) - 1;
  const versionAt = lineEnd - VERSION.length - 1;
  const methodEnd = bytes.indexOf(SPACE, start);
  if (bytes[lineEnd] !== CR || methodEnd <= start || methodEnd + 1 >= versionAt) {
    return badRequest();
  }
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[versionAt + i] !== VERSION[i]) return unknownVersion();
  }
  for (let at = methodEnd + 1; at < versionAt; at++) {
    if (bytes[at]! <= SPACE) return badRequest();
  }
  head.method.start = start;
  head.method.end = methodEnd;
  head.target.start = methodEnd + 1;
  head.target.end = versionAt;
  // HTTP/1.0 closes; who asks it to go on will ask again.
  head.isLast = bytes[lineEnd - 1] === "0".charCodeAt(0);
  head.fields.start = lineEnd + 2;
  head.fields.end = end - 2;
  let hasLength = false;
  for (let at = lineEnd + 2; at < head.fields.end;) {
    const stop = bytes.indexOf(LF, at) - 1;
    // A line that begins with a space would go on with the one before it.
    if (bytes[stop] !== CR || bytes[at]! <= SPACE) return badRequest();
    const field = fieldAt(bytes, at, stop);
    if (field !== undefined) {
      if (field === "content-length" && hasLength) return badRequest();
      hasLength ||= field === "content-length";
      const valueAt = skipSpace(bytes, at + field.length + 1, stop);
      const problem = readField(bytes, valueAt, stop, field, head);
      if (problem !== undefined) return fail(problem);
    }
    at = stop + 2;
  }
  return ok(undefined);
}

/** Whether the answer may be packed. Looked at only where that would make a difference. */
export function acceptsGzip(bytes: Uint8Array, head: HttpHead): boolean {
  const value = textOf(bytes, head.acceptEncoding).toLowerCase();
  return /(^|[,\s])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(value);
}

/** Text of a part of the buffer, a character a byte. */
export function textOf(bytes: Uint8Array, { start, end }: Range): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Whether the text, of ASCII characters, stands at `at`. */
export function startsAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text[i]) return false;
  }
  return true;
}

function fieldAt(bytes: Uint8Array, at: number, stop: number): Field | undefined {
  for (const { name, bytes: letters } of FIELDS_BY_LETTER[bytes[at]! | CASE_BIT] ?? []) {
    if (at + letters.length >= stop || bytes[at + letters.length] !== COLON) continue;
    let i = 1;
    while (i < letters.length && (bytes[at + i]! | CASE_BIT) === letters[i]) i++;
    if (i === letters.length) return name;
  }
}

function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: Field,
  head: HttpHead,
): HeadError | undefined {
  if (field === "x-forwarded-for" || field === "accept-encoding") {
    const range = field === "accept-encoding" ? head.acceptEncoding : head.forwardedFor;
    range.start = start;
    range.end = end;
    return undefined;
  }
  const value = textOf(bytes, { start, end }).trimEnd().toLowerCase();
  switch (field) {
    case "connection":
      if (value === "close") head.isLast = true;
      return undefined;
    case "content-length":
      if (!/^\d+$/.test(value) || value.length > LENGTH_DIGITS_MAX) {
        return { status: 400, message: "The Content-Length is no number" };
      }
      head.contentLength = Number(value);
      return undefined;
    case "transfer-encoding":
      return { status: 411, message: "Send the body with a Content-Length" };
    case "expect":
      if (value !== "100-continue") return { status: 417, message: `Cannot do ${value}` };
      head.expectsContinue = true;
      return undefined;
  }
}

function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}

function badRequest(): Result<never, HeadError> {
  return fail({ status: 400, message: "This is no HTTP request" });
}

function unknownVersion(): Result<never, HeadError> {
  return fail({ status: 505, message: "Ask by HTTP/1.1" });
}
