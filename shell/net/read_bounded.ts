/** Bodies from the network, read within limits of size and time. */
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toArrayBuffer } from "@std/streams/to-array-buffer";
import { fail, ok, type Result } from "../../core/bytes/result.ts";

export type BodyError = "too-large" | "too-slow" | "broken";

/**
 * The whole body; undefined beyond `bytesMax`, of which no more is read. Rejects as the stream does, or
 * with the signal's reason.
 */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array(0);
  const limited = body.pipeThrough(
    new LimitedBytesTransformStream(bytesMax, { error: true }),
    signal && { signal },
  );
  try {
    return new Uint8Array(await toArrayBuffer(limited));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The same of a request, which is given up after `timeoutMs`, or at once if it announces too much. */
export async function readRequestBody(
  { body, headers }: Request,
  bytesMax: number,
  timeoutMs: number,
): Promise<Result<Uint8Array, BodyError>> {
  if (Number(headers.get("content-length") ?? 0) > bytesMax) {
    await body?.cancel().catch(() => {});
    return fail("too-large");
  }
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const bytes = await readBounded(body, bytesMax, late.signal);
    return bytes === undefined ? fail("too-large") : ok(bytes);
  } catch {
    return fail(late.signal.aborted ? "too-slow" : "broken");
  } finally {
    clearTimeout(timer);
  }
}
