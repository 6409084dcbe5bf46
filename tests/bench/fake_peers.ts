/**
 * Synthetic peers in the process of the benchmark: they cost little, serve at a chosen rate and
 * need no content.
 */
import {
  createByteWriter,
  resetWriter,
  writeBytes,
  writtenBytes,
} from "../../core/bytes/byte_writer.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import {
  appendBlockHeader,
  appendMessage,
  decodeMessage,
  isHashMessage,
} from "../../core/wire/codec.ts";
import { createFrameView, frameBytesMax, readFrame } from "../../core/wire/frame.ts";
import type { BlockMessage, Message } from "../../core/wire/message.ts";
import { type ByteStream, writeAll } from "../../shell/net/byte_stream.ts";
import { acceptHandshake, dialPeer, type HandshakenStream } from "../../shell/net/handshaking.ts";
import { RateLimiter } from "../../shell/net/rate_limiter.ts";
import { tcpNetwork } from "../../shell/net/tcp.ts";

const SEND_BYTES = 256 * 1024;
const NEVER = new AbortController().signal;

export interface FakePeer extends Disposable {
  /** Port on 127.0.0.1. */
  readonly port: number;
}

export interface SeederOptions {
  readonly pieceCount: number;
  /** Unique within a swarm. */
  readonly number: number;
  /** Undefined is unlimited. */
  readonly rateBytesPerSecond: number | undefined;
  /** The bytes of a block; may be valid until the next call only. */
  read(piece: number, begin: number, length: number): Uint8Array;
}

/** Listens, has every piece, and serves every peer that connects. */
export function openFakeSeeder(options: SeederOptions): FakePeer {
  const listener = tcpNetwork.listen("127.0.0.1", 0);
  const streams = new Set<ByteStream>();
  const limit = options.rateBytesPerSecond === undefined
    ? undefined
    : new RateLimiter(options.rateBytesPerSecond);
  const serve = async (stream: ByteStream) => {
    const connection = await acceptHandshake(stream, () => ({ peerId: peerIdOf(options.number) }));
    if (connection !== undefined) await new SeedingConn(connection, options, limit).run();
  };
  (async () => {
    while (true) {
      const stream = await listener.accept();
      streams.add(stream);
      serve(stream).catch(() => {}).finally(() => {
        streams.delete(stream);
        stream.close();
      });
    }
  })().catch(() => {});
  return {
    port: listener.port,
    [Symbol.dispose]() {
      listener.close();
      for (const stream of streams) stream.close();
    },
  };
}

/** Connects to a peer, sends no bitfield and no interest, and is silent until disposed. */
export async function connectIdle(
  port: number,
  infoHash: InfoHash,
  number: number,
): Promise<Disposable> {
  const address = { ip: "127.0.0.1", port };
  const connection = await dialPeer({
    ...{ address, infoHashes: [infoHash], peerId: peerIdOf(number) },
    ...{ signal: NEVER, network: tcpNetwork },
  });
  const { stream } = connection;
  const reader = new FrameReader(connection, frameBytesMax(1));
  const hello = createByteWriter();
  appendMessage(hello, { kind: "have-none" });
  await writeAll(stream, writtenBytes(hello));
  // Keeps reading so that the other side can write.
  (async () => {
    while (await reader.next() !== undefined);
  })().catch(() => {});
  return { [Symbol.dispose]: () => stream.close() };
}

/** One connection of a seeder: requests are queued, and one loop serves them. */
class SeedingConn {
  readonly #stream: ByteStream;
  readonly #options: SeederOptions;
  readonly #limit: RateLimiter | undefined;
  readonly #out = createByteWriter(SEND_BYTES);
  #waiting: BlockMessage[] = [];
  #isSending = false;

  readonly #reader: FrameReader;

  constructor(
    connection: HandshakenStream,
    options: SeederOptions,
    limit: RateLimiter | undefined,
  ) {
    this.#stream = connection.stream;
    this.#reader = new FrameReader(connection, frameBytesMax(options.pieceCount));
    this.#options = options;
    this.#limit = limit;
  }

  async run(): Promise<void> {
    for (const kind of ["have-all", "unchoke"] as const) appendMessage(this.#out, { kind });
    await this.#send();
    for (let message; (message = await this.#reader.next()) !== undefined;) {
      if (message.kind === "request") {
        this.#waiting.push(message);
        if (!this.#isSending) this.#serve().catch(() => this.#stream.close());
      } else if (message.kind === "cancel") this.#cancel(message);
    }
  }

  /** Sends many small blocks with one write. */
  async #serve(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const most = Math.min(SEND_BYTES, this.#limit?.chunkBytes ?? SEND_BYTES);
      let payload = 0;
      while (this.#waiting.length > 0 && payload < most) {
        const { piece, begin, length } = this.#waiting.shift()!;
        appendBlockHeader(this.#out, piece, begin, length);
        writeBytes(this.#out, this.#options.read(piece, begin, length));
        payload += length;
      }
      await this.#limit?.take(payload).passed;
      await this.#send();
    }
    this.#isSending = false;
  }

  #cancel({ piece, begin }: BlockMessage): void {
    const at = this.#waiting.findIndex((block) => block.piece === piece && block.begin === begin);
    if (at < 0) return;
    const [block] = this.#waiting.splice(at, 1);
    appendMessage(this.#out, { ...block!, kind: "reject" });
  }

  async #send(): Promise<void> {
    const bytes = writtenBytes(this.#out).slice();
    resetWriter(this.#out);
    await writeAll(this.#stream, bytes);
  }
}

/** Messages after the handshake, one at a time. */
class FrameReader {
  readonly #stream: ByteStream;
  readonly #bytesMax: number;
  readonly #frame = createFrameView();
  readonly #buffer: Uint8Array;
  #start = 0;
  #end = 0;

  constructor({ stream, rest }: HandshakenStream, bytesMax: number) {
    this.#stream = stream;
    this.#bytesMax = bytesMax;
    this.#buffer = new Uint8Array(2 * bytesMax);
    this.#buffer.set(rest);
    this.#end = rest.length;
  }

  /** Undefined when the peer has disconnected. */
  async next(): Promise<Message | undefined> {
    const frame = this.#frame;
    for (;;) {
      const found = readFrame(this.#buffer, this.#start, this.#end, this.#bytesMax, frame);
      if (found === "violation") return undefined;
      if (found === "frame") {
        const decoded = decodeMessage(this.#buffer, frame);
        this.#start = frame.frameEnd;
        return decoded.ok && !isHashMessage(decoded.value) ? decoded.value : undefined;
      }
      if (!await this.#fill()) return undefined;
    }
  }

  async #fill(): Promise<boolean> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const count = await this.#stream.read(this.#buffer.subarray(this.#end));
    this.#end += count ?? 0;
    return count !== null;
  }
}

function peerIdOf(number: number): Uint8Array {
  return new TextEncoder().encode(`-FK0001-${String(number).padStart(12, "0")}`);
}
