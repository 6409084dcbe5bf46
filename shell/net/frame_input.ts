/**
 * What a read brought, as messages and blocks: whole frames are taken out of a link's buffer, in turns
 * that end when their budget does. Blocks are not copied: they are views into the buffer.
 */
import { decodeMessage } from "../../core/wire/codec.ts";
import {
  createBlockHeader,
  createFrameView,
  frameBytesMax,
  readBlockHeader,
  readFrame,
} from "../../core/wire/frame.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import type { Clock } from "../clock.ts";
import { LATER } from "./link_reader.ts";
import { isTurnOver } from "./turn_budget.ts";

/** Where the bytes are, and how many of them are blocks that were asked for. */
interface Input {
  readonly buffer: Uint8Array;
  start: number;
  readonly end: number;
  payloadBytes: number;
}

export interface FrameLink {
  readonly input: Input;
  /** False when there were too many small messages. */
  countMessages(count: number): boolean;
}

export interface FrameOwner<L> {
  /** No more is read of a link that an earlier message closed. */
  isOpen(link: L): boolean;
  onMessage(link: L, message: WireMessage, at: number): void;
  /** Whether the block was asked for. */
  onBlock(link: L, piece: number, begin: number, block: Uint8Array, at: number): boolean;
  /** The link must be closed at once: bytes behind a violation are not read. */
  onViolation(link: L, why: string, at: number): void;
}

export class FrameInput<L extends FrameLink> {
  readonly #clock: Clock;
  readonly #owner: FrameOwner<L>;
  readonly #frame = createFrameView();
  readonly #header = createBlockHeader();
  #frameBytesMax = 0;

  constructor(clock: Clock, owner: FrameOwner<L>) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Of the torrent: no honest frame is longer than it allows. */
  set pieceCount(count: number) {
    this.#frameBytesMax = frameBytesMax(count);
  }

  /** Consumes whole frames. Returns what `ReaderOwner.received` does. */
  read(link: L, at: number): number {
    const { input } = link;
    const frame = this.#frame, owner = this.#owner;
    let frames = 0, messages = 0, needed = LATER;
    while (owner.isOpen(link) && !isTurnOver(frames, at, this.#clock)) {
      const found = readFrame(input.buffer, input.start, input.end, this.#frameBytesMax, frame);
      if (found !== "frame") {
        needed = frame.needed;
        if (found === "violation") {
          owner.onViolation(link, `a frame of ${frame.needed} bytes, over the limit`, at);
        }
        break;
      }
      frames++;
      if (frame.id !== MESSAGE_ID.piece) this.#takeMessage(link, at);
      if (frame.id !== MESSAGE_ID.piece || !this.#takeBlock(link, at)) messages++;
      input.start = frame.frameEnd;
    }
    if (!owner.isOpen(link)) return 0;
    if (messages > 0 && !link.countMessages(messages)) {
      owner.onViolation(link, "a flood of small messages", at);
      return 0;
    }
    return needed;
  }

  /** Whether the block was asked for. */
  #takeBlock(link: L, at: number): boolean {
    const header = this.#header;
    const { input } = link;
    if (!readBlockHeader(input.buffer, this.#frame, header)) {
      this.#owner.onViolation(link, "a piece message without a header", at);
      return false;
    }
    const { piece, begin, payloadStart, length } = header;
    input.payloadBytes += length;
    const block = input.buffer.subarray(payloadStart, payloadStart + length);
    return this.#owner.onBlock(link, piece, begin, block, at);
  }

  #takeMessage(link: L, at: number): void {
    const decoded = decodeMessage(link.input.buffer, this.#frame);
    if (decoded.ok) return this.#owner.onMessage(link, decoded.value, at);
    const { id, size } = decoded.error;
    this.#owner.onViolation(link, `a message ${id} of ${size} bytes`, at);
  }
}
