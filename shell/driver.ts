/**
 * The only interpreter of effects: one torrent's core on real sockets and files. Feeds what a read,
 * a timer or an answer brings, settles, runs the effects, arms one timer: core/torrent/protocol.ts.
 */
import { assert, unreachable } from "../core/bytes/result.ts";
import { isHashMessage } from "../core/wire/codec.ts";
import type { WireMessage } from "../core/wire/message.ts";
import { isInfoOf, swarmHashes, v2SwarmHash } from "../core/metainfo/identity.ts";
import type { InfoHash } from "../core/metainfo/info_hash.ts";
import type { AddressSource } from "../core/swarm/address_book.ts";
import { isAskedForHashes } from "../core/transfer/hash_trees.ts";
import { receiveBlock } from "../core/torrent/data_plane.ts";
import { detailsOf, type TorrentDetails } from "../core/torrent/details.ts";
import type { Needs, Resources } from "../core/limits/resources.ts";
import { needsOf } from "../core/torrent/grants.ts";
import {
  factsOf,
  progressOf,
  type TorrentFacts,
  type TorrentProgress,
} from "../core/torrent/facts.ts";
import type { Effect, Event, SavedState, Wish } from "../core/torrent/protocol.ts";
import { savedStateOf } from "../core/transfer/saving.ts";
import { createTorrent, hasBlocks, hasPiece, type Torrent } from "../core/torrent/state.ts";
import { nextDeadline, settle, step } from "../core/torrent/step.ts";
import type { AnnounceResult } from "../core/tracker/types.ts";
import type { PeerAddress } from "../core/bytes/address.ts";
import { inAllSwarms, TrackerExchanges } from "./announce/exchanges.ts";
import { type Clock, systemClock } from "./clock.ts";
import { readBlock } from "./disk/read_block.ts";
import { DIGESTS } from "./hash/sha256.ts";
import { messageOf } from "./failure.ts";
import type { DriverOptions } from "./driver_options.ts";
import { createHashExchange, type HashExchange } from "./hash/hash_exchange.ts";
import { FrameInput } from "./net/frame_input.ts";
import { PieceBuffers } from "./hash/piece_buffers.ts";
import { StartedBlocks } from "./hash/started_blocks.ts";
import { dialPeer, featuresOf, type HandshakenStream } from "./net/handshaking.ts";
import type { RateLimits } from "./net/rate_limiter.ts";
import { type LinkOwner, PeerLink } from "./net/peer_link.ts";
import type { TorrentLimits } from "./life/types.ts";
import { tcpNetwork } from "./net/tcp.ts";
import { WakeUp } from "./wake_up.ts";
import { WebSeedLinks } from "./web_seed/web_seed_links.ts";
import type { TraceRecorder } from "./trace/recorder.ts";

