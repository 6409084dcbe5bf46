/**
 * A swarm in memory: real torrent cores, joined by links with latency and bandwidth, on a virtual
 * clock. No payload moves: a block is five numbers and whether it is corrupt. The world is a driver of
 * the core as the shell is one, and keeps the same contract (core/torrent/protocol.ts).
 *
 * One seed gives one run. Time is in milliseconds, bandwidth in bytes a second.
 */
import { createRng, nextUint32, type Rng, shuffle } from "../../core/bytes/random.ts";
import { type PeerAddress } from "../../core/bytes/address.ts";
import { ok } from "../../core/bytes/result.ts";
import { createBitfield, createFullBitfield } from "../../core/bytes/bitfield.ts";
import { BLOCK_SIZE, createGeometry, type Geometry } from "../../core/metainfo/geometry.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { receiveBlock } from "../../core/torrent/data_plane.ts";
import type { Effect, Event, PeerKey, Report } from "../../core/torrent/protocol.ts";
import {
  createTorrent,
  isComplete,
  type ShareRule,
  type Torrent,
} from "../../core/torrent/state.ts";
import { nextDeadline, settle, step } from "../../core/torrent/step.ts";
import type { AnnounceRequest } from "../../core/tracker/types.ts";
import type { Message } from "../../core/wire/message.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { TimedHeap } from "./heap.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly pieces: number;
  /** Blocks of a piece. */
  readonly blocks?: number;
  readonly latencyMs?: number;
  /** Incomplete peers that the tracker counts and that nobody can reach. */
  readonly phantoms?: number;
  /** Looks at a node after each of its batches. */
  readonly watch?: (node: Node, now: number) => void;
}

export interface NodeOptions {
  readonly name: string;
  /** "#" for a piece it holds from the start; "seed" and "leech" for all and none. */
  readonly have?: string;
  readonly upBytesPerSecond?: number;
  readonly shareRule?: ShareRule;
  readonly uploadedBefore?: number;
  readonly joinMs?: number;
  /** Knows no tracker. */
  readonly isAlone?: boolean;
  /** `corrupt`: sends rubbish. `silent`: unchokes, takes requests and sends nothing. */
  readonly vice?: "corrupt" | "silent";
}

export interface Node {
  readonly name: string;
  readonly options: NodeOptions;
  readonly address: PeerAddress;
  readonly peerId: Uint8Array;
  torrent: Torrent;
  isOnline: boolean;
  completedMs: number | undefined;
  /** With the time of each. */
  readonly reports: { readonly at: number; readonly report: Report }[];
  /** Every effect so far, when the node is traced. */
  readonly trace: Effect[];
  readonly ends: Map<PeerKey, End>;
  /** Blocks in piece buffers that are not what they should be. */
  readonly corrupt: Set<number>;
  /** When the uplink is free again. */
  upFreeMs: number;
  timerMs: number;
}

/** Our end of a connection; `other` is theirs. */
interface End {
  readonly node: Node;
  readonly key: PeerKey;
  readonly other: End;
  /** What is sent later arrives later. */
  lastArrivalMs: number;
  isOpen: boolean;
}

type Task = () => void;

const LATENCY_MS = 20;
const UP_BYTES_PER_SECOND = 1_000_000;
const DISK_MS = 2;
const ANNOUNCE_MS = 30;
const INTERVAL_SECONDS = 120;
const MIN_INTERVAL_SECONDS = 10;
const PORT = 6881;
export const RULE_10: ShareRule = { percent: 10, strict: false };
export const RULE_OFF: ShareRule = { percent: 0, strict: false };

