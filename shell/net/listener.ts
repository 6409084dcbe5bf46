/** The one port that all torrents of this process listen on. */
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { type Clock, sleep, systemClock } from "../clock.ts";
import {
  type ByteStream,
  ListenerClosed,
  type Network,
  type StreamListener,
} from "./byte_stream.ts";
import { acceptHandshake, type HandshakeIdentity, type HandshakenStream } from "./handshaking.ts";
import { PortError } from "./port_error.ts";
import { tcpNetwork } from "./tcp.ts";

/** Ports tried from the default one on, as other clients do. */
const PORTS_TRIED = 10;
/** Connections whose handshake is under way. A peer shakes hands at once, so more are no peers. */
const PENDING_HANDSHAKES_MAX = 128;
/** Too many open files pass; meanwhile accepting again at once would only spin. */
const ACCEPT_RETRY_MS = 100;

/** Takes connections for a torrent. */
export interface Acceptor extends HandshakeIdentity {
  accept(connection: HandshakenStream): void;
}

export interface ListenerOptions {
  /** Undefined is every address of both families. */
  readonly host: string | undefined;
  /** 0 is any free one; undefined is `defaultPort` or one of the next. */
  readonly port: number | undefined;
  readonly defaultPort: number;
  /** A peer dialled us and asked for a torrent that is here. */
  readonly onIncoming?: ((address: PeerAddress) => void) | undefined;
  readonly network?: Network | undefined;
  /** Connections whose handshake may be under way; PENDING_HANDSHAKES_MAX unless given. */
  readonly pendingHandshakesMax?: number;
  /** Whether the process can take another peer. */
  readonly hasRoom?: () => boolean;
  readonly clock?: Clock;
}

export class PeerListener {
  readonly #listener: StreamListener;
  readonly #clock: Clock;
  readonly #onIncoming: ListenerOptions["onIncoming"];
  readonly #pendingMax: number;
  readonly #hasRoom: () => boolean;
  readonly #acceptors = new Map<InfoHash, Acceptor>();
  /** In the order in which they came. */
  readonly #pending = new Set<ByteStream>();

  /** Throws a PortError. */
  constructor(options: ListenerOptions) {
    this.#listener = open(options);
    this.#clock = options.clock ?? systemClock;
    this.#onIncoming = options.onIncoming;
    this.#pendingMax = options.pendingHandshakesMax ?? PENDING_HANDSHAKES_MAX;
    this.#hasRoom = options.hasRoom ?? (() => true);
    this.#acceptLoop();
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Hands the connections that ask for any of these to `acceptor`. */
  register(infoHashes: readonly InfoHash[], acceptor: Acceptor): void {
    for (const infoHash of infoHashes) this.#acceptors.set(infoHash, acceptor);
  }

  unregister(infoHashes: readonly InfoHash[]): void {
    for (const infoHash of infoHashes) this.#acceptors.delete(infoHash);
  }

  close(): void {
    this.#listener.close();
    for (const stream of this.#pending) stream.close();
  }

  async #acceptLoop(): Promise<void> {
    while (true) {
      let stream: ByteStream;
      try {
        stream = await this.#listener.accept();
      } catch (error) {
        if (error instanceof ListenerClosed) return;
        // Too many open files, or a peer that left while it waited: the next one may do better.
        await sleep(ACCEPT_RETRY_MS, this.#clock);
        continue;
      }
      if (this.#pending.size >= this.#pendingMax) this.#dropOldest();
      this.#shakeHands(stream);
    }
  }

  /** The longest silence is the least promising: many silent connections must not keep peers out. */
  #dropOldest(): void {
    const [oldest] = this.#pending;
    this.#pending.delete(oldest!);
    oldest!.close();
  }

  async #shakeHands(stream: ByteStream): Promise<void> {
    this.#pending.add(stream);
    const identityFor = (infoHash: InfoHash) => this.#acceptors.get(infoHash);
    const connection = await acceptHandshake(stream, identityFor, undefined, this.#clock);
    this.#pending.delete(stream);
    if (connection === undefined) return;
    const acceptor = this.#acceptors.get(connection.handshake.infoHash);
    if (acceptor === undefined || !this.#hasRoom()) return stream.close();
    this.#onIncoming?.(connection.address);
    acceptor.accept(connection);
  }
}

function open({ host, port, defaultPort, network = tcpNetwork }: ListenerOptions): StreamListener {
  if (port !== undefined) return network.listen(host, port);
  for (let tried = 0; tried < PORTS_TRIED - 1; tried++) {
    try {
      return network.listen(host, defaultPort + tried);
    } catch (error) {
      if (!(error instanceof PortError && error.isTaken)) throw error;
    }
  }
  return network.listen(host, defaultPort + PORTS_TRIED - 1);
}
