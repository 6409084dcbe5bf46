/**
 * The body of an upload, read within limits: of bytes, so that two gigabytes cost no more than the limit;
 * of time, so that nobody holds a place by sending nothing; and of uploads at once.
 */
import { fail, ok, type Result } from "../../../core/bytes/result.ts";

/** Enough for a torrent of the largest size on a line of 2 Mbit/s. */
const UPLOAD_TIMEOUT_MS = 30_000;
/** Bodies in memory at the same time. */
const UPLOADS_MAX = 8;

export type BodyError = "busy" | "too-large" | "too-slow" | "broken";

export interface UploadGate {
  /** Reads the body of up to `bytesMax` bytes. */
  read(request: Request, bytesMax: number): Promise<Result<Uint8Array, BodyError>>;
}

/** `timeoutMs` and `uploadsMax` are the limits above unless given. */
export function createUploadGate(
  { timeoutMs = UPLOAD_TIMEOUT_MS, uploadsMax = UPLOADS_MAX } = {},
): UploadGate {
  let active = 0;
  return {
    async read(request, bytesMax) {
      // Told before a byte is read, where the length is known beforehand.
      if (Number(request.headers.get("content-length") ?? 0) > bytesMax) return fail("too-large");
      if (active >= uploadsMax) return fail("busy");
      active++;
      try {
        return await readBody(request, bytesMax, timeoutMs);
      } finally {
        active--;
      }
    },
  };
}

async function readBody(
  request: Request,
  bytesMax: number,
  timeoutMs: number,
): Promise<Result<Uint8Array, BodyError>> {
  const reader = request.body?.getReader();
  if (reader === undefined) return ok(new Uint8Array(0));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, timeoutMs);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > bytesMax) {
        reader.cancel().catch(() => {});
        return fail("too-large");
      }
      parts.push(value);
    }
  } catch {
    return fail("broken");
  } finally {
    clearTimeout(timer);
  }
  return isLate ? fail("too-slow") : ok(concatenate(parts, size));
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