export class Driver implements LinkOwner {
  readonly peerId: Uint8Array;
  /** Announces to peers that there is a DHT node. */
  readonly hasDht: boolean;
  #options: DriverOptions;
  readonly #torrent: Torrent;
  readonly #trace: TraceRecorder | undefined;
  readonly #pieceListeners = new Set<(piece: number) => void>();
  readonly #links = new Map<number, PeerLink>();
  /** Links with something to write since the last turn. */
  readonly #touched = new Set<PeerLink>();
  readonly #wakeUp: WakeUp;
  #webSeeds!: WebSeedLinks;
  #pieces!: PieceBuffers;
  #started!: StartedBlocks;
  #hashes: HashExchange | undefined;
  readonly #effects: Effect[] = [];
  /** Answers to effects that were there at once. */
  readonly #answers: Event[] = [];
  readonly #frames: FrameInput<PeerLink>;
  readonly #leaving = new AbortController();
  readonly #exchanges: TrackerExchanges;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #clock: Clock;
  #isRunning = false;
  #isCrashed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.peerId = options.torrent.peerId;
    this.hasDht = options.torrent.dhtPort !== undefined;
    this.#trace = options.trace;
    this.#clock = options.clock ?? systemClock;
    this.#wakeUp = new WakeUp(this.#clock, () => this.#feed({ kind: "timer" }));
    const announce = inAllSwarms((...a) => this.#options.announce(...a), () => this.infoHashes);
    this.#exchanges = new TrackerExchanges(announce, this.#clock, this.#leaving);
    const at = this.#clock.now();
    const told = options.trace?.begin(options.torrent, at) ?? options.torrent;
    this.#torrent = createTorrent(told, at);
    this.#frames = new FrameInput(this.#clock, {
      isOpen: (link) => this.#links.get(link.key) === link,
      onMessage: (link, message, at) => this.#takeMessage(link, message, at),
      onBlock: (link, piece, begin, block, at) =>
        this.#acceptBlock(link.key, piece, begin, block, at),
      onViolation: (link, why, at) => this.#violated(link, why, at),
    });
    this.#equip(options);
  }

  #equip(options: DriverOptions): void {
    const { metainfo: { geometry } } = options;
    this.#pieces = new PieceBuffers(options.metainfo, options.pieceMemory, options.hashesHere);
    this.#started = new StartedBlocks(geometry, this.#pieces, options.storage);
    this.#webSeeds = new WebSeedLinks(options, this.#clock, {
      onBlock: (peer, piece, begin, bytes) =>
        this.#acceptBlock(peer, piece, begin, bytes, this.#clock.now()),
      onTurn: () => this.#turn(() => {}),
      onFailed: (event) => this.#feed(event),
    });
    this.#hashes = createHashExchange(options, {
      send: (peer, message) => this.#withLink(peer, (link) => link.send(message)),
      feed: (event) => this.#feed(event),
      leavesOf: (piece) => this.#pieces.leaves(piece),
      isAsked: (peer, range) => isAskedForHashes(this.#torrent.transfer, peer, range),
    });
    this.#frames.pieceCount = geometry.pieceCount;
  }

  start(peers: readonly PeerAddress[]): void {
    this.#turn((at) => {
      this.#step({ kind: "start" }, at);
      this.#takeKept(at);
      this.#step({ kind: "peers-found", addresses: peers, source: "user" }, at);
    });
  }

  /** Goes on with the content, of which only the info hash was known. Connections stay. */
  attach(options: DriverOptions): void {
    this.#equip(this.#options = { ...options, limits: this.#options.limits });
    const { geometry, have, isPrivate, priorities, hashTrees, isSequential } = options.torrent;
    assert(geometry !== undefined && have !== undefined, "the metadata is known");
    this.#turn((at) => {
      this.#step({ kind: "metadata", geometry, have, isPrivate, priorities, hashTrees }, at);
      this.#takeKept(at);
    });
    if (isSequential) this.#feed({ kind: "order", isSequential });
    const { shareRule, seedRatio, seedTimeMs } = options.torrent;
    this.#feed({ kind: "goals", shareRule, seedRatio, seedTimeMs });
  }

  /** Blocks of unfinished pieces that an earlier run kept, where they are of use. */
  #takeKept(at: number): void {
    for (const { piece, blocks, bytes } of this.#options.kept ?? []) {
      this.#step({ kind: "blocks-kept", piece, blocks }, at);
      if (hasBlocks(this.#torrent, piece)) this.#pieces.putAll(piece, blocks, bytes);
    }
  }

  /** Dials these, as far as the limits allow. `source`: where the addresses come from. */
  addPeers(addresses: readonly PeerAddress[], source: AddressSource = "user"): void {
    this.#feed({ kind: "peers-found", addresses, source });
  }

  /** Rates of this torrent, from now on, below those of `parent`. Bytes a second. */
  setLimits({ upLimit, downLimit }: TorrentLimits, parent: RateLimits): void {
    const { up, down } = this.#options.limits;
    up.setRate(upLimit);
    down.setRate(downLimit);
    up.setParent(parent.up);
    down.setParent(parent.down);
  }

  facts(): TorrentFacts {
    return factsOf(this.#torrent, this.#clock.now());
  }

  progress(): TorrentProgress {
    return progressOf(this.#torrent);
  }

  /** The hashes that peers may ask for; `v2Hash` is that of v2, if the torrent has a v2 part. */
  get infoHashes(): readonly InfoHash[] {
    return swarmHashes(this.#options.metainfo.identity);
  }

  get v2Hash(): InfoHash | undefined {
    return v2SwarmHash(this.#options.metainfo.identity);
  }

  needs(): Needs {
    return needsOf(this.#torrent, this.#clock.now());
  }

  grant(grant: Resources): void {
    this.#feed({ kind: "granted", ...grant });
  }

  get socketCount(): number {
    return this.#links.size;
  }

  details(): TorrentDetails {
    return detailsOf(this.#torrent, this.#clock.now());
  }

  /** What the user, or a reader of a stream, wants from now on, how urgently and in which order. */
  tell(event: Wish): void {
    this.#feed(event);
  }

  /** Whether the piece can be read. */
  hasPiece(piece: number): boolean {
    return hasPiece(this.#torrent, piece);
  }

  /** Reports every piece that is on disk from now on, until the returned function is called. */
  watchPieces(listener: (piece: number) => void): () => void {
    this.#pieceListeners.add(listener);
    return () => this.#pieceListeners.delete(listener);
  }

  /** Takes a connection that dialled us. */
  accept(connection: HandshakenStream): void {
    this.#adopt(connection, undefined);
  }

  /** Leaves the swarm: closes peers, announces `stopped`, saves. Resolves when all is done. */
  async stop(): Promise<void> {
    if (!this.#isCrashed) this.#feed({ kind: "stop" });
    await this.#stopped.promise;
    await this.#exchanges.finish();
    this.#abandon();
  }

  received(link: PeerLink): number {
    let needed = 0;
    this.#turn((at) => needed = this.#frames.read(link, at));
    return needed;
  }

  sent(link: PeerLink, bytes: number): void {
    this.#feed({ kind: "blocks-sent", peer: link.key, bytes });
  }

  unreadable(link: PeerLink, piece: number, begin: number, length: number, error: unknown): void {
    this.#options.onReadError(error);
    this.#feed({ kind: "block-unreadable", peer: link.key, piece, begin, length });
  }

  ended(link: PeerLink, why: string): void {
    this.#links.delete(link.key);
    this.#feed({ kind: "disconnected", peer: link.key, why });
  }

  read(piece: number, begin: number, target: Uint8Array): Promise<void> {
    const { metainfo, storage } = this.#options;
    return readBlock(storage, metainfo.geometry, piece, begin, target);
  }

  #feed(event: Event): void {
    this.#turn((at) => this.#step(event, at));
  }

  #step(event: Event, at: number): void {
    this.#trace?.event(event, at);
    step(this.#torrent, event, at, this.#effects);
  }

  /** One turn of the machine: input, settle, effects; again while effects were answered at once. */
  #turn(input: (at: number) => void): void {
    if (this.#isCrashed) return;
    if (this.#isRunning) {
      // Effects never call back; only an answer that came at once may ask for another turn.
      queueMicrotask(() => this.#turn(input));
      return;
    }
    this.#isRunning = true;
    try {
      input(this.#clock.now());
      do {
        const at = this.#clock.now();
        for (const answer of this.#answers.splice(0)) this.#step(answer, at);
        settle(this.#torrent, at, this.#effects);
        this.#trace?.settled(this.#effects, at);
        for (const effect of this.#effects.splice(0)) this.#run(effect);
      } while (this.#answers.length > 0);
      for (const link of this.#touched) link.flush();
      this.#touched.clear();
      this.#wakeUp.arm(nextDeadline(this.#torrent)?.at ?? Infinity);
      this.#options.onTurn?.();
      if (this.#torrent.stage === "stopped") this.#stopped.resolve();
    } catch (error) {
      this.#crash(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** A message that is no block. */
  #takeMessage(link: PeerLink, message: WireMessage, at: number): void {
    const event: Event | undefined = isHashMessage(message)
      ? this.#hashes?.receive(link.key, message)
      : { kind: "message", peer: link.key, message };
    if (event !== undefined) this.#step(event, at);
  }

  /** The link goes now, not when the effects run: bytes behind a violation are not read. */
  #violated(link: PeerLink, why: string, at: number): void {
    this.#step({ kind: "violated", peer: link.key, why }, at);
    this.#links.delete(link.key);
    link.close();
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.#webSeeds.tell(effect.peer, effect.message);
        return this.#withLink(effect.peer, (link) => link.send(effect.message));
      case "request":
        this.#webSeeds.request(effect.peer, effect.blocks);
        return this.#withLink(effect.peer, (link) => link.request(effect.blocks));
      case "upload":
        return this.#withLink(effect.peer, (link) => link.upload(effect.blocks));
      case "take-back-uploads": {
        const { peer } = effect;
        const blocks = this.#links.get(peer)?.takeBack(effect.blocks) ?? [];
        if (blocks.length > 0) this.#answers.push({ kind: "uploads-taken-back", peer, blocks });
        return;
      }
      case "pause-reading":
        return this.#links.get(effect.peer)?.pauseReading();
      case "resume-reading":
        return this.#links.get(effect.peer)?.resumeReading();
      case "close":
        this.#links.get(effect.peer)?.close();
        this.#links.delete(effect.peer);
        return;
      case "dial":
        return void this.#dial(effect.job, effect.address);
      case "check-piece":
        return this.#checkPiece(effect.job, effect.piece);
      case "write-piece":
        return void this.#writePiece(effect.job, effect.piece);
      case "drop-piece":
        return this.#pieces.drop(effect.piece);
      case "ask-hashes":
      case "answer-hashes":
      case "reject-hashes":
      case "compare-leaves":
        return this.#hashes?.run(effect);
      case "announce":
        return this.#announce(effect);
      case "save-state":
        return void this.#saveState(effect.job, effect.state);
      case "open-web-seed":
        return this.#webSeeds.open(effect);
      case "close-web-seed":
        return this.#webSeeds.close(effect.peer);
      case "check-metadata":
        return this.#checkMetadata(effect);
      case "report":
        if (effect.report.kind === "complete") this.#pieces.rest();
        return this.#options.onReport(effect.report);
      default:
        return unreachable(effect);
    }
  }

  #withLink(key: number, use: (link: PeerLink) => void): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    use(link);
    this.#touched.add(link);
  }

  async #dial(job: number, address: PeerAddress): Promise<void> {
    try {
      const connection = await dialPeer({
        ...{ address, infoHashes: this.infoHashes, peerId: this.peerId, v2Hash: this.v2Hash },
        ...{ hasDht: this.hasDht, signal: this.#leaving.signal, clock: this.#clock },
        network: this.#options.network ?? tcpNetwork,
      });
      this.#adopt(connection, job);
    } catch (error) {
      this.#feed({ kind: "dial-failed", job, why: messageOf(error) });
    }
  }

  #adopt({ stream, handshake, rest, address }: HandshakenStream, job: number | undefined): void {
    if (this.#isCrashed) return stream.close();
    const { limits, sendBuffers, metainfo: { geometry: { pieceCount } } } = this.#options;
    const peer = this.#options.nextPeerKey();
    const link = new PeerLink({
      ...{ key: peer, stream, rest, owner: this, limits, buffers: sendBuffers, pieceCount },
      clock: this.#clock,
    });
    this.#links.set(peer, link);
    const features = featuresOf(handshake, this.v2Hash);
    this.#feed({ kind: "connected", peer, job, address, peerId: handshake.peerId, features });
    if (this.#links.has(peer)) link.open();
  }

  #checkPiece(job: number, piece: number): void {
    const answer = (matches: boolean): Event => {
      return { kind: "piece-checked", job, matches, layer: this.#pieces.takeFoundLayer(piece) };
    };
    const result = this.#pieces.check(piece);
    if (typeof result === "boolean") this.#answers.push(answer(result));
    else result.then((late) => this.#feed(answer(late)), (error) => this.#crash(error));
  }

  /** Keeps a whole block if it is wanted. */
  #acceptBlock(peer: number, piece: number, begin: number, block: Uint8Array, at: number): boolean {
    const { length } = block;
    this.#trace?.block(peer, piece, begin, length, at);
    const verdict = receiveBlock(this.#torrent, peer, piece, begin, length, at, this.#effects);
    if (verdict !== "accepted") return false;
    this.#pieces.put(piece, begin, block);
    return true;
  }

  #checkMetadata({ job, bytes }: Extract<Effect, { kind: "check-metadata" }>): void {
    const matches = isInfoOf(this.#options.metainfo.identity, bytes, DIGESTS);
    this.#answers.push({ kind: "metadata-checked", job, matches });
  }

  async #writePiece(job: number, piece: number): Promise<void> {
    try {
      await this.#started.writeWhole(piece);
      this.#feed({ kind: "piece-written", job });
      for (const listener of this.#pieceListeners) listener(piece);
    } catch (error) {
      this.#options.onDiskError(error);
      this.#feed({ kind: "disk-failed", job, message: messageOf(error) });
    }
  }

  #announce({ job, url, request }: Extract<Effect, { kind: "announce" }>): void {
    const onResult = (result: AnnounceResult) => this.#feed({ kind: "announced", job, result });
    this.#exchanges.start(url, request, onResult);
  }

  async #saveState(job: number, state: SavedState): Promise<void> {
    try {
      await this.#persist(state);
      this.#feed({ kind: "state-saved", job });
    } catch (error) {
      this.#options.onDiskError(error);
      this.#feed({ kind: "disk-failed", job, message: messageOf(error) });
    }
  }

  async #persist(state: SavedState): Promise<void> {
    const started = await this.#started.save(state.started);
    await this.#options.storage.flush();
    await this.#options.saveState(state, started);
  }

  /** A mistake of ours: nothing more is fed, and what is on disk is saved all the same. */
  async #crash(error: unknown): Promise<void> {
    if (this.#isCrashed) return;
    this.#isCrashed = true;
    this.#abandon();
    try {
      const { transfer } = this.#torrent;
      if (transfer !== undefined) await this.#persist(savedStateOf(transfer));
    } catch (saveError) {
      this.#options.onDiskError(saveError);
    }
    this.#options.onCrash(error);
    this.#stopped.resolve();
  }

  /** Lets go of sockets and timers. */
  #abandon(): void {
    this.#wakeUp.close();
    this.#leaving.abort();
    this.#pieces.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#webSeeds.closeAll();
  }
}
