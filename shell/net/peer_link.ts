/**
 * One connection after its handshakes: a pump that reads into one growing buffer and hands it over in
 * place, and a writer that puts control messages before blocks and many blocks into one write.
 *
 * The reader's buffer belongs to the link: whoever gets it consumes from `start` to `end` and moves
 * `start`. Payload is copied once, from there to the piece's buffer; only a block that a read cut in two
 * is moved within the buffer first.
 */
import { appendBlockHeader, appendMessage, appendRequest } from "../../core/wire/codec.ts";
import {
  type ByteWriter,
  createByteWriter,
  resetWriter,
  writeBytes,
  writtenBytes,
} from "../../core/bytes/byte_writer.ts";
import type { Message } from "../../core/wire/message.ts";
import type { RateLimits } from "./rate_limiter.ts";

/** A quiet connection needs no more. */
const READ_BUFFER_FIRST = 32 * 1024;
/** A fast one fills this between two turns. */
const READ_BUFFER_MAX = 256 * 1024;
/** Payload in one write: large enough to cost few calls, small enough to let control messages by. */
const UPLOAD_CHUNK_BYTES = 256 * 1024;
/** Answers that a peer leaves unread; an honest one that reads slowly stays far below. */
const CONTROL_BYTES_MAX = 4 * 1024 * 1024;

/** What a link tells its owner, always outside of the owner's own calls. */
export interface LinkOwner {
  /** Bytes are in `link.buffer` between `link.start` and `link.end`. Returns the bytes wanted whole. */
  received(link: PeerLink): number;
  /** Payload of blocks left. */
  sent(link: PeerLink, bytes: number): void;
  /** A block that was to be sent can't be read. */
  unreadable(link: PeerLink, piece: number, begin: number, length: number, error: unknown): void;
  /** The connection ended, not by `close`. Called once. */
  ended(link: PeerLink, why: string): void;
  /** Fills `target` with a piece's bytes. */
  read(piece: number, begin: number, target: Uint8Array): Promise<void>;
}

export class PeerLink {
  buffer: Uint8Array;
  start = 0;
  end: number;
  readonly #owner: LinkOwner;
  readonly #conn: Deno.TcpConn;
  readonly #limits: RateLimits;
  #control: ByteWriter = createByteWriter();
  #spare: ByteWriter = createByteWriter();
  readonly #blocks: ByteWriter = createByteWriter(0);
  /** Triples of piece, begin, length. */
  #uploads: number[] = [];
  #uploadHead = 0;
  #scratch: Uint8Array | undefined;
  #isWriting = false;
  #isClosed = false;
  #pausedUntil: PromiseWithResolvers<void> | undefined;

  /** `rest`: bytes that came behind the handshake. */
  constructor(
    readonly key: number,
    conn: Deno.TcpConn,
    rest: Uint8Array,
    owner: LinkOwner,
    limits: RateLimits,
  ) {
    this.#conn = conn;
    this.#owner = owner;
    this.#limits = limits;
    this.buffer = new Uint8Array(Math.max(READ_BUFFER_FIRST, rest.length));
    this.buffer.set(rest);
    this.end = rest.length;
  }

  /** Starts reading; call it once the owner knows the link. */
  open(): void {
    this.#readLoop();
  }

