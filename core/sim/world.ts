/**
 * A swarm in memory: real torrent cores and real trackers, joined by links with latency and bandwidth,
 * on a virtual clock. No payload moves: a block is its coordinates and whether it is right. The world
 * drives the cores as the shell does, and keeps the same contract (core/torrent/protocol.ts): what
 * arrives at a peer within one tick is fed in, the peer settles once, its effects run in order.
 *
 * One seed gives one run, effect for effect; `trace` is a hash over all of them.
 */
import { treesOfNode } from "./hashes.ts";
import {
  type Bitfield,
  countBits,
  createBitfield,
  createFullBitfield,
  hasBit,
  setBit,
} from "../bytes/bitfield.ts";
import { nextUint32 } from "../bytes/random.ts";
import { hashValue } from "../bytes/value_hash.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import { DIALS_AT_ONCE_MAX } from "../swarm/limits.ts";
import { createTorrent, isComplete, type Torrent, transferOf } from "../torrent/state.ts";
import { nextDeadline, settle } from "../torrent/step.ts";
import { BUFFERED_BYTES_MAX, UNCHOKED_MAX } from "../transfer/limits.ts";
import { ipOf } from "./addresses.ts";
import { carryOut } from "./carry_out.ts";
import { createDisk, losePower, recover } from "./disk.ts";
import type { Death, Node } from "./node.ts";
import { type NodeOptions, RULE_OFF } from "./options.ts";
import { DELIVER, feed, KINDS, PUMP, schedule, TASK, tickAt, WAKE, type World } from "./state.ts";
import { advance, isOver, note } from "./timeline.ts";
import { answer } from "./tracker.ts";
import { closeEnd, deliver, pump, resume } from "./traffic.ts";

const PORT = 6_881;
const UP_BYTES_PER_SECOND = 1_000_000;
const MS = 1_000;
/** Addresses that no node has. */
const PHANTOM_IP = "198.51.100.";
const INFO_HASH = "cd".repeat(20) as InfoHash;

/** A node that joins at its time, or now. */
export function addNode(world: World, options: NodeOptions): Node {
  const index = world.nodes.length;
  const have = readPicture(options.have ?? "leech", world.geometry.pieceCount);
  const peerId = createPeerId(world);
  const node: Node = {
    index,
    name: options.name,
    options,
    address: { ip: ipOf(index), port: PORT },
    peerId,
    torrent: createCore(world, options, peerId, have),
    disk: createDisk(have, options.disk),
    isOnline: false,
    side: 0,
    joinedMs: Math.max(world.now, options.joinMs ?? 0),
    completedMs: undefined,
    reports: [],
    ends: new Map(),
    effects: [],
    effectCount: 0,
    dieAtEffect: Infinity,
    death: "process",
    isTouched: false,
    due: [],
    wakeTick: Infinity,
    run: 0,
    buffers: new Map(),
    msPerByteUp: MS / (options.upBytesPerSecond ?? UP_BYTES_PER_SECOND),
    msPerByteDown: MS / (options.downBytesPerSecond ?? Infinity),
    latencyMs: options.latencyMs,
    upFreeMs: 0,
    downFreeMs: 0,
    ring: [],
    ringHead: 0,
    leaving: [],
    isPumping: false,
  };
  world.nodes.push(node);
  schedule(world, node.joinedMs, () => join(world, node));
  return node;
}

/** Ends a node as Ctrl-C does: it announces stopped and saves. */
export function stopNode(world: World, node: Node): void {
  if (!node.isOnline) return;
  feed(world, node, { kind: "stop" });
  settleTouched(world);
}

/**
 * Ends a node as `kill -9` does: the others see connections break, the tracker sees nothing, and what
 * was not written is gone; with `power`, what was not flushed as well.
 */
