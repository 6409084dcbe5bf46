/**
 * What leaves over one connection. Control messages go first and wait for nothing but the socket; blocks
 * wait for the rate limits, are read from disk, and share a write with those beside them. One write is
 * under way at a time.
 */
import {
  type ByteWriter,
  createByteWriter,
  resetWriter,
  writtenBytes,
} from "../../core/bytes/byte_writer.ts";
import {
  appendMessage,
  appendRequest,
  BLOCK_FRAME_HEAD,
  putBlockHeader,
} from "../../core/wire/codec.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import type { RateLimiter, Wait } from "./rate_limiter.ts";
import { type SendBuffers, type Sender, UNREAD_BYTES_MAX } from "./send_buffers.ts";
import { UploadQueue } from "./upload_queue.ts";

/** Payload in one write: large enough to cost few calls, small enough to let control messages by. */
const CHUNK_BYTES = 256 * 1024;
/** Blocks in one write, however small they are. */
const CHUNK_BLOCKS = 1_024;
/** A quiet connection keeps no larger buffers. */
const CONTROL_BYTES_KEPT = 4 * 1024;

/** Callbacks of the writer, never within a call of its owner. */
export interface WriterOwner {
  /** Fills `target` with a piece's bytes. */
  read(piece: number, begin: number, target: Uint8Array): Promise<void>;
  /** Number and total bytes of blocks that were sent. */
  sent(bytes: number, blocks: number): void;
  /** A block that was to be sent can't be read. */
  unreadable(piece: number, begin: number, length: number, error: unknown): void;
  /** The connection can't go on. */
  failed(why: string): void;
}

/** Whole frames of blocks, ready to be written. */
interface Chunk {
  readonly buffer: Uint8Array;
  size: number;
  payload: number;
  blocks: number;
}

export class LinkWriter implements Sender {
  readonly #stream: ByteStream;
  readonly #owner: WriterOwner;
  readonly #limit: RateLimiter;
  readonly #buffers: SendBuffers;
  readonly #queue = new UploadQueue();
  #control: ByteWriter = createByteWriter();
  #spare: ByteWriter = createByteWriter();
  /** Of `#spare`, while it is being written. */
  #writingBytes = 0;
  #isWriting = false;
  #isFilling = false;
  #chunk: Chunk | undefined;
  #wait: Wait | undefined;
  #isClosed = false;

  constructor(stream: ByteStream, owner: WriterOwner, limit: RateLimiter, buffers: SendBuffers) {
    this.#stream = stream;
    this.#owner = owner;
    this.#limit = limit;
    this.#buffers = buffers;
  }

  get unreadBytes(): number {
    return this.#control.size + this.#writingBytes;
  }

  /** Queues a control message; `flush` sends it. */
  send(message: WireMessage): void {
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
    this.#queue.push(blocks);
  }

