/**
 * A torrent under test: drawn as a picture, connected to fake peers, on a clock that only tests
 * advance. After every batch the state's invariants are checked, so that each test checks the
 * bookkeeping, too.
 */
import {
  createBitfield,
  hasBit,
  type ReadonlyBitfield,
  setBit,
} from "../../../core/bytes/bitfield.ts";
import { ok } from "../../../core/bytes/result.ts";
import { BLOCK_SIZE, blockLength, createGeometry } from "../../../core/metainfo/geometry.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { receiveBlock } from "../../../core/torrent/data_plane.ts";
import type {
  BlockVerdict,
  Effect,
  Event,
  PeerKey,
  Report,
} from "../../../core/torrent/protocol.ts";
import {
  createTorrent,
  type Torrent,
  type TorrentOptions,
  transferOf,
} from "../../../core/torrent/state.ts";
import { nextDeadline, settle, step } from "../../../core/torrent/step.ts";
import type { Extension } from "../../../core/swarm/extensions.ts";
import type { Connection } from "../../../core/swarm/connections.ts";
import { blockKey } from "../../../core/transfer/partials.ts";
import type { Peer } from "../../../core/transfer/peer.ts";
import type { Transfer } from "../../../core/transfer/state.ts";
import { TUNING, type Tuning } from "../../../core/transfer/tuning.ts";
import type { AnnounceAnswer } from "../../../core/tracker/types.ts";
import type { Message } from "../../../core/wire/message.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { checkInvariants } from "./invariants.ts";

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;
type ReportOf<K extends Report["kind"]> = Extract<Report, { kind: K }>;

/** Options of the torrent; `have` is one character a piece, "#" for one we have. */
export interface Picture extends Partial<Omit<TorrentOptions, "have" | "geometry">> {
  readonly have: string;
  /** Blocks of a piece. */
  readonly blocks?: number;
  /** Bytes by which the last piece is shorter. */
  readonly short?: number;
  readonly extensions?: readonly Extension[];
  readonly tuning?: Tuning;
  /** Only the info hash is known. */
  readonly isMagnet?: boolean;
}

export interface FakePeer {
  readonly fast?: boolean;
  readonly extended?: boolean;
  readonly v2?: boolean;
  readonly dht?: boolean;
  /** Incoming connection. */
  readonly incoming?: boolean;
  readonly ip?: string;
  readonly port?: number;
  /** Fills the 20 bytes of the peer id. */
  readonly id?: number;
  /** It unchokes us immediately; the default. */
  readonly unchokes?: boolean;
}

/** Larger than the IDs that `connect` assigns, unless a test gives one. */
export const OUR_ID = new Uint8Array(20).fill(200);
const START_MS = 1_000;
/** In endgame blocks are requested from several peers at once, so that a test need not wait. */
export const EAGER_ENDGAME: Tuning = { ...TUNING, endgameLateMs: 0 };

export class Kit {
  readonly torrent: Torrent;
  now = START_MS;
  /** Everything since the last `forget`. */
  effects: Effect[] = [];
  #nextPeer = 1;
  #batch: Effect[] = [];

  constructor(picture: Picture) {
    const { have, blocks = 2, short = 0, isMagnet = false, extensions, tuning, ...options } =
      picture;
    const pieceLength = blocks * BLOCK_SIZE;
    const size = have.length * pieceLength - short;
    this.torrent = createTorrent(
      {
        infoHash: "ab".repeat(20) as InfoHash,
        geometry: isMagnet ? undefined : createGeometry(size, pieceLength),
        peerId: OUR_ID,
        port: 6881,
        clientName: "tt test",
        announceTiers: [],
        isPrivate: false,
        have: isMagnet ? undefined : bitsOf(have),
        uploadedBefore: 0,
        downloadedBefore: 0,
        waivedBefore: false,
        shareRule: { percent: 0, strict: false },
        seedRatio: undefined,
        seedTimeMs: undefined,
        seed: 7,
        sha1,
        ...options,
      },
      this.now,
      tuning,
      extensions,
    );
    this.feed({ kind: "start" });
  }

