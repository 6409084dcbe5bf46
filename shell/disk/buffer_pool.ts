/** Buffers of one size, used again and again, so that a download makes no garbage a piece. */
import { assert } from "../../core/bytes/result.ts";

export interface BufferPool {
  /** A buffer of the pool's size; its content is whatever was in it. */
  take(): Uint8Array<ArrayBuffer>;
  /** Gives a buffer back once nobody reads or writes it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void;
}

/** `size` in bytes; at most `retainedMax` idle buffers are kept, the rest is left to the collector. */
export function createBufferPool(size: number, retainedMax: number): BufferPool {
  const idle: Uint8Array<ArrayBuffer>[] = [];
  const isIdle = new WeakSet<Uint8Array>();
  return {
    take() {
      const buffer = idle.pop();
      if (buffer === undefined) return new Uint8Array(size);
      isIdle.delete(buffer);
      return buffer;
    },
    give(buffer) {
      assert(buffer.length === size, `a buffer of ${buffer.length} bytes is of the pool's ${size}`);
      assert(!isIdle.has(buffer), "a buffer is given back once");
      if (idle.length >= retainedMax) return;
      idle.push(buffer);
      isIdle.add(buffer);
    },
  };
}
