/**
 * Answers of the tracker over HTTP, as bencode. A refusal is an answer like any other, with status
 * 200, because that is where clients look for its reason.
 *
 * An announce is answered many thousand times a second, so its answer is written by hand into a buffer
 * that is used again; the keys stand in their order.
 *
 * Spec: BEP 3 (responses), BEP 7 (peers6), BEP 23 (compact), BEP 24 (external ip), BEP 48 (scrape), BEP 21 (downloaders).
 */
import { type Bencodable, encodeBencode } from "../../bencode/encode.ts";
import { byteText } from "../../bencode/node.ts";
import { readUint16 } from "../../bytes/byte_reader.ts";
import {
  type ByteWriter,
  extendWriter,
  writeBytes,
  writeUint8,
  writtenBytes,
} from "../../bytes/byte_writer.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE } from "../../bytes/ip.ts";
import type { AnnounceReply, SwarmCounts } from "../types.ts";

const PORT_SIZE = 2;
const PEER_ID_SIZE = 20;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
/** Up to here bytes are copied one by one. */
const PART_SIZE_MAX = 64;
const UTF8 = new TextEncoder();

/** The constant parts of an answer, made once: text that is put together each time becomes garbage. */
const PART = {
  seeders: UTF8.encode("d8:completei"),
  completed: UTF8.encode("e10:downloadedi"),
  externalIp: UTF8.encode("e11:external ip"),
  leechers: UTF8.encode("10:incompletei"),
  interval: UTF8.encode("e8:intervali"),
  minInterval: UTF8.encode("e12:min intervali"),
  peers: UTF8.encode("e5:peers"),
  peers6: UTF8.encode("6:peers6"),
  warning: UTF8.encode("15:warning message"),
  end: UTF8.encode("e"),
};

/** Seconds between announces: what a peer is asked for, and the least it may take. */
export interface Intervals {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds: number;
}

/** Appends a bencoded answer with compact peers. `externalIp` is 4 or 16 bytes. */
export function writeCompactReply(
  writer: ByteWriter,
  reply: AnnounceReply,
  intervals: Intervals,
  externalIp: Uint8Array,
): void {
  writeNumbers(writer, reply, intervals, externalIp);
  writePart(writer, PART.peers);
  writeString(writer, reply.peers.bytes, reply.peers.size);
  if (reply.peers6.size > 0) {
    writePart(writer, PART.peers6);
    writeString(writer, reply.peers6.bytes, reply.peers6.size);
  }
  writeEnd(writer, reply);
}

/** Appends a bencoded answer with a dictionary for each peer, which has a peer id where wanted. */
export function writeDictionaryReply(
  writer: ByteWriter,
  reply: AnnounceReply,
  intervals: Intervals,
  externalIp: Uint8Array,
): void {
  const ids = writtenBytes(reply.peerIds);
  const peers: Bencodable[] = [];
  const describe = (packed: Uint8Array, ipSize: number) => {
    for (let at = 0; at < packed.length; at += ipSize + PORT_SIZE) {
      const idAt = peers.length * PEER_ID_SIZE;
      peers.push({
        ip: formatIp(packed.subarray(at, at + ipSize)),
        "peer id": ids.length > 0 ? ids.subarray(idAt, idAt + PEER_ID_SIZE) : undefined,
        port: readUint16(packed, at + ipSize),
      });
    }
  };
  describe(writtenBytes(reply.peers), IPV4_SIZE);
  describe(writtenBytes(reply.peers6), IPV6_SIZE);
  writeNumbers(writer, reply, intervals, externalIp);
  writePart(writer, PART.peers);
  writeBytes(writer, encodeBencode(peers));
  writeEnd(writer, reply);
}

/** A bencoded answer that says why there is none. */
export function encodeFailure(reason: string): Uint8Array {
  return encodeBencode({ "failure reason": reason });
}

/** A bencoded scrape answer: the counts of each info hash of 20 bytes. */
export function encodeScrapeReply(
  swarms: Iterable<readonly [infoHash: Uint8Array, counts: SwarmCounts]>,
): Uint8Array {
  const files = new Map<string, Bencodable>();
  for (const [infoHash, { seeders, completed, leechers, downloaders }] of swarms) {
    files.set(byteText(infoHash), {
      complete: seeders,
      downloaded: completed,
      downloaders,
      incomplete: leechers,
    });
  }
  return encodeBencode({ files });
}

/** All that comes before the peers. */
function writeNumbers(
  writer: ByteWriter,
  { seeders, completed, leechers }: AnnounceReply,
  { intervalSeconds, minIntervalSeconds }: Intervals,
  externalIp: Uint8Array,
): void {
  writePart(writer, PART.seeders);
  writeDecimal(writer, seeders);
  writePart(writer, PART.completed);
  writeDecimal(writer, completed);
  writePart(writer, PART.externalIp);
  writeString(writer, externalIp, externalIp.length);
  writePart(writer, PART.leechers);
  writeDecimal(writer, leechers);
  writePart(writer, PART.interval);
  writeDecimal(writer, intervalSeconds);
  writePart(writer, PART.minInterval);
  writeDecimal(writer, minIntervalSeconds);
}

function writeEnd(writer: ByteWriter, { warning }: AnnounceReply): void {
  if (warning !== undefined) {
    const text = UTF8.encode(warning);
    writePart(writer, PART.warning);
    writeString(writer, text, text.length);
  }
  writePart(writer, PART.end);
}

/** A bencoded string of the first `size` bytes. */
function writeString(writer: ByteWriter, bytes: Uint8Array, size: number): void {
  writeDecimal(writer, size);
  writeUint8(writer, COLON);
  if (size <= PART_SIZE_MAX) return copy(bytes, size, writer);
  writeBytes(writer, bytes.subarray(0, size));
}

function writePart(writer: ByteWriter, part: Uint8Array): void {
  copy(part, part.length, writer);
}

/** A few bytes, for which a call of `set` would cost more than the copy. */
function copy(from: Uint8Array, size: number, writer: ByteWriter): void {
  const at = extendWriter(writer, size);
  const { bytes } = writer;
  for (let i = 0; i < size; i++) bytes[at + i] = from[i]!;
}

/** Appends a number, 0 or more, in decimal digits. */
function writeDecimal(writer: ByteWriter, value: number): void {
  let digits = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits++;
  const first = extendWriter(writer, digits);
  const { bytes } = writer;
  let rest = value;
  for (let at = first + digits - 1; at >= first; at--) {
    bytes[at] = DIGIT_0 + rest % 10;
    rest = Math.floor(rest / 10);
  }
}

/** Appends text of ASCII characters only. */
export function writeAscii(writer: ByteWriter, text: string): void {
  for (let i = 0; i < text.length; i++) writeUint8(writer, text.charCodeAt(i));
}
