/**
 * Players in a simulated swarm: a reader sets the same deadlines as `tt stream`, its player
 * consumes bytes at a constant rate, and its stalls are measured.
 */
import { randomBelow } from "../../core/bytes/random.ts";
import type { Node } from "../../core/sim/node.ts";
import { RULE_10 } from "../../core/sim/options.ts";
import { createWorld, feed, schedule, type World } from "../../core/sim/state.ts";
import { addNode, runWorld } from "../../core/sim/world.ts";
import {
  advanceReader,
  createReader,
  duePieces,
  type Reader,
  READER_REVIEW_MS,
} from "../../core/stream/reader.ts";
import { hasPiece, isComplete } from "../../core/torrent/state.ts";
import { sha1 } from "../../shell/hash/sha1.ts";

/** How a node downloads: as `tt stream` does, sequentially, or as `tt get` does. */
export type Mode = "stream" | "sequential" | "rarest";

/** 5 Mb/s. */
export const FILM_BYTES_PER_SECOND = 625_000;
const PIECE_BLOCKS = 8;
const PIECE_BYTES = PIECE_BLOCKS * 16_384;
/** Read-ahead of a player, and what it buffers before it starts. */
const BUFFER_SECONDS = 20;
const START_SECONDS = 1;
const STEP_MS = 50;
const LATENCY_MIN_MS = 10;
const LATENCY_SPREAD_MS = 60;

/** Times in ms; a wait at the start or after a seek is no stall. */
export interface Watched {
  readonly firstByteMs: number;
  readonly seekMs: number;
  /** Until playback first started, and all stalls. */
  readonly waitedMs: number;
  readonly stalls: number;
  readonly stalledMs: number;
  readonly longestStallMs: number;
}

interface Player {
  readonly node: Node;
  readonly size: number;
  reader: Reader;
  /** Playback position. */
  atByte: number;
  isPlaying: boolean;
  /** Start of the current wait, and whether it is a stall. */
  waitsSinceMs: number;
  isStalled: boolean;
  reviewMs: number;
  openedMs: number;
  hasRead: boolean;
  firstByteMs: number;
  startMs: number;
  seekMs: number;
  readonly stalls: number[];
}

/** Opens the film when its node has joined, and plays it to the end. */
function play(world: World, node: Node, mode: Mode, size: number): Player {
  const player: Player = {
    ...{ node, size },
    reader: createReader(0, size, PIECE_BYTES, world.now),
    atByte: 0,
    isPlaying: false,
    waitsSinceMs: node.joinedMs,
    isStalled: false,
    reviewMs: 0,
    openedMs: node.joinedMs,
    hasRead: false,
    firstByteMs: Infinity,
    startMs: Infinity,
    seekMs: Infinity,
    stalls: [],
  };
  const step = () => {
    stepPlayer(world, player, mode);
    if (player.atByte < size || !isComplete(node.torrent)) {
      schedule(world, world.now + STEP_MS, step);
    }
  };
  schedule(world, node.joinedMs + STEP_MS, () => {
    if (mode !== "rarest") feed(world, node, { kind: "order", isSequential: true });
    step();
  });
  return player;
}

/** One seek. */
function seek(world: World, player: Player, toByte: number): void {
  player.reader = createReader(toByte, player.size, PIECE_BYTES, world.now);
  player.atByte = toByte;
  player.isPlaying = false;
  player.isStalled = false;
  player.openedMs = player.waitsSinceMs = world.now;
  player.hasRead = false;
  player.reviewMs = 0;
}

function stepPlayer(world: World, player: Player, mode: Mode): void {
  const { node: { torrent }, reader } = player;
  let isMoved = false;
  while (reader.atByte < player.size) {
    const room = player.atByte + BUFFER_SECONDS * FILM_BYTES_PER_SECOND - reader.atByte;
    const piece = Math.floor(reader.atByte / PIECE_BYTES);
    if (room <= 0 || !hasPiece(torrent, piece)) break;
    const toEnd = Math.min((piece + 1) * PIECE_BYTES, player.size) - reader.atByte;
    isMoved = advanceReader(reader, Math.min(room, toEnd), world.now) || isMoved;
    noteRead(world, player);
  }
  if (mode === "stream" && (isMoved || world.now >= player.reviewMs)) {
    player.reviewMs = world.now + READER_REVIEW_MS;
    const pieces = duePieces(reader, (piece) => hasPiece(torrent, piece))
      .map(({ piece, inMs }) => ({ piece, atMs: world.now + inMs }));
    feed(world, player.node, { kind: "due", pieces });
  }
  show(world, player);
}

function noteRead(world: World, player: Player): void {
  if (player.hasRead) return;
  player.hasRead = true;
  const ms = world.now - player.openedMs;
  if (player.firstByteMs === Infinity) player.firstByteMs = ms;
  else player.seekMs = ms;
}

