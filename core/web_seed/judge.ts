/**
 * What a web server's answer means for the request, and what its failures mean for the seed. A server
 * that has something else than the torrent is dropped; one that is busy or out of reach is asked again
 * later, ever less often.
 */
import type { ResponseHead } from "./http_response.ts";
import type { WebRequest } from "./urls.ts";

/** Redirects followed for one request, as browsers and curl's users are used to. */
export const REDIRECTS_MAX = 5;
/** First pause after a failure; doubles up to the last. */
export const WEB_SEED_RETRY_FIRST_MS = 5_000;
export const WEB_SEED_RETRY_LAST_MS = 10 * 60_000;
/** A server may ask for a longer pause than ours, but not for ever. */
export const RETRY_AFTER_MAX_MS = 60 * 60_000;
/** No byte for this long: the connection is given up. */
export const WEB_SEED_IDLE_MS = 20_000;
/** A BEP 17 script says in its body how many seconds to wait. */
export const SCRIPT_WAIT_BYTES_MAX = 16;
const URL_LENGTH_MAX = 4_096;

export type Verdict =
  /** The body holds what was asked for; all of it follows, or as much as the server has in one answer. */
  | { readonly kind: "take"; readonly length: number }
  | { readonly kind: "redirect"; readonly url: string }
  /** Ask again later. `waitMs`: what the server asked for. */
  | { readonly kind: "wait"; readonly waitMs: number | undefined; readonly why: string }
  /** Never ask again. */
  | { readonly kind: "drop"; readonly why: string };

type Get = Extract<WebRequest, { kind: "get" }>;

/**
 * Judges the head of an answer. Spec: RFC 9110, 14.4 (Content-Range), 15.3.7 (206), 10.2.3
 * (Retry-After); BEP 17, protocol; BEP 19.
 */
export function judgeAnswer(request: Get, head: ResponseHead): Verdict {
  const { status, headers } = head;
  if ([301, 302, 303, 307, 308].includes(status)) return redirect(request, headers.get("location"));
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return { kind: "wait", waitMs: retryAfterMs(headers), why: `it answered ${status}` };
  }
  if (status !== 200 && status !== 206) return { kind: "drop", why: `it answered ${status}` };
  const coding = headers.get("content-encoding");
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return { kind: "drop", why: "it encodes the content" };
  }
  return status === 206 ? judgePart(request, headers) : judgeWhole(request, headers);
}

/** The pause after the nth failure in a row, n from 1, or the one that the server asked for. */
export function retryPauseMs(failures: number, asked: number | undefined): number {
  const pauseMs = WEB_SEED_RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10);
  const own = Math.min(WEB_SEED_RETRY_LAST_MS, pauseMs);
  return Math.max(own, Math.min(RETRY_AFTER_MAX_MS, asked ?? 0));
}

/** Milliseconds in the body of a BEP 17 script's 503; undefined unless it is a number of seconds. */
export function scriptWaitMs(body: string): number | undefined {
  return /^\s*\d{1,6}\s*$/.test(body) ? Number(body) * 1_000 : undefined;
}

function judgePart(request: Get, headers: ReadonlyMap<string, string>): Verdict {
  if (request.fileSize === undefined) return { kind: "take", length: request.length };
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(
    headers.get("content-range") ?? "",
  );
  if (range === null) return { kind: "drop", why: "its partial answer has no range" };
  const [from, last, total] = [Number(range[1]), Number(range[2]), range[3]!];
  if (total !== "*" && Number(total) !== request.fileSize) return otherSize(request, total);
  const length = last - from + 1;
  if (from !== request.from || length < 1 || length > request.length) {
    return { kind: "drop", why: "it sends another range than it is asked for" };
  }
  return { kind: "take", length };
}

/** A server without ranges: of use for the beginning of a file, and for no more. */
function judgeWhole(request: Get, headers: ReadonlyMap<string, string>): Verdict {
  const size = headers.get("content-length");
  const wanted = request.fileSize ?? request.length;
  if (size !== undefined && Number(size) !== wanted) return otherSize(request, size);
  if (request.from > 0) return { kind: "drop", why: "it sends the whole file, not the range" };
  return { kind: "take", length: request.length };
}

function otherSize(request: Get, found: string): Verdict {
  const wanted = request.fileSize ?? request.length;
  return { kind: "drop", why: `it has ${found} bytes where ${wanted} belong` };
}

function redirect(request: Get, location: string | undefined): Verdict {
  if (
    location === undefined || location.length > URL_LENGTH_MAX ||
    !URL.canParse(location, request.url)
  ) return { kind: "drop", why: "it redirects to nowhere" };
  const url = new URL(location, request.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return { kind: "drop", why: `it redirects to ${url.protocol}` };
  }
  if (request.url.startsWith("https:") && url.protocol === "http:") {
    return { kind: "drop", why: "it redirects from https to http" };
  }
  url.hash = "";
  return { kind: "redirect", url: url.href };
}

function retryAfterMs(headers: ReadonlyMap<string, string>): number | undefined {
  const text = headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : undefined;
}
