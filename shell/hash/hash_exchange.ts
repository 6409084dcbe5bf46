/**
 * The shell's part in exchanging hashes of v2 trees: it translates between roots on the wire and
 * places in the trees, proves what comes before it reaches the core, and makes answers, for which
 * it reads and hashes content where leaves are asked for.
 */
import { byteText } from "../../core/bencode/node.ts";
import {
  answerHashes,
  asksForLeaves,
  provenHashes,
  type UpperLayers,
  upperLayers,
} from "../../core/hash_exchange/proofs.ts";
import {
  type FileHashRange,
  piecesOfRange,
  requestProblem,
} from "../../core/hash_exchange/ranges.ts";
import { BLOCK_SIZE, pieceOffset } from "../../core/metainfo/geometry.ts";
import { countHashes, MERKLE_HASH_SIZE } from "../../core/metainfo/merkle.ts";
import { differingBlocks, type DigestPlan } from "../../core/metainfo/piece_check.ts";
import { pieceContentSize, type PieceTrees } from "../../core/metainfo/piece_trees.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { Effect, Event } from "../../core/torrent/protocol.ts";
import type { Storage } from "../disk/storage.ts";
import type { HashMessage, HashRange, WireMessage } from "../../core/wire/message.ts";
import { concatHashes, digestHere, digestOffThread } from "./digest.ts";
import { MERKLE } from "./sha256.ts";

const LEAVES_PLAN: DigestPlan = { sha1: false, leaves: true };
/** Content in memory while the leaves of a piece are computed. */
const READ_BYTES = 1024 * 1024;
/** Leaves of pieces that were asked for a moment ago: a large piece is asked for in parts. */
const LEAVES_KEPT_BYTES = 1024 * 1024;
/** Maximum number of unrequested or expired hashes before the connection is closed. */
const UNASKED_MAX = 16;

type HashEffect = Extract<
  Effect,
  { readonly kind: "ask-hashes" | "answer-hashes" | "reject-hashes" | "compare-leaves" }
>;

/** What an exchange needs of its driver. */
export interface HashPort {
  readonly send: (peer: number, message: WireMessage) => void;
  /** Events that come later than the message or effect that led to them. */
  readonly feed: (event: Event) => void;
  /** Leaves of a piece whose blocks are all in its buffer. */
  readonly leavesOf: (piece: number) => Promise<Uint8Array>;
  /** Whether the core waits for the range from the peer. */
  readonly isAsked: (peer: number, range: FileHashRange) => boolean;
}

export interface HashExchangeOptions extends HashPort {
  /** Hash on this thread, however slow that is. */
  readonly hashesHere?: boolean | undefined;
  /** Layers that are proven are put into it. */
  readonly trees: PieceTrees;
  /** Fills `target` with content of a piece from `begin` on; rejects when it can't be read. */
  readonly readPiece: (piece: number, begin: number, target: Uint8Array) => Promise<void>;
}

/** The exchange of a torrent with a v2 part; undefined for others. */
export function createHashExchange(
  { metainfo: { trees, geometry }, storage, hashesHere }: {
    readonly hashesHere?: boolean | undefined;
    readonly metainfo: Metainfo;
    readonly storage: Pick<Storage, "readInto">;
  },
  port: HashPort,
): HashExchange | undefined {
  return trees && new HashExchange({
    ...{ trees, hashesHere },
    readPiece: (piece, begin, target) =>
      storage.readInto(pieceOffset(geometry, piece) + begin, target),
    ...port,
  });
}

