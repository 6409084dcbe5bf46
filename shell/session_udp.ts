/**
 * The UDP of one process: a socket that is opened when the DHT or a tracker first needs it. They share
 * it, so that other hosts see the port that we announce, and a NAT keeps one mapping.
 */
import { UdpAsker } from "./announce/udp_asker.ts";
import { UdpSocket } from "./net/udp_socket.ts";

export class SessionUdp {
  readonly #host: string | undefined;
  readonly #port: number;
  #socket: UdpSocket | undefined;
  #asker: UdpAsker | undefined;
  #isClosed = false;

  /** `port` is where peers are accepted; the socket takes the same number if it can. */
  constructor(host: string | undefined, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** Undefined where there is no UDP, and after the end. */
  open(): UdpSocket | undefined {
    if (this.#isClosed) return undefined;
    try {
      return this.#socket ??= UdpSocket.open(this.#host, this.#port);
    } catch {
      return undefined;
    }
  }

  /** What asks trackers over the socket. */
  openAsker(): UdpAsker | undefined {
    const socket = this.open();
    return socket && (this.#asker ??= new UdpAsker(socket));
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }
}
