/**
 * Buffers for unfinished pieces, shared by all torrents of the process and used again and again, so that
 * a download makes no garbage a piece. Buffers of one size are kept while a torrent wants them.
 */
import { assert } from "../../core/bytes/result.ts";

/** Idle buffers that are kept for the next pieces of all torrents together, in bytes. */
const RETAINED_BYTES_MAX = 64 * 1024 * 1024;

interface Size {
  /** Torrents whose pieces have this size. */
  users: number;
  readonly idle: Uint8Array<ArrayBuffer>[];
}

export class PieceMemory {
  readonly #retainedMax: number;
  readonly #sizes = new Map<number, Size>();
  readonly #isIdle = new WeakSet<Uint8Array>();
  #retainedBytes = 0;
  #takenBytes = 0;

  constructor(retainedMax = RETAINED_BYTES_MAX) {
    this.#retainedMax = retainedMax;
  }

  /** Bytes of idle buffers. */
  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  /** Bytes of buffers in use. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** A torrent will take buffers of `size` bytes. */
  open(size: number): void {
    const known = this.#sizes.get(size);
    if (known === undefined) this.#sizes.set(size, { users: 1, idle: [] });
    else known.users++;
  }

  /** It will take no more; buffers of sizes that no torrent uses are freed. */
  close(size: number): void {
    const known = this.#sizes.get(size);
    assert(known !== undefined, "a size is closed once for each time it was opened");
    if (--known.users > 0) return;
    this.#retainedBytes -= size * known.idle.length;
    this.#sizes.delete(size);
  }

  /** A buffer of `size` bytes; its content is whatever was in it. */
  take(size: number): Uint8Array<ArrayBuffer> {
    this.#takenBytes += size;
    const buffer = this.#sizes.get(size)?.idle.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#retainedBytes -= size;
    this.#isIdle.delete(buffer);
    return buffer;
  }

  /** Returns a buffer that is no longer in use. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    assert(!this.#isIdle.has(buffer), "a buffer is given back once");
    this.#takenBytes -= buffer.length;
    const known = this.#sizes.get(buffer.length);
    if (known === undefined || this.#retainedBytes + buffer.length > this.#retainedMax) return;
    known.idle.push(buffer);
    this.#isIdle.add(buffer);
    this.#retainedBytes += buffer.length;
  }
}
