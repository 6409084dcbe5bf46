/**
 * The head of an HTTP request where it lies in the buffer: every byte is checked, what decides how to
 * answer is noted, and nothing is copied. Whatever could be read in two ways is refused, so that no
 * proxy in front can see another request than we do. All answers, announces and others, go by this
 * reading.
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
  /** Host and port that the request is for; empty where it names none. */
  readonly host: Range;
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
const SLASH = 0x2f;
const DEL = 0x7f;
const SPACE = 0x20;
const TAB = 0x09;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
/** Makes letters of ASCII small. */
const CASE_BIT = 0x20;
/** Digits of a body's size that fit a safe integer. */
const LENGTH_DIGITS_MAX = 15;

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const VERSION = bytesOf(" HTTP/1.");
const WEB_SCHEME = bytesOf("http://");
/** By byte, 1 for those of a token. Spec: RFC 9110, 5.6.2. */
const TOKEN = tableOf(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);
/** Of host and port: names, IPv4, and IPv6 in brackets. Spec: RFC 3986, 3.2.2. */
const HOST = tableOf(/[A-Za-z0-9._~:[\]-]/);
const FIELDS = [
  "host",
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

const BAD_REQUEST: HeadError = { status: 400, message: "This is not a valid HTTP request" };
const UNKNOWN_VERSION: HeadError = {
  status: 505,
  message: "Unsupported HTTP version; use HTTP/1.1",
};

/** A head to fill in. */
export function createHttpHead(): HttpHead {
  const range = () => ({ start: 0, end: 0 });
  return {
    method: range(),
    target: range(),
    host: range(),
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

/**
 * Reads the head from `start` to `end`, as `findHeadEnd` found it.
 *
 * Spec: RFC 9112, 2.2 (lines), 3 (request line, Host), 5 (fields), 6 (body), 9.6 (close). A request
 * without a Host is read all the same: simple clients announce so, and `host` stays empty.
 */
export function readHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: HttpHead,
): Result<void, HeadError> {
  head.end = end;
  head.contentLength = 0;
  head.expectsContinue = false;
  for (const range of [head.host, head.acceptEncoding, head.forwardedFor]) {
    range.start = range.end = 0;
  }
  const problem = readRequestLine(bytes, start, head) ?? readFields(bytes, head);
  return problem === undefined ? ok(undefined) : fail(problem);
}

function readRequestLine(
  bytes: Uint8Array,
  start: number,
  head: HttpHead,
): HeadError | undefined {
  const lineEnd = bytes.indexOf(LF, start) - 1;
  const versionAt = lineEnd - VERSION.length - 1;
  const methodEnd = bytes.indexOf(SPACE, start);
  if (bytes[lineEnd] !== CR || methodEnd <= start || methodEnd + 1 >= versionAt) return BAD_REQUEST;
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[versionAt + i] !== VERSION[i]) return UNKNOWN_VERSION;
  }
  const minor = bytes[lineEnd - 1]! - DIGIT_0;
  if (minor < 0 || minor > 9) return UNKNOWN_VERSION;
  for (let at = start; at < methodEnd; at++) if (TOKEN[bytes[at]!] === 0) return BAD_REQUEST;
  for (let at = methodEnd + 1; at < versionAt; at++) {
    if (bytes[at]! <= SPACE || bytes[at] === DEL) return BAD_REQUEST;
  }
  head.method.start = start;
  head.method.end = methodEnd;
  head.target.start = methodEnd + 1;
  head.target.end = versionAt;
  // HTTP/1.0 closes; a client that wants it to go on will ask again.
  head.isLast = minor === 0;
  head.fields.start = lineEnd + 2;
  head.fields.end = head.end - 2;
  return bytes[methodEnd + 1] === SLASH ? undefined : readAbsoluteTarget(bytes, head);
}

