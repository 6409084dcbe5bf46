/**
 * A network in memory, on a virtual clock: every host has an address, every byte takes its time,
 * and the seed determines how streams are split and when a connection breaks.
 */
import type { PeerAddress } from "../../../core/bytes/address.ts";
import { randomBelow, type Rng } from "../../../core/bytes/random.ts";
import {
  type ByteStream,
  ListenerClosed,
  type Network,
  type StreamListener,
} from "../../../shell/net/byte_stream.ts";
import { PortError } from "../../../shell/net/port_error.ts";
import type { VirtualClock } from "./virtual_clock.ts";

export interface NetworkOptions {
  readonly clock: VirtualClock;
  /** Undefined: streams are split only where buffers end. */
  readonly rng?: Rng;
  /** One way. */
  readonly latencyMs?: number;
  /** For each direction of each connection. */
  readonly bytesPerSecond?: number;
  /** The most bytes in flight in one direction. */
  readonly windowBytes?: number;
  /** One in this many connections breaks at some time; 0 is none. */
  readonly breaksOneIn?: number;
}

const LATENCY_MS = 5;
const BYTES_PER_SECOND = 10_000_000;
const WINDOW_BYTES = 128 * 1024;
/** Sums of times are not exact. */
const ROUNDING_MS = 1e-6;
const FIRST_PORT = 50_000;
const BREAK_WITHIN_MS = 3_000;

/** One direction of a connection. */
class Pipe {
  readonly #options: NetworkOptions;
  readonly #parts: { bytes: Uint8Array; atMs: number }[] = [];
  #size = 0;
  #freeAtMs = 0;
  #isAwaiting = false;
  #isEnded = false;
  #change = Promise.withResolvers<void>();
  /** Bytes delivered. */
  bytesCarried = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  async write(source: Uint8Array): Promise<number> {
    const { clock, latencyMs = LATENCY_MS, bytesPerSecond = BYTES_PER_SECOND } = this.#options;
    const windowBytes = this.#options.windowBytes ?? WINDOW_BYTES;
    while (!this.#isEnded && this.#size >= windowBytes) await this.#change.promise;
    if (this.#isEnded) throw new Error("Broken pipe");
    const count = this.#partOf(Math.min(source.length, windowBytes - this.#size));
    this.#freeAtMs = Math.max(this.#freeAtMs, clock.now()) + 1000 * count / bytesPerSecond;
    const atMs = this.#freeAtMs + latencyMs;
    this.#parts.push({ bytes: source.slice(0, count), atMs });
    this.#size += count;
    this.#awaitArrival();
    return count;
  }

  /** One timer for the first chunk in flight. */
  #awaitArrival(): void {
    const first = this.#parts[0];
    const waitMs = (first?.atMs ?? 0) - this.#options.clock.now();
    if (first === undefined || waitMs <= ROUNDING_MS || this.#isAwaiting) return;
    this.#isAwaiting = true;
    this.#options.clock.setTimeout(() => {
      this.#isAwaiting = false;
      this.#awaitArrival();
      this.#changed();
    }, waitMs);
  }

