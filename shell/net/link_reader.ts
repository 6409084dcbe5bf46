/**
 * What comes over one connection: a pump that reads into one growing buffer and hands it over in place.
 * The buffer belongs to the reader: its consumer reads from `start` to `end` and moves `start`.
 * Payload is copied once, from here to the piece's buffer; only a block that a read cut in two is moved
 * within the buffer first.
 *
 * A connection that always has bytes would starve all others, since a read that is ready does not go
 * through the event loop: after TURN_MS of work, or when its owner says so, it lets all others go
 * first.
 */
import type { Clock } from "../clock.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { RateLimiter, Wait } from "./rate_limiter.ts";
import {
  giveReadBuffer,
  READ_BUFFER_FIRST,
  READ_BUFFER_MAX,
  takeReadBuffer,
} from "./read_buffers.ts";

/** This many small reads in a row mean that a connection is quiet again. */
const QUIET_READS = 16;
/** One connection works so long before others have their turn. */
const TURN_MS = 4;

const NOTHING = new Uint8Array();

/** In place of a number of bytes: whole messages are left, which must wait for the next turn. */
export const LATER = -1;

export interface ReaderOwner {
  /**
   * Bytes are in `buffer` between `start` and `end`. Returns how many bytes the next message needs in one
   * piece (0: any number), or LATER.
   */
  received(): number;
  /** The other side has ended, or reading failed. */
  failed(why: string): void;
}

export class LinkReader {
  buffer: Uint8Array;
  start = 0;
  end: number;
  /** Payload that was received and not yet counted by the rate limit; the owner adds to it. */
  payloadBytes = 0;
  readonly #stream: ByteStream;
  readonly #owner: ReaderOwner;
  readonly #limit: RateLimiter;
  readonly #clock: Clock;
  #quietReads = 0;
  #workedMs = 0;
  #isClosed = false;
  #wait: Wait | undefined;
  #paused: PromiseWithResolvers<void> | undefined;

  /** `rest`: bytes that came behind the handshake. */
  constructor(
    stream: ByteStream,
    rest: Uint8Array,
    owner: ReaderOwner,
    limit: RateLimiter,
    clock: Clock,
  ) {
    this.#stream = stream;
    this.#owner = owner;
    this.#limit = limit;
    this.#clock = clock;
    this.buffer = takeReadBuffer(Math.max(READ_BUFFER_FIRST, rest.length));
    this.buffer.set(rest);
    this.end = rest.length;
  }

  /** Reads until the connection ends. Call it once. */
  async run(): Promise<void> {
    let why = "closed by the peer";
    try {
      if (this.end > 0) await this.#hand(0);
      while (!this.#isClosed) {
        if (this.#paused !== undefined) await this.#paused.promise;
        const count = await this.#stream.read(this.#room());
        if (count === null || this.#isClosed) break;
        await this.#hand(count);
        if (this.payloadBytes > 0) await this.#countPayload();
      }
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    if (!this.#isClosed) this.#owner.failed(why);
    giveReadBuffer(this.buffer);
    this.buffer = NOTHING;
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#wait?.cancel();
    this.#paused?.resolve();
  }

  #room(): Uint8Array {
    const most = this.#limit.chunkBytes;
    const size = this.buffer.length - this.end;
    return this.buffer.subarray(this.end, this.end + Math.max(1, Math.min(size, most)));
  }

  /** Control messages are free: only payload waits, after it came, for what is read next. */
  async #countPayload(): Promise<void> {
    const bytes = this.payloadBytes;
    this.payloadBytes = 0;
    if (this.#limit.isUnlimited) return;
    this.#wait = this.#limit.take(bytes);
    await this.#wait.passed;
    this.#wait = undefined;
  }

  /** Gives the owner what is there, as often as it asks, then makes room for more. */
  async #hand(count: number): Promise<void> {
    const wasFilled = this.end + count === this.buffer.length;
    this.end += count;
    let needed = this.#work();
    while (needed === LATER && !this.#isClosed) {
      await this.#yield();
      if (!this.#isClosed) needed = this.#work();
    }
    if (this.#isClosed) return;
    this.#makeRoom(needed, wasFilled, count);
    if (this.#workedMs >= TURN_MS) await this.#yield();
  }

  #work(): number {
    const startedMs = this.#clock.now();
    const needed = this.#owner.received();
    this.#workedMs += this.#clock.now() - startedMs;
    return needed;
  }

  async #yield(): Promise<void> {
    this.#workedMs = 0;
    await this.#clock.nextTurn();
  }

  #makeRoom(needed: number, wasFilled: boolean, count: number): void {
    const rest = this.buffer.subarray(this.start, this.end);
    this.#quietReads = count < READ_BUFFER_FIRST / 2 ? this.#quietReads + 1 : 0;
    let size = wasFilled ? Math.min(READ_BUFFER_MAX, 2 * this.buffer.length) : this.buffer.length;
    if (this.#quietReads >= QUIET_READS && rest.length < READ_BUFFER_FIRST / 2) {
      size = READ_BUFFER_FIRST;
    }
    size = Math.max(size, needed, rest.length + 1);
    if (size > this.buffer.length || (size < this.buffer.length && this.#quietReads > 0)) {
      const other = takeReadBuffer(size);
      other.set(rest);
      giveReadBuffer(this.buffer);
      this.buffer = other;
    } else if (this.start > 0) this.buffer.copyWithin(0, this.start, this.end);
    this.end = rest.length;
    this.start = 0;
  }
}
