/**
 * A whole swarm to watch: seeders, downloaders who come within a second, free riders and churn.
 * Runs in slices, so that a caller can show progress in between.
 */
import { randomBelow } from "../bytes/random.ts";
import { BLOCK_SIZE } from "../metainfo/geometry.ts";
import type { TorrentFormat } from "../metainfo/identity.ts";
import type { Sha1 } from "../metainfo/digests.ts";
import { isComplete } from "../torrent/state.ts";
import type { ShareRule } from "../transfer/share_rule.ts";
import type { Tuning } from "../transfer/tuning.ts";
import { checkWorld } from "./checks.ts";
import { createHistory, type History, sampleIfDue } from "./history.ts";
import type { Node } from "./node.ts";
import { RULE_OFF } from "./options.ts";
import { createWorld, schedule, tickAt, type World } from "./state.ts";
import { addNode, killNode, runTick, stopNode } from "./world.ts";

export interface SwarmOptions {
  readonly seed: number;
  readonly seeders: number;
  /** Downloaders. */
  readonly peers: number;
  /** Bytes of the content. */
  readonly size: number;
  /** Bytes, a power of two; undefined is chosen by size. */
  readonly pieceLength: number | undefined;
  /** Which versions the torrent is for; v1 unless given. Downloaders begin without v2 layers. */
  readonly format?: TorrentFormat | undefined;
  /** Of each peer and seeder, bytes a second. */
  readonly up: number;
  readonly down: number;
  readonly shareRule: ShareRule;
  /** Of a hundred downloaders, those that take and give nothing. */
  readonly freeRidersPercent: number;
  /** Of a hundred downloaders, those that leave halfway, a newcomer in the place of each. */
  readonly churnPercent: number;
  /** The seeders show pieces one by one. Spec: BEP 16. */
  readonly superSeed?: boolean;
  /** Limits of all cores, where they are not the usual ones. */
  readonly tuning?: Tuning;
}

/** Approximate number of pieces, where the piece length is ours to choose. */
const PIECES_WANTED = 1_000;
const PIECE_LENGTH_MIN = BLOCK_SIZE;
const PIECE_LENGTH_MAX = 4 * 1024 * 1024;
/**
 * What arrives within this is read in one turn, as a busy machine would; a large swarm is coarser.
 */
const TICK_MS = 10;
const LARGE_TICK_MS = 25;
const LARGE_PEERS = 250;
/** All downloaders arrive within this time. */
const JOIN_MS = 1_000;
/** One way, each side's part: from the same town to another continent. */
const LATENCY_MIN_MS = 5;
const LATENCY_SPREAD_MS = 40;
/** Addresses that the tracker tells each at once. */
const NAMED = 20;
const HUGE_NAMED = 12;
/**
 * Of each peer, as many as common clients allow a torrent. Most messages are haves, one for each
 * connection and piece: with all that a torrent may have, 200 peers take five times as long.
 */
const CONNECTIONS = 50;
/** Enough to hold a huge swarm together. */
const HUGE_CONNECTIONS = 24;
const HUGE_PEERS = 5_000;
const ANNOUNCE_SECONDS = 1_800;
/** A swarm that takes longer than this many times the least possible has stopped. */
const PATIENCE = 20;
const PATIENCE_MIN_MS = 30 * 60_000;
/** Busy ticks between two looks at the invariants of the whole world. */
const CHECK_TICKS = 20_000;

export interface Swarm {
  readonly options: SwarmOptions;
  readonly world: World;
  readonly history: History;
  /** Downloaders that are to finish, free riders among them; those that leave are not. */
  readonly downloaders: Node[];
  readonly lastTick: number;
  ticks: number;
  /** Number of downloaders, the first ones, that are complete. */
  complete: number;
  isStuck: boolean;
}

/** A swarm that has not begun. */
export function createSwarm(options: SwarmOptions, sha1: Sha1): Swarm {
  const pieceLength = options.pieceLength ?? pieceLengthFor(options.size);
  const isLarge = options.peers >= LARGE_PEERS;
  const world = createWorld({
    seed: options.seed,
    pieces: Math.ceil(options.size / pieceLength),
    blocks: pieceLength / BLOCK_SIZE,
    size: options.size,
    ...options.format && { format: options.format },
    tickMs: isLarge ? LARGE_TICK_MS : TICK_MS,
    named: options.peers >= HUGE_PEERS ? HUGE_NAMED : NAMED,
    announceIntervalSeconds: ANNOUNCE_SECONDS,
    ...options.tuning && { tuning: options.tuning },
    sha1,
  });
  const patienceMs = Math.max(PATIENCE_MIN_MS, PATIENCE * 1_000 * boundSeconds(options));
  const swarm: Swarm = {
    options,
    world,
    history: createHistory(),
    downloaders: [],
    lastTick: tickAt(world, patienceMs),
    ticks: 0,
    complete: 0,
    isStuck: false,
  };
  for (let i = 0; i < options.seeders; i++) {
    const superSeed = options.superSeed ?? false;
    addNode(world, { name: `seeder ${i + 1}`, have: "seed", superSeed, ...linkOf(swarm) });
  }
  addDownloaders(swarm);
  return swarm;
}

