/**
 * One connection after its handshakes: a reader, a writer with its queue of blocks, and the budget of
 * small messages that its peer may send.
 */
import {
  createTokenBucket,
  giveBack,
  take,
  type TokenBucket,
} from "../../core/limits/token_bucket.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import type { Clock } from "../clock.ts";
import type { ByteStream } from "./byte_stream.ts";
import { LinkReader } from "./link_reader.ts";
import { LinkWriter } from "./link_writer.ts";
import type { RateLimits } from "./rate_limiter.ts";
import type { SendBuffers } from "./send_buffers.ts";

/**
 * Messages a second that come without a block: a peer that downloads a gigabyte a second in pieces of
 * 1 MiB announces as many. Those that are answered with a block are free.
 */
const MESSAGES_PER_SECOND = 1_000;
/** At once, besides two for each piece: requests of a peer that then leaves, or is choked. */
const MESSAGES_BURST = 10_000;

/** Callbacks of a link, never within a call of its owner. */
export interface LinkOwner {
  /** See `ReaderOwner.received`; the bytes are in `link.input`. */
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

export interface LinkOptions {
  readonly key: number;
  readonly stream: ByteStream;
  /** Bytes that came behind the handshake. */
  readonly rest: Uint8Array;
  readonly owner: LinkOwner;
  readonly limits: RateLimits;
  readonly buffers: SendBuffers;
  readonly clock: Clock;
  readonly pieceCount: number;
}

export class PeerLink {
  readonly key: number;
  readonly input: LinkReader;
  readonly #stream: ByteStream;
  readonly #owner: LinkOwner;
  readonly #writer: LinkWriter;
  readonly #clock: Clock;
  /** Tokens are messages. */
  readonly #messages: TokenBucket;
  #isClosed = false;

  constructor({ key, stream, rest, owner, limits, buffers, clock, pieceCount }: LinkOptions) {
    this.key = key;
    this.#stream = stream;
    this.#owner = owner;
    this.#clock = clock;
    const burst = MESSAGES_BURST + 2 * pieceCount;
    this.#messages = createTokenBucket(MESSAGES_PER_SECOND, burst, clock.now());
    const failed = (why: string) => this.#end(why);
    const received = () => owner.received(this);
    this.input = new LinkReader(stream, rest, { received, failed }, limits.down, clock);
    this.#writer = new LinkWriter(
      stream,
      {
        failed,
        read: (piece, begin, target) => owner.read(piece, begin, target),
        sent: (bytes, blocks) => {
          // A request for each, and perhaps a cancel.
          this.allowMessages(2 * blocks);
          owner.sent(this, bytes);
        },
        unreadable: (piece, begin, length, error) =>
          owner.unreadable(this, piece, begin, length, error),
      },
      limits.up,
      buffers,
    );
  }

  /** Starts reading; call it once the owner has registered the link. */
  open(): void {
    this.input.run();
  }

  /** Ends the connection without telling the owner. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.input.close();
    this.#writer.close();
    this.#stream.close();
  }

  pauseReading(): void {
    this.input.pause();
  }

  resumeReading(): void {
    this.input.resume();
  }

  /** Queues a control message; `flush` sends it. */
  send(message: WireMessage): void {
    this.#writer.send(message);
  }

  /** Queues requests: triples of piece, begin, length. */
  request(blocks: readonly number[]): void {
    this.#writer.request(blocks);
  }

  /** Queues blocks to read and send: triples of piece, begin, length. */
  upload(blocks: readonly number[]): void {
    this.#writer.upload(blocks);
  }

  /** Takes back those of `blocks` (undefined: all) that are not on their way, and returns them. */
  takeBack(blocks: readonly number[] | undefined): number[] {
    return this.#writer.takeBack(blocks);
  }

  flush(): void {
    if (!this.#isClosed) this.#writer.flush();
  }

  /** Counts messages without a block; false when there are more than any honest peer sends. */
  countMessages(count: number): boolean {
    return take(this.#messages, count, this.#clock.now()) === 0;
  }

  /** Allows this many more messages. */
  allowMessages(count: number): void {
    giveBack(this.#messages, count);
  }

  #end(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#owner.ended(this, why);
  }
}