  get transfer(): Transfer {
    return transferOf(this.torrent);
  }

  /** Effects that the shell has not answered yet. */
  get jobs() {
    return [...this.torrent.swarm.jobs.underWay, ...this.torrent.transfer?.jobs.underWay ?? []];
  }

  /** One event as a batch of its own; returns the effects of the batch. */
  feed(event: Event): Effect[] {
    step(this.torrent, event, this.now, this.#batch);
    return this.settle();
  }

  /** One event of a larger batch. */
  add(event: Event): void {
    step(this.torrent, event, this.now, this.#batch);
  }

  settle(): Effect[] {
    settle(this.torrent, this.now, this.#batch);
    checkInvariants(this.torrent, this.now);
    const batch = this.#batch;
    this.#batch = [];
    this.effects.push(...batch);
    return batch;
  }

  /** Connects a peer that has the pieces of the picture. */
  connect(have: string, fake: FakePeer = {}): PeerKey {
    const key = this.handshake(fake);
    if (have.includes("#")) this.say(key, { kind: "bitfield", bits: bitsOf(have).bytes });
    if (fake.unchokes ?? true) this.say(key, { kind: "unchoke" });
    return key;
  }

  /** Connects a peer that has sent nothing yet. `job` is the dial that found it. */
  handshake(fake: FakePeer = {}, job?: number): PeerKey {
    const peer = this.#nextPeer++;
    const {
      fast = true,
      extended = false,
      v2 = false,
      dht = false,
      ip = `10.0.0.${peer}`,
      port = 6881,
      id = peer,
    } = fake;
    const dialled = job ?? (fake.incoming === false ? 0xffff : undefined);
    this.feed({
      kind: "connected",
      peer,
      job: dialled,
      address: { ip, port },
      peerId: new Uint8Array(20).fill(id),
      features: { fast, extended, dht, v2 },
    });
    return peer;
  }

  say(peer: PeerKey, message: Message): Effect[] {
    return this.feed({ kind: "message", peer, message });
  }

  disconnect(peer: PeerKey): Effect[] {
    return this.feed({ kind: "disconnected", peer, why: "gone" });
  }

  /** A block from the peer, correct or corrupt. */
  block(peer: PeerKey, piece: number, block: number, length?: number): BlockVerdict {
    const { torrent } = this;
    const bytes = length ?? blockLength(this.transfer.geometry, piece, block);
    const begin = block * BLOCK_SIZE;
    const verdict = receiveBlock(torrent, peer, piece, begin, bytes, this.now, this.#batch);
    this.settle();
    return verdict;
  }

  /** The peer sends up to `count` of the requested blocks, the oldest first. */
  deliver(peer: PeerKey, count = Infinity): void {
    for (const name of this.owed(peer).slice(0, count)) {
      const [piece, block] = name.split(".").map(Number);
      this.block(peer, piece!, block!);
    }
  }

  /** Answers the pending checks and writes until none is left; `bad` pieces fail theirs. */
  finish(bad: readonly number[] = []): void {
    for (let left = true; left;) {
      left = false;
      for (const [job, { kind, ...what }] of this.jobs) {
        if (kind !== "check" && kind !== "write") continue;
        left = true;
        const matches = !("piece" in what && bad.includes(what.piece));
        this.feed(
          kind === "check" ? { kind: "piece-checked", job, matches } : {
            kind: "piece-written",
            job,
          },
        );
      }
    }
  }

  /**
   * The peer sends every block that is or will be requested, and every piece is checked and
   * written.
   */
  complete(peer: PeerKey, bad: readonly number[] = []): void {
    while (this.owed(peer).length > 0) {
      this.deliver(peer);
      this.finish(bad);
    }
  }

  /** Advances the clock, with every deadline on the way. */
  wait(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = nextDeadline(this.torrent);
      if (due === undefined || due.at > end) break;
      this.now = Math.max(this.now, due.at);
      this.feed({ kind: "timer" });
    }
    this.now = end;
  }

  /** As `wait`, with keep-alives from these peers often enough to stay connected. */
  waitWith(peers: readonly PeerKey[], ms: number): void {
    for (let left = ms; left > 0; left -= 30_000) {
      for (const peer of peers) this.say(peer, { kind: "keep-alive" });
      this.wait(Math.min(left, 30_000));
    }
  }

  peer(key: PeerKey): Peer {
    return this.transfer.peers.get(key)!;
  }

  connection(key: PeerKey): Connection {
    return this.torrent.swarm.connections.get(key)!;
  }

  isConnected(key: PeerKey): boolean {
    return this.torrent.swarm.connections.has(key);
  }

  /** The requests outstanding at the peer, as "piece.block". */
  owed(peer: PeerKey): string[] {
    const { blocksPerPiece, peers } = this.transfer;
    return [...peers.get(peer)?.outstanding.keys() ?? []].map((key) =>
      `${Math.floor(key / blocksPerPiece)}.${key % blocksPerPiece}`
    );
  }

  owes(peer: PeerKey, piece: number, block: number): boolean {
    return this.peer(peer).outstanding.has(blockKey(this.transfer, piece, block));
  }

  /** Effects of a kind since the last `forget`. */
  all<K extends Effect["kind"]>(kind: K): EffectOf<K>[] {
    return this.effects.filter((effect) => effect.kind === kind) as EffectOf<K>[];
  }

  /** Messages sent to the peer since the last `forget`. */
  sent(peer: PeerKey): Message[] {
    return this.all("send").filter((effect) => effect.peer === peer).map(({ message }) => message);
  }

  sentKinds(peer: PeerKey): string[] {
    return this.sent(peer).map(({ kind }) => kind);
  }

  reports<K extends Report["kind"]>(kind: K): ReportOf<K>[] {
    return this.all("report").map(({ report }) => report)
      .filter((report) => report.kind === kind) as ReportOf<K>[];
  }

  /** Why the peer was disconnected, if it was since the last `forget`. */
  closed(peer: PeerKey): string | undefined {
    return this.all("close").find((effect) => effect.peer === peer)?.why;
  }

  /** Answers every outstanding announce. */
  answer(answer: Partial<AnnounceAnswer> = {}): void {
    for (const [job, { kind }] of this.jobs) {
      if (kind !== "announce") continue;
      this.feed({
        kind: "announced",
        job,
        result: ok({
          intervalSeconds: 1800,
          minIntervalSeconds: 60,
          seeders: undefined,
          leechers: undefined,
          peers: [],
          trackerId: undefined,
          warning: undefined,
          externalIp: undefined,
          ...answer,
        }),
      });
    }
  }

  /** Answers the pending save, if any. */
  saved(): void {
    for (const [job, { kind }] of this.jobs) {
      if (kind === "save") this.feed({ kind: "state-saved", job });
    }
  }

  forget(): void {
    this.effects = [];
  }

  /** Our pieces as a picture. */
  get have(): string {
    return drawBits(this.transfer.have);
  }
}

/** "#" is a piece that we have. */
export function bitsOf(picture: string): ReturnType<typeof createBitfield> {
  const bits = createBitfield(picture.length);
  [...picture].forEach((mark, piece) => mark === "#" && setBit(bits, piece));
  return bits;
}

export function drawBits(bits: ReadonlyBitfield): string {
  return Array.from({ length: bits.count }, (_, piece) => hasBit(bits, piece) ? "#" : ".").join("");
}

/** Sets a state by hand that would take long to reach or that no peer would cause. */
export function writable<T>(view: T): { -readonly [K in keyof T]: T[K] } {
  return view;
}