/** The default piece length: a power of two that makes about PIECES_WANTED. */
export function pieceLengthFor(size: number): number {
  const exponent = Math.round(Math.log2(Math.max(1, size / PIECES_WANTED)));
  return Math.min(PIECE_LENGTH_MAX, Math.max(PIECE_LENGTH_MIN, 2 ** exponent));
}

/**
 * The least time in which all could be complete, in seconds, if data were a fluid: the content has
 * to leave the seeders once, every byte received has to be sent, and no downlink is exceeded.
 */
export function boundSeconds(options: SwarmOptions): number {
  const { size, seeders, peers, up, down } = options;
  const givers = seeders + peers - freeRiderCount(options);
  return Math.max(size / (seeders * up), size * peers / (givers * up), size / down);
}

/** How many of the downloaders upload nothing. */
export function freeRiderCount({ peers, freeRidersPercent }: SwarmOptions): number {
  return Math.round(peers * freeRidersPercent / 100);
}

/** Runs at most `ticks` busy ticks more; whether the swarm is done, or stuck. */
export function runSwarm(swarm: Swarm, ticks: number): boolean {
  const { world, downloaders } = swarm;
  for (let i = 0; i < ticks; i++) {
    if (areAllComplete(swarm)) return finish(swarm);
    if (!runTick(world, swarm.lastTick)) {
      swarm.isStuck = true;
      return finish(swarm);
    }
    sampleIfDue(swarm.history, world, downloaders);
    if (++swarm.ticks % CHECK_TICKS === 0) checkWorld(world);
  }
  return false;
}

/**
 * A complete node never becomes incomplete, so each is checked until it is complete, and never
 * again.
 */
function areAllComplete(swarm: Swarm): boolean {
  const { downloaders } = swarm;
  while (swarm.complete < downloaders.length) {
    if (!isComplete(downloaders[swarm.complete]!.torrent)) return false;
    swarm.complete++;
  }
  return true;
}

function finish({ world, history, downloaders }: Swarm): true {
  sampleIfDue(history, world, downloaders, true);
  checkWorld(world);
  return true;
}

function linkOf({ options, world }: Swarm) {
  return {
    upBytesPerSecond: options.up,
    downBytesPerSecond: options.down,
    latencyMs: LATENCY_MIN_MS + randomBelow(world.rng, LATENCY_SPREAD_MS),
    connections: options.peers >= HUGE_PEERS ? HUGE_CONNECTIONS : CONNECTIONS,
  };
}

function addDownloaders(swarm: Swarm): void {
  const { options, world } = swarm;
  const { peers, churnPercent, shareRule } = options;
  const riders = freeRiderCount(options);
  const leavers = Math.round(peers * churnPercent / 100);
  for (let i = 0; i < peers; i++) {
    const isRider = i < riders;
    const node = addNode(world, {
      name: `${isRider ? "rider" : "peer"} ${i + 1}`,
      joinMs: randomBelow(world.rng, JOIN_MS),
      shareRule: isRider ? RULE_OFF : shareRule,
      ...isRider && { misbehaviour: "freeload" as const },
      ...linkOf(swarm),
    });
    if (i < peers - leavers) swarm.downloaders.push(node);
    else replaceHalfway(swarm, node, i % 2 === 0);
  }
}

/** The node leaves at some moment before half the least time is over; with `isKilled`, without a word. */
function replaceHalfway(swarm: Swarm, node: Node, isKilled: boolean): void {
  const { world, options } = swarm;
  const halfMs = Math.ceil(500 * boundSeconds(options));
  const leavesMs = JOIN_MS + randomBelow(world.rng, halfMs);
  const newcomer = addNode(world, {
    name: `newcomer ${node.index + 1}`,
    joinMs: leavesMs,
    shareRule: options.shareRule,
    ...linkOf(swarm),
  });
  swarm.downloaders.push(newcomer);
  schedule(world, leavesMs, () => {
    if (isKilled) killNode(world, node);
    else stopNode(world, node);
  });
}
