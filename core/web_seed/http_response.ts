/**
 * HTTP/1.1 responses, read byte by byte as they come: the head, then a body whose end is known by its
 * length, by chunks or by the end of the connection. Payload is returned as offsets into the caller's
 * buffer, never copied.
 *
 * Spec: RFC 9112, sections 4 to 7.
 */
import { fail, ok, type Result } from "../bytes/result.ts";

/** Servers allow 8 to 16 KiB themselves. */
export const HEAD_BYTES_MAX = 16 * 1024;
export const HEADER_LINES_MAX = 100;
/** Digits of a chunk's size: 4 GiB. */
const CHUNK_DIGITS_MAX = 8;
/** A chunk's size with its extensions, and a trailer line. */
const CHUNK_LINE_MAX = 1_024;

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; lines of one name are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Where the body begins in the buffer. */
  readonly bodyStart: number;
  /** The server keeps the connection open for another request. */
  readonly keepsAlive: boolean;
}

export interface ResponseError {
  readonly code:
    | "head-too-long"
    | "head-malformed"
    | "length-malformed"
    | "chunk-malformed"
    | "transfer-coding-unknown";
}

/**
 * The head in `bytes` from `start` to `end`; undefined while it is not complete. Errors:
 * "head-too-long", "head-malformed". Spec: RFC 9112, 4 and 5.
 */
export function readResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
): Result<ResponseHead | undefined, ResponseError> {
  const bodyStart = headEnd(bytes, start, Math.min(end, start + HEAD_BYTES_MAX));
  if (bodyStart === undefined) {
    return end - start >= HEAD_BYTES_MAX ? fail({ code: "head-too-long" }) : ok(undefined);
  }
  let text = "";
  for (let at = start; at < bodyStart; at++) text += String.fromCharCode(bytes[at]!);
  const [first, ...lines] = text.trimEnd().split(/\r?\n/);
  const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/.exec(first!);
  if (match === null || lines.length > HEADER_LINES_MAX) return fail({ code: "head-malformed" });
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*)$/.exec(line);
    if (header === null) return fail({ code: "head-malformed" });
    const name = header[1]!.toLowerCase();
    const value = header[2]!.trimEnd();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  const keepsAlive = match[1] === "1" ? !connection.includes("close") : connection === "keep-alive";
  return ok({ status: Number(match[2]), headers, bodyStart, keepsAlive });
}

/** How far a body was read. Plain data; only `readBody` changes it. */
export interface ResponseBody {
  readonly framing: "length" | "chunked" | "until-close";
  /** Bytes of payload still to come, or of this chunk. */
  remaining: number;
  stage: "payload" | "chunk-size" | "chunk-end" | "trailer" | "done";
  /** Bytes of the line that is being read. */
  line: string;
}

/** The body that the head announces. Errors: see the type. Spec: RFC 9112, 6.3. */
export function createResponseBody(head: ResponseHead): Result<ResponseBody, ResponseError> {
  const { status, headers } = head;
  if (status < 200 || status === 204 || status === 304) return ok(bodyOf("length", 0));
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") return fail({ code: "transfer-coding-unknown" });
    return ok({ framing: "chunked", remaining: 0, stage: "chunk-size", line: "" });
  }
  const length = headers.get("content-length");
  if (length === undefined) return ok(bodyOf("until-close", Infinity));
  if (!/^\d{1,15}$/.test(length)) return fail({ code: "length-malformed" });
  return ok(bodyOf("length", Number(length)));
}

/** What of a buffer is payload of the body; one record serves a whole connection. */
export interface BodyView {
  payloadStart: number;
  payloadEnd: number;
  /** Where to go on reading. */
  next: number;
}

/** An empty record for `readBody` to fill. */
export function createBodyView(): BodyView {
  return { payloadStart: 0, payloadEnd: 0, next: 0 };
}

/**
 * The next payload in `bytes` from `start` to `end`; call again from `view.next` until that is `end` or
 * the body's stage is "done". Error: "chunk-malformed". Spec: RFC 9112, 7.1.
 */
export function readBody(
  body: ResponseBody,
  bytes: Uint8Array,
  start: number,
  end: number,
  view: BodyView,
): Result<undefined, ResponseError> {
  view.payloadStart = view.payloadEnd = view.next = start;
  while (view.next < end && body.stage !== "done") {
    if (body.stage === "payload") {
      const taken = Math.min(body.remaining, end - view.next);
      view.payloadStart = view.next;
      view.payloadEnd = view.next += taken;
      body.remaining -= taken;
      if (body.remaining === 0) body.stage = body.framing === "chunked" ? "chunk-end" : "done";
      return DONE;
    }
    const character = String.fromCharCode(bytes[view.next++]!);
    if (character !== "\n") {
      body.line += character;
      if (body.line.length > CHUNK_LINE_MAX) return fail({ code: "chunk-malformed" });
      continue;
    }
    const line = body.line.replace(/\r$/, "");
    body.line = "";
    if (!readChunkLine(body, line)) return fail({ code: "chunk-malformed" });
  }
  return DONE;
}

const DONE = ok(undefined);

function readChunkLine(body: ResponseBody, line: string): boolean {
  if (body.stage === "chunk-end") {
    body.stage = "chunk-size";
    return line === "";
  }
  if (body.stage === "trailer") {
    if (line === "") body.stage = "done";
    return true;
  }
  const digits = /^([0-9a-fA-F]+)[ \t]*(?:;.*)?$/.exec(line)?.[1];
  if (digits === undefined || digits.length > CHUNK_DIGITS_MAX) return false;
  body.remaining = parseInt(digits, 16);
  body.stage = body.remaining === 0 ? "trailer" : "payload";
  return true;
}

function bodyOf(framing: "length" | "until-close", remaining: number): ResponseBody {
  return { framing, remaining, stage: remaining === 0 ? "done" : "payload", line: "" };
}

/** One past the empty line; undefined while there is none. */
function headEnd(bytes: Uint8Array, start: number, end: number): number | undefined {
  for (let at = bytes.indexOf(0x0a, start); at >= 0 && at < end; at = bytes.indexOf(0x0a, at + 1)) {
    if (at + 1 < end && bytes[at + 1] === 0x0a) return at + 2;
    if (at + 2 < end && bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
  }
  return undefined;
}