export function killNode(world: World, node: Node, how: Death = "process"): void {
  node.isOnline = false;
  node.run++;
  node.dieAtEffect = Infinity;
  for (const end of [...node.ends.values()]) closeEnd(world, end);
  node.buffers.clear();
  node.effects.length = 0;
  node.ring = [];
  node.ringHead = 0;
  node.leaving.length = 0;
  countHolder(world, node, -1);
  if (how === "power") losePower(node.disk);
}

/** Starts a node again, as the next run of the program does; `rehash`: the saved state is not trusted. */
export function restartNode(world: World, node: Node, rehash = false): void {
  const { disk, options } = node;
  node.peerId = createPeerId(world);
  const have = recover(disk, rehash);
  const { saved } = disk;
  node.torrent = createCore(world, options, node.peerId, have, saved);
  node.completedMs = isComplete(node.torrent) ? world.now : undefined;
  join(world, node);
}

/** One node learns of another, as from the command line. */
export function introduce(world: World, node: Node, other: Node): void {
  feed(world, node, { kind: "peers-found", addresses: [other.address], source: "user" });
  settleTouched(world);
}

/** Puts nodes into a separate partition: nothing passes to the others, and no connection closes. */
export function partition(world: World, nodes: readonly Node[], side: number): void {
  for (const node of nodes) node.side = side;
  for (const end of world.ends) {
    if (end === undefined) continue;
    if (!end.isPaused && end.node.side === end.other.node.side) resume(world, end);
  }
}

/** Runs until `isDone`, or for `forMs` at most. True when it was done. */
export function runWorld(
  world: World,
  forMs: number,
  isDone: () => boolean = () => false,
): boolean {
  const lastTick = tickAt(world, world.now + forMs);
  while (!isDone()) {
    if (!runTick(world, lastTick)) return isDone();
  }
  return true;
}

/** Does everything that the next busy tick holds; false when there is none up to `lastTick`. */
export function runTick(world: World, lastTick: number): boolean {
  const { timeline, items } = world;
  const isBusy = advance(timeline, lastTick, items);
  world.now = timeline.tick * world.tickMs;
  if (!isBusy) return false;
  for (const item of items) {
    const id = Math.floor(item / KINDS);
    const kind = item % KINDS;
    if (kind === TASK) runTask(world, id);
    else noteDue(world, world.nodes[kind === DELIVER ? world.owners[id]! : id]!, item);
  }
  // Node by node: a core that takes all its news at once finds its own state still in the cache.
  for (const node of world.awake) {
    for (const item of node.due) runItem(world, node, item);
    node.due.length = 0;
    if (node.isTouched) settleNode(world, node);
  }
  world.awake.length = 0;
  settleTouched(world);
  return true;
}

function runTask(world: World, id: number): void {
  const task = world.tasks.get(id)!;
  world.tasks.delete(id);
  task();
}

function noteDue(world: World, node: Node, item: number): void {
  if (node.due.length === 0) world.awake.push(node);
  node.due.push(item);
}

function runItem(world: World, node: Node, item: number): void {
  switch (item % KINDS) {
    case DELIVER: {
      const end = world.ends[Math.floor(item / KINDS)];
      if (end !== undefined) deliver(world, end);
      return;
    }
    case WAKE:
      if (node.wakeTick !== world.timeline.tick || !node.isOnline) return;
      node.wakeTick = Infinity;
      return feed(world, node, { kind: "timer" });
    case PUMP:
      return pump(world, node);
  }
}

/** Whether nothing will ever happen any more. */
export function isSilent(world: World): boolean {
  return isOver(world.timeline);
}

/** Settles every node that got input, and runs its effects. */
function settleTouched(world: World): void {
  while (world.touched.length > 0) {
    const { touched } = world;
    world.touched = [];
    for (const node of touched) if (node.isTouched) settleNode(world, node);
  }
}

