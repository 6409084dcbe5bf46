/** Dialling, accepting, and the first 68 bytes each way, all within bounded time. */
import { canonicalIp } from "../../core/bytes/ip.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import {
  checkHandshakePrefix,
  decodeHandshake,
  encodeHandshake,
  type Handshake,
  HANDSHAKE_SIZE,
} from "../../core/wire/handshake.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { withTimeout } from "../clock.ts";

/** A peer that does not answer a dial within this is not there. */
export const DIAL_TIMEOUT_MS = 10_000;
/** A connection that says nothing useful for so long is closed. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Room for the frames that often follow the handshake in one packet. */
const FIRST_READ_BYTES = 4_096;

/** A connection with both handshakes done. */
export interface GreetedConn {
  readonly conn: Deno.TcpConn;
  readonly handshake: Handshake;
  /** Bytes behind their handshake. */
  readonly rest: Uint8Array;
  readonly address: PeerAddress;
}

/** What we say of ourselves in every handshake. */
export function ourHandshake(infoHash: InfoHash, peerId: Uint8Array): Uint8Array {
  return encodeHandshake({ infoHash, peerId, fast: true, extended: true, dht: false });
}

/** Dials and shakes hands. Throws an Error whose message says why not. */
export async function dialPeer(
  address: PeerAddress,
  infoHash: InfoHash,
  peerId: Uint8Array,
  signal: AbortSignal,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<GreetedConn> {
  const conn = await connect(address, signal);
  try {
    const greet = async () => {
      await writeAll(conn, ourHandshake(infoHash, peerId));
      return await readHandshake(conn);
    };
    const { handshake, rest } = await withinHandshakeTime(conn, greet(), timeoutMs);
    if (handshake.infoHash !== infoHash) {
      throw new Error(`The peer answered for another torrent, ${handshake.infoHash}`);
    }
    return { conn, handshake, rest, address };
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/**
 * Reads the handshake of a peer that dialled us and answers it, if `peerIdFor` knows the torrent.
 * Undefined, and closed, otherwise.
 */
export async function greetIncoming(
  conn: Deno.TcpConn,
  peerIdFor: (infoHash: InfoHash) => Uint8Array | undefined,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<GreetedConn | undefined> {
  try {
    const { handshake, rest } = await withinHandshakeTime(conn, readHandshake(conn), timeoutMs);
    const peerId = peerIdFor(handshake.infoHash);
    if (peerId === undefined) throw new Error("The peer asks for a torrent that is not here");
    const answer = writeAll(conn, ourHandshake(handshake.infoHash, peerId));
    await withinHandshakeTime(conn, answer, timeoutMs);
    const { hostname, port } = conn.remoteAddr;
    const address = { ip: canonicalIp(hostname) ?? hostname, port };
    return { conn, handshake, rest, address };
  } catch {
    closeQuietly(conn);
    return undefined;
  }
}

/** Closes a connection that may be closed already. */
export function closeQuietly(conn: { close(): void }): void {
  try {
    conn.close();
  } catch {
    // It was.
  }
}

function withinHandshakeTime<T>(
  conn: Deno.TcpConn,
  work: Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const message = `No handshake within ${timeoutMs / 1000} s`;
  return withTimeout(work, timeoutMs, message, () => closeQuietly(conn));
}

async function connect(address: PeerAddress, signal: AbortSignal): Promise<Deno.TcpConn> {
  const attempt = Deno.connect({ hostname: address.ip, port: address.port });
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new Error("Stopped"));
  signal.addEventListener("abort", stop);
  try {
    const message = `No connection within ${DIAL_TIMEOUT_MS / 1000} s`;
    const first = Promise.race([attempt, stopped.promise]);
    const conn = await withTimeout(first, DIAL_TIMEOUT_MS, message);
    conn.setNoDelay(true);
    return conn;
  } catch (error) {
    // It may yet come about, after we gave up.
    attempt.then(closeQuietly, () => {});
    throw error;
  } finally {
    // The signal outlives thousands of dials.
    signal.removeEventListener("abort", stop);
  }
}

async function readHandshake(
  conn: Deno.TcpConn,
): Promise<{ handshake: Handshake; rest: Uint8Array }> {
  const bytes = new Uint8Array(FIRST_READ_BYTES);
  let size = 0;
  while (size < HANDSHAKE_SIZE) {
    const count = await conn.read(bytes.subarray(size));
    if (count === null) throw new Error("The peer closed the connection during the handshake");
    size += count;
    if (checkHandshakePrefix(bytes.subarray(0, size)) !== undefined) {
      throw new Error("The peer does not speak BitTorrent");
    }
  }
  const decoded = decodeHandshake(bytes.subarray(0, HANDSHAKE_SIZE));
  if (!decoded.ok) throw new Error("The peer does not speak BitTorrent");
  return { handshake: decoded.value, rest: bytes.subarray(HANDSHAKE_SIZE, size) };
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
