/**
 * The one UDP socket of this process. Datagrams are distinguished by their first byte, and go to the
 * handler of that protocol; a datagram without a handler is dropped.
 *
 * Without an address it listens on every one of both families: IPv4 then comes as IPv6-mapped, and is
 * IPv4 again here.
 */
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { canonicalIp, isLoopbackIp } from "../../core/bytes/ip.ts";
import { sleep } from "../clock.ts";
import { hasIpv6 } from "../local_network.ts";

export type UdpProtocol = "dht" | "utp" | "tracker";

/** `bytes` are used again for the next datagram once the handler returns. */
export type DatagramHandler = (bytes: Uint8Array, from: PeerAddress) => void;

/** An Ethernet frame holds less; longer ones are dropped unless a tracker may have sent them. */
const DATAGRAM_BYTES_MAX = 2_048;
/** The most that UDP has: the answer of a tracker with many peers comes in fragments. */
const TRACKER_BYTES_MAX = 65_535;
/** Before the next attempt when the socket gave an error instead of a datagram. */
const RETRY_MS = 20;
/** Datagrams that the system has not taken yet; more are dropped, as a network would. */
const SENDING_MAX = 1_024;

/**
 * Which protocol a datagram is of: messages of the DHT are bencoded dictionaries, uTP has its version in
 * the low four bits of the first byte and its type in the others, answers of trackers begin with a small
 * number of 32 bits. Spec: BEP 5, KRPC; BEP 29, header format; BEP 15.
 */
export function protocolOf(bytes: Uint8Array): UdpProtocol | undefined {
  const first = bytes[0];
  if (first === 0x64) return "dht";
  if (first === 0) return "tracker";
  return first !== undefined && (first & 0x0f) === 1 && first >>> 4 <= 4 ? "utp" : undefined;
}

export class UdpSocket {
  readonly port: number;
  /** The families that it reaches. */
  readonly versions: readonly IpVersion[];
  /** It reaches this machine and nothing else. */
  readonly isLoopbackOnly: boolean;
  readonly #conn: Deno.DatagramConn;
  readonly #handlers = new Map<UdpProtocol, DatagramHandler>();
  #sending = 0;
  #isClosed = false;

  private constructor(conn: Deno.DatagramConn, host: string | undefined) {
    this.#conn = conn;
    const { hostname, port } = conn.addr as Deno.NetAddr;
    this.port = port;
    const isIpv6 = hostname.includes(":");
    const isBoth = isIpv6 && host === undefined;
    this.versions = isBoth ? (hasIpv6() ? [4, 6] : [4]) : isIpv6 ? [6] : [4];
    this.isLoopbackOnly = isLoopbackIp(hostname);
    this.#receive();
  }

  /**
   * Listens on `port`, or on any free one if another program has that. Throws the system's error when
   * there is no such address.
   */
  static open(host: string | undefined, port: number): UdpSocket {
    const listen = (hostname: string): Deno.DatagramConn => {
      try {
        return Deno.listenDatagram({ transport: "udp", hostname, port });
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse)) throw error;
        return Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
      }
    };
    if (host !== undefined) return new UdpSocket(listen(host), host);
    try {
      return new UdpSocket(listen("::"), undefined);
    } catch {
      // This machine has no IPv6.
      return new UdpSocket(listen("0.0.0.0"), undefined);
    }
  }

  /** Takes the datagrams of one protocol; undefined takes them no more. */
  handle(protocol: UdpProtocol, handler: DatagramHandler | undefined): void {
    if (handler === undefined) this.#handlers.delete(protocol);
    else this.#handlers.set(protocol, handler);
  }

  /** Sends, or drops what cannot be sent, as any network may. `bytes` must stay as they are. */
  send(bytes: Uint8Array, to: PeerAddress): void {
    if (this.#isClosed || this.#sending >= SENDING_MAX) return;
    this.#sending++;
    this.sendOrFail(bytes, to)
      .catch(() => {})
      .finally(() => this.#sending--);
  }

  /** Rejects with the system's error when there is no way to `to`. */
  async sendOrFail(bytes: Uint8Array, { ip, port }: PeerAddress): Promise<void> {
    await this.#conn.send(bytes, { transport: "udp", hostname: ip, port });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(TRACKER_BYTES_MAX);
    while (!this.#isClosed) {
      try {
        const [bytes, from] = await this.#conn.receive(buffer);
        const { hostname, port } = from as Deno.NetAddr;
        const protocol = protocolOf(bytes);
        if (protocol !== "tracker" && bytes.length > DATAGRAM_BYTES_MAX) continue;
        const handler = protocol && this.#handlers.get(protocol);
        handler?.(bytes, { ip: canonicalIp(hostname) ?? hostname, port });
      } catch {
        // What a host that is gone sends back shows here; the next datagram may be better.
        if (!this.#isClosed) await sleep(RETRY_MS);
      }
    }
  }
}
