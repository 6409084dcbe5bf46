/**
 * Answers of the tracker over HTTP, as bencode. A refusal is an answer like any other, with status
 * 200, because that is where clients look for its reason.
 *
 * An announce is answered many thousand times a second, so its answer is written by hand into a buffer
 * that is used again; the keys stand in their order.
 *
 * Spec: BEP 3 (responses), BEP 7 (peers6), BEP 23 (compact), BEP 24 (external ip), BEP 48 (scrape).
 */
import { type Bencodable, encodeBencode } from "../bencode/encode.ts";
import { byteText } from "../bencode/node.ts";
import { readUint16 } from "../bytes/byte_reader.ts";
import { type ByteWriter, writeBytes, writeUint8, writtenBytes } from "../bytes/byte_writer.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE } from "../bytes/ip.ts";
import type { AnnounceReply, SwarmCounts } from "./types.ts";

const PORT_SIZE = 2;
const PEER_ID_SIZE = 20;
const UTF8 = new TextEncoder();

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
  writeAscii(writer, `5:peers${reply.peers.size}:`);
  writePart(writer, reply.peers);
  if (reply.peers6.size > 0) {
    writeAscii(writer, `6:peers6${reply.peers6.size}:`);
    writePart(writer, reply.peers6);
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
  writeAscii(writer, "5:peers");
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
  for (const [infoHash, { seeders, completed, leechers }] of swarms) {
    files.set(byteText(infoHash), {
      complete: seeders,
      downloaded: completed,
      incomplete: leechers,
    });
  }
  return encodeBencode({ files });
}

function writeNumbers(
  writer: ByteWriter,
  { seeders, completed, leechers }: AnnounceReply,
  { intervalSeconds, minIntervalSeconds }: Intervals,
  externalIp: Uint8Array,
): void {
  writeAscii(
    writer,
    `d8:completei${seeders}e10:downloadedi${completed}e11:external ip${externalIp.length}:`,
  );
  writeBytes(writer, externalIp);
  writeAscii(
    writer,
    `10:incompletei${leechers}e8:intervali${intervalSeconds}e12:min intervali${minIntervalSeconds}e`,
  );
}

function writeEnd(writer: ByteWriter, { warning }: AnnounceReply): void {
  if (warning !== undefined) {
    const text = UTF8.encode(warning);
    writeAscii(writer, `15:warning message${text.length}:`);
    writeBytes(writer, text);
  }
  writeUint8(writer, "e".charCodeAt(0));
}

/** What another writer holds. */
function writePart(writer: ByteWriter, part: ByteWriter): void {
  if (part.size > 0) writeBytes(writer, writtenBytes(part));
}

/** Appends text of ASCII characters only. */
export function writeAscii(writer: ByteWriter, text: string): void {
  for (let i = 0; i < text.length; i++) writeUint8(writer, text.charCodeAt(i));
}
