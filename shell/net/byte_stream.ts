/**
 * What lies between a link and a socket: bytes both ways to one address. TCP today; encryption, uTP and
 * proxies slide under it, and tests use a pair in memory.
 */
import type { PeerAddress } from "../../core/bytes/address.ts";

/** At most one read and one write are under way at a time. */
export interface ByteStream {
  /** Where the other side is. */
  readonly remote: PeerAddress;
  /** Bytes put at the start of `target`, at least one; null when the other side has ended. */
  read(target: Uint8Array): Promise<number | null>;
  /** Bytes taken from the start of `source`, which must not change until then; may be fewer than given. */
  write(source: Uint8Array): Promise<number>;
  /** Ends both ways at once, reads and writes under way too, which then fail. May be called again. */
  close(): void;
}

/** Streams that come in at one port. */
export interface StreamListener {
  readonly port: number;
  /** The next one. Rejects with an `Error` that `isClosed` recognises once the listener is closed. */
  accept(): Promise<ByteStream>;
  close(): void;
}

/** How a process reaches others and is reached: the system's network, or one that a test makes. */
export interface Network {
  /** Rejects when there is no way to the address. Timeouts are up to the caller. */
  dial(address: PeerAddress): Promise<ByteStream>;
  /** `host` undefined is every address, `port` 0 any free one. Throws a PortError. */
  listen(host: string | undefined, port: number): StreamListener;
}

/** A listener that was closed has no next stream. */
export class ListenerClosed extends Error {
  override readonly name = "ListenerClosed";
}

/** Writes all of `bytes`, in as many calls as it takes. */
export async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await stream.write(at === 0 ? bytes : bytes.subarray(at));
  }
}
