/**
 * The 68 bytes that open a connection, both ways: a length byte and "BitTorrent protocol", eight
 * reserved bytes whose bits name extensions, the info hash, the peer id.
 *
 * Reserved bits that we do not know are ignored when they come and zero when we send.
 *
 * A handshake is read as it comes, in pieces of any size: `createHandshakeReader`, then `feedHandshake`
 * until `completedHandshake` answers. Whoever was dialled answers as soon as `receivedInfoHash` does,
 * which is after 48 bytes: peers that check whether a port is reachable may send no more.
 */
import { assert, fail, ok, type Result } from "../bytes/result.ts";
import { infoHashBytes, infoHashFromBytes } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";

export const HANDSHAKE_SIZE = 68;

/** The features beyond BEP 3 that a peer announces. */
export interface Features {
  /** BEP 6. */
  readonly fast: boolean;
  /** BEP 10. */
  readonly extended: boolean;
  /** BEP 5. */
  readonly dht: boolean;
  /** BEP 52: it supports the hash messages. */
  readonly v2?: boolean;
}

export interface Handshake extends Features {
  readonly infoHash: InfoHash;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
}

/** The answer to a connection may be for one of a torrent's two info hashes (v1, v2). */
export const EXPECTED_HASHES_MAX = 2;

export type HandshakeError =
  /** The byte at `offset` is wrong: this is not unencrypted BitTorrent. */
  | { readonly code: "handshake-protocol"; readonly offset: number; readonly byte: number }
  | { readonly code: "handshake-short"; readonly size: number }
  | { readonly code: "handshake-other-torrent"; readonly infoHash: InfoHash };

const PREFIX = new TextEncoder().encode("\x13BitTorrent protocol");
const RESERVED_AT = PREFIX.length;
const INFO_HASH_AT = 28;
const PEER_ID_AT = 48;

/** Offset among all 68 bytes, and bit. */
const EXTENDED_BIT = { at: RESERVED_AT + 5, mask: 0x10 };
const DHT_BIT = { at: RESERVED_AT + 7, mask: 0x01 };
/** Spec: BEP 52, upgrade path: "the 4th most significant bit in the last byte". */
const V2_BIT = { at: RESERVED_AT + 7, mask: 0x10 };
const FAST_BIT = { at: RESERVED_AT + 7, mask: 0x04 };

/** Spec: BEP 3, handshake; BEP 5, 6 and 10, reserved bits. Gives 68 bytes. */
export function encodeHandshake(handshake: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_SIZE);
  bytes.set(PREFIX);
  if (handshake.extended) bytes[EXTENDED_BIT.at]! |= EXTENDED_BIT.mask;
  if (handshake.dht) bytes[DHT_BIT.at]! |= DHT_BIT.mask;
  if (handshake.v2) bytes[V2_BIT.at]! |= V2_BIT.mask;
  if (handshake.fast) bytes[FAST_BIT.at]! |= FAST_BIT.mask;
  assert(handshake.peerId.length === HANDSHAKE_SIZE - PEER_ID_AT, "a peer id has 20 bytes");
  bytes.set(infoHashBytes(handshake.infoHash), INFO_HASH_AT);
  bytes.set(handshake.peerId, PEER_ID_AT);
  return bytes;
}

/**
 * Judges as many of the first 20 bytes as are there, so that another protocol is refused at its
 * first wrong byte. Undefined while nothing is wrong. Error: "handshake-protocol".
 */
export function checkHandshakePrefix(bytes: Uint8Array): HandshakeError | undefined {
  const size = Math.min(bytes.length, PREFIX.length);
  for (let offset = 0; offset < size; offset++) {
    const byte = bytes[offset]!;
    if (byte !== PREFIX[offset]) return { code: "handshake-protocol", offset, byte };
  }
  return undefined;
}

/**
 * Reads the first 68 bytes; those behind them are the first frames. The peer id is a copy.
 * Errors: "handshake-protocol", "handshake-short". Spec: BEP 3, handshake.
 */
export function decodeHandshake(bytes: Uint8Array): Result<Handshake, HandshakeError> {
  const error = checkHandshakePrefix(bytes);
  if (error !== undefined) return fail(error);
  if (bytes.length < HANDSHAKE_SIZE) return fail({ code: "handshake-short", size: bytes.length });
  return ok(readFields(bytes));
}

/** A handshake on its way. Plain data; only the functions below change it. */
export interface HandshakeReader {
  /** The first `size` of them have come. */
  readonly bytes: Uint8Array;
  size: number;
  /** Info hashes that may come; undefined is any. */
  readonly expected: readonly InfoHash[] | undefined;
}

/**
 * Nothing has come yet. `expected`: for a connection that we dialled, the one or two info hashes of the
 * torrent; undefined for one that dialled us.
 */
export function createHandshakeReader(expected?: readonly InfoHash[]): HandshakeReader {
  assert(
    expected === undefined || (expected.length > 0 && expected.length <= EXPECTED_HASHES_MAX),
    "a torrent has one info hash or two",
  );
  return { bytes: new Uint8Array(HANDSHAKE_SIZE), size: 0, expected };
}

/**
 * Takes what belongs to the handshake from the start of `bytes` and returns how many bytes that were;
 * those behind them are the first frames. Wrong bytes are refused as soon as they come.
 * Errors: "handshake-protocol", "handshake-other-torrent". Spec: BEP 3, handshake.
 */
export function feedHandshake(
  reader: HandshakeReader,
  bytes: Uint8Array,
): Result<number, HandshakeError> {
  const count = Math.min(bytes.length, HANDSHAKE_SIZE - reader.size);
  reader.bytes.set(bytes.subarray(0, count), reader.size);
  reader.size += count;
  const error = checkHandshakePrefix(reader.bytes.subarray(0, reader.size));
  if (error !== undefined) return fail(error);
  const infoHash = receivedInfoHash(reader);
  if (infoHash !== undefined && reader.expected?.includes(infoHash) === false) {
    return fail({ code: "handshake-other-torrent", infoHash });
  }
  return ok(count);
}

/** The info hash, once 48 bytes have come. */
export function receivedInfoHash({ bytes, size }: HandshakeReader): InfoHash | undefined {
  if (size < PEER_ID_AT) return undefined;
  return infoHashFromBytes(bytes.subarray(INFO_HASH_AT, PEER_ID_AT));
}

/** Whether the peer supports v2, once 28 bytes have come. Spec: BEP 52, upgrade path. */
export function receivedV2Bit({ bytes, size }: HandshakeReader): boolean {
  return size >= INFO_HASH_AT && (bytes[V2_BIT.at]! & V2_BIT.mask) !== 0;
}

/** The whole handshake, once 68 bytes have come. The peer id is a copy. */
export function completedHandshake({ bytes, size }: HandshakeReader): Handshake | undefined {
  return size < HANDSHAKE_SIZE ? undefined : readFields(bytes);
}

/** `bytes` begins with a whole handshake. */
function readFields(bytes: Uint8Array): Handshake {
  const has = (bit: { at: number; mask: number }) => (bytes[bit.at]! & bit.mask) !== 0;
  return {
    infoHash: infoHashFromBytes(bytes.subarray(INFO_HASH_AT, PEER_ID_AT)),
    peerId: bytes.slice(PEER_ID_AT, HANDSHAKE_SIZE),
    fast: has(FAST_BIT),
    extended: has(EXTENDED_BIT),
    dht: has(DHT_BIT),
    ...(has(V2_BIT) && { v2: true }),
  };
}