  async read(target: Uint8Array): Promise<number | null> {
    const { clock } = this.#options;
    while (true) {
      const first = this.#parts[0];
      if (first !== undefined && first.atMs <= clock.now() + ROUNDING_MS) {
        const count = this.#partOf(Math.min(target.length, first.bytes.length));
        target.set(first.bytes.subarray(0, count));
        if (count === first.bytes.length) this.#parts.shift();
        else first.bytes = first.bytes.subarray(count);
        this.#size -= count;
        this.bytesCarried += count;
        this.#awaitArrival();
        this.#changed();
        return count;
      }
      if (this.#isEnded && first === undefined) return null;
      await this.#change.promise;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#changed();
  }

  #partOf(most: number): number {
    const { rng } = this.#options;
    if (rng === undefined || randomBelow(rng, 8) > 0) return most;
    return randomBelow(rng, 8) === 0 ? 1 : Math.ceil(most * (1 + randomBelow(rng, 7)) / 8);
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

class MemoryStream implements ByteStream {
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  constructor(
    readonly remote: PeerAddress,
    readonly incoming: Pipe,
    readonly outgoing: Pipe,
  ) {}

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#isClosed) throw new Error("Closed");
    const count = await this.incoming.read(target);
    if (this.#isClosed) throw new Error("Closed");
    return count;
  }

  write(source: Uint8Array): Promise<number> {
    return this.#isClosed ? Promise.reject(new Error("Closed")) : this.outgoing.write(source);
  }

  close(): void {
    this.#isClosed = true;
    this.incoming.end();
    this.outgoing.end();
  }
}

/** Both ends of one connection. */
export function connectPair(
  options: NetworkOptions,
  a: PeerAddress = { ip: "10.0.0.1", port: 1 },
  b: PeerAddress = { ip: "10.0.0.2", port: 2 },
): [MemoryStream, MemoryStream] {
  const there = new Pipe(options), back = new Pipe(options);
  return [new MemoryStream(b, back, there), new MemoryStream(a, there, back)];
}

class MemoryListener implements StreamListener {
  readonly #waiting: ByteStream[] = [];
  readonly #onClose: () => void;
  #next: PromiseWithResolvers<ByteStream> | undefined;
  #isClosed = false;

  constructor(readonly port: number, onClose: () => void) {
    this.#onClose = onClose;
  }

  accept(): Promise<ByteStream> {
    if (this.#isClosed) return Promise.reject(new ListenerClosed());
    const stream = this.#waiting.shift();
    if (stream !== undefined) return Promise.resolve(stream);
    this.#next = Promise.withResolvers();
    return this.#next.promise;
  }

  take(stream: ByteStream): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) this.#waiting.push(stream);
    else next.resolve(stream);
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose();
    for (const stream of this.#waiting) stream.close();
    this.#next?.reject(new ListenerClosed());
  }
}

export class MemoryNetwork {
  readonly #options: NetworkOptions;
  readonly #listeners = new Map<string, MemoryListener>();
  #streams: { readonly ip: string; readonly stream: MemoryStream }[] = [];
  /** Networks of programs that were killed. */
  readonly #unplugged = new WeakSet<Network>();
  /** By address, the network of the program that runs there. */
  readonly #plugged = new Map<string, Network>();
  #ports = FIRST_PORT;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The network of the host with this address. */
  of(ip: string): Network {
    const network: Network = {
      dial: (address) =>
        this.#unplugged.has(network) ? new Promise(() => {}) : this.#dial(ip, address),
      listen: (_, port) => this.#listen(ip, port === 0 ? ++this.#ports : port),
    };
    this.#plugged.set(ip, network);
    return network;
  }

  /**
   * The program that had the network of this host was killed: its sockets close, it opens no more.
   */
  unplug(ip: string): void {
    const network = this.#plugged.get(ip);
    if (network !== undefined) this.#unplugged.add(network);
    for (const [key, listener] of [...this.#listeners]) {
      if (key.startsWith(`${ip}:`)) listener.close();
    }
    for (const { ip: owner, stream } of this.#streams) if (owner === ip) stream.close();
  }

  /** Ends of connections that were not closed. */
  get openCount(): number {
    this.#streams = this.#streams.filter(({ stream }) => !stream.isClosed);
    return this.#streams.length;
  }

  async #dial(ip: string, address: PeerAddress): Promise<ByteStream> {
    const { clock, latencyMs = LATENCY_MS } = this.#options;
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, 2 * latencyMs));
    const listener = this.#listeners.get(`${address.ip}:${address.port}`);
    if (listener === undefined) throw new Error("Connection refused");
    const [near, far] = connectPair(this.#options, { ip, port: ++this.#ports }, address);
    this.#streams.push({ ip, stream: near }, { ip: address.ip, stream: far });
    listener.take(far);
    this.#perhapsBreak(near, far);
    return near;
  }

  #perhapsBreak(...ends: ByteStream[]): void {
    const { rng, clock, breaksOneIn = 0 } = this.#options;
    if (rng === undefined || breaksOneIn === 0 || randomBelow(rng, breaksOneIn) > 0) return;
    clock.setTimeout(() => ends.forEach((end) => end.close()), randomBelow(rng, BREAK_WITHIN_MS));
  }

  #listen(ip: string, port: number): StreamListener {
    const key = `${ip}:${port}`;
    if (this.#listeners.has(key)) throw new PortError(`Port ${port} is taken`, true);
    const listener = new MemoryListener(port, () => this.#listeners.delete(key));
    this.#listeners.set(key, listener);
    return listener;
  }
}
