/** Bodies of strangers, read within a limit. */
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toArrayBuffer } from "@std/streams/to-array-buffer";

/** The whole body; undefined beyond `bytesMax`, of which no more is read. Rejects as the stream does. */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array(0);
  const limited = body.pipeThrough(new LimitedBytesTransformStream(bytesMax, { error: true }));
  try {
    return new Uint8Array(await toArrayBuffer(limited));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
