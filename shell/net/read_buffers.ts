/**
 * Buffers of connections that ended or are quiet again, for others to read into. Without them a crowd
 * that comes, floods and is closed leaves garbage faster than it is collected.
 */

/** The smallest, for a quiet connection. */
export const READ_BUFFER_FIRST = 4 * 1024;
/** A fast connection fills this between two turns. */
export const READ_BUFFER_MAX = 256 * 1024;
/** Idle buffers that are kept. */
const RETAINED_BYTES_MAX = 8 * 1024 * 1024;

const idle = new Map<number, Uint8Array[]>();
for (let size = READ_BUFFER_FIRST; size <= READ_BUFFER_MAX; size *= 2) idle.set(size, []);
let retainedBytes = 0;

/** A buffer of `size` bytes, whatever is in it. */
export function takeReadBuffer(size: number): Uint8Array {
  const buffer = idle.get(size)?.pop();
  if (buffer === undefined) return new Uint8Array(size);
  retainedBytes -= size;
  return buffer;
}

/** Returns a buffer that is no longer in use. */
export function giveReadBuffer(buffer: Uint8Array): void {
  const others = idle.get(buffer.length);
  if (others === undefined || retainedBytes + buffer.length > RETAINED_BYTES_MAX) return;
  others.push(buffer);
  retainedBytes += buffer.length;
}
