/**
 * The DHT node of this process on the UDP socket: feeds the machine of `core/dht`, carries out its
 * effects, arms one timer. All torrents of the process share it.
 *
 *     const node = new DhtNode({ socket, routers, tablePath });
 *     node.join(infoHash, { port, isSeed: false, onPeers });      // announces until `leave`
 *     const report = await node.lookup(infoHash, { onPeers, signal });
 *     await node.close();                                         // saves its nodes
 */
import { createPublicKey, verify as verifyWith } from "node:crypto";
import type { PeerAddress } from "../../core/bytes/address.ts";
import { fromHex } from "../../core/bytes/hex.ts";
import { unreachable } from "../../core/bytes/result.ts";
import { addressOf, endpointOf } from "../../core/dht/endpoint.ts";
import { type DhtFacts, dhtFacts } from "../../core/dht/facts.ts";
import type { PutItem } from "../../core/dht/krpc.ts";
import { type NodeId, readNodeId } from "../../core/dht/node_id.ts";
import type { DhtEffect, DhtEvent, LookupReport } from "../../core/dht/protocol.ts";
import type { SavedNode } from "../../core/dht/saved_node.ts";
import { createDht, type Dht, savedNode } from "../../core/dht/state.ts";
import { nextDeadline, step } from "../../core/dht/step.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { now } from "../clock.ts";
import { randomSeed } from "../entropy.ts";
import { sha1 } from "../hash/sha1.ts";
import type { UdpSocket } from "../net/udp_socket.ts";
import { resolveRouters } from "./routers.ts";
import { TableFile } from "./table_file.ts";

const SECRET_BYTES = 32;
/** Longest sleep of the runtime's timers. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface DhtSettings {
  /** Where to begin; undefined is the well-known names. */
  readonly routers: readonly PeerAddress[] | undefined;
  /** File that keeps the nodes known; undefined keeps nothing. */
  readonly tablePath: string | undefined;
  /** Send queries and answer none: for a short-lived node. Spec: BEP 43. */
  readonly isReadOnly?: boolean;
}

export interface JoinOptions {
  /** Where peers are accepted. */
  readonly port: number;
  readonly isSeed: boolean;
  readonly onPeers: (peers: readonly PeerAddress[]) => void;
}

export interface LookupOptions {
  readonly onPeers: (peers: readonly PeerAddress[]) => void;
  /** Ask how many seeds and peers there are, too. */
  readonly scrape?: boolean;
  readonly signal?: AbortSignal;
}

interface Job {
  readonly onPeers: (peers: readonly PeerAddress[]) => void;
  /** The value of a `get`. */
  item?: PutItem | undefined;
  readonly reports: LookupReport[];
  readonly done: PromiseWithResolvers<readonly LookupReport[]>;
}

export class DhtNode {
  readonly #socket: UdpSocket;
  readonly #settings: DhtSettings;
  readonly #joined = new Map<NodeId, JoinOptions["onPeers"]>();
  readonly #jobs = new Map<number, Job>();
  /** Events that came before the file was read. */
  readonly #early: DhtEvent[] = [];
  readonly #ready: Promise<void>;
  #machine: Dht | undefined;
  #file: TableFile | undefined;
  #jobCount = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #isResolving = false;

  constructor(socket: UdpSocket, settings: DhtSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#ready = this.#start();
  }

  /** Announces a torrent and looks for its peers, now and again and again; the caller has seen to it that it is not private. */
  join(infoHash: InfoHash, { port, isSeed, onPeers }: JoinOptions): void {
    const target = targetOf(infoHash);
    this.#joined.set(target, onPeers);
    this.#feed({ kind: "join", infoHash: target, port, impliedPort: false, isSeed });
  }

  leave(infoHash: InfoHash): void {
    const target = targetOf(infoHash);
    this.#joined.delete(target);
    this.#feed({ kind: "leave", infoHash: target });
  }

  /** The torrent needs more peers than were found. */
  wantPeers(infoHash: InfoHash): void {
    this.#feed({ kind: "want-peers", infoHash: targetOf(infoHash) });
  }

