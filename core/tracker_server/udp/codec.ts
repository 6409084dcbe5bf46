/**
 * The tracker's side of the UDP protocol, packet by packet. A client proves that it receives at its
 * address by a connection id that only we can make: a keyed hash of address and minute, so nothing
 * is kept for who asks. An unverified address gets no response longer than its request.
 *
 * Spec: BEP 15, UDP tracker protocol; BEP 41, extensions, which an announce may carry and which say
 * nothing that this tracker needs.
 */
import { readUint16, readUint32 } from "../../bytes/byte_reader.ts";
import {
  type ByteWriter,
  resetWriter,
  writeBytes,
  writeUint32,
  writeUint8,
  writtenBytes,
} from "../../bytes/byte_writer.ts";
import { IPV4_SIZE } from "../../bytes/ip.ts";
import type { AnnounceEvent } from "../../tracker/types.ts";
import { halfSipHash, type HashKey } from "../half_sip_hash.ts";
import { SCRAPE_HASHES_MAX } from "../http/query.ts";
import {
  type AnnounceQuery,
  type AnnounceReply,
  NUM_WANT_DEFAULT,
  NUM_WANT_MAX,
  type SwarmCounts,
} from "../types.ts";

/**
 * An announce with several options of 255 bytes; what is longer is cut off, and options don't
 * count.
 */
export const PACKET_SIZE_MAX = 2_048;
/** An id is good for the minute it was made in and the next two, so for two minutes at least. */
const CONNECTION_BUCKET_SECONDS = 60;
/**
 * Spec: BEP 15, "Trackers should accept the connection ID until two minutes after it has been
 * send".
 */
const CONNECTION_BUCKETS = 3;
/** An answer should travel in one piece over any network. */
const ANSWER_SIZE_MAX = 1_400;

const PROTOCOL_HIGH = 0x417;
const PROTOCOL_LOW = 0x27101980;
const CONNECTION_ID_SIZE = 8;
const HEADER_SIZE = 16;
const ANNOUNCE_SIZE = 98;
const ANNOUNCE_ANSWER_HEADER_SIZE = 20;
const HASH_SIZE = 20;
const ACTION = { connect: 0, announce: 1, scrape: 2, error: 3 } as const;
const EVENTS: readonly (AnnounceEvent | undefined)[] = [
  undefined,
  "completed",
  "started",
  "stopped",
  // What libtorrent sends for BEP 21.
  "paused",
];

/** What a packet asks for; `ignored` is not worth an answer. */
export type UdpRequest = "connect" | "announce" | "scrape" | "stale" | "ignored";

/** Secrets and scratch of one tracker. */
export interface ConnectionIds {
  readonly keys: readonly [HashKey, HashKey];
  /** Words of an address, and the time. */
  readonly words: Int32Array;
}

/** `secret` is four secret words. */
export function createConnectionIds(secret: Int32Array): ConnectionIds {
  const keys = [[secret[0]!, secret[1]!], [secret[2]!, secret[3]!]] as const;
  return { keys, words: new Int32Array(5) };
}

/**
 * What `packet` asks for. `stale` is a question whose connection id is not, or no longer, that of
 * the address, 4 or 16 bytes; `now` is in seconds.
 */
export function classifyPacket(
  packet: Uint8Array,
  ip: Uint8Array,
  ids: ConnectionIds,
  now: number,
): UdpRequest {
  if (packet.length < HEADER_SIZE) return "ignored";
  const action = readUint32(packet, 8);
  if (action === ACTION.connect) {
    const isOurs = readUint32(packet, 0) === PROTOCOL_HIGH &&
      readUint32(packet, 4) === PROTOCOL_LOW;
    return isOurs ? "connect" : "ignored";
  }
  const isAnnounce = action === ACTION.announce && packet.length >= ANNOUNCE_SIZE;
  const isScrape = action === ACTION.scrape && packet.length >= HEADER_SIZE + HASH_SIZE;
  if (!isAnnounce && !isScrape) return "ignored";
  const bucket = Math.floor(now / CONNECTION_BUCKET_SECONDS);
  for (let age = 0; age < CONNECTION_BUCKETS; age++) {
    if (hasId(packet, ip, ids, bucket - age)) return isAnnounce ? "announce" : "scrape";
  }
  return "stale";
}

/** The number by which the client matches the response. */
export function transactionOf(packet: Uint8Array): number {
  return readUint32(packet, 12);
}

/** An announce by UDP; filled in again for each packet. */
export interface UdpAnnounceQuery extends AnnounceQuery {
  infoHash: Uint8Array;
  peerId: Uint8Array;
  ip: Uint8Array;
  port: number;
  isComplete: boolean;
  event: AnnounceEvent | undefined;
  numWant: number;
}

/** A query to fill in. An answer by UDP has room for one address family only. */
export function createUdpAnnounceQuery(): UdpAnnounceQuery {
  return {
    infoHash: new Uint8Array(HASH_SIZE),
    peerId: new Uint8Array(HASH_SIZE),
    ip: new Uint8Array(0),
    port: 0,
    isComplete: false,
    event: undefined,
    numWant: 0,
    wantsBothFamilies: false,
    wantsPeerIds: false,
  };
}

