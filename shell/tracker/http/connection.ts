/**
 * One HTTP/1.1 connection: heads in, answers out, in their order. Announces and scrapes are answered
 * where they lie in the buffer, without a Request or a Response, which would cost more than the answer
 * itself; everything else goes the usual way.
 *
 * Every wait has a deadline, which is a number that the listener compares with its clock: a timer for
 * each of ten thousand connections would cost more than they do.
 */
import { type ByteWriter, createByteWriter, resetWriter } from "../../../core/bytes/byte_writer.ts";
import {
  createHttpHead,
  findHeadEnd,
  HEAD_SIZE_MAX,
  type HttpHead,
  readHead,
} from "../../../core/tracker_server/http/head.ts";
import {
  type Client,
  readRequest,
  type RequestBody,
  writeRefusal,
  writeResponse,
} from "./message.ts";

/** How long a client may take, in milliseconds. */
export interface Patience {
  /** To ask anything. */
  readonly idle: number;
  /** From the first byte of a head to its last. */
  readonly head: number;
  /** From one part of a body to the next. */
  readonly body: number;
  /** To take any part of an answer. */
  readonly write: number;
  /** After an answer that came before the end of the body, so that the client gets to read it. */
  readonly linger: number;
}

export const PATIENCE: Patience = {
  idle: 60_000,
  head: 10_000,
  body: 30_000,
  write: 30_000,
  linger: 2_000,
};
const LINGER_BYTES = 4 * 1024 * 1024;

const BUFFER_SIZE = 2_048;
const LINGER_BUFFER_SIZE = 64 * 1024;
/** Answers to requests that came together leave together, up to this size. */
const FLUSH_SIZE = 64 * 1024;
/** Buffers that wait for the next connection. */
const POOL_SIZE = 256;

const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");

export interface HttpHandler {
  /**
   * Appends the whole answer to a request that lies in `bytes` and returns true, or a promise where it
   * has to wait, or false when the request is to go the usual way. `bytes` and `head` are good until it returns.
   */
  answerFast(
    bytes: Uint8Array,
    head: HttpHead,
    client: Client,
    writer: ByteWriter,
  ): boolean | Promise<unknown>;
  /** Answers leave once it resolves; undefined for at once. */
  settling(): Promise<void> | undefined;
  /** Must not reject. `target` is the path and query as they were sent. */
  answer(request: Request, target: string, client: Client): Promise<Response>;
}

/** Answers of all connections together that their clients have not taken yet; a busy tracker has 1 MB. */
export const UNSENT_BYTES_MAX = 64 * 1024 * 1024;

/** What the connections of one listener share. */
export interface Connections {
  readonly handler: HttpHandler;
  readonly patience: Patience;
  readonly open: Set<Connection>;
  /** Milliseconds, a second old at most. */
  clock: number;
  isStopping: boolean;
  /** Of answers, as above; with the limit a connection that would add to them is closed. */
  unsentBytes: number;
  readonly unsentBytesMax: number;
  /** Of the request at hand, for nothing waits between its reading and its use. */
  readonly head: HttpHead;
  readonly buffers: Uint8Array[];
  readonly writers: ByteWriter[];
}

/** No connections yet. */
export function createConnections(
  handler: HttpHandler,
  clock: number,
  patience: Patience,
  unsentBytesMax: number = UNSENT_BYTES_MAX,
): Connections {
  const shared = { handler, patience, clock, isStopping: false, head: createHttpHead() };
  return { ...shared, unsentBytes: 0, unsentBytesMax, open: new Set(), buffers: [], writers: [] };
}

export class Connection {
  /** When it is closed unless something happens; Infinity while we are the ones to act. */
  deadline: number;
  /** For a request, or the rest of its head: it can be closed without a loss. */
  isWaiting = false;
  readonly #conn: Deno.Conn;
  readonly #client: Client;
  readonly #shared: Connections;
  #buffer: Uint8Array;
  /** Bytes of the buffer that were answered, and that were read. */
  #done = 0;
  #size = 0;
  /** The client may still be sending unwanted bytes. */
  #isSending = false;
  /** Its part of the unsent bytes. */
  #unsentBytes = 0;

