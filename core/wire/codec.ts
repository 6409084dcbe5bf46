/**
 * Frames to messages and back. Every length that the protocol fixes is checked here; what numbers
 * mean for one torrent (does the piece exist?) is not. `piece` frames never come this way: see
 * `readBlockHeader` and `appendBlockHeader`.
 */
import { readUint16, readUint32 } from "../bytes/byte_reader.ts";
import {
  type ByteWriter,
  writeBytes,
  writeUint16,
  writeUint32,
  writeUint8,
} from "../bytes/byte_writer.ts";
import { assert, fail, ok, type Result, unreachable } from "../bytes/result.ts";
import { type FrameView, KEEP_ALIVE } from "./frame.ts";
import type { BlockMessage, HashMessage, HashRange, Message, WireMessage } from "./message.ts";
import { MESSAGE_ID } from "./message_id.ts";

export interface WireError {
  /** The bytes after the id are not as many as the message has. */
  readonly code: "message-size";
  readonly id: number;
  readonly size: number;
  /** Exact, but a least size for `extended`. */
  readonly wanted: number;
}

const HASH_SIZE = 32;
/** A root and four integers. */
const HASH_RANGE_SIZE = HASH_SIZE + 16;

const KEEP_ALIVE_MESSAGE: Message = { kind: "keep-alive" };

/** Bytes after the id, for messages that always have as many. */
const FIXED_SIZES: Readonly<Record<number, number>> = {
  [MESSAGE_ID.choke]: 0,
  [MESSAGE_ID.unchoke]: 0,
  [MESSAGE_ID.interested]: 0,
  [MESSAGE_ID.notInterested]: 0,
  [MESSAGE_ID.have]: 4,
  [MESSAGE_ID.request]: 12,
  [MESSAGE_ID.cancel]: 12,
  [MESSAGE_ID.port]: 2,
  [MESSAGE_ID.suggest]: 4,
  [MESSAGE_ID.haveAll]: 0,
  [MESSAGE_ID.haveNone]: 0,
  [MESSAGE_ID.reject]: 12,
  [MESSAGE_ID.allowedFast]: 4,
  [MESSAGE_ID.hashRequest]: HASH_RANGE_SIZE,
  [MESSAGE_ID.hashReject]: HASH_RANGE_SIZE,
};

/**
 * The message in a frame that `readFrame` found; must not be a `piece` frame. Bytes are copied out
 * of the buffer. An unknown id is a message, not an error. Error: "message-size".
 * Spec: BEP 3, peer messages; BEP 5, port; BEP 6; BEP 10, extended; BEP 52, hash request.
 */
export function decodeMessage(bytes: Uint8Array, frame: FrameView): Result<WireMessage, WireError> {
  const { id, bodyStart: at, frameEnd } = frame;
  const size = frameEnd - at;
  const wanted = FIXED_SIZES[id] ?? leastSize(id, size);
  if (size !== wanted) return fail({ code: "message-size", id, size, wanted });
  switch (id) {
    case KEEP_ALIVE:
      return ok(KEEP_ALIVE_MESSAGE);
    case MESSAGE_ID.choke:
      return ok({ kind: "choke" });
    case MESSAGE_ID.unchoke:
      return ok({ kind: "unchoke" });
    case MESSAGE_ID.interested:
      return ok({ kind: "interested" });
    case MESSAGE_ID.notInterested:
      return ok({ kind: "not-interested" });
    case MESSAGE_ID.have:
      return ok({ kind: "have", piece: readUint32(bytes, at) });
    case MESSAGE_ID.bitfield:
      return ok({ kind: "bitfield", bits: bytes.slice(at, frameEnd) });
    case MESSAGE_ID.request:
      return ok(readBlockMessage("request", bytes, at));
    case MESSAGE_ID.cancel:
      return ok(readBlockMessage("cancel", bytes, at));
    case MESSAGE_ID.port:
      return ok({ kind: "port", port: readUint16(bytes, at) });
    case MESSAGE_ID.suggest:
      return ok({ kind: "suggest", piece: readUint32(bytes, at) });
    case MESSAGE_ID.haveAll:
      return ok({ kind: "have-all" });
    case MESSAGE_ID.haveNone:
      return ok({ kind: "have-none" });
    case MESSAGE_ID.reject:
      return ok(readBlockMessage("reject", bytes, at));
    case MESSAGE_ID.allowedFast:
      return ok({ kind: "allowed-fast", piece: readUint32(bytes, at) });
    case MESSAGE_ID.extended:
      return ok({ kind: "extended", id: bytes[at]!, payload: bytes.slice(at + 1, frameEnd) });
    case MESSAGE_ID.hashRequest:
      return ok({ kind: "hash-request", range: readHashRange(bytes, at) });
    case MESSAGE_ID.hashReject:
      return ok({ kind: "hash-reject", range: readHashRange(bytes, at) });
    case MESSAGE_ID.hashes: {
      const hashes = bytes.slice(at + HASH_RANGE_SIZE, frameEnd);
      return ok({ kind: "hashes", range: readHashRange(bytes, at), hashes });
    }
  }
  assert(id !== MESSAGE_ID.piece, "a piece frame goes down the data plane");
  return ok({ kind: "unknown", id });
}

/** Whether a message is about hash trees. */
export function isHashMessage(message: WireMessage): message is HashMessage {
  return message.kind === "hash-request" || message.kind === "hashes" ||
    message.kind === "hash-reject";
}