  /** Looks for the peers of a torrent once. A report for each IP version; rejects when aborted. */
  async lookup(
    infoHash: InfoHash,
    { onPeers, scrape = false, signal }: LookupOptions,
  ): Promise<readonly LookupReport[]> {
    const target = targetOf(infoHash);
    const event = (job: number): DhtEvent => ({ kind: "lookup", job, infoHash: target, scrape });
    return (await this.#runJob(event, onPeers, signal)).reports;
  }

  /** The value stored under a target, checked; undefined when no node has it. Spec: BEP 44. */
  async get(target: InfoHash, signal: AbortSignal): Promise<PutItem | undefined> {
    const salt = new Uint8Array();
    const event = (job: number): DhtEvent => ({ kind: "get", job, target: targetOf(target), salt });
    return (await this.#runJob(event, () => {}, signal)).item;
  }

  /** Stores a bencoded value. Spec: BEP 44, immutable items. */
  async put(
    value: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly target: string; readonly nodes: number }> {
    const item: PutItem = { kind: "immutable", value };
    const event = (job: number): DhtEvent => ({ kind: "put", job, item });
    const { reports } = await this.#runJob(event, () => {}, signal);
    const nodes = reports.reduce((sum, { storedAt }) => sum + storedAt, 0);
    return { target: sha1(value).toHex(), nodes };
  }

  /** Resolves when every network has reported. */
  async #runJob(
    eventOf: (job: number) => DhtEvent,
    onPeers: (peers: readonly PeerAddress[]) => void,
    signal: AbortSignal | undefined,
  ): Promise<Job> {
    await this.#ready;
    signal?.throwIfAborted();
    const job = ++this.#jobCount;
    const done = Promise.withResolvers<readonly LookupReport[]>();
    const running: Job = { onPeers, reports: [], done };
    this.#jobs.set(job, running);
    const abort = () => {
      this.#jobs.delete(job);
      this.#feed({ kind: "cancel", job });
      done.reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort);
    this.#feed(eventOf(job));
    try {
      await done.promise;
      return running;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Nodes that a torrent or a peer named. */
  addNodes(addresses: readonly PeerAddress[]): void {
    const endpoints = addresses.map(endpointOf).filter((endpoint) => endpoint !== undefined);
    if (endpoints.length > 0) this.#feed({ kind: "nodes", endpoints, areRouters: false });
  }

  /** Where this node is reached. */
  get port(): number {
    return this.#socket.port;
  }

  /** Undefined until the file of earlier runs was read, a moment after the start. */
  facts(): DhtFacts | undefined {
    return this.#machine && dhtFacts(this.#machine);
  }

  /** Sends nothing any more; resolves when its nodes are saved. The socket stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket.handle("dht", undefined);
    for (const { done, reports } of this.#jobs.values()) done.resolve(reports);
    this.#jobs.clear();
    await this.#ready;
    if (this.#machine !== undefined) this.#save(savedNode(this.#machine));
    await this.#file?.close();
  }

  async #start(): Promise<void> {
    const { tablePath, routers, isReadOnly = false } = this.#settings;
    let saved: SavedNode | undefined;
    if (tablePath !== undefined && !this.#socket.isLoopbackOnly) {
      const opened = await TableFile.open(tablePath);
      this.#file = opened.file;
      saved = opened.saved;
    }
    if (this.#isClosed) return;
    const { versions, isLoopbackOnly } = this.#socket;
    this.#machine = createDht({
      versions,
      seed: randomSeed(),
      secret: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)),
      sha1,
      verify: verifySignature,
      isReadOnly,
      isLoopbackOnly,
      saved,
    }, now());
    this.#socket.handle("dht", (bytes, { ip, port }) => {
      const from = endpointOf({ ip, port });
      if (from !== undefined) this.#feed({ kind: "datagram", from, bytes });
    });
    if (routers !== undefined) this.#addRouters(routers);
    this.#feed({ kind: "start" });
    for (const event of this.#early.splice(0)) this.#feed(event);
  }

  #feed(event: DhtEvent): void {
    if (this.#isClosed) return;
    if (this.#machine === undefined) {
      this.#early.push(event);
      return;
    }
    const effects: DhtEffect[] = [];
    step(this.#machine, event, now(), effects);
    for (const effect of effects) this.#run(effect);
    this.#arm(this.#machine);
  }

  #run(effect: DhtEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#socket.send(effect.bytes, addressOf(effect.to));
      case "resolve-routers":
        void this.#resolve();
        return;
      case "peers":
        if (effect.job === undefined) this.#joined.get(effect.infoHash)?.(effect.peers);
        else this.#jobs.get(effect.job)?.onPeers(effect.peers);
        return;
      case "lookup-done":
        if (effect.job !== undefined) this.#onReport(effect.job, effect.report);
        return;
      case "value": {
        const job = this.#jobs.get(effect.job);
        if (job !== undefined) job.item ??= effect.item;
        return;
      }
      case "save":
        return this.#save(effect.saved);
      default:
        return unreachable(effect);
    }
  }

  #onReport(key: number, report: LookupReport): void {
    const job = this.#jobs.get(key);
    if (job === undefined) return;
    job.reports.push(report);
    if (job.reports.length < this.#socket.versions.length) return;
    this.#jobs.delete(key);
    job.done.resolve(job.reports);
  }

  #save(saved: SavedNode): void {
    void this.#file?.save(saved);
  }

  /** A node that is to reach this machine only, or to begin elsewhere, asks no name server. */
  async #resolve(): Promise<void> {
    if (this.#settings.routers !== undefined || this.#socket.isLoopbackOnly) return;
    if (this.#isResolving) return;
    this.#isResolving = true;
    this.#addRouters(await resolveRouters());
    this.#isResolving = false;
  }

  #addRouters(addresses: readonly PeerAddress[]): void {
    const endpoints = addresses.map(endpointOf).filter((endpoint) => endpoint !== undefined);
    // Nodes that the user named are nodes like any other; the well-known ones have enough to do.
    const areRouters = this.#settings.routers === undefined;
    if (endpoints.length > 0) this.#feed({ kind: "nodes", endpoints, areRouters });
  }

  #arm(machine: Dht): void {
    clearTimeout(this.#timer);
    const at = now();
    const waitMs = Math.max(0, Math.ceil(nextDeadline(machine, at).at - at));
    this.#timer = setTimeout(() => this.#feed({ kind: "wake" }), Math.min(TIMER_MAX_MS, waitMs));
  }
}

function targetOf(infoHash: InfoHash): NodeId {
  return readNodeId(fromHex(infoHash)!);
}

/** Ed25519, for values that others store here. */
function verifySignature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): boolean {
  try {
    const x = publicKey.toBase64({ alphabet: "base64url", omitPadding: true });
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verifyWith(null, message, key, signature);
  } catch {
    return false;
  }
}