function show(world: World, player: Player): void {
  const { reader } = player;
  const readyBytes = reader.atByte - player.atByte;
  if (!player.isPlaying) {
    const isEnough = readyBytes >= START_SECONDS * FILM_BYTES_PER_SECOND ||
      reader.atByte === player.size;
    if (!isEnough) return;
    if (player.startMs === Infinity) player.startMs = world.now - player.openedMs;
    if (player.isStalled) player.stalls.push(world.now - player.waitsSinceMs);
    player.isPlaying = true;
  }
  player.atByte += Math.min(readyBytes, STEP_MS * FILM_BYTES_PER_SECOND / 1_000);
  if (player.atByte < reader.atByte || player.atByte === player.size) return;
  player.isPlaying = false;
  player.isStalled = true;
  player.waitsSinceMs = world.now;
}

function watched({ firstByteMs, startMs, seekMs, stalls }: Player): Watched {
  const stalledMs = stalls.reduce((sum, ms) => sum + ms, 0);
  return {
    ...{ firstByteMs, seekMs, stalledMs },
    waitedMs: startMs + stalledMs,
    stalls: stalls.length,
    longestStallMs: Math.max(0, ...stalls),
  };
}

export interface ViewingOptions {
  readonly seed: number;
  readonly mode: Mode;
  readonly filmSeconds: number;
  readonly peers: number;
  /** Sum of all peers, relative to the film's rate. */
  readonly supply: number;
  /** Time and target of the seek, relative to the film. */
  readonly seekAtMs: number;
  readonly seekTo: number;
}

/** One player and seeds of mixed rates: the fastest sends ten times as fast as the slowest. */
export function runViewing(options: ViewingOptions): Watched {
  const { seed, mode, filmSeconds, peers, supply, seekAtMs, seekTo } = options;
  const size = filmSeconds * FILM_BYTES_PER_SECOND;
  const world = createFilmWorld(seed, size);
  const shares = Array.from({ length: peers }, () => 10 ** (randomBelow(world.rng, 1_001) / 1_000));
  const total = shares.reduce((sum, share) => sum + share, 0);
  for (const [i, share] of shares.entries()) {
    const upBytesPerSecond = share / total * supply * FILM_BYTES_PER_SECOND;
    addNode(world, { name: `peer ${i}`, have: "seed", upBytesPerSecond, ...latency(world) });
  }
  const viewer = addNode(world, {
    ...{ name: "viewer", joinMs: 2_000, shareRule: RULE_10 },
    downBytesPerSecond: 20_000_000,
    ...latency(world),
  });
  const player = play(world, viewer, mode, size);
  schedule(world, viewer.joinedMs + seekAtMs, () => {
    seek(world, player, Math.floor(size * seekTo));
  });
  const forMs = 20 * 1_000 * filmSeconds;
  runWorld(world, forMs, () => player.atByte >= size && player.seekMs < Infinity);
  return watched(player);
}

export interface CrowdOptions {
  readonly seed: number;
  readonly mode: Mode;
  readonly filmSeconds: number;
  readonly viewers: number;
  /** Of each peer and of the one seeder, relative to the film's rate. */
  readonly up: number;
}

export interface Crowd {
  /** From joining to the last piece, in seconds. */
  readonly medianSeconds: number;
  readonly worstSeconds: number;
  /** Of all players; empty without players. */
  readonly stalls: number;
  readonly stalledMs: number;
  readonly waitedMs: number;
}

/**
 * All join one seeder within two seconds, and each plays the film, or, rarest first, only
 * downloads it.
 */
export function runCrowd({ seed, mode, filmSeconds, viewers, up }: CrowdOptions): Crowd {
  const size = filmSeconds * FILM_BYTES_PER_SECOND;
  const world = createFilmWorld(seed, size);
  const link = {
    upBytesPerSecond: up * FILM_BYTES_PER_SECOND,
    downBytesPerSecond: 20 * FILM_BYTES_PER_SECOND,
  };
  addNode(world, { name: "seeder", have: "seed", ...link, ...latency(world) });
  const nodes = Array.from({ length: viewers }, (_, i) =>
    addNode(world, {
      ...{ name: `viewer ${i}`, joinMs: randomBelow(world.rng, 2_000), shareRule: RULE_10 },
      ...link,
      ...latency(world),
    }));
  const players = mode === "rarest" ? [] : nodes.map((node) => play(world, node, mode, size));
  const isDone = () =>
    nodes.every(({ completedMs }) => completedMs !== undefined) &&
    players.every(({ atByte }) => atByte >= size);
  runWorld(world, 20 * 1_000 * filmSeconds, isDone);
  const seconds = nodes.map(({ completedMs, joinedMs }) => (completedMs! - joinedMs) / 1_000)
    .sort((a, b) => a - b);
  const all = players.map(watched);
  return {
    medianSeconds: seconds[seconds.length >> 1]!,
    worstSeconds: seconds.at(-1)!,
    stalls: all.reduce((sum, { stalls }) => sum + stalls, 0),
    stalledMs: all.reduce((sum, { stalledMs }) => sum + stalledMs, 0),
    waitedMs: all.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
  };
}

function createFilmWorld(seed: number, size: number): World {
  return createWorld({
    ...{ seed, size, sha1 },
    pieces: Math.ceil(size / PIECE_BYTES),
    blocks: PIECE_BLOCKS,
    tickMs: 10,
    named: 30,
    announceIntervalSeconds: 60,
  });
}

function latency(world: World): { latencyMs: number } {
  return { latencyMs: LATENCY_MIN_MS + randomBelow(world.rng, LATENCY_SPREAD_MS) };
}