/** Appends a whole frame. An `unknown` message cannot be sent. */
export function appendMessage(writer: ByteWriter, message: WireMessage): void {
  switch (message.kind) {
    case "keep-alive":
      return writeUint32(writer, 0);
    case "choke":
      return appendHead(writer, MESSAGE_ID.choke, 0);
    case "unchoke":
      return appendHead(writer, MESSAGE_ID.unchoke, 0);
    case "interested":
      return appendHead(writer, MESSAGE_ID.interested, 0);
    case "not-interested":
      return appendHead(writer, MESSAGE_ID.notInterested, 0);
    case "have":
      return appendPieceMessage(writer, MESSAGE_ID.have, message.piece);
    case "bitfield":
      appendHead(writer, MESSAGE_ID.bitfield, message.bits.length);
      return writeBytes(writer, message.bits);
    case "request":
    case "cancel":
    case "reject": {
      const { piece, begin, length } = message;
      return appendBlockMessage(writer, MESSAGE_ID[message.kind], piece, begin, length);
    }
    case "port":
      appendHead(writer, MESSAGE_ID.port, 2);
      return writeUint16(writer, message.port);
    case "suggest":
      return appendPieceMessage(writer, MESSAGE_ID.suggest, message.piece);
    case "have-all":
      return appendHead(writer, MESSAGE_ID.haveAll, 0);
    case "have-none":
      return appendHead(writer, MESSAGE_ID.haveNone, 0);
    case "allowed-fast":
      return appendPieceMessage(writer, MESSAGE_ID.allowedFast, message.piece);
    case "extended":
      appendHead(writer, MESSAGE_ID.extended, 1 + message.payload.length);
      writeUint8(writer, message.id);
      return writeBytes(writer, message.payload);
    case "hash-request":
      return appendHashRange(writer, MESSAGE_ID.hashRequest, message.range, 0);
    case "hash-reject":
      return appendHashRange(writer, MESSAGE_ID.hashReject, message.range, 0);
    case "hashes":
      appendHashRange(writer, MESSAGE_ID.hashes, message.range, message.hashes.length);
      return writeBytes(writer, message.hashes);
    case "unknown":
      return assert(false, `a message with the unknown id ${message.id} is sent`);
    default:
      return unreachable(message);
  }
}

/** Appends a `request` without a message object: 17 bytes. Spec: BEP 3, request. */
export function appendRequest(
  writer: ByteWriter,
  piece: number,
  begin: number,
  length: number,
): void {
  appendBlockMessage(writer, MESSAGE_ID.request, piece, begin, length);
}

/** Appends the 13 bytes before the payload of a `piece` message. Spec: BEP 3, piece. */
export function appendBlockHeader(
  writer: ByteWriter,
  piece: number,
  begin: number,
  payloadLength: number,
): void {
  appendHead(writer, MESSAGE_ID.piece, 8 + payloadLength);
  writeUint32(writer, piece);
  writeUint32(writer, begin);
}

/** Bytes of a `piece` message before its payload. */
export const BLOCK_FRAME_HEAD = 13;

/** Puts the 13 bytes before the payload of a `piece` message at `at`. Spec: BEP 3, piece. */
export function putBlockHeader(
  bytes: Uint8Array,
  at: number,
  piece: number,
  begin: number,
  payloadLength: number,
): void {
  putUint32(bytes, at, 1 + 8 + payloadLength);
  bytes[at + 4] = MESSAGE_ID.piece;
  putUint32(bytes, at + 5, piece);
  putUint32(bytes, at + 9, begin);
}

function readBlockMessage(
  kind: BlockMessage["kind"],
  bytes: Uint8Array,
  at: number,
): BlockMessage {
  return {
    kind,
    piece: readUint32(bytes, at),
    begin: readUint32(bytes, at + 4),
    length: readUint32(bytes, at + 8),
  };
}

/** Sizes of messages that are not fixed; a wrong one is answered with the least that would do. */
function leastSize(id: number, size: number): number {
  if (id === MESSAGE_ID.extended) return Math.max(size, 1);
  if (id !== MESSAGE_ID.hashes) return size;
  const isWhole = size >= HASH_RANGE_SIZE && (size - HASH_RANGE_SIZE) % HASH_SIZE === 0;
  return isWhole ? size : HASH_RANGE_SIZE + HASH_SIZE;
}

function readHashRange(bytes: Uint8Array, at: number): HashRange {
  const numbers = at + HASH_SIZE;
  return {
    root: bytes.slice(at, numbers),
    baseLayer: readUint32(bytes, numbers),
    index: readUint32(bytes, numbers + 4),
    length: readUint32(bytes, numbers + 8),
    proofLayers: readUint32(bytes, numbers + 12),
  };
}

/** `more`: bytes that follow the range. */
function appendHashRange(writer: ByteWriter, id: number, range: HashRange, more: number): void {
  appendHead(writer, id, HASH_RANGE_SIZE + more);
  writeBytes(writer, range.root);
  writeUint32(writer, range.baseLayer);
  writeUint32(writer, range.index);
  writeUint32(writer, range.length);
  writeUint32(writer, range.proofLayers);
}

/** `size` counts the bytes after the id. */
function appendHead(writer: ByteWriter, id: number, size: number): void {
  writeUint32(writer, 1 + size);
  writeUint8(writer, id);
}

function appendPieceMessage(writer: ByteWriter, id: number, piece: number): void {
  appendHead(writer, id, 4);
  writeUint32(writer, piece);
}

function appendBlockMessage(
  writer: ByteWriter,
  id: number,
  piece: number,
  begin: number,
  length: number,
): void {
  appendHead(writer, id, 12);
  writeUint32(writer, piece);
  writeUint32(writer, begin);
  writeUint32(writer, length);
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