/**
 * Reads an announce that `classifyPacket` found into `query`, whose hash and id become views of the
 * packet. Returns what is wrong, a sentence, or undefined.
 *
 * Layout: connection id 8, action 4, transaction 4, info hash 20, peer id 20, downloaded 8, left 8,
 * uploaded 8, event 4, IP 4, key 4, peers wanted 4, port 2. Spec: BEP 15, announce.
 */
export function readUdpAnnounce(
  packet: Uint8Array,
  ip: Uint8Array,
  query: UdpAnnounceQuery,
): string | undefined {
  query.infoHash = packet.subarray(16, 36);
  query.peerId = packet.subarray(36, 56);
  query.ip = ip;
  query.port = readUint16(packet, 96);
  query.isComplete = readUint32(packet, 64) === 0 && readUint32(packet, 68) === 0;
  query.event = EVENTS[readUint32(packet, 80)];
  // -1 leaves the number to us; anything else negative is as good as that.
  const wanted = readUint32(packet, 92) | 0;
  const peerSize = ip.length + 2;
  const room = Math.floor((ANSWER_SIZE_MAX - ANNOUNCE_ANSWER_HEADER_SIZE) / peerSize);
  query.numWant = Math.min(wanted < 0 ? NUM_WANT_DEFAULT : wanted, NUM_WANT_MAX, room);
  if (query.port === 0) return "port must be a number from 1 to 65535";
}

/** The address that the announce itself names, IPv4 only; undefined where it leaves that to us. */
export function claimedIpOf(packet: Uint8Array): Uint8Array | undefined {
  return readUint32(packet, 84) === 0 ? undefined : packet.subarray(84, 88);
}

/**
 * Info hashes of a scrape that `classifyPacket` found, views of the packet. Spec: BEP 15, scrape.
 */
export function readUdpScrape(packet: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = HEADER_SIZE; at + HASH_SIZE <= packet.length; at += HASH_SIZE) {
    if (hashes.length === SCRAPE_HASHES_MAX) break;
    hashes.push(packet.subarray(at, at + HASH_SIZE));
  }
  return hashes;
}

/** 16 bytes: action, transaction, connection id. */
export function writeConnectAnswer(
  writer: ByteWriter,
  transaction: number,
  ip: Uint8Array,
  ids: ConnectionIds,
  now: number,
): void {
  startAnswer(writer, ACTION.connect, transaction);
  const bucket = Math.floor(now / CONNECTION_BUCKET_SECONDS);
  const count = setWords(ids, ip, bucket);
  for (const key of ids.keys) writeUint32(writer, halfSipHash(key, ids.words, 0, count, 2));
}

/** 20 bytes, then compact peers of the family of `ip`. Spec: BEP 15, announce output. */
export function writeUdpAnnounceAnswer(
  writer: ByteWriter,
  transaction: number,
  reply: AnnounceReply,
  intervalSeconds: number,
  ip: Uint8Array,
): void {
  startAnswer(writer, ACTION.announce, transaction);
  writeUint32(writer, intervalSeconds);
  writeUint32(writer, reply.leechers);
  writeUint32(writer, reply.seeders);
  const peers = ip.length === IPV4_SIZE ? reply.peers : reply.peers6;
  if (peers.size > 0) writeBytes(writer, writtenBytes(peers));
}

/** 8 bytes, then 12 for each torrent: seeders, finished downloads, leechers. */
export function writeUdpScrapeAnswer(
  writer: ByteWriter,
  transaction: number,
  swarms: readonly SwarmCounts[],
): void {
  startAnswer(writer, ACTION.scrape, transaction);
  for (const { seeders, completed, leechers } of swarms) {
    writeUint32(writer, seeders);
    writeUint32(writer, completed);
    writeUint32(writer, leechers);
  }
}

/** 8 bytes, then the sentence, of ASCII characters. */
export function writeUdpError(writer: ByteWriter, transaction: number, message: string): void {
  startAnswer(writer, ACTION.error, transaction);
  for (let i = 0; i < message.length; i++) writeUint8(writer, message.charCodeAt(i));
}

function startAnswer(writer: ByteWriter, action: number, transaction: number): void {
  resetWriter(writer);
  writeUint32(writer, action);
  writeUint32(writer, transaction);
}

function hasId(packet: Uint8Array, ip: Uint8Array, ids: ConnectionIds, bucket: number): boolean {
  const count = setWords(ids, ip, bucket);
  for (let i = 0; i < CONNECTION_ID_SIZE / 4; i++) {
    const word = halfSipHash(ids.keys[i]!, ids.words, 0, count, 2);
    if ((readUint32(packet, 4 * i) | 0) !== word) return false;
  }
  return true;
}

function setWords(ids: ConnectionIds, ip: Uint8Array, bucket: number): number {
  const count = ip.length / 4;
  for (let i = 0; i < count; i++) ids.words[i] = readUint32(ip, 4 * i);
  ids.words[count] = bucket;
  return count + 1;
}
