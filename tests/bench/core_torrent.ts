/**
 * `bench core`, torrent: the cost of each event in a large swarm, on a clock that only the
 * benchmark advances. No sockets, files or hashes.
 */
import { createBitfield, hasBit, setBit } from "../../core/bytes/bitfield.ts";
import { assert } from "../../core/bytes/result.ts";
import { createRng, nextUint32, randomBelow } from "../../core/bytes/random.ts";
import { BLOCK_SIZE, createGeometry } from "../../core/metainfo/geometry.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { rankUnchokes } from "../../core/transfer/choker.ts";
import { receiveBlock } from "../../core/torrent/data_plane.ts";
import { markAllDirty } from "../../core/transfer/attention.ts";
import { pickBlocks } from "../../core/transfer/picker.ts";
import type { Effect, Event } from "../../core/torrent/protocol.ts";
import { createTorrent, type Torrent, transferOf } from "../../core/torrent/state.ts";
import { settle, step } from "../../core/torrent/step.ts";
import { CONNECTIONS_MAX } from "../../core/swarm/limits.ts";
import type { Message } from "../../core/wire/message.ts";
import { type Figure, shorten } from "./figures.ts";
import { allocatedBytes, medianMs, medianMsOf } from "./measure.ts";

export interface TorrentLoad {
  readonly pieces: number;
  readonly peers: number;
}

const BLOCKS_PER_PIECE = 16;
const SHORT_RUNS = 200;
const BATCH_BLOCKS = 32;

export function benchTorrent({ pieces, peers }: TorrentLoad): Figure[] {
  // A torrent accepts no peers beyond its limit; two are kept free for peers that join and leave.
  const connected = Math.min(peers, CONNECTIONS_MAX - 2);
  return [
    ...benchSwarmEvents(pieces, connected),
    benchEmptyHanded(pieces, connected),
    benchDownload(pieces),
    benchChoker(peers),
  ];
}

/** A torrent and the effects it requested. */
class Bench {
  readonly torrent: Torrent;
  readonly rng = createRng(11);
  now = 1_000;
  #effects: Effect[] = [];
  #peers = 0;

  constructor(pieces: number) {
    this.torrent = createTorrent({
      infoHash: "ab".repeat(20) as InfoHash,
      geometry: createGeometry(
        pieces * BLOCKS_PER_PIECE * BLOCK_SIZE,
        BLOCKS_PER_PIECE * BLOCK_SIZE,
      ),
      peerId: new Uint8Array(20).fill(200),
      port: 6881,
      clientName: "tt bench",
      announceTiers: [],
      isPrivate: false,
      have: createBitfield(pieces),
      uploadedBefore: 0,
      downloadedBefore: 0,
      waivedBefore: false,
      shareRule: { percent: 0, strict: false },
      seedRatio: undefined,
      seedTimeMs: undefined,
      seed: 7,
      sha1: () => new Uint8Array(20),
    }, this.now);
    this.feed({ kind: "start" });
  }

