/**
 * The packets of trackers on a UDP socket that others use too: what is asked, and the answers to it.
 * Responses are matched by their transaction ids, which are unpredictable, and by where they come from.
 */
import type { PeerAddress } from "../../core/bytes/address.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import { decodeUdpAnswer, type UdpAnswer } from "../../core/tracker/udp_codec.ts";
import type { UdpSocket } from "../net/udp_socket.ts";
import { versionOf } from "./host.ts";

interface Waiting {
  readonly to: PeerAddress;
  readonly kind: UdpAnswer["kind"];
  readonly deliver: (answer: UdpAnswer | undefined) => void;
}

export interface Question {
  readonly to: PeerAddress;
  /** What is expected; an error is an answer to everything. */
  readonly kind: UdpAnswer["kind"];
  readonly encode: (transactionId: number) => Uint8Array;
  readonly timeoutMs: number;
}

export class UdpAsker {
  readonly #socket: UdpSocket;
  /** By transaction id. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.handle("tracker", (bytes, from) => this.#receive(bytes, from));
  }

  /**
   * Sends a packet. Undefined when neither its answer nor an error comes within the time, or when the
   * signal aborts meanwhile; rejects when it cannot be sent.
   */
  async ask(
    { to, kind, encode, timeoutMs }: Question,
    signal: AbortSignal,
  ): Promise<UdpAnswer | undefined> {
    signal.throwIfAborted();
    const transactionId = this.#newTransaction();
    const { promise, resolve: deliver } = Promise.withResolvers<UdpAnswer | undefined>();
    const end = () => deliver(undefined);
    const timer = setTimeout(end, timeoutMs);
    signal.addEventListener("abort", end);
    this.#waiting.set(transactionId, { to, kind, deliver });
    try {
      await this.#socket.sendOrFail(encode(transactionId), to);
      return await promise;
    } finally {
      this.#waiting.delete(transactionId);
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  }

  #newTransaction(): number {
    const [id] = crypto.getRandomValues(new Uint32Array(1));
    return this.#waiting.has(id!) ? this.#newTransaction() : id!;
  }

  #receive(bytes: Uint8Array, from: PeerAddress): void {
    const packet = decodeUdpAnswer(bytes, versionOf(from.ip));
    const waiting = packet.ok ? this.#waiting.get(packet.value.transactionId) : undefined;
    if (!packet.ok || waiting === undefined) return;
    const { to, kind, deliver } = waiting;
    if (from.port !== to.port || from.ip !== canonicalIp(to.ip)) return;
    if (packet.value.kind === kind || packet.value.kind === "error") deliver(packet.value);
  }
}