  constructor(conn: Deno.Conn, client: Client, shared: Connections) {
    this.#conn = conn;
    this.#client = client;
    this.#shared = shared;
    this.deadline = shared.clock + shared.patience.head;
    this.#buffer = shared.buffers.pop() ?? new Uint8Array(BUFFER_SIZE);
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // It was closed already.
    }
  }

  /**
   * Serves until either side has enough. Never rejects. One wait for a read and one for a write is all
   * that an announce costs: each further function that waits would be felt.
   */
  async serve(): Promise<void> {
    const shared = this.#shared;
    shared.open.add(this);
    const writer = shared.writers.pop() ?? createByteWriter(BUFFER_SIZE);
    try {
      while (!shared.isStopping || this.#size > this.#done) {
        const target = this.#makeRoom();
        this.isWaiting = true;
        const count = await this.#conn.read(target);
        this.isWaiting = false;
        if (count === null) break;
        if (this.#size === 0) this.deadline = shared.clock + shared.patience.head;
        this.#size += count;
        const answered = this.#answerAll(writer);
        const goesOn = answered === true || answered !== false && await answered;
        if (writer.size > 0) {
          const settling = shared.handler.settling();
          if (settling !== undefined) await settling;
          if (!this.#countUnsent(writer.size)) break;
          const written = await this.#conn.write(this.#startWriting(writer));
          if (written < writer.size) await this.#writeFrom(writer, written);
          this.#countUnsent(0);
          resetWriter(writer);
        }
        if (goesOn) continue;
        if (this.#isSending || this.#size > this.#done) await this.#linger();
        break;
      }
    } catch {
      // The client has disconnected.
    }
    this.close();
    this.#countUnsent(0);
    shared.open.delete(this);
    this.#giveBack(writer);
  }

  #giveBack(writer: ByteWriter): void {
    const { buffers, writers } = this.#shared;
    resetWriter(writer);
    if (writers.length < POOL_SIZE && writer.bytes.length <= FLUSH_SIZE) writers.push(writer);
    if (this.#buffer.length === BUFFER_SIZE && buffers.length < POOL_SIZE) {
      buffers.push(this.#buffer);
    }
  }

  #wait(what: keyof Patience): void {
    this.deadline = this.#shared.clock + this.#shared.patience[what];
  }

  /** Where the next bytes go: behind those of a head that is not whole yet. */
  #makeRoom(): Uint8Array {
    if (this.#size === this.#done) {
      // A new connection has no longer than a head may take: it was opened to ask something.
      if (this.#size > 0) this.#wait("idle");
      this.#size = this.#done = 0;
      return this.#buffer;
    }
    if (this.#done > 0) {
      this.#buffer.copyWithin(0, this.#done, this.#size);
      this.#size -= this.#done;
      this.#done = 0;
      // The head has begun; its bytes may come one by one, but not for ever.
      this.#wait("head");
    }
    if (this.#size === this.#buffer.length) {
      const grown = new Uint8Array(HEAD_SIZE_MAX);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    return this.#buffer.subarray(this.#size);
  }

  /** Answers every request whose head is whole; false when the connection is to end. */
  #answerAll(writer: ByteWriter): boolean | Promise<boolean> {
    const { handler, head } = this.#shared;
    while (true) {
      const end = findHeadEnd(this.#buffer, this.#done, this.#size);
      if (end < 0) {
        if (this.#size - this.#done < HEAD_SIZE_MAX) return true;
        writeRefusal(writer, 431, `A request's head may have ${HEAD_SIZE_MAX} bytes`);
        return false;
      }
      const read = readHead(this.#buffer, this.#done, end, head);
      if (!read.ok) {
        writeRefusal(writer, read.error.status, read.error.message);
        return false;
      }
      this.deadline = Infinity;
      const mayGoOn = !head.isLast && !this.#shared.isStopping;
      const isFast = handler.answerFast(this.#buffer, head, this.#client, writer);
      if (isFast === false) {
        return this.#goOnAfter(this.#answerSlowly(head, mayGoOn, writer), writer);
      }
      this.#done = end;
      if (isFast !== true) return this.#goOnAfter(isFast, writer, mayGoOn);
      if (!mayGoOn) return false;
      if (writer.size > FLUSH_SIZE) {
        return this.#goOnAfter(this.#flush(writer).then(() => true), writer);
      }
    }
  }

  /** Without `mayGoOn`, `answered` decides. */
  async #goOnAfter(
    answered: Promise<unknown>,
    writer: ByteWriter,
    mayGoOn?: boolean,
  ): Promise<boolean> {
    const told = await answered;
    if (!(mayGoOn ?? told)) return false;
    const goesOn = this.#answerAll(writer);
    return typeof goesOn === "boolean" ? goesOn : await goesOn;
  }

  /** By way of a Request and a Response. Returns whether another request may follow. */
  async #answerSlowly(head: HttpHead, mayGoOn: boolean, writer: ByteWriter): Promise<boolean> {
    const body = new ConnectionBody(head.contentLength, head.expectsContinue, (left) => {
      return this.#readBody(left);
    }, () => this.#conn.write(CONTINUE));
    const request = readRequest(this.#buffer, head, body);
    this.#done = head.end;
    if (request === undefined) {
      writeRefusal(writer, 400, "This is not a valid HTTP request");
      return false;
    }
    await this.#flush(writer);
    this.deadline = Infinity;
    const response = await this.#shared.handler.answer(...request, this.#client);
    this.#isSending = body.left > 0;
    const goesOn = mayGoOn && !this.#isSending;
    this.#wait("write");
    await writeResponse(writer, response, request[0].method === "HEAD", goesOn);
    return goesOn;
  }

  /** Up to `left` bytes of the body; undefined when the client has gone. */
  async #readBody(left: number): Promise<Uint8Array | undefined> {
    if (this.#size > this.#done) {
      const part = this.#buffer.slice(this.#done, Math.min(this.#size, this.#done + left));
      this.#done += part.length;
      return part;
    }
    this.#wait("body");
    const part = new Uint8Array(Math.min(left, LINGER_BUFFER_SIZE));
    const count = await this.#conn.read(part);
    this.deadline = Infinity;
    return count === null ? undefined : part.subarray(0, count);
  }

  async #flush(writer: ByteWriter): Promise<void> {
    if (writer.size === 0) return;
    const settling = this.#shared.handler.settling();
    if (settling !== undefined) await settling;
    if (!this.#countUnsent(writer.size)) throw new Error("too much is unsent");
    await this.#writeFrom(writer, 0);
    this.#countUnsent(0);
    resetWriter(writer);
  }

  /** Notes how much is being written; false when all connections together have too much. */
  #countUnsent(size: number): boolean {
    const shared = this.#shared;
    const others = shared.unsentBytes - this.#unsentBytes;
    if (size > 0 && others > 0 && others + size > shared.unsentBytesMax) return false;
    shared.unsentBytes = others + size;
    this.#unsentBytes = size;
    return true;
  }

  #startWriting(writer: ByteWriter): Uint8Array {
    this.#wait("write");
    return writer.bytes.subarray(0, writer.size);
  }

  async #writeFrom(writer: ByteWriter, at: number): Promise<void> {
    const bytes = this.#startWriting(writer);
    while (at < bytes.length) {
      // A client that takes a part of it in time may take the rest.
      this.#wait("write");
      at += await this.#conn.write(bytes.subarray(at));
    }
  }

  /**
   * Reads on for a moment where the client may still be sending: a connection that is closed on unread
   * bytes is reset, and the answer may be lost with it.
   */
  async #linger(): Promise<void> {
    await this.#conn.closeWrite();
    this.#wait("linger");
    const waste = new Uint8Array(LINGER_BUFFER_SIZE);
    for (let size = 0; size < LINGER_BYTES;) {
      const count = await this.#conn.read(waste);
      if (count === null) return;
      size += count;
    }
  }
}

/** The bytes of a request after its head, read on demand. */
class ConnectionBody implements RequestBody {
  /** Bytes that were not asked for yet. */
  left: number;
  readonly stream: ReadableStream<Uint8Array> | undefined;

  constructor(
    size: number,
    expectsContinue: boolean,
    read: (left: number) => Promise<Uint8Array | undefined>,
    sayContinue: () => Promise<unknown>,
  ) {
    this.left = size;
    if (size === 0) return;
    let isAwaited = expectsContinue;
    this.stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (isAwaited) await sayContinue();
        isAwaited = false;
        const part = await read(this.left);
        if (part === undefined) throw new Error("The client disconnected");
        this.left -= part.length;
        controller.enqueue(part);
        if (this.left === 0) controller.close();
      },
    }, { highWaterMark: 0 });
  }
}
