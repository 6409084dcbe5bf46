/**
 * The body of an upload, read within limits: of bytes, so that two gigabytes cost no more than the
 * limit; of time, so that no client holds a slot by sending nothing; and of concurrent uploads.
 */
import { fail, type Result } from "../../../core/bytes/result.ts";
import { type BodyError, readRequestBody } from "../../net/read_bounded.ts";

/** Enough for a torrent of the largest size on a line of 2 Mbit/s. */
const UPLOAD_TIMEOUT_MS = 30_000;
/** Bodies in memory at the same time. */
const UPLOADS_MAX = 8;

export type UploadError = "busy" | BodyError;

export interface UploadGate {
  /** Reads the body of up to `bytesMax` bytes. */
  read(request: Request, bytesMax: number): Promise<Result<Uint8Array, UploadError>>;
}

/** `timeoutMs` and `uploadsMax` are the limits above unless given. */
export function createUploadGate(
  { timeoutMs = UPLOAD_TIMEOUT_MS, uploadsMax = UPLOADS_MAX } = {},
): UploadGate {
  let active = 0;
  return {
    async read(request, bytesMax) {
      // Called before a byte is read, where the length is known beforehand.
      if (Number(request.headers.get("content-length") ?? 0) > bytesMax) return fail("too-large");
      if (active >= uploadsMax) return fail("busy");
      active++;
      try {
        return await readRequestBody(request, bytesMax, timeoutMs);
      } finally {
        active--;
      }
    },
  };
}