export class HashExchange {
  readonly #options: HashExchangeOptions;
  readonly #trees: PieceTrees;
  /** Files of equal content share a root. */
  readonly #byRoot = new Map<string, number[]>();
  /** Layers whose parts are coming in. */
  readonly #parts = new Map<number, { readonly layer: Uint8Array; left: number }>();
  /** Proven leaves of pieces that failed. */
  readonly #leaves = new Map<number, Uint8Array>();
  readonly #upper = new Map<number, UpperLayers>();
  readonly #recent = new Map<number, Uint8Array>();
  readonly #unasked = new Map<number, number>();
  /** Leaves are computed for one request at a time. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: HashExchangeOptions) {
    this.#options = options;
    this.#trees = options.trees;
    for (const [tree, { root }] of options.trees.files.entries()) {
      const key = byteText(root);
      const sharing = this.#byRoot.get(key);
      if (sharing === undefined) this.#byRoot.set(key, [tree]);
      else sharing.push(tree);
    }
  }

  /** What the core is to hear of a message, if anything. */
  receive(peer: number, message: HashMessage): Event | undefined {
    switch (message.kind) {
      case "hash-request": {
        const range = this.#found(message.range, (range) => !requestProblem(this.#trees, range));
        if (range !== undefined) return { kind: "hash-request", peer, range };
        this.#options.send(peer, { kind: "hash-reject", range: message.range });
        return undefined;
      }
      case "hash-reject": {
        const range = this.#asked(peer, message.range);
        return range && { kind: "hashes-refused", peer, range };
      }
      case "hashes": {
        const range = this.#asked(peer, message.range);
        if (range === undefined) return this.#countUnasked(peer);
        const hashes = provenHashes(this.#trees, MERKLE, range, message.hashes);
        if (hashes === undefined) return { kind: "hashes-wrong", peer, range };
        if (asksForLeaves(this.#trees, range)) this.#keepLeaves(range, hashes);
        else this.#keepLayerPart(range, hashes);
        return { kind: "hashes-proven", peer, range };
      }
    }
  }

  run(effect: HashEffect): void {
    if (effect.kind === "compare-leaves") {
      this.#compare(effect.job, effect.piece);
      return;
    }
    const { peer, range } = effect;
    switch (effect.kind) {
      case "ask-hashes":
        return this.#options.send(peer, { kind: "hash-request", range: this.#onWire(range) });
      case "reject-hashes":
        return this.#options.send(peer, { kind: "hash-reject", range: this.#onWire(range) });
      case "answer-hashes":
        this.#answer(peer, range);
    }
  }

  /** Reports the blocks whose leaves differ from the proven ones, which are dropped. */
  async #compare(job: number, piece: number): Promise<void> {
    const leaves = await this.#options.leavesOf(piece);
    const known = this.#leaves.get(piece);
    this.#leaves.delete(piece);
    const blocks = known === undefined ? [] : differingBlocks(leaves, known);
    this.#options.feed({ kind: "leaves-compared", job, blocks });
  }

  /** The connection is gone. */
  forget(peer: number): void {
    this.#unasked.delete(peer);
  }

  async #answer(peer: number, range: FileHashRange): Promise<void> {
    const { send, feed } = this.#options;
    const wire = this.#onWire(range);
    let hashes: Uint8Array | undefined;
    try {
      const leaves = asksForLeaves(this.#trees, range)
        ? await this.#leavesOfPieces(...piecesOfRange(this.#trees, range))
        // Always later than the effect.
        : await undefined;
      const upper = this.#upperOf(range.tree);
      hashes = answerHashes(this.#trees, MERKLE, range, { upper, leaves });
    } catch {
      // Content that can't be read is reported where blocks of it are asked for.
    }
    send(
      peer,
      hashes ? { kind: "hashes", range: wire, hashes } : { kind: "hash-reject", range: wire },
    );
    feed({ kind: "hashes-answered", peer });
  }

  #upperOf(tree: number): UpperLayers | undefined {
    const known = this.#upper.get(tree);
    if (known !== undefined) return known;
    const upper = upperLayers(this.#trees, MERKLE, tree);
    if (upper !== undefined) this.#upper.set(tree, upper);
    return upper;
  }

  /** Those of pieces from the first to the last; only that of a file may be short. */
  async #leavesOfPieces(first: number, last: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let piece = first; piece <= last; piece++) pieces.push(await this.#leavesOf(piece));
    return concatHashes(pieces);
  }

  async #leavesOf(piece: number): Promise<Uint8Array> {
    const known = this.#recent.get(piece);
    if (known !== undefined) return known;
    const reading = this.#reading.catch(() => {}).then(() => this.#hashLeaves(piece));
    this.#reading = reading;
    const leaves = await reading;
    this.#recent.set(piece, leaves);
    let kept = 0;
    for (const list of this.#recent.values()) kept += list.length;
    for (const [oldest, list] of this.#recent) {
      if (kept <= LEAVES_KEPT_BYTES || oldest === piece) break;
      this.#recent.delete(oldest);
      kept -= list.length;
    }
    return leaves;
  }

  async #hashLeaves(piece: number): Promise<Uint8Array> {
    const size = pieceContentSize(this.#trees, piece);
    const leaves = new Uint8Array(Math.ceil(size / BLOCK_SIZE) * MERKLE_HASH_SIZE);
    const buffer = new Uint8Array(Math.min(size, READ_BYTES));
    for (let begin = 0; begin < size; begin += READ_BYTES) {
      const bytes = buffer.subarray(0, Math.min(READ_BYTES, size - begin));
      await this.#options.readPiece(piece, begin, bytes);
      const digest = this.#options.hashesHere
        ? digestHere(LEAVES_PLAN, bytes, bytes)
        : await digestOffThread(LEAVES_PLAN, bytes, bytes);
      leaves.set(digest.leaves!, (begin / BLOCK_SIZE) * MERKLE_HASH_SIZE);
    }
    return leaves;
  }

  #keepLeaves(range: FileHashRange, hashes: Uint8Array): void {
    const [piece] = piecesOfRange(this.#trees, range);
    const { firstPiece } = this.#trees.files[range.tree]!;
    const size = Math.ceil(pieceContentSize(this.#trees, piece) / BLOCK_SIZE) * MERKLE_HASH_SIZE;
    const leaves = this.#leaves.get(piece) ?? new Uint8Array(size);
    const before = (piece - firstPiece) * 2 ** this.#trees.pieceHeight;
    leaves.set(hashes, (range.index - before) * MERKLE_HASH_SIZE);
    this.#leaves.set(piece, leaves);
  }

  #keepLayerPart({ tree, index }: FileHashRange, hashes: Uint8Array): void {
    const { pieceCount } = this.#trees.files[tree]!;
    const part = this.#parts.get(tree) ??
      { layer: new Uint8Array(pieceCount * MERKLE_HASH_SIZE), left: pieceCount };
    part.layer.set(hashes, index * MERKLE_HASH_SIZE);
    part.left -= countHashes(hashes);
    this.#parts.set(tree, part);
    if (part.left > 0) return;
    this.#parts.delete(tree);
    this.#trees.layers[tree] = part.layer;
  }

  #countUnasked(peer: number): Event | undefined {
    const count = (this.#unasked.get(peer) ?? 0) + 1;
    this.#unasked.set(peer, count);
    return count > UNASKED_MAX
      ? { kind: "violated", peer, why: "hashes that were not requested" }
      : undefined;
  }

  #asked(peer: number, range: HashRange): FileHashRange | undefined {
    return this.#found(range, (range) => this.#options.isAsked(peer, range));
  }

  /** The range in the first file of that root that suits. */
  #found(
    { root, ...numbers }: HashRange,
    suits: (range: FileHashRange) => boolean,
  ): FileHashRange | undefined {
    for (const tree of this.#byRoot.get(byteText(root)) ?? []) {
      const range = { tree, ...numbers };
      if (suits(range)) return range;
    }
    return undefined;
  }

  #onWire({ tree, ...numbers }: FileHashRange): HashRange {
    return { root: this.#trees.files[tree]!.root, ...numbers };
  }
}
