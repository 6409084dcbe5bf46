/**
 * An announce over HTTP or HTTPS. Redirects are followed by hand, and the answer is read piece by
 * piece, so that neither can go on for ever.
 */
import { fail, type Failure } from "../../core/bytes/result.ts";
import {
  ANSWER_BYTES_MAX,
  buildAnnounceUrl,
  parseAnnounceAnswer,
} from "../../core/tracker/http_codec.ts";
import type { AnnounceError, AnnounceRequest, AnnounceResult } from "../../core/tracker/types.ts";
import { sleep } from "../clock.ts";

/** From http to https, to another host, to another path; more is a circle. */
const REDIRECTS_MAX = 5;
/** Long enough for a balancer to notice, short enough not to be felt. */
const RETRY_MS = 250;

/** Rejects when the network fails or `signal` aborts; the caller finds the words. */
export async function announceHttp(
  url: string,
  request: AnnounceRequest,
  signal: AbortSignal,
  userAgent: string,
): Promise<AnnounceResult> {
  let target = buildAnnounceUrl(url, request);
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await fetchTwice(target, {
      redirect: "manual",
      signal,
      // An idle connection would be half an hour old at the next announce.
      headers: { "user-agent": userAgent, connection: "close" },
    });
    const location = response.headers.get("location");
    if (location === null || response.status < 300 || response.status > 399) {
      return await readAnswer(response);
    }
    await response.body?.cancel();
    const next = URL.parse(location, target);
    if (next === null || !/^https?:$/.test(next.protocol)) {
      return badAnswer("The tracker redirects to something that is no web address");
    }
    target = next.href;
  }
  return badAnswer(`The tracker redirects more than ${REDIRECTS_MAX} times`);
}

/**
 * A tracker that dies under a request is often one of several behind one address, or back at once: the
 * second try finds it. An announce may be repeated safely.
 */
async function fetchTwice(
  url: string,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal.aborted) throw error;
    await sleep(RETRY_MS);
    init.signal.throwIfAborted();
    return await fetch(url, init);
  }
}

async function readAnswer(response: Response): Promise<AnnounceResult> {
  const body = await readBody(response);
  if (body === undefined) {
    return badAnswer(`The tracker's answer is longer than ${ANSWER_BYTES_MAX} bytes`);
  }
  const answer = parseAnnounceAnswer(body);
  // Some trackers put a failure reason behind a status of 4xx; it says more than the status.
  if (response.ok || (!answer.ok && answer.error.code === "refused")) return answer;
  const message = `The tracker answered with HTTP status ${response.status}`;
  return fail({ code: "http-status", message });
}

/** Undefined beyond ANSWER_BYTES_MAX, of which no more is read. */
async function readBody(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function badAnswer(message: string): Failure<AnnounceError> {
  return fail({ code: "bad-answer", message });
}