/** Of a target in absolute form, the host counts, and not the field. Spec: RFC 9112, 3.2.2. */
function readAbsoluteTarget(bytes: Uint8Array, { target, host }: HttpHead): HeadError | undefined {
  for (let i = 0; i < WEB_SCHEME.length; i++) {
    if ((bytes[target.start + i]! | CASE_BIT) !== (WEB_SCHEME[i]! | CASE_BIT)) return BAD_REQUEST;
  }
  const hostAt = target.start + WEB_SCHEME.length;
  const pathAt = bytes.indexOf(SLASH, hostAt);
  if (pathAt <= hostAt || pathAt >= target.end) return BAD_REQUEST;
  host.start = hostAt;
  host.end = pathAt;
  target.start = pathAt;
  return isHost(bytes, host) ? undefined : BAD_REQUEST;
}

function readFields(bytes: Uint8Array, head: HttpHead): HeadError | undefined {
  const isAbsolute = head.host.end > 0;
  let hosts = 0;
  let lengths = 0;
  for (let at = head.fields.start; at < head.fields.end;) {
    let colon = at;
    while (TOKEN[bytes[colon]!] === 1) colon++;
    // Neither a space before the colon nor a line that goes on with the one before it.
    if (colon === at || bytes[colon] !== COLON) return BAD_REQUEST;
    let stop = colon + 1;
    while (isValueByte(bytes[stop]!)) stop++;
    if (bytes[stop] !== CR || bytes[stop + 1] !== LF) return BAD_REQUEST;
    const field = fieldAt(bytes, at, colon);
    if (field !== undefined) {
      if (field === "host" && ++hosts > 1) return BAD_REQUEST;
      if (field === "content-length" && ++lengths > 1) return BAD_REQUEST;
      const isIgnored = field === "host" && isAbsolute;
      const problem = isIgnored
        ? undefined
        : readField(bytes, skipSpace(bytes, colon + 1, stop), stop, field, head);
      if (problem !== undefined) return problem;
    }
    at = stop + 2;
  }
}

/** Name, in lower case, and value of each header line of a head that was read. */
export function* headerFields(
  bytes: Uint8Array,
  head: HttpHead,
): Generator<readonly [name: string, value: string]> {
  for (let at = head.fields.start; at < head.fields.end;) {
    const colon = bytes.indexOf(COLON, at);
    const stop = bytes.indexOf(CR, colon);
    const name = textOf(bytes, { start: at, end: colon }).toLowerCase();
    yield [name, textOf(bytes, { start: colon + 1, end: stop }).trim()];
    at = stop + 2;
  }
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

function fieldAt(bytes: Uint8Array, at: number, colon: number): Field | undefined {
  for (const { name, bytes: letters } of FIELDS_BY_LETTER[bytes[at]! | CASE_BIT] ?? []) {
    if (at + letters.length !== colon) continue;
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
  if (field === "host") {
    head.host.start = start;
    head.host.end = trimSpace(bytes, start, end);
    return isHost(bytes, head.host) ? undefined : BAD_REQUEST;
  }
  const value = textOf(bytes, { start, end }).trimEnd().toLowerCase();
  switch (field) {
    case "connection":
      if (value === "close" || /(^|,)[ \t]*close[ \t]*(,|$)/.test(value)) head.isLast = true;
      return undefined;
    case "content-length":
      if (!/^\d+$/.test(value) || value.length > LENGTH_DIGITS_MAX) {
        return { status: 400, message: "Invalid Content-Length" };
      }
      head.contentLength = Number(value);
      return undefined;
    case "transfer-encoding":
      return { status: 411, message: "Content-Length is required" };
    case "expect":
      if (value !== "100-continue") {
        return { status: 417, message: `Unsupported expectation ${value}` };
      }
      head.expectsContinue = true;
      return undefined;
  }
}

function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}

function trimSpace(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--;
  return end;
}

/** Bytes that may stand in host and port; whether they make one is for the reader of the host. */
function isHost(bytes: Uint8Array, { start, end }: Range): boolean {
  for (let at = start; at < end; at++) if (HOST[bytes[at]!] === 0) return false;
  return true;
}

/** Visible characters, spaces, tabs and bytes above ASCII. Spec: RFC 9110, 5.5. */
function isValueByte(byte: number): boolean {
  return byte >= SPACE ? byte !== DEL : byte === TAB;
}

function tableOf(characters: RegExp): Uint8Array {
  return Uint8Array.from(
    { length: 256 },
    (_, byte) => Number(characters.test(String.fromCharCode(byte))),
  );
}