export class World {
  now = 0;
  readonly nodes: Node[] = [];
  readonly geometry: Geometry;
  readonly #options: WorldOptions;
  readonly #rng: Rng;
  readonly #tasks = new TimedHeap<Task>();
  readonly #byAddress = new Map<string, Node>();
  /** Who announced and did not stop, with what is left to it. */
  readonly #swarm = new Map<Node, number>();
  #nextKey = 1;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#rng = createRng(options.seed);
    const pieceLength = (options.blocks ?? 4) * BLOCK_SIZE;
    this.geometry = createGeometry(options.pieces * pieceLength, pieceLength);
  }

  /** A node that joins at its time, or now. */
  add(options: NodeOptions): Node {
    const number = this.nodes.length + 1;
    const ip = `10.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}`;
    const peerId = new Uint8Array(20).map(() => nextUint32(this.#rng) & 255);
    const node: Node = {
      name: options.name,
      options,
      address: { ip, port: PORT },
      peerId,
      torrent: this.#createTorrent(options, peerId),
      isOnline: false,
      completedMs: undefined,
      reports: [],
      trace: [],
      ends: new Map(),
      corrupt: new Set(),
      upFreeMs: 0,
      timerMs: Infinity,
    };
    this.nodes.push(node);
    this.#byAddress.set(ip, node);
    this.#tasks.push(options.joinMs ?? this.now, () => {
      node.isOnline = true;
      this.#feed(node, { kind: "start" });
    });
    return node;
  }

  /** Ends a node as Ctrl-C does. */
  stop(node: Node): void {
    if (!node.isOnline) return;
    this.#feed(node, { kind: "stop" });
    node.isOnline = false;
  }

  /** Ends a node as `kill -9` does: the others see connections break, the tracker sees nothing. */
  kill(node: Node): void {
    node.isOnline = false;
    for (const end of [...node.ends.values()]) this.#close(end);
  }

  /** One node learns of another, as from the command line. */
  meet(node: Node, other: Node): void {
    this.#feed(node, { kind: "peers-found", addresses: [other.address] });
  }

  /** Does `what` at a time. */
  at(atMs: number, what: Task): void {
    this.#tasks.push(atMs, what);
  }

  /** Runs until `isDone`, or for `forMs` at most. True when it was done. */
  run(forMs: number, isDone: () => boolean = () => false): boolean {
    const end = this.now + forMs;
    while (!isDone()) {
      if (this.#tasks.nextAt > end) {
        this.now = end;
        return isDone();
      }
      this.now = Math.max(this.now, this.#tasks.nextAt);
      this.#tasks.pop()!();
    }
    return true;
  }

  /** Runs until every node that is there has everything; false if that takes too long. */
  runUntilComplete(forMs = 3_600_000): boolean {
    const joined = (node: Node) => node.isOnline || node.torrent.stage === "idle";
    return this.run(
      forMs,
      () => this.nodes.every((node) => !joined(node) || isComplete(node.torrent)),
    );
  }

  #createTorrent(options: NodeOptions, peerId: Uint8Array): Torrent {
    const { pieceCount } = this.geometry;
    return createTorrent({
      infoHash: "cd".repeat(20) as InfoHash,
      geometry: this.geometry,
      peerId,
      port: PORT,
      clientName: "tt simulated",
      announceTiers: options.isAlone ? [] : [["http://tracker.test/announce"]],
      isPrivate: false,
      have: readPicture(options.have ?? "leech", pieceCount),
      uploadedBefore: options.uploadedBefore ?? 0,
      downloadedBefore: 0,
      waivedBefore: false,
      shareRule: options.shareRule ?? RULE_OFF,
      seedRatio: undefined,
      seedTimeMs: undefined,
      seed: nextUint32(this.#rng),
      sha1,
    }, this.now);
  }

  #feed(node: Node, event: Event): void {
    const effects: Effect[] = [];
    step(node.torrent, event, this.now, effects);
    this.#settle(node, effects);
  }

  #settle(node: Node, effects: Effect[]): void {
    settle(node.torrent, this.now, effects);
    this.#options.watch?.(node, this.now);
    for (const effect of effects) this.#run(node, effect);
    const at = nextDeadline(node.torrent)?.at ?? Infinity;
    if (at === node.timerMs || at === Infinity) return;
    node.timerMs = at;
    this.#tasks.push(Math.max(at, this.now), () => {
      if (node.timerMs !== at || !node.isOnline) return;
      node.timerMs = Infinity;
      this.#feed(node, { kind: "timer" });
    });
  }

  /** Carries out one effect, as the shell's driver does. */
  #run(node: Node, effect: Effect): void {
    node.trace.push(effect);
    switch (effect.kind) {
      case "send":
        return this.#deliver(node, effect.peer, effect.message);
      case "request":
        return forEachBlock(effect.blocks, (piece, begin, length) => {
          this.#deliver(node, effect.peer, { kind: "request", piece, begin, length });
        });
      case "upload":
        return forEachBlock(effect.blocks, (piece, begin, length) => {
          this.#upload(node, effect.peer, piece, begin, length);
        });
      case "close": {
        const end = node.ends.get(effect.peer);
        return end && this.#close(end);
      }
      case "dial":
        return this.#dial(node, effect.job, effect.address);
      case "check-piece": {
        const matches = !this.#forgetCorrupt(node, effect.piece);
        return this.#later(node, DISK_MS, { kind: "piece-checked", job: effect.job, matches });
      }
      case "write-piece":
        return this.#later(node, DISK_MS, { kind: "piece-written", job: effect.job });
      case "save-state":
        return this.#later(node, DISK_MS, { kind: "state-saved", job: effect.job });
      case "announce":
        return this.#announce(node, effect.job, effect.request);
      case "report":
        node.reports.push({ at: this.now, report: effect.report });
        if (effect.report.kind === "complete") node.completedMs = this.now;
        return;
      case "drop-piece":
      case "pause-reading":
      case "resume-reading":
        return;
    }
  }

  #later(node: Node, delayMs: number, event: Event): void {
    this.#tasks.push(this.now + delayMs, () => {
      if (node.isOnline) this.#feed(node, event);
    });
  }

  #deliver(node: Node, key: PeerKey, message: Message): void {
    const end = node.ends.get(key);
    if (end === undefined) return;
    this.#arrive(end, this.now, () => {
      const { node: them, key: peer } = end.other;
      this.#feed(them, { kind: "message", peer, message });
    });
  }

  /** A block takes its time on the uplink, behind the others. */
  #upload(node: Node, key: PeerKey, piece: number, begin: number, length: number): void {
    const end = node.ends.get(key);
    if (end === undefined || node.options.vice === "silent") return;
    const rate = node.options.upBytesPerSecond ?? UP_BYTES_PER_SECOND;
    node.upFreeMs = Math.max(node.upFreeMs, this.now) + length / rate * 1_000;
    this.#later(node, node.upFreeMs - this.now, { kind: "blocks-sent", peer: key, bytes: length });
    this.#arrive(end, node.upFreeMs, () => {
      const { node: them, key: peer } = end.other;
      const effects: Effect[] = [];
      const verdict = receiveBlock(them.torrent, peer, piece, begin, length, this.now, effects);
      const block = this.#blockOf(piece, begin);
      if (verdict === "accepted") {
        if (node.options.vice === "corrupt") them.corrupt.add(block);
        else them.corrupt.delete(block);
      }
      this.#settle(them, effects);
    });
  }

  #arrive(end: End, sentMs: number, what: Task): void {
    const at = Math.max(sentMs + (this.#options.latencyMs ?? LATENCY_MS), end.lastArrivalMs);
    end.lastArrivalMs = at;
    this.#tasks.push(at, () => {
      if (end.other.isOpen && end.other.node.isOnline) what();
    });
  }

  #blockOf(piece: number, begin: number): number {
    return (piece * this.geometry.pieceLength + begin) / BLOCK_SIZE;
  }

  /** Whether the piece held a corrupt block; its buffer is judged, so the marks go. */
  #forgetCorrupt(node: Node, piece: number): boolean {
    const first = this.#blockOf(piece, 0);
    let found = false;
    for (let i = 0; i < this.geometry.pieceLength / BLOCK_SIZE; i++) {
      if (node.corrupt.delete(first + i)) found = true;
    }
    return found;
  }

  #dial(node: Node, job: number, address: PeerAddress): void {
    const roundTripMs = 2 * (this.#options.latencyMs ?? LATENCY_MS);
    this.#tasks.push(this.now + roundTripMs, () => {
      const them = this.#byAddress.get(address.ip);
      if (!node.isOnline) return;
      if (them === undefined || !them.isOnline) {
        return this.#feed(node, { kind: "dial-failed", job, why: "refused" });
      }
      const [ours, theirs] = this.#join(node, them);
      this.#connected(ours, job, address);
      this.#connected(theirs, undefined, { ip: node.address.ip, port: 40_000 + ours.key % 10_000 });
    });
  }

  #join(node: Node, them: Node): [End, End] {
    const create = (of: Node) => ({
      node: of,
      key: this.#nextKey++,
      lastArrivalMs: 0,
      isOpen: true,
    });
    const ours = create(node) as End;
    const theirs = { ...create(them), other: ours };
    (ours as { other: End }).other = theirs;
    node.ends.set(ours.key, ours);
    them.ends.set(theirs.key, theirs);
    return [ours, theirs];
  }

  #connected(end: End, job: number | undefined, address: PeerAddress): void {
    const { node, key, other } = end;
    const features = { fast: true, extended: true, dht: false };
    const { peerId } = other.node;
    this.#feed(node, { kind: "connected", peer: key, job, address, peerId, features });
  }

  #close(end: End): void {
    end.isOpen = false;
    end.node.ends.delete(end.key);
    if (!end.other.isOpen) return;
    this.#arrive(end, this.now, () => {
      end.other.isOpen = false;
      end.other.node.ends.delete(end.other.key);
      const event = { kind: "disconnected", peer: end.other.key, why: "closed" } as const;
      this.#feed(end.other.node, event);
    });
  }

  #announce(node: Node, job: number, request: AnnounceRequest): void {
    if (request.event === "stopped") this.#swarm.delete(node);
    else this.#swarm.set(node, request.left);
    const left = [...this.#swarm.values()];
    const seeders = left.filter((bytes) => bytes === 0).length;
    const others = [...this.#swarm.keys()].filter((other) => other !== node);
    const peers = shuffle(this.#rng, others).map(({ address }) => address)
      .slice(0, request.numWant);
    const value = {
      intervalSeconds: INTERVAL_SECONDS,
      minIntervalSeconds: MIN_INTERVAL_SECONDS,
      seeders,
      leechers: left.length - seeders + (this.#options.phantoms ?? 0),
      peers,
      trackerId: undefined,
      warning: undefined,
      externalIp: undefined,
    };
    this.#later(node, ANNOUNCE_MS, { kind: "announced", job, result: ok(value) });
  }
}

function readPicture(picture: string, pieceCount: number): ReturnType<typeof createBitfield> {
  if (picture === "seed") return createFullBitfield(pieceCount);
  const bits = createBitfield(pieceCount);
  if (picture === "leech") return bits;
  [...picture].forEach((mark, piece) => {
    if (mark === "#") bits.bytes[piece >>> 3]! |= 0x80 >>> (piece & 7);
  });
  return bits;
}

function forEachBlock(
  blocks: readonly number[],
  what: (piece: number, begin: number, length: number) => void,
): void {
  for (let i = 0; i < blocks.length; i += 3) what(blocks[i]!, blocks[i + 1]!, blocks[i + 2]!);
}
