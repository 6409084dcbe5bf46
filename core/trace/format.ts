/**
 * A trace as text: JSON, one row a line, so that its owner can read what it contains before showing it
 * to anybody. The first line is the header; every other one is a row:
 *
 *     2143.583912                          the time from here on, monotonic milliseconds
 *     [3,17,16384,16384]                   receiveBlock: peer, piece, begin, length
 *     {"kind":"unchoke",...}               step: an event of core/torrent/protocol.ts
 *     "a3c01f9e"                           settle, and the hash of all effects so far
 *     "end"                                the run ended in order; nothing follows
 *
 * Bytes are `{"hex":"..."}`. A line without its newline was cut off when the run was killed.
 */
import { type Bitfield, parseBitfield } from "../bytes/bitfield.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { BLOCK_SIZE, type Geometry, isGeometry } from "../metainfo/geometry.ts";
import { infoHashFromHex } from "../metainfo/info_hash.ts";
import { PIECE_LENGTH_MAX } from "../metainfo/parse.ts";
import type { Event } from "../torrent/protocol.ts";
import type { HashTreeOptions } from "../transfer/hash_trees.ts";
import type { RecordedOptions } from "./protocol_shapes.ts";
import { isEvent, isOptions } from "./protocol_shapes.ts";
import { isCount, isNumber, isRecord } from "./shape.ts";

/** Number of the layout above; another one is refused. */
export const TRACE_VERSION = 2;
/** A line of a bitfield of the largest torrent, or of the longest list of peers, is far shorter. */
export const LINE_CHARACTERS_MAX = 16 * 1024 * 1024;

const END = "end";

export interface TraceHeader {
  /** When the torrent was created, monotonic milliseconds. */
  readonly at: number;
  readonly options: RecordedOptions;
}

export type Row =
  | { readonly kind: "time"; readonly at: number }
  | {
    readonly kind: "block";
    readonly peer: number;
    readonly piece: number;
    readonly begin: number;
    readonly length: number;
  }
  | { readonly kind: "event"; readonly event: Event }
  /** `hash` is eight hexadecimal digits. */
  | { readonly kind: "settle"; readonly hash: string }
  | { readonly kind: "end" };

export type TraceError =
  /** The first line is not that of a trace. */
  | { readonly code: "not-a-trace" }
  | { readonly code: "trace-version"; readonly version: number }
  /** Lines are counted from 1. */
  | { readonly code: "trace-row"; readonly line: number };

/** The header's line, without a newline. */
export function encodeHeader({ at, options }: TraceHeader): string {
  return JSON.stringify({ tt: "trace", version: TRACE_VERSION, at, options }, hexOfBytes);
}

/** Errors: `not-a-trace`, `trace-version`, `trace-row` when its options cannot be. */
export function decodeHeader(line: string): Result<TraceHeader, TraceError> {
  const value = parseLine(line);
  if (!isRecord(value) || value.tt !== "trace") return fail({ code: "not-a-trace" });
  const { version, at, options } = value;
  if (version !== TRACE_VERSION) return fail({ code: "trace-version", version: Number(version) });
  if (!isNumber.accepts(at) || !isOptions(options) || !isConsistent(options)) {
    return fail({ code: "trace-row", line: 1 });
  }
  return ok({ at: at as number, options: options as RecordedOptions });
}

/** One line, without a newline. */
export function encodeRow(row: Row): string {
  switch (row.kind) {
    case "time":
      return String(row.at);
    case "block":
      return `[${row.peer},${row.piece},${row.begin},${row.length}]`;
    case "event":
      return holdsBytes(row.event)
        ? JSON.stringify(row.event, hexOfBytes)
        : JSON.stringify(row.event);
    case "settle":
      return `"${row.hash}"`;
    case "end":
      return `"${END}"`;
  }
}

/** Undefined when the line is no row. */
export function decodeRow(line: string): Row | undefined {
  const value = parseLine(line);
  if (isNumber.accepts(value)) return { kind: "time", at: value as number };
  if (value === END) return { kind: "end" };
  if (typeof value === "string") {
    return /^[0-9a-f]{8}$/.test(value) ? { kind: "settle", hash: value } : undefined;
  }
  if (Array.isArray(value)) {
    if (value.length !== 4 || !value.every(isCount.accepts)) return undefined;
    const [peer, piece, begin, length] = value as [number, number, number, number];
    return { kind: "block", peer, piece, begin, length };
  }
  if (!isEvent(value)) return undefined;
  const event = value as Event;
  if (event.kind === "metadata") {
    const { geometry, have, priorities, hashTrees } = event;
    if (!isContent(geometry, have, priorities, hashTrees)) return undefined;
  }
  return { kind: "event", event };
}

/** What an error says to the user, as the end of a sentence. */
export function describeTraceError(error: TraceError): string {
  switch (error.code) {
    case "not-a-trace":
      return "it is not a trace; make one with tt get SOURCE --trace FILE";
    case "trace-version":
      return `its version is ${error.version}, and this tt reads ${TRACE_VERSION}`;
    case "trace-row":
      return `its line ${error.line} is damaged; record it again`;
  }
}

/** Bytes as `{"hex":...}`: the replacer of every row. */
export function hexOfBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { hex: toHex(value) } : value;
}

/** Rows without bytes, most by far, need no replacer, which costs three times the rest. */
function holdsBytes(event: Event): boolean {
  if (event.kind !== "message") return event.kind === "connected" || event.kind === "metadata";
  return event.message.kind === "bitfield" || event.message.kind === "extended";
}

function parseLine(line: string): unknown {
  try {
    return line.includes('"hex"') ? JSON.parse(line, bytesOfHex) : JSON.parse(line);
  } catch {
    return undefined;
  }
}

function bytesOfHex(_key: string, value: unknown): unknown {
  if (!isRecord(value) || typeof value.hex !== "string") return value;
  return fromHex(value.hex) ?? value;
}

/** Whether sizes and counts agree, so that the core can be made of them. */
function isConsistent(
  { geometry, have, priorities, infoHash, hashTrees }: RecordedOptions,
): boolean {
  if (infoHashFromHex(infoHash) === undefined) return false;
  if (geometry === undefined || have === undefined) return geometry === have;
  return isContent(geometry, have, priorities, hashTrees);
}

function isContent(
  geometry: Geometry,
  have: Bitfield,
  priorities: Uint8Array | undefined,
  hashTrees: HashTreeOptions | undefined,
): boolean {
  const { pieceLength, pieceCount } = geometry;
  if (pieceLength < 1 || pieceLength > PIECE_LENGTH_MAX || !isGeometry(geometry)) return false;
  if (hashTrees !== undefined && !fitsGeometry(hashTrees, geometry)) return false;
  if (priorities !== undefined && priorities.length !== pieceCount) return false;
  return have.count === pieceCount && parseBitfield(have.bytes, pieceCount).ok;
}

function fitsGeometry(
  { fileLengths, missingLayers }: HashTreeOptions,
  { pieceLength, pieceCount }: Geometry,
): boolean {
  const pieces = fileLengths.reduce((sum, length) => sum + Math.ceil(length / pieceLength), 0);
  return pieceLength >= BLOCK_SIZE && Number.isInteger(Math.log2(pieceLength)) &&
    pieces === pieceCount && fileLengths.every((length) => length > 0) &&
    missingLayers.every((tree) => tree < fileLengths.length);
}