  /** A batch of one event. */
  feed(event: Event): Effect[] {
    step(this.torrent, event, this.now, this.#effects);
    return this.settle();
  }

  say(peer: number, message: Message): Effect[] {
    return this.feed({ kind: "message", peer, message });
  }

  settle(): Effect[] {
    settle(this.torrent, this.now, this.#effects);
    return this.#effects.splice(0);
  }

  block(peer: number, piece: number, begin: number): void {
    const verdict = receiveBlock(
      this.torrent,
      peer,
      piece,
      begin,
      BLOCK_SIZE,
      this.now,
      this.#effects,
    );
    assert(verdict === "accepted", "the bench sends what was asked for");
  }

  /**
   * A peer with about this fraction of the pieces, 0 to 1; it unchokes us unless told otherwise.
   */
  join(share: number, unchokes = true): number {
    const peer = ++this.#peers;
    const peerId = new Uint8Array(20);
    new DataView(peerId.buffer).setUint32(0, peer);
    this.feed({
      kind: "connected",
      peer,
      job: undefined,
      address: { ip: `10.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}`, port: 6881 },
      peerId,
      features: { fast: true, extended: true, dht: false },
    });
    this.say(
      peer,
      share === 1 ? { kind: "have-all" } : {
        kind: "bitfield",
        bits: this.#draw(share).bytes,
      },
    );
    if (unchokes) this.say(peer, { kind: "unchoke" });
    return peer;
  }

  leave(peer: number): void {
    this.feed({ kind: "disconnected", peer, why: "gone" });
  }

  #draw(share: number) {
    const { pieceCount } = transferOf(this.torrent).geometry;
    const bits = createBitfield(pieceCount);
    const below = share * 0x1_0000_0000;
    for (let piece = 0; piece < pieceCount; piece++) {
      if (nextUint32(this.rng) < below) setBit(bits, piece);
    }
    return bits;
  }
}

/** Peers with half of the pieces each that join, leave, announce pieces and receive requests. */
function benchSwarmEvents(pieces: number, peers: number): Figure[] {
  const bench = new Bench(pieces);
  const { torrent } = bench;
  // Choked, so that sending requests is not part of the measurement.
  for (let i = 0; i < peers; i++) bench.join(0.5, false);

  let guest = 0;
  const joinMs = medianMsOf(SHORT_RUNS, () => {
    if (guest !== 0) bench.leave(guest);
    guest = bench.join(0.5, false);
  });
  const leaveMs = medianMsOf(SHORT_RUNS, () => {
    bench.leave(guest);
    guest = bench.join(0, false);
  });
  const keys = [...transferOf(torrent).peers.keys()];
  const haveMs = medianMs(() => {
    const peer = transferOf(torrent).peers.get(keys[randomBelow(bench.rng, keys.length)]!)!;
    let piece = randomBelow(bench.rng, pieces);
    while (hasBit(peer.have, piece)) piece = randomBelow(bench.rng, pieces);
    bench.say(peer.key, { kind: "have", piece });
  });

  const server = transferOf(torrent).peers.get(bench.join(0.5))!;
  bench.feed({ kind: "disconnected", peer: guest, why: "gone" });
  const blocks: number[] = [];
  const pickMs = medianMsOf(SHORT_RUNS, () => {
    blocks.length = 0;
    pickBlocks(transferOf(torrent), server, BLOCKS_PER_PIECE, bench.now, blocks);
  });
  assert(blocks.length > 0, "there is always something to pick");
  const tickMs = medianMsOf(SHORT_RUNS, () => {
    bench.now += 1_000;
    bench.feed({ kind: "timer" });
  });
  const swarm = `${pieces} pieces, ${peers} peers`;
  return [
    { what: `${swarm}: join with a bitfield, and leave`, measured: micros(joinMs) },
    { what: `${swarm}: leave with half, join with nothing`, measured: micros(leaveMs) },
    { what: `${swarm}: have, settled one by one`, measured: micros(haveMs) },
    { what: `${swarm}: pick ${BLOCKS_PER_PIECE} blocks`, measured: micros(pickMs) },
    { what: `${swarm}: the second's round`, measured: micros(tickMs) },
  ];
}

/**
 * The worst case of picking: every peer has unchoked us, has free request slots, and has only
 * pieces that are already started, while nearly all of the torrent is missing. Each written piece
 * makes `settle` check all peers.
 */
function benchEmptyHanded(pieces: number, peers: number): Figure {
  const bench = new Bench(pieces);
  const { torrent } = bench;
  const server = bench.join(1);
  for (let i = 0; i < peers; i++) {
    const peer = bench.join(0);
    bench.say(peer, { kind: "have", piece: [...transferOf(torrent).partials.keys()][0]! });
  }
  const first = [...transferOf(torrent).partials.values()][0]!;
  assert(first.free === 0, "the piece that all have is asked for whole");
  assert(transferOf(torrent).peers.get(server)!.outstanding.size > 0, "the server was asked");
  const settleMs = medianMsOf(SHORT_RUNS, () => {
    markAllDirty(transferOf(torrent));
    bench.settle();
  });
  return {
    what: `${pieces} pieces, ${peers} peers with nothing new: settle all`,
    measured: micros(settleMs),
  };
}

/** One seed that sends a whole torrent, in batches as a socket delivers them. */
function benchDownload(pieces: number): Figure {
  const bench = new Bench(Math.min(pieces, 20_000));
  const { torrent } = bench;
  const server = bench.join(1);
  const peer = transferOf(torrent).peers.get(server)!;
  const total = transferOf(torrent).geometry.pieceCount * BLOCKS_PER_PIECE;
  const warmUp = Math.floor(total / 4);
  let startMs = 0;
  let startBytes: number | undefined;
  let measured = 0;
  for (let done = 0; done < total;) {
    if (startMs === 0 && done >= warmUp) {
      startMs = performance.now();
      startBytes = allocatedBytes();
      measured = total - done;
    }
    let batch = 0;
    for (const key of peer.outstanding.keys()) {
      const block = key % BLOCKS_PER_PIECE;
      bench.block(server, (key - block) / BLOCKS_PER_PIECE, block * BLOCK_SIZE);
      if (++batch === BATCH_BLOCKS) break;
    }
    assert(batch > 0, "the download goes on");
    done += batch;
    bench.now += 1;
    answer(bench, bench.settle());
  }
  const seconds = (performance.now() - startMs) / 1e3;
  const endBytes = allocatedBytes();
  const bytes = startBytes === undefined || endBytes === undefined
    ? ""
    : `, ${shorten((endBytes - startBytes) / measured)} heap bytes a block`;
  return {
    what: `a block received, settled by ${BATCH_BLOCKS}, pieces answered`,
    measured: `${shorten(measured / seconds)} blocks/s${bytes}`,
  };
}

/** Every digest matches and every write succeeds, immediately. */
function answer(bench: Bench, effects: Effect[]): void {
  for (const effect of effects) {
    if (effect.kind === "check-piece") {
      answer(bench, bench.feed({ kind: "piece-checked", job: effect.job, matches: true }));
    } else if (effect.kind === "write-piece") {
      answer(bench, bench.feed({ kind: "piece-written", job: effect.job }));
    }
  }
}

function benchChoker(peers: number): Figure {
  const rng = createRng(3);
  const views = Array.from({ length: peers }, (_, key) => ({
    key,
    isInterested: randomBelow(rng, 4) > 0,
    isUnchoked: randomBelow(rng, 60) === 0,
    isOptimistic: false,
    downRate: randomBelow(rng, 1_000_000),
    upRate: randomBelow(rng, 1_000_000),
    isSnubbing: randomBelow(rng, 20) === 0,
    sinceChangeMs: randomBelow(rng, 600_000),
    rotationMs: 0,
  }));
  const ms = medianMs(() => {
    rankUnchokes(views, false, true);
    rankUnchokes(views, true, true);
  });
  return { what: `${peers} peers: rank unchokes`, measured: micros(ms / 2) };
}

function micros(ms: number): string {
  return `${shorten(ms * 1e3)} us (${shorten(1e3 / ms)}/s)`;
}