  /** Takes back those of `blocks` (undefined: all) that were not read yet, and returns them. */
  takeBack(blocks: readonly number[] | undefined): number[] {
    const back = this.#queue.takeBack(blocks);
    if (this.#queue.isEmpty) this.#wait?.cancel();
    return back;
  }

  flush(): void {
    if (this.#isClosed) return;
    if (this.#control.size > 0) {
      this.#drain();
      this.#buffers.note(this);
      if (this.unreadBytes > UNREAD_BYTES_MAX) {
        return this.#owner.failed("It reads nothing of ours");
      }
    }
    this.#fill();
  }

  /** Ends everything; tokens that were waited for go back. */
  close(): void {
    this.#isClosed = true;
    this.#wait?.cancel();
    this.#queue.clear();
    this.#buffers.forget(this);
  }

  endForMemory(): void {
    this.#owner.failed("It reads too slowly, and memory is short");
  }

  /** Writes what is ready, control messages first. */
  async #drain(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (!this.#isClosed) {
        if (this.#control.size > 0) await this.#writeControl();
        else if (this.#chunk !== undefined) await this.#writeChunk(this.#chunk);
        else break;
      }
    } catch (error) {
      this.#owner.failed(messageOf(error));
    } finally {
      this.#isWriting = false;
    }
  }

  async #writeControl(): Promise<void> {
    const out = this.#control;
    this.#control = this.#spare;
    this.#spare = out;
    this.#writingBytes = out.size;
    await writeAll(this.#stream, writtenBytes(out));
    this.#writingBytes = 0;
    if (out.bytes.length > CONTROL_BYTES_KEPT) this.#spare = createByteWriter();
    else resetWriter(out);
    if (!this.#isClosed) this.#buffers.note(this);
  }

  async #writeChunk({ buffer, size, payload, blocks }: Chunk): Promise<void> {
    try {
      await writeAll(this.#stream, buffer.subarray(0, size));
    } finally {
      this.#chunk = undefined;
      this.#buffers.give(buffer);
    }
    if (payload > 0) this.#owner.sent(payload, blocks);
    this.#fill();
  }

  /** Makes the next chunk of blocks, unless one is being made or waits to be written. */
  async #fill(): Promise<void> {
    if (this.#isFilling || this.#chunk !== undefined || this.#queue.isEmpty) return;
    this.#isFilling = true;
    try {
      while (this.#chunk === undefined && !this.#isClosed && !this.#queue.isEmpty) {
        const bytes = await this.#waitForTurn();
        if (bytes > 0) await this.#fillChunk(bytes);
      }
    } catch (error) {
      this.#owner.failed(messageOf(error));
    } finally {
      this.#isFilling = false;
    }
    if (this.#chunk !== undefined) this.#drain();
  }

  /** Bytes that may pass now; 0 when the wait was cancelled. */
  async #waitForTurn(): Promise<number> {
    const limit = this.#limit;
    const bytes = this.#queue.bytesOfNext(Math.min(CHUNK_BYTES, limit.chunkBytes), CHUNK_BLOCKS);
    if (limit.isUnlimited) return bytes;
    this.#wait = limit.take(bytes);
    const mayPass = await this.#wait.passed;
    this.#wait = undefined;
    return mayPass ? bytes : 0;
  }

  /** Reads at most `bytes` bytes of blocks; what was taken back meanwhile costs no tokens. */
  async #fillChunk(bytes: number): Promise<void> {
    const frames = bytes + CHUNK_BLOCKS * BLOCK_FRAME_HEAD;
    const needed = Math.min(frames, bytes + this.#queue.count * BLOCK_FRAME_HEAD);
    const chunk = { buffer: this.#buffers.take(needed), size: 0, payload: 0, blocks: 0 };
    while (!this.#isClosed && chunk.blocks < CHUNK_BLOCKS) {
      const run = this.#queue.takeRun(bytes - chunk.payload, CHUNK_BLOCKS - chunk.blocks);
      if (run.length === 0) break;
      await this.#appendRun(chunk, run);
    }
    if (chunk.payload < bytes) this.#limit.giveBack(bytes - chunk.payload);
    if (chunk.payload > 0 && !this.#isClosed) this.#chunk = chunk;
    else this.#buffers.give(chunk.buffer);
  }

  /**
   * Reads a run with one call to where its last block belongs, then moves the other blocks forward, each
   * behind its header.
   */
  async #appendRun(chunk: Chunk, run: readonly number[]): Promise<void> {
    const count = run.length / 3;
    const piece = run[0]!, begin = run[1]!;
    const length = run.at(-2)! + run.at(-1)! - begin;
    const { buffer, size: start } = chunk;
    const from = start + count * BLOCK_FRAME_HEAD;
    try {
      await this.#owner.read(piece, begin, buffer.subarray(from, from + length));
    } catch (error) {
      for (let i = 0; i < run.length; i += 3) {
        this.#owner.unreadable(piece, run[i + 1]!, run[i + 2]!, error);
      }
      return;
    }
    let at = start;
    for (let i = 0; i < run.length; i += 3) {
      const blockFrom = from + run[i + 1]! - begin, blockLength = run[i + 2]!;
      const blockAt = at + BLOCK_FRAME_HEAD;
      if (blockAt < blockFrom) buffer.copyWithin(blockAt, blockFrom, blockFrom + blockLength);
      putBlockHeader(buffer, at, piece, run[i + 1]!, blockLength);
      at = blockAt + blockLength;
    }
    chunk.size = at;
    chunk.payload += length;
    chunk.blocks += count;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