function settleNode(world: World, node: Node): void {
  node.isTouched = false;
  if (!node.isOnline) return;
  const { torrent, effects } = node;
  settle(torrent, world.now, effects);
  world.watch?.(node, world.now);
  world.trace = hashValue(hashValue(world.trace, world.now), node.index);
  for (const effect of effects) {
    if (++node.effectCount >= node.dieAtEffect) return killNode(world, node, node.death);
    world.trace = hashValue(world.trace, effect);
    world.watchEffect?.(node, effect);
    carryOut(world, node, effect);
  }
  effects.length = 0;
  if (torrent.stage === "stopped") {
    node.isOnline = false;
    node.run++;
    countHolder(world, node, -1);
  } else armTimer(world, node);
}

function armTimer(world: World, node: Node): void {
  const at = nextDeadline(node.torrent)?.at;
  if (at === undefined) return;
  const tick = Math.max(tickAt(world, at), world.timeline.tick + 1);
  if (tick >= node.wakeTick) return;
  node.wakeTick = tick;
  note(world.timeline, tick, node.index * KINDS + WAKE);
}

function join(world: World, node: Node): void {
  node.isOnline = true;
  node.wakeTick = Infinity;
  node.joinedMs = world.now;
  countHolder(world, node, 1);
  feed(world, node, { kind: "start" });
  const { connections } = node.options;
  if (connections === undefined) return;
  const rest = { uploadSlots: UNCHOKED_MAX, bufferBytes: BUFFERED_BYTES_MAX };
  feed(world, node, { kind: "granted", connections, dials: DIALS_AT_ONCE_MAX, ...rest });
}

function countHolder(world: World, { torrent }: Node, by: number): void {
  for (let piece = 0; piece < world.geometry.pieceCount; piece++) {
    if (hasBit(transferOf(torrent).have, piece)) world.holders[piece]! += by;
  }
}

function createPeerId(world: World): Uint8Array {
  return new Uint8Array(20).map(() => nextUint32(world.rng) & 255);
}

function createCore(
  world: World,
  options: NodeOptions,
  peerId: Uint8Array,
  have: Bitfield,
  saved: Node["disk"]["saved"] = undefined,
): Torrent {
  return createTorrent(
    {
      infoHash: INFO_HASH,
      geometry: world.geometry,
      peerId,
      port: PORT,
      clientName: "tt simulated",
      announceTiers: options.isAlone ? [] : world.trackers.map(({ url }) => [url]),
      isPrivate: false,
      have,
      priorities: options.want === undefined ? undefined : Uint8Array.from(options.want, Number),
      superSeed: options.superSeed,
      uploadedBefore: saved?.uploaded ?? options.uploadedBefore ?? 0,
      downloadedBefore: saved?.downloaded ?? 0,
      waivedBefore: saved?.waived ?? false,
      shareRule: options.shareRule ?? RULE_OFF,
      seedRatio: undefined,
      seedTimeMs: undefined,
      seed: nextUint32(world.rng),
      sha1: world.options.sha1,
      hashTrees: treesOfNode(world, countBits(have) === have.count),
    },
    world.now,
    world.options.tuning,
  );
}

/** Makes the trackers name unreachable incomplete peers. */
export function addPhantoms(world: World, count: number): void {
  for (const tracker of world.trackers) {
    for (let i = 1; i <= count; i++) {
      answer(
        tracker,
        {
          infoHash: INFO_HASH,
          peerId: createPeerId(world),
          port: PORT,
          uploaded: 0,
          downloaded: 0,
          left: 1,
          event: "started",
          numWant: 0,
          key: i,
          trackerId: undefined,
        },
        { ip: `${PHANTOM_IP}${i}`, port: PORT },
        world.now,
        (_, port) => ({ ip: PHANTOM_IP, port }),
      );
    }
  }
}

function readPicture(picture: string, pieceCount: number): Bitfield {
  if (picture === "seed") return createFullBitfield(pieceCount);
  const bits = createBitfield(pieceCount);
  if (picture === "leech") return bits;
  [...picture].forEach((mark, piece) => {
    if (mark === "#") setBit(bits, piece);
  });
  return bits;
}
