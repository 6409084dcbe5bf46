/**
 * The process-wide session: all torrents of one process, with one listening port, one set of rate
 * limits, one numbering of peers. Command line, daemon and tests are adapters on it:
 *
 *     const session = new Session({ host, port, defaultPort, upLimit, downLimit });
 *     const torrent = session.add({ loaded, dir, role: { kind: "download", resume: true } });
 *     const unsubscribe = session.subscribe((torrent, event) => show(torrent.name, event));
 *     torrent.facts();              // state, bytes, rates, peers: see shell/life/types.ts
 *     await torrent.pause();        // resume, recheck, move(dir), setLimits, setGoals, addPeers
 *     await torrent.remove(true);   // or leave(), which keeps the state for a later run
 *     session.setLimits({ upLimit: 1_000_000, downLimit: undefined });
 *     await session.close();        // leaves every swarm, saves every state
 *
 * A torrent's failure is its state and its event; it never ends the session.
 */
import { isLocalIp } from "../core/bytes/local_address.ts";
import type { PeerAddress } from "../core/bytes/address.ts";
import type { WebSeedOptions } from "../core/torrent/web_seeds.ts";
import type { WebSeedKind } from "../core/web_seed/urls.ts";
import type { DiscoverySettings } from "../core/cli/discovery_options.ts";
import type { InfoHash } from "../core/metainfo/info_hash.ts";
import type { DhtNode, DhtSettings } from "./dht/dht_node.ts";
import { SessionDht } from "./dht/session_dht.ts";
import { TorrentLocks } from "./disk/lock.ts";
import { Driver } from "./driver.ts";
import { Failure } from "./failure.ts";
import type { LifeHost, SwarmOptions } from "./life/host.ts";
import { TorrentLife } from "./life/torrent_life.ts";
import type { AddOptions, TorrentEvent, TorrentLimits } from "./life/types.ts";
import type { Network } from "./net/byte_stream.ts";
import { realSystem, type System } from "./system.ts";
import { PeerListener } from "./net/listener.ts";
import type { MappedPort } from "./port_mapping/port_mapping.ts";
import { RateLimiter, type RateLimits } from "./net/rate_limiter.ts";
import { SessionDiscovery } from "./session_discovery.ts";
import { SessionUdp } from "./session_udp.ts";
import { SessionResources, type SessionUsage } from "./session_resources.ts";
import { type FetchOptions, MetadataStage } from "./magnet/metadata_stage.ts";
import type { DriverOptions } from "./driver_options.ts";
import { keyOf, swarmHashes } from "../core/metainfo/identity.ts";
import { CLIENT_NAME } from "./version.ts";

/** A torrent of the session. */
export type TorrentHandle = TorrentLife;

export interface SessionOptions {
  /** IP address to listen on; undefined is every address of both families. */
  readonly host: string | undefined;
  /** 0 picks a free one; undefined is the default one or one of the next. */
  readonly port: number | undefined;
  readonly defaultPort: number;
  /** The address that trackers are to note for us; the one they see unless given. */
  readonly announceIp?: string | undefined;
  /** Lifts the rule of `core/bytes/local_address.ts` for all that torrents name. */
  readonly allowLocal?: boolean | undefined;
  /** Trackers that the user named, for which the rule does not hold. */
  readonly typedTrackers?: readonly string[] | undefined;
  /** Bytes a second of all torrents together; undefined is no limit. */
  readonly upLimit: number | undefined;
  readonly downLimit: number | undefined;
  /** Files and sockets that the process may have open; as the system says unless given. */
  readonly descriptors?: number | undefined;
  /** How peers are reached; the system's TCP unless given. */
  readonly network?: Network | undefined;
  /** The real one unless given. */
  readonly system?: System | undefined;
  /** Undefined: no DHT. It starts with the first torrent that is not private. */
  readonly dht?: DhtSettings | undefined;
  /** What it does on the network that it is in; nothing unless given. */
  readonly discovery?: DiscoverySettings | undefined;
  /** Called once, when a peer from outside our own networks has dialled us. */
  readonly onReachable?: ((peer: PeerAddress) => void) | undefined;
  /** Called when the router opens our port, and when it stops doing so. */
  readonly onMapped?: ((mapped: MappedPort | undefined) => void) | undefined;
}

