/**
 * One announce to one tracker: a request in, a result out, in a bounded time and memory. Nothing here
 * throws for what the network or the tracker does. When to announce is `core/tracker/announcer.ts`.
 */
import { fail, type Failure } from "../../core/bytes/result.ts";
import type { AnnounceError, AnnounceRequest, AnnounceResult } from "../../core/tracker/types.ts";
import { announceHttp } from "./http.ts";
import { announceUdp } from "./udp.ts";

/** From the dial to the last byte of an answer over HTTP; a busy tracker answers within seconds. */
export const HTTP_TIMEOUT_MS = 15_000;
/** Over UDP: the first two of BEP 15's waits, 15 s and 30 s, then it is the next tracker's turn. */
export const UDP_TIMEOUT_MS = 45_000;

export interface AnnounceOptions {
  /** Ends the announce at once, with `unreachable`. */
  readonly signal?: AbortSignal;
  /** For the whole exchange; HTTP_TIMEOUT_MS or UDP_TIMEOUT_MS unless given. */
  readonly timeoutMs?: number;
  /** "tt" unless given. */
  readonly userAgent?: string;
  /** Shortens the waits between packets for tests; 1 unless given. */
  readonly udpTimeScale?: number;
}

/** Errors: every code of AnnounceError. */
export async function announce(
  url: string,
  request: AnnounceRequest,
  options: AnnounceOptions = {},
): Promise<AnnounceResult> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : "";
  const isUdp = scheme === "udp:";
  if (!isUdp && scheme !== "http:" && scheme !== "https:") {
    return failWith("unsupported", "The tracker's URL is neither http, https nor udp");
  }

  const timeoutMs = options.timeoutMs ?? (isUdp ? UDP_TIMEOUT_MS : HTTP_TIMEOUT_MS);
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted) abort();
  try {
    return isUdp
      ? await announceUdp(url, request, controller.signal, options.udpTimeScale ?? 1)
      : await announceHttp(url, request, controller.signal, options.userAgent ?? "tt");
  } catch (error) {
    if (options.signal?.aborted) return failWith("unreachable", "The announce was stopped");
    if (controller.signal.aborted) {
      return failWith("unreachable", `The tracker did not answer within ${timeoutMs / 1000} s`);
    }
    return failWith("unreachable", describeNetworkError(error));
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
  }
}

function failWith(code: AnnounceError["code"], message: string): Failure<AnnounceError> {
  return fail({ code, message });
}

/** The runtime tells causes only in words, and not in the same place in every version. */
function describeNetworkError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const words = `${error} ${cause ?? ""}`;
  if (/ENOTFOUND|EAI_AGAIN|dns error/.test(words)) {
    return "The tracker's host name could not be resolved; check the URL and the network";
  }
  if (/refused/.test(words)) return "The tracker refused the connection; is it running?";
  if (/certificate|InvalidContentType|tls/i.test(words)) {
    return "The tracker's secure connection could not be set up; check its URL";
  }
  return `The tracker could not be reached: ${error instanceof Error ? error.message : error}`;
}
