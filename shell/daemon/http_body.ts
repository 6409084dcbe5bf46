/** Bodies within limits of size and time, in both directions. */
import { readRequestBody } from "../net/read_bounded.ts";

/** A body of this protocol is a `.torrent` in base64 at most. */
export const BODY_BYTES_MAX = 48 * 1024 * 1024;

/** A client that sends no faster than this has stopped. */
const BODY_TIMEOUT_MS = 30_000;

/** A client that reads no byte of an answer for this long has stopped reading. */
const READ_TIMEOUT_MS = 30_000;

/** Bytes handed over at once. */
const CHUNK_BYTES = 64 * 1024;

/** Small answers leave in one piece. */
const WHOLE_BYTES_MAX = 256 * 1024;

export type Body =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly status: 400 | 408 | 413 };

const STATUS = { "too-large": 413, "too-slow": 408, broken: 400 } as const;

/** Never throws. `limit` in bytes. */
export async function readBody(
  request: Request,
  limit: number = BODY_BYTES_MAX,
  timeoutMs: number = BODY_TIMEOUT_MS,
): Promise<Body> {
  const body = await readRequestBody(request, limit, timeoutMs);
  return body.ok
    ? { ok: true, text: new TextDecoder().decode(body.value) }
    : { ok: false, status: STATUS[body.error] };
}

/** Bytes that are read only to be polite. */
const DRAIN_BYTES_MAX = 1024 * 1024;

/**
 * Takes a small body that is not wanted: clients over HTTP/2 take an answer that comes before they are
 * done for a broken stream. A large one is refused unread.
 */
export async function drainBody(request: Request): Promise<void> {
  const size = Number(request.headers.get("content-length") ?? 0);
  if (size > DRAIN_BYTES_MAX) return await request.body?.cancel().catch(() => {});
  await readBody(request, DRAIN_BYTES_MAX);
}

/** `text` as a body that does not wait for ever for its reader. */
export function answerBody(
  text: string,
  timeoutMs: number = READ_TIMEOUT_MS,
): string | ReadableStream<Uint8Array> {
  if (text.length < WHOLE_BYTES_MAX) return text;
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      clearTimeout(timer);
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += CHUNK_BYTES));
      timer = setTimeout(() => controller.error(new Error("The reader stopped")), timeoutMs);
    },
    cancel() {
      clearTimeout(timer);
    },
  }, { highWaterMark: 0 });
}