  /** Ends the connection without telling the owner. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pausedUntil?.resolve();
    try {
      this.#conn.close();
    } catch {
      // The other side was faster.
    }
  }

  pauseReading(): void {
    this.#pausedUntil ??= Promise.withResolvers();
  }

  resumeReading(): void {
    this.#pausedUntil?.resolve();
    this.#pausedUntil = undefined;
  }

  /** Queues a control message; `flush` sends it. */
  send(message: Message): void {
    appendMessage(this.#control, message);
  }

  /** Queues requests: triples of piece, begin, length. */
  request(blocks: readonly number[]): void {
    for (let i = 0; i < blocks.length; i += 3) {
      appendRequest(this.#control, blocks[i]!, blocks[i + 1]!, blocks[i + 2]!);
    }
  }

  /** Queues blocks to read and send: triples of piece, begin, length. */
  upload(blocks: readonly number[]): void {
    for (const number of blocks) this.#uploads.push(number);
  }

  flush(): void {
    if (!this.#isWriting && !this.#isClosed) this.#writeLoop();
  }

  async #readLoop(): Promise<void> {
    let why = "closed by the peer";
    try {
      if (this.end > 0) this.#hand(0);
      while (!this.#isClosed) {
        if (this.#pausedUntil !== undefined) await this.#pausedUntil.promise;
        const count = await this.#conn.read(this.#readRoom());
        if (count === null || this.#isClosed) break;
        this.#hand(count);
        // Each request may cost a reject: who asks without listening would fill our memory.
        if (this.#control.size > CONTROL_BYTES_MAX) throw new Error("It reads nothing of ours");
        const { down } = this.#limits;
        if (!down.isUnlimited) await down.take(count).passed;
      }
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    this.#end(why);
  }

  #readRoom(): Uint8Array {
    const room = this.buffer.subarray(this.end);
    return room.subarray(0, Math.max(1, this.#limits.down.chunkBytes));
  }

  /** Gives the owner what is there, then makes room for more. */
  #hand(count: number): void {
    const wasFilled = this.end + count === this.buffer.length;
    this.end += count;
    const needed = this.#owner.received(this);
    if (this.#isClosed) return;
    const rest = this.buffer.subarray(this.start, this.end);
    const size = wasFilled ? Math.min(READ_BUFFER_MAX, 2 * this.buffer.length) : 0;
    if (Math.max(size, needed) > this.buffer.length) {
      const grown = new Uint8Array(Math.max(size, needed));
      grown.set(rest);
      this.buffer = grown;
    } else if (this.start > 0) this.buffer.copyWithin(0, this.start, this.end);
    this.end = rest.length;
    this.start = 0;
  }

  #end(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#owner.ended(this, why);
  }

  async #writeLoop(): Promise<void> {
    this.#isWriting = true;
    try {
      while (!this.#isClosed) {
        if (this.#control.size > 0) await this.#writeControl();
        else if (this.#uploadHead < this.#uploads.length) await this.#writeBlocks();
        else break;
      }
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
    this.#isWriting = false;
  }

  async #writeControl(): Promise<void> {
    const out = this.#control;
    this.#control = this.#spare;
    this.#spare = out;
    await this.#writeAll(writtenBytes(out));
    resetWriter(out);
  }

  /** As many blocks as one write should carry. */
  async #writeBlocks(): Promise<void> {
    const { up } = this.#limits;
    const chunk = Math.min(UPLOAD_CHUNK_BYTES, up.chunkBytes);
    const out = this.#blocks;
    resetWriter(out);
    let payload = 0;
    while (payload < chunk && this.#uploadHead < this.#uploads.length) {
      payload += await this.#appendRun(out, chunk - payload);
    }
    if (!up.isUnlimited) await up.take(payload).passed;
    if (this.#isClosed) return;
    await this.#writeAll(writtenBytes(out));
    if (payload > 0) this.#owner.sent(this, payload);
  }

  /**
   * Reads the next blocks that lie side by side with one call and appends them, each behind its
   * header. Returns the payload appended: 0 when they can't be read.
   */
  async #appendRun(out: ByteWriter, most: number): Promise<number> {
    const uploads = this.#uploads;
    const first = this.#uploadHead;
    const piece = uploads[first]!, begin = uploads[first + 1]!;
    let length = uploads[first + 2]!;
    let next = first + 3;
    while (
      next < uploads.length && uploads[next] === piece && uploads[next + 1] === begin + length &&
      length + uploads[next + 2]! <= most
    ) {
      length += uploads[next + 2]!;
      next += 3;
    }
    this.#uploadHead = next;
    if (next === uploads.length) {
      this.#uploads = [];
      this.#uploadHead = 0;
    }
    if (this.#scratch === undefined || this.#scratch.length < length) {
      this.#scratch = new Uint8Array(Math.max(length, UPLOAD_CHUNK_BYTES));
    }
    const source = this.#scratch.subarray(0, length);
    try {
      await this.#owner.read(piece, begin, source);
    } catch (error) {
      for (let i = first; i < next; i += 3) {
        this.#owner.unreadable(this, piece, uploads[i + 1]!, uploads[i + 2]!, error);
      }
      return 0;
    }
    for (let i = first; i < next; i += 3) {
      const at = uploads[i + 1]! - begin, size = uploads[i + 2]!;
      appendBlockHeader(out, piece, uploads[i + 1]!, size);
      writeBytes(out, source.subarray(at, at + size));
    }
    return length;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }
}
