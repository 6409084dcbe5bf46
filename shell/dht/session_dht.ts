/**
 * The DHT node of a session: opened with the first torrent that may use it, informed of every torrent, and
 * asked again while a download has few peers.
 */
import type { PeerAddress } from "../../core/bytes/address.ts";
import { isLoopbackIp, isPrivateIp } from "../../core/bytes/ip.ts";
import type { Driver } from "../driver.ts";
import type { SessionUdp } from "../session_udp.ts";
import { DhtNode, type DhtSettings } from "./dht_node.ts";

/** How often torrents are looked at. */
const LOOK_MS = 30_000;
/** A download with fewer peers looks for more. */
const PEERS_WANTED = 20;

export class SessionDht {
  readonly #settings: DhtSettings;
  readonly #udp: SessionUdp;
  readonly #port: number;
  /** Drivers, and whether they were announced as seeds. */
  readonly #joined = new Map<Driver, boolean>();
  #node: DhtNode | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isEnabled = true;
  /** The end of a node that was switched off. */
  #closing: Promise<void> = Promise.resolve();

  /** `port` is where peers are accepted. */
  constructor(settings: DhtSettings, udp: SessionUdp, port: number) {
    this.#settings = settings;
    this.#udp = udp;
    this.#port = port;
  }

  /** The UDP port of the node, which is opened if need be; undefined without a DHT. */
  open(): number | undefined {
    return this.#open()?.port;
  }

  /** Not for private torrents. */
  join(driver: Driver): void {
    this.#joined.set(driver, false);
    if (this.#open() !== undefined) this.#announce(driver);
  }

  /** Nodes that a torrent names; those on this machine and in private networks only if `allowLocal`. */
  addNodes(addresses: readonly PeerAddress[], allowLocal: boolean): void {
    const isLocal = ({ ip }: PeerAddress) => isLoopbackIp(ip) || isPrivateIp(ip);
    this.#node?.addNodes(addresses.filter((address) => allowLocal || !isLocal(address)));
  }

  leave(driver: Driver): void {
    if (!this.#joined.delete(driver)) return;
    for (const infoHash of driver.infoHashes) this.#node?.leave(infoHash);
  }

  /** Undefined before the first torrent, and where there is no UDP. */
  get node(): DhtNode | undefined {
    return this.#node;
  }

  /** Switches it off, after which it sends nothing, or on again. */
  setEnabled(isEnabled: boolean): void {
    if (this.#isEnabled === isEnabled) return;
    this.#isEnabled = isEnabled;
    if (!isEnabled) this.#closing = this.#end();
    else if (this.#joined.size > 0 && this.#open() !== undefined) {
      for (const driver of this.#joined.keys()) this.#announce(driver);
    }
  }

  async close(): Promise<void> {
    this.#isEnabled = false;
    await this.#closing;
    await this.#end();
  }

  async #end(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    clearInterval(this.#timer);
    await node?.close();
  }

  #open(): DhtNode | undefined {
    if (this.#node !== undefined || !this.#isEnabled) return this.#node;
    const socket = this.#udp.open();
    // A machine without UDP has its other sources of peers.
    if (socket === undefined) return undefined;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#node = new DhtNode(socket, this.#settings);
    return this.#node;
  }

  #announce(driver: Driver): void {
    const { isComplete } = driver.facts();
    this.#joined.set(driver, isComplete);
    for (const infoHash of driver.infoHashes) {
      this.#node!.join(infoHash, {
        port: this.#port,
        isSeed: isComplete,
        onPeers: (peers) => driver.addPeers(peers, "dht"),
      });
    }
  }

  #look(): void {
    for (const [driver, wasComplete] of this.#joined) {
      const { isComplete, peers } = driver.facts();
      if (isComplete !== wasComplete) this.#announce(driver);
      if (isComplete || peers >= PEERS_WANTED) continue;
      for (const infoHash of driver.infoHashes) this.#node?.wantPeers(infoHash);
    }
  }
}