/** What bears the number of the port for peers. */
interface Endpoint {
  readonly listener: PeerListener;
  readonly udp: SessionUdp;
  readonly dht: SessionDht | undefined;
  readonly discovery: SessionDiscovery;
}

const NO_DISCOVERY: DiscoverySettings = { lsd: false, portmap: false };

export type SessionListener = (torrent: TorrentHandle, event: TorrentEvent) => void;

export class Session {
  readonly #options: SessionOptions;
  #endpoint: Endpoint;
  readonly #limits: RateLimits;
  readonly #resources: SessionResources;
  readonly #system: System;
  /** Torrents of which only a magnet link is known. */
  readonly #stages = new Map<InfoHash, MetadataStage>();
  readonly #torrents = new Map<InfoHash, TorrentLife>();
  readonly #listeners = new Set<SessionListener>();
  readonly #host: LifeHost;
  #isDhtOn = true;
  #peerKeys = 0;
  #isReachable = false;

  /** Throws a PortError. */
  constructor(options: SessionOptions) {
    this.#options = options;
    const { system: below = realSystem } = options;
    this.#resources = new SessionResources(
      options.network ?? below.network,
      below.clock,
      options.descriptors,
    );
    const { network, clock, handles } = this.#resources;
    // Torrents share its timers, and see when descriptors run out.
    const system = this.#system = { ...below, network, clock };
    this.#endpoint = this.#listen(options.port);
    this.#limits = {
      down: new RateLimiter(options.downLimit, undefined, clock),
      up: new RateLimiter(options.upLimit, undefined, clock),
    };
    const portNow = () => this.port;
    this.#host = {
      system,
      get port() {
        return portNow();
      },
      handles,
      locks: new TorrentLocks(below.fileSystem, below.randomSeed),
      start: (options, peers, limits) => this.#start(options, peers, limits),
      setLimits: (driver, limits) => driver.setLimits(limits, limits.parent ?? this.#limits),
      stop: (driver) => this.#stop(driver),
      onLeft: (infoHash) => this.#torrents.delete(infoHash),
    };
  }

  /** Whether a peer from outside our own networks has dialled us. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** The port that the gateway keeps open for us, if it does. */
  get mapped(): MappedPort | undefined {
    return this.#endpoint.discovery.mapped;
  }

  get port(): number {
    return this.#endpoint.listener.port;
  }

  /**
   * Accepts peers on another port from now on; 0 picks a free one. Torrents join their swarms
   * again, since peers, trackers and the router know the old one. Throws a PortError, and changes
   * nothing then.
   */
  async setPort(port: number): Promise<void> {
    const before = this.#endpoint;
    this.#endpoint = this.#listen(port);
    this.#endpoint.dht?.setEnabled(this.#isDhtOn);
    await closeEndpoint(before);
    await Promise.all(this.list().map((torrent) => torrent.rejoin()));
  }

  /**
   * Takes a torrent in and starts it unless it is to be paused. Throws a Failure ("duplicate") when
   * the session has it.
   */
  add(options: AddOptions): TorrentHandle {
    const { infoHash, name } = options.loaded.metainfo;
    if (this.#torrents.has(infoHash)) {
      throw new Failure("input", "duplicate", `${name} is there already`);
    }
    const torrent: TorrentLife = new TorrentLife(options, this.#host, (event) => {
      for (const listener of [...this.#listeners]) listener(torrent, event);
    });
    this.#torrents.set(infoHash, torrent);
    this.#resources.expect(this.#torrents.size);
    if (!options.paused) torrent.resume();
    return torrent;
  }

  /** How much of what torrents share is used and granted now. */
  get usage(): SessionUsage {
    return this.#resources.usage;
  }

  /**
   * Goes to the swarm of a magnet link's torrent for its metadata; once the torrent is added, it
   * goes on with the same peers. Throws a Failure ("duplicate") when the session has it.
   */
  async fetch(options: FetchOptions): Promise<MetadataStage> {
    const infoHash = keyOf(options.magnet.identity);
    if (this.#torrents.has(infoHash) || this.#stages.has(infoHash)) {
      const message = `${options.magnet.name ?? infoHash} is there already`;
      throw new Failure("input", "duplicate", message);
    }
    const stage = await MetadataStage.start(options, {
      system: this.#system,
      port: this.port,
      start: (swarm, peers) => this.#start(swarm, peers, {}),
      stop: async (driver) => {
        this.#stages.delete(infoHash);
        await this.#stop(driver);
      },
    });
    this.#stages.set(infoHash, stage);
    return stage;
  }

  get(infoHash: InfoHash): TorrentHandle | undefined {
    return this.#torrents.get(infoHash);
  }

  /** In the order in which they were added. */
  list(): readonly TorrentHandle[] {
    return [...this.#torrents.values()];
  }

  /** Reports the events of every torrent to `listener` until the returned function is called. */
  subscribe(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What limits all torrents together. */
  get rates(): RateLimits {
    return this.#limits;
  }

  /** Limits of all torrents together, from now on. */
  setLimits({ upLimit, downLimit }: TorrentLimits): void {
    this.#limits.up.setRate(upLimit);
    this.#limits.down.setRate(downLimit);
  }

  /**
   * Whether torrents use the DHT from now on; without effect where the session was made without
   * it.
   */
  setDht(isOn: boolean): void {
    this.#isDhtOn = isOn;
    this.#endpoint.dht?.setEnabled(isOn);
  }

  /** The DHT node, once a torrent uses it. */
  get dht(): DhtNode | undefined {
    return this.#endpoint.dht?.node;
  }

  /** Leaves every swarm and stops listening. */
  async close(): Promise<void> {
    const stages = [...this.#stages.values()].map((stage) => stage.stop());
    await Promise.all([...stages, ...this.list().map((torrent) => torrent.leave())]);
    this.#resources.close();
    await closeEndpoint(this.#endpoint);
  }

  #listen(port: number | undefined): Endpoint {
    const { discovery = NO_DISCOVERY, host, onMapped, dht } = this.#options;
    const { network, clock, pendingHandshakesMax } = this.#resources;
    const listener = new PeerListener({
      ...{ ...this.#options, port, network, clock, pendingHandshakesMax },
      onIncoming: (peer) => this.#onIncoming(peer),
      hasRoom: () => this.#resources.hasRoom,
    });
    const udp = new SessionUdp(host, listener.port);
    return {
      ...{ listener, udp },
      dht: dht && new SessionDht(dht, udp, listener.port),
      discovery: new SessionDiscovery(discovery, host, listener.port, onMapped),
    };
  }

  #start(options: SwarmOptions, peers: readonly PeerAddress[], limits: TorrentLimits): Driver {
    const complete = this.#driverOptions(options, limits);
    // A link may name a hybrid by one of its hashes.
    const stage = swarmHashes(options.metainfo.identity).map((hash) => this.#stages.get(hash))
      .find((stage) => stage !== undefined);
    if (stage !== undefined && options.trace === undefined) {
      return this.#takeOver(stage, complete, limits);
    }
    const driver = new Driver(complete);
    this.#endpoint.listener.register(driver.infoHashes, driver);
    // Before any peer is dialled.
    this.#resources.join(driver);
    driver.start(peers);
    if (!options.torrent.isPrivate) {
      this.#endpoint.dht?.join(driver);
      this.#endpoint.dht?.addNodes(
        options.metainfo.dhtNodes ?? [],
        this.#options.allowLocal ?? false,
      );
    }
    this.#endpoint.discovery.join(driver, options.metainfo.isPrivate);
    return driver;
  }

  /** The torrent goes on with the peers that gave its metadata. */
  #takeOver(
    stage: MetadataStage,
    options: DriverOptions,
    limits: TorrentLimits,
  ): Driver {
    this.#stages.delete(stage.infoHash);
    const driver = stage.handOver();
    const hashes = swarmHashes(options.metainfo.identity);
    const isOther = hashes.join() !== driver.infoHashes.join();
    if (options.torrent.isPrivate || isOther) {
      this.#endpoint.dht?.leave(driver);
      this.#endpoint.discovery.leave(driver);
    }
    this.#endpoint.listener.unregister(driver.infoHashes);
    driver.setLimits(limits, limits.parent ?? this.#limits);
    driver.attach(options);
    // Its content is news to the grants, which it begins without.
    this.#resources.join(driver);
    this.#endpoint.listener.register(hashes, driver);
    if (isOther && !options.torrent.isPrivate) {
      this.#endpoint.dht?.join(driver);
      this.#endpoint.discovery.join(driver, false);
    }
    return driver;
  }

  #driverOptions(options: SwarmOptions, limits: TorrentLimits): DriverOptions {
    const dhtPort = options.torrent.isPrivate ? undefined : this.#endpoint.dht?.open();
    const { sendBuffers, pieceMemory } = this.#resources;
    const { clock, network, hashesHere, announce } = this.#system;
    return {
      ...options,
      ...{ clock, network, hashesHere, sendBuffers, pieceMemory },
      onTurn: () => this.#resources.touch(),
      onReport: (report) => {
        if (report.kind === "dht-node") this.#endpoint.dht?.node?.addNodes([report.address]);
        else options.onReport(report);
      },
      torrent: { ...options.torrent, dhtPort, webSeeds: this.#webSeedsOf(options) },
      limits: {
        down: new RateLimiter(limits.downLimit, (limits.parent ?? this.#limits).down, clock),
        up: new RateLimiter(limits.upLimit, (limits.parent ?? this.#limits).up, clock),
      },
      allowLocal: this.#options.allowLocal,
      nextPeerKey: () => ++this.#peerKeys,
      announce: (url, request, signal) => {
        const { host: localAddress, announceIp, allowLocal, typedTrackers } = this.#options;
        return announce(url, request, {
          ...{ signal, localAddress, announceIp, userAgent: CLIENT_NAME },
          allowLocal: allowLocal || typedTrackers?.includes(url),
          udp: () => this.#endpoint.udp.openAsker(),
        });
      },
    };
  }

  #webSeedsOf({ metainfo: { webSeeds, httpSeeds = [] } }: SwarmOptions): WebSeedOptions[] {
    const seeds = (urls: readonly string[], seedKind: WebSeedKind) =>
      urls.map((url) => ({ key: ++this.#peerKeys, url, seedKind }));
    return [...seeds(webSeeds, "files"), ...seeds(httpSeeds, "script")];
  }

  #onIncoming(peer: PeerAddress): void {
    if (this.#isReachable || isLocalIp(peer.ip)) return;
    this.#isReachable = true;
    this.#options.onReachable?.(peer);
  }

  async #stop(driver: Driver): Promise<void> {
    this.#endpoint.discovery.leave(driver);
    this.#resources.leave(driver);
    this.#endpoint.listener.unregister(driver.infoHashes);
    this.#endpoint.dht?.leave(driver);
    await driver.stop();
  }
}

async function closeEndpoint({ listener, udp, dht, discovery }: Endpoint): Promise<void> {
  await dht?.close();
  udp.close();
  listener.close();
  await discovery.close();
}
