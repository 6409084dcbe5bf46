/** Announces and their answers as bytes, on their way to the script in Redis and back. */
import { Buffer } from "node:buffer";
import { type ByteWriter, createByteWriter } from "../../../core/bytes/byte_writer.ts";
import { IPV4_SIZE } from "../../../core/bytes/ip.ts";
import type { AnnounceEvent } from "../../../core/tracker/types.ts";
import {
  type AnnounceQuery,
  type AnnounceReply,
  seedersFor,
} from "../../../core/tracker_server/types.ts";

export const ID_SIZE = 20;
const PORT_SIZE = 2;
/** Size of what follows, role, event, families, ids, number wanted, maximum of seeders. */
const REQUEST_HEADER_SIZE = 7;
/** In the place of a maximum. */
export const ANY_SEEDERS = 255;
/** Seeders, leechers, completed; sizes of peers, peers6 and ids. Four bytes each. */
export const REPLY_HEADER_SIZE = 24;
/** Where a request has the number of peers that are wanted. */
const NUM_WANT_AT = 5;
/** Instead of a number of seeders. */
const REFUSED = 0xffff_ffff;
/** Nothing is ever appended to what a reply holds. */
const NOTHING: ByteWriter = createByteWriter(0);

const EVENT_LETTERS = {
  started: "s",
  completed: "c",
  stopped: "x",
  // The role says it.
  paused: "-",
  none: "-",
  known: "r",
} as const;
const EVENTS: Readonly<Record<string, AnnounceEvent>> = {
  s: "started",
  c: "completed",
  x: "stopped",
};

/**
 * Packs an announce for the script: seven bytes and letters, the peer id, the address. One that is
 * `fromMemory` adds a peer that Redis does not know, and changes nothing about one that it does.
 */
export function encodeRequest(query: AnnounceQuery, fromMemory = false): Buffer {
  const idAt = REQUEST_HEADER_SIZE, ipAt = idAt + ID_SIZE, portAt = ipAt + query.ip.length;
  const bytes = Buffer.allocUnsafe(portAt + PORT_SIZE);
  bytes[0] = bytes.length - 1;
  bytes[1] = letter(query.isComplete ? "s" : query.event === "paused" ? "p" : "l");
  bytes[2] = letter(EVENT_LETTERS[fromMemory ? "known" : query.event ?? "none"]);
  bytes[3] = letter(query.wantsBothFamilies ? "b" : "o");
  bytes[4] = letter(query.wantsPeerIds ? "i" : "-");
  bytes[5] = query.numWant;
  bytes[6] = seedersFor(query) ?? ANY_SEEDERS;
  bytes.set(query.peerId, idAt);
  bytes.set(query.ip, ipAt);
  bytes.writeUInt16BE(query.port, portAt);
  return bytes;
}

/** The query that `encodeRequest` packed. */
export function decodeRequest(request: Buffer, infoHash: Uint8Array): AnnounceQuery {
  const ipAt = REQUEST_HEADER_SIZE + ID_SIZE, portAt = request.length - PORT_SIZE;
  return {
    infoHash,
    peerId: request.subarray(REQUEST_HEADER_SIZE, ipAt),
    ip: request.subarray(ipAt, portAt),
    port: request.readUInt16BE(portAt),
    isComplete: request[1] === letter("s"),
    event: request[1] === letter("p") ? "paused" : EVENTS[String.fromCharCode(request[2]!)],
    wantsBothFamilies: request[3] === letter("b"),
    wantsPeerIds: request[4] === letter("i"),
    numWant: request[5]!,
  };
}

/**
 * Reads what the script returned for these requests; peers stay where they are, uncopied. `random`
 * gives 32-bit numbers. Undefined: the address has as many peers in the swarm as it may have.
 */
export function decodeReplies(
  bytes: Uint8Array,
  requests: readonly Buffer[],
  random: () => number,
): (AnnounceReply | undefined)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return requests.map((request) => {
    const peersAt = at + REPLY_HEADER_SIZE;
    const peers6At = peersAt + view.getUint32(at + 12);
    const idsAt = peers6At + view.getUint32(at + 16);
    const end = idsAt + view.getUint32(at + 20);
    const reply = {
      seeders: view.getUint32(at),
      leechers: view.getUint32(at + 4),
      completed: view.getUint32(at + 8),
      peers: writerOf(bytes, peersAt, peers6At),
      peers6: writerOf(bytes, peers6At, idsAt),
      peerIds: writerOf(bytes, idsAt, end),
      warning: undefined,
    };
    at = end;
    if (reply.seeders === REFUSED) return undefined;
    dropAsker(reply, request, random);
    return reply;
  });
}

/** Removes the client from the peers of its own family, or any peer if it is not among them. */
function dropAsker(
  { peers, peers6, peerIds }: AnnounceReply,
  request: Buffer,
  random: () => number,
): void {
  const address = request.subarray(REQUEST_HEADER_SIZE + ID_SIZE);
  const isIpv4 = address.length === IPV4_SIZE + PORT_SIZE;
  const near = isIpv4 ? peers : peers6;
  const count = near.size / address.length;
  if (count === 0) return;
  let index = 0;
  while (index < count && !hasBytes(near.bytes, index * address.length, address)) index++;
  const isNamed = index < count;
  if (!isNamed && count <= request[NUM_WANT_AT]!) return;
  // A seeder's leechers come first, and are of more use to it than the seeders behind them.
  if (!isNamed) index = request[1] === letter("s") ? count - 1 : random() % count;
  dropRecord(near, index, address.length);
  const idIndex = isIpv4 ? index : peers.size / (IPV4_SIZE + PORT_SIZE) + index;
  if (peerIds.size > 0) dropRecord(peerIds, idIndex, ID_SIZE);
}

function hasBytes(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  // From the port backwards: peers behind one router differ there.
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

function dropRecord(records: ByteWriter, index: number, size: number): void {
  records.bytes.copyWithin(index * size, (index + 1) * size, records.size);
  records.size -= size;
}

function writerOf(bytes: Uint8Array, start: number, end: number): ByteWriter {
  if (start === end) return NOTHING;
  const part = bytes.subarray(start, end);
  return { bytes: part, view: new DataView(part.buffer, part.byteOffset), size: part.length };
}

function letter(text: string): number {
  return text.charCodeAt(0);
}
