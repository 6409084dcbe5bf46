/**
 * Frames in a read buffer: a 4-byte length, then that many bytes, of which the first is the message
 * id; length 0 is a keep-alive. Nothing is copied or allocated here: the answer is offsets into the
 * caller's buffer. A frame that is too long is refused at its length, before anyone buffers it.
 */
import { readUint32 } from "../bytes/byte_reader.ts";

/** In place of a message id in a frame that has none. */
export const KEEP_ALIVE = -1;

/**
 * Bytes of one block, at most. BEP 3's peers ask for 16 KiB; some have asked for up to 128 KiB, and
 * no known client accepts more.
 */
export const BLOCK_LENGTH_MAX = 131_072;

const LENGTH_SIZE = 4;
const ID_SIZE = 1;
const BLOCK_HEADER_SIZE = 8;

/**
 * Position of a frame; one record serves a whole connection. Offsets count from the buffer's
 * start.
 */
export interface FrameView {
  /** Message id, or KEEP_ALIVE. */
  id: number;
  /** First byte after the id. */
  bodyStart: number;
  /** One past the last byte of the body, and of the frame. */
  frameEnd: number;
  /** Bytes from the frame's start that the frame takes: 4 while its length is not known. */
  needed: number;
}

/** Where a `piece` frame's payload lies, and which block it is. */
export interface BlockHeader {
  piece: number;
  /** Byte offset within the piece. */
  begin: number;
  payloadStart: number;
  /** Bytes of payload. */
  length: number;
}

/** An empty record for `readFrame` to fill. */
export function createFrameView(): FrameView {
  return { id: KEEP_ALIVE, bodyStart: 0, frameEnd: 0, needed: 0 };
}

/** An empty record for `readBlockHeader` to fill. */
export function createBlockHeader(): BlockHeader {
  return { piece: 0, begin: 0, payloadStart: 0, length: 0 };
}

/**
 * Bytes of the longest frame that a torrent of this many pieces has a use for, the 4 of the length
 * included: the larger of a full block and the bitfield. Extended messages fit below the block:
 * the longest of them carries 16 KiB of metadata (BEP 9).
 */
export function frameBytesMax(pieceCount: number): number {
  const body = Math.max(BLOCK_HEADER_SIZE + BLOCK_LENGTH_MAX, Math.ceil(pieceCount / 8));
  return LENGTH_SIZE + ID_SIZE + body;
}

/**
 * Finds the frame that starts at `start` in the bytes before `end`. "frame" fills all of `out`;
 * "incomplete" and "violation" (longer than `bytesMax`) fill only `needed`.
 * Spec: BEP 3, length prefixed messages.
 */
export function readFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
  out: FrameView,
): "frame" | "incomplete" | "violation" {
  out.needed = LENGTH_SIZE;
  if (end - start < LENGTH_SIZE) return "incomplete";
  const length = readUint32(bytes, start);
  out.needed = LENGTH_SIZE + length;
  if (out.needed > bytesMax) return "violation";
  if (end - start < out.needed) return "incomplete";
  const idAt = start + LENGTH_SIZE;
  out.id = length === 0 ? KEEP_ALIVE : bytes[idAt]!;
  out.bodyStart = length === 0 ? idAt : idAt + ID_SIZE;
  out.frameEnd = start + out.needed;
  return "frame";
}

/**
 * Reads the 8 bytes before the payload of a `piece` frame. False when they are not all there: a
 * violation. Whether the block exists and was asked for is not judged here.
 * Spec: BEP 3, piece.
 */
export function readBlockHeader(bytes: Uint8Array, frame: FrameView, out: BlockHeader): boolean {
  const payloadStart = frame.bodyStart + BLOCK_HEADER_SIZE;
  if (payloadStart > frame.frameEnd) return false;
  out.piece = readUint32(bytes, frame.bodyStart);
  out.begin = readUint32(bytes, frame.bodyStart + 4);
  out.payloadStart = payloadStart;
  out.length = frame.frameEnd - payloadStart;
  return true;
}
