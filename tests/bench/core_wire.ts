/** `bench core`, wire: finding frames in a read buffer and decoding and encoding messages. */
import { createByteWriter, writeBytes, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { createRng, randomBelow } from "../../core/bytes/random.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { appendBlockHeader, appendMessage, decodeMessage } from "../../core/wire/codec.ts";
import {
  createBlockHeader,
  createFrameView,
  frameBytesMax,
  readBlockHeader,
  readFrame,
} from "../../core/wire/frame.ts";
import { assert } from "../../core/bytes/result.ts";
import type { Figure } from "./figures.ts";
import { shorten } from "./figures.ts";
import { medianMs } from "./measure.ts";

/** What one read returns from a fast peer. */
const STREAM_BLOCKS = 64;
const STREAM_MESSAGES = 4_096;
const PIECES = 100_000;
const BYTES_MAX = frameBytesMax(PIECES);

export function benchWire(): Figure[] {
  const blocks = blockStream();
  const pieceBuffer = new Uint8Array(STREAM_BLOCKS * BLOCK_SIZE);
  const payload = STREAM_BLOCKS * BLOCK_SIZE;
  const memcpyMs = medianMs(() => pieceBuffer.set(blocks.subarray(0, payload)));
  const foundMs = medianMs(() => readBlocks(blocks, () => {}));
  const copiedMs = medianMs(() =>
    readBlocks(blocks, (begin, start, length) => {
      pieceBuffer.set(blocks.subarray(start, start + length), begin);
    })
  );
  const messages = messageStream();
  const decodedMs = medianMs(() => readMessages(messages));
  const rate = (ms: number) => `${shorten(payload / 1e6 / ms)} GB/s`;
  return [
    {
      what: "block frames, found",
      measured: `${shorten(STREAM_BLOCKS / foundMs * 1e3)} frames/s`,
    },
    {
      what: "block frames, found and copied out",
      measured: rate(copiedMs),
      beside: `bare copy ${rate(memcpyMs)}`,
    },
    {
      what: "have, request and cancel, decoded",
      measured: `${shorten(STREAM_MESSAGES / decodedMs * 1e3)} messages/s`,
    },
  ];
}

function blockStream(): Uint8Array {
  const writer = createByteWriter();
  const payload = new Uint8Array(BLOCK_SIZE);
  for (let block = 0; block < STREAM_BLOCKS; block++) {
    appendBlockHeader(writer, 7, block * BLOCK_SIZE, BLOCK_SIZE);
    writeBytes(writer, payload);
  }
  return writtenBytes(writer);
}

function readBlocks(
  bytes: Uint8Array,
  take: (begin: number, payloadStart: number, length: number) => void,
): void {
  const frame = createFrameView();
  const header = createBlockHeader();
  let count = 0;
  for (let at = 0; readFrame(bytes, at, bytes.length, BYTES_MAX, frame) === "frame"; count++) {
    readBlockHeader(bytes, frame, header);
    take(header.begin, header.payloadStart, header.length);
    at = frame.frameEnd;
  }
  assert(count === STREAM_BLOCKS, "every block of the stream was found");
}

function messageStream(): Uint8Array {
  const writer = createByteWriter();
  const rng = createRng(1);
  for (let i = 0; i < STREAM_MESSAGES; i++) {
    const piece = randomBelow(rng, PIECES);
    const block = { piece, begin: 0, length: BLOCK_SIZE };
    if (i % 8 === 0) appendMessage(writer, { kind: "cancel", ...block });
    else if (i % 2 === 0) appendMessage(writer, { kind: "request", ...block });
    else appendMessage(writer, { kind: "have", piece });
  }
  return writtenBytes(writer);
}

function readMessages(bytes: Uint8Array): void {
  const frame = createFrameView();
  let count = 0;
  for (let at = 0; readFrame(bytes, at, bytes.length, BYTES_MAX, frame) === "frame"; count++) {
    assert(decodeMessage(bytes, frame).ok, "every message of the stream is right");
    at = frame.frameEnd;
  }
  assert(count === STREAM_MESSAGES, "every message of the stream was found");
}
