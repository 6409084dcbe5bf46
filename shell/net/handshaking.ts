/** Dialling, accepting, and the first 68 bytes each way, all within bounded time. */
import type { PeerAddress } from "../../core/bytes/address.ts";
import {
  completedHandshake,
  createHandshakeReader,
  encodeHandshake,
  type Features,
  feedHandshake,
  type Handshake,
  type HandshakeError,
  receivedInfoHash,
  receivedV2Bit,
} from "../../core/wire/handshake.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { type Clock, systemClock, withTimeout } from "../clock.ts";
import { type ByteStream, type Network, writeAll } from "./byte_stream.ts";

/** A peer that does not answer a dial within this is not there. */
export const DIAL_TIMEOUT_MS = 10_000;
/** A connection whose handshake takes longer is closed. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Room for the frames that often follow the handshake in one packet. */
const FIRST_READ_BYTES = 4_096;

/** A connection with both handshakes done. */
export interface HandshakenStream {
  readonly stream: ByteStream;
  readonly handshake: Handshake;
  /** Bytes behind their handshake. */
  readonly rest: Uint8Array;
  /** The other side's socket. */
  readonly address: PeerAddress;
}

export interface DialOptions extends HandshakeIdentity {
  readonly address: PeerAddress;
  /**
   * The one or two info hashes of the torrent. The first is asked for; a peer that ends the handshake
   * over it may know the second alone.
   */
  readonly infoHashes: readonly InfoHash[];
  readonly signal: AbortSignal;
  readonly network: Network;
  readonly clock?: Clock;
  readonly timeoutMs?: number;
}

/** What we say of ourselves in every handshake. */
export function ourHandshake(
  infoHash: InfoHash,
  { peerId, v2Hash, hasDht: dht = false }: HandshakeIdentity,
): Uint8Array {
  const v2 = v2Hash !== undefined;
  return encodeHandshake({ infoHash, peerId, fast: true, extended: true, dht, v2 });
}

/** What the peer supports: v2 also where it names the torrent by its v2 hash. */
export function featuresOf(
  { fast, extended, dht, v2, infoHash }: Handshake,
  v2Hash: InfoHash | undefined,
): Features {
  return { fast, extended, dht, ...((v2 || infoHash === v2Hash) && { v2: true }) };
}

/** Who answers for a torrent. */
export interface HandshakeIdentity {
  readonly peerId: Uint8Array;
  readonly v2Hash?: InfoHash | undefined;
  /** We have a DHT node, and the torrent may use it. Spec: BEP 5. */
  readonly hasDht?: boolean;
}

/** Dials and shakes hands. Throws an Error whose message says why not. */
export async function dialPeer(options: DialOptions): Promise<HandshakenStream> {
  const [first, second] = options.infoHashes;
  try {
    return await dialFor(first!, options);
  } catch (error) {
    if (second === undefined || !(error instanceof HandshakeRefused)) throw error;
    return await dialFor(second, options);
  }
}

/** The peer was reached, and closed the connection over our handshake. */
class HandshakeRefused extends Error {
  override readonly name = "HandshakeRefused";
}

async function dialFor(infoHash: InfoHash, options: DialOptions): Promise<HandshakenStream> {
  const { infoHashes, clock = systemClock, timeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const stream = await connect(options, clock);
  try {
    const shakeHands = async () => {
      await writeAll(stream, ourHandshake(infoHash, options));
      return await readHandshake(stream, infoHashes, () => Promise.resolve());
    };
    const shaken = await withinHandshakeTime(stream, shakeHands(), timeoutMs, clock);
    return { stream, ...shaken, address: options.address };
  } catch (error) {
    stream.close();
    throw error;
  }
}

/**
 * Reads the handshake of a peer that dialled us and answers it as soon as its info hash is there, if
 * `identityFor` knows the torrent. Undefined, and closed, otherwise. A peer that supports v2 and asks for a
 * hybrid by its v1 hash is answered with the v2 hash.
 *
 * Spec: BEP 52, upgrade path.
 */
export async function acceptHandshake(
  stream: ByteStream,
  identityFor: (infoHash: InfoHash) => HandshakeIdentity | undefined,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
  clock: Clock = systemClock,
): Promise<HandshakenStream | undefined> {
  try {
    const { remote: address } = stream;
    const answer = async (infoHash: InfoHash, speaksV2: boolean) => {
      const identity = identityFor(infoHash);
      if (identity === undefined) throw new Error("The peer asks for an unknown torrent");
      const { v2Hash } = identity;
      const answered = speaksV2 && v2Hash !== undefined ? v2Hash : infoHash;
      await writeAll(stream, ourHandshake(answered, identity));
    };
    const shaken = readHandshake(stream, undefined, answer);
    return { stream, ...await withinHandshakeTime(stream, shaken, timeoutMs, clock), address };
  } catch {
    stream.close();
    return undefined;
  }
}

function withinHandshakeTime<T>(
  stream: ByteStream,
  work: Promise<T>,
  timeoutMs: number,
  clock: Clock,
): Promise<T> {
  const message = `No handshake within ${timeoutMs / 1000} s`;
  return withTimeout(work, timeoutMs, message, () => stream.close(), clock);
}

async function connect(
  { address, signal, network }: DialOptions,
  clock: Clock,
): Promise<ByteStream> {
  const attempt = network.dial(address);
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new Error("Stopped"));
  signal.addEventListener("abort", stop);
  try {
    const message = `No connection within ${DIAL_TIMEOUT_MS / 1000} s`;
    const first = Promise.race([attempt, stopped.promise]);
    return await withTimeout(first, DIAL_TIMEOUT_MS, message, undefined, clock);
  } catch (error) {
    // It may yet come about, after we gave up.
    attempt.then((stream) => stream.close(), () => {});
    throw error;
  } finally {
    // The signal outlives thousands of dials.
    signal.removeEventListener("abort", stop);
  }
}

/** `onInfoHash` is called once, before the peer id must be there. */
async function readHandshake(
  stream: ByteStream,
  expected: readonly InfoHash[] | undefined,
  onInfoHash: (infoHash: InfoHash, speaksV2: boolean) => Promise<void>,
): Promise<{ handshake: Handshake; rest: Uint8Array }> {
  const reader = createHandshakeReader(expected);
  const bytes = new Uint8Array(FIRST_READ_BYTES);
  let isAnswered = false;
  while (true) {
    // A peer that closes before it has read all that we sent resets the connection.
    const count = await stream.read(bytes).catch(() => null);
    if (count === null) {
      throw new HandshakeRefused("The peer closed the connection during the handshake");
    }
    const fed = feedHandshake(reader, bytes.subarray(0, count));
    if (!fed.ok) throw new Error(describe(fed.error));
    const infoHash = receivedInfoHash(reader);
    if (infoHash !== undefined && !isAnswered) {
      isAnswered = true;
      await onInfoHash(infoHash, receivedV2Bit(reader));
    }
    const handshake = completedHandshake(reader);
    if (handshake !== undefined) return { handshake, rest: bytes.slice(fed.value, count) };
  }
}

function describe(error: HandshakeError): string {
  return error.code === "handshake-other-torrent"
    ? `The peer answered for another torrent, ${error.infoHash}`
    : "The peer does not speak BitTorrent";
}
