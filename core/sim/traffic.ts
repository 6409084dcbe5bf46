/** What moves between peers: connections that come and go, messages, blocks. */
import type { PeerAddress } from "../bytes/address.ts";
import { randomBelow } from "../bytes/random.ts";
import { BLOCK_SIZE, blockCount } from "../metainfo/geometry.ts";
import { receiveBlock } from "../torrent/data_plane.ts";
import type { JobId, PeerKey } from "../torrent/protocol.ts";
import type { Message } from "../wire/message.ts";
import {
  arrivalMs,
  BLOCK,
  CLOSED,
  HAVE,
  joinRing,
  maySend,
  nextInRing,
  post,
  postMessage,
  REQUEST,
  trimInbox,
} from "./network.ts";
import { BAD, type End, GOOD, type Node } from "./node.ts";
import { nodeAt } from "./addresses.ts";
import {
  DELIVER,
  feed,
  feedLater,
  KINDS,
  PUMP,
  schedule,
  tickAt,
  touch,
  type World,
} from "./state.ts";
import { note } from "./timeline.ts";

const LATENCY_MS = 20;
/** A dial without an answer ends after this; one that is refused, after a round trip. */
const DIAL_TIMEOUT_MS = 5_000;
const FEATURES = { fast: true, extended: true, dht: false, v2: true };
/** Where connections seem to come from: ports without a listener. */
const OUTGOING_PORT = 40_000;
const OUTGOING_PORTS = 10_000;
const MINUTE_MS = 60_000;

/** Dials an address; the answer comes later. */
export function dial(world: World, node: Node, job: JobId, address: PeerAddress): void {
  const them = nodeAt(world, address);
  const roundTripMs = 2 * (them === undefined ? LATENCY_MS : latencyBetween(world, node, them));
  const { run } = node;
  schedule(world, world.now + roundTripMs, () => {
    if (node.run !== run || !node.isOnline) return;
    const isSilent = them === undefined || them.options.isBehindNat || them.side !== node.side;
    if (them !== undefined && them.isOnline && !isSilent) {
      return connect(world, node, them, job, address);
    }
    const waitMs = isSilent ? DIAL_TIMEOUT_MS : 0;
    const why = isSilent ? "no answer" : "refused";
    feedLater(world, node, waitMs, () => ({ kind: "dial-failed", job, why }));
  });
}

function latencyBetween(world: World, node: Node, them: Node): number {
  if (node.latencyMs === undefined && them.latencyMs === undefined) {
    return world.options.latencyMs ?? LATENCY_MS;
  }
  return (node.latencyMs ?? 0) + (them.latencyMs ?? 0);
}

function connect(world: World, node: Node, them: Node, job: JobId, address: PeerAddress): void {
  const latencyMs = latencyBetween(world, node, them);
  const ours = createEnd(world, node, latencyMs);
  const theirs = createEnd(world, them, latencyMs);
  ours.other = theirs;
  theirs.other = ours;
  const from = { ip: node.address.ip, port: OUTGOING_PORT + ours.key % OUTGOING_PORTS };
  connected(world, ours, job, address);
  connected(world, theirs, undefined, from);
  const hundredMinutes = world.options.breaksPerHundredMinutes ?? 0;
  if (hundredMinutes === 0) return;
  const breaksMs = randomBelow(world.rng, Math.ceil(200 * MINUTE_MS / hundredMinutes));
  schedule(world, world.now + breaksMs, () => breakLink(world, ours));
}

function createEnd(world: World, node: Node, latencyMs: number): End {
  const end = {
    key: world.nextKey++,
    node,
    run: node.run,
    latencyMs,
    isOpen: true,
    isPaused: false,
    inbox: [],
    inboxHead: 0,
    inboxTail: 0,
    messages: [],
    lastTick: 0,
    uploads: [],
    uploadHead: 0,
    inFlight: 0,
    leaving: 0,
    isInRing: false,
    isStuck: false,
  } as Omit<End, "other"> as End;
  node.ends.set(end.key, end);
  world.owners[end.key] = node.index;
  world.ends[end.key] = end;
  return end;
}

function connected(world: World, end: End, job: JobId | undefined, address: PeerAddress): void {
  const { peerId } = end.other.node;
  const { node, key: peer } = end;
  feed(world, node, { kind: "connected", peer, job, address, peerId, features: FEATURES });
}

/**
 * Closes from this side: what was sent before still arrives, then the other side sees the close.
 */
export function closeEnd(world: World, end: End): void {
  if (!end.isOpen) return;
  forgetEnd(world, end);
  if (!end.other.isOpen) return;
  const tick = messageTick(world, end.other);
  if (post(end.other, tick, CLOSED)) noteArrival(world, end.other, tick);
}

/** Breaks the connection in the middle: both sides hear of it at once. */
export function breakLink(world: World, end: End): void {
  for (const side of [end, end.other]) hangUp(world, side, "reset");
}

function hangUp(world: World, end: End, why: string): void {
  if (!end.isOpen) return;
  forgetEnd(world, end);
  if (end.node.isOnline) feed(world, end.node, { kind: "disconnected", peer: end.key, why });
}

function forgetEnd(world: World, end: End): void {
  end.isOpen = false;
  end.node.ends.delete(end.key);
  world.ends[end.key] = undefined;
  // What left its sender and is not read here any more is lost.
  lose(world, end.other, end.other.inFlight);
  end.inbox = [];
  end.inboxHead = 0;
  end.inboxTail = 0;
  end.uploads = [];
  end.uploadHead = 0;
}

function lose(world: World, from: End, bytes: number): void {
  from.inFlight -= bytes;
  world.tally.bytesOnTheWay -= bytes;
  world.tally.bytesLost += bytes;
}

/** Sends a message to the other side of `end`. */
export function sendMessage(world: World, end: End, message: Message): void {
  if (!end.other.isOpen) return;
  const tick = messageTick(world, end.other);
  if (postMessage(end.other, tick, message)) noteArrival(world, end.other, tick);
}

function noteArrival(world: World, to: End, tick: number): void {
  note(world.timeline, tick, to.key * KINDS + DELIVER);
}

function messageTick(world: World, to: End): number {
  return arrivalTick(world, to, world.now + to.latencyMs);
}

/** Never before what was sent earlier, never within this tick. */
function arrivalTick(world: World, to: End, atMs: number): number {
  return Math.max(tickAt(world, atMs), to.lastTick, world.timeline.tick + 1);
}

/** Reads what has arrived at an end. */
export function deliver(world: World, end: End): void {
  const { node, key } = end;
  const { have, request } = world;
  if (!node.isOnline || end.isPaused || node.side !== end.other.node.side) return;
  const { tick } = world.timeline;
  while (end.isOpen && end.inboxHead < end.inboxTail && end.inbox[end.inboxHead]! <= tick) {
    const { inbox, inboxHead: at } = end;
    switch (inbox[at + 1]) {
      case HAVE:
        end.inboxHead += 3;
        have.piece = inbox[at + 2]!;
        feed(world, node, { kind: "message", peer: key, message: have });
        break;
      case REQUEST:
        end.inboxHead += 5;
        request.piece = inbox[at + 2]!;
        request.begin = inbox[at + 3]!;
        request.length = inbox[at + 4]!;
        feed(world, node, { kind: "message", peer: key, message: request });
        break;
      case BLOCK:
        end.inboxHead += 5;
        takeBlock(world, end, inbox[at + 2]!, inbox[at + 3]!, inbox[at + 4]!);
        break;
      case CLOSED:
        return hangUp(world, end, "closed");
      default:
        end.inboxHead += 2;
        feed(world, node, { kind: "message", peer: key, message: end.messages.shift()! });
    }
  }
  if (end.isOpen) trimInbox(end);
}

/** Goes on reading: after a pause, or once a partition is over. */
export function resume(world: World, end: End): void {
  end.isPaused = false;
  if (end.inboxHead < end.inboxTail) {
    noteArrival(world, end, world.timeline.tick + 1);
  }
}

/** `sized`: the block's bytes, negative when they are wrong. */
function takeBlock(world: World, end: End, piece: number, begin: number, sized: number): void {
  const { node, key, other } = end;
  const length = Math.abs(sized);
  const { tally } = world;
  tally.events++;
  if (node.torrent.swarm.connections.has(key)) {
    other.inFlight -= length;
    tally.bytesOnTheWay -= length;
    tally.bytesTaken += length;
  } else lose(world, other, length);
  if (other.isOpen) offer(world, other);
  touch(world, node);
  const { torrent, effects } = node;
  const verdict = receiveBlock(torrent, key, piece, begin, length, world.now, effects);
  if (verdict !== "accepted") return;
  let buffer = node.buffers.get(piece);
  if (buffer === undefined) {
    buffer = new Uint8Array(blockCount(world.geometry, piece));
    node.buffers.set(piece, buffer);
  }
  buffer[begin / BLOCK_SIZE] = sized < 0 ? BAD : GOOD;
}

/** Takes blocks to send, as triples. */
export function upload(world: World, node: Node, key: PeerKey, blocks: readonly number[]): void {
  const end = world.ends[key];
  if (end === undefined || end.isStuck || node.options.misbehaviour === "silent") return;
  if (node.options.misbehaviour === "refuse") {
    for (let i = 0; i < blocks.length; i += 3) {
      const piece = blocks[i]!, begin = blocks[i + 1]!, length = blocks[i + 2]!;
      const kind = "block-unreadable";
      feedLater(world, node, 0, () => ({ kind, peer: key, piece, begin, length }));
    }
    return;
  }
  if (node.options.misbehaviour === "drip") {
    end.isStuck = true;
    return;
  }
  for (const number of blocks) end.uploads.push(number);
  offer(world, end);
}

/** Takes back those of `blocks` (undefined: all) that have not left. */
export function takeBack(
  world: World,
  node: Node,
  key: PeerKey,
  blocks: readonly number[] | undefined,
): number[] {
  const end = world.ends[key];
  if (end === undefined || end.node !== node) return [];
  const waiting = end.uploads.slice(end.uploadHead);
  const back: number[] = [], kept: number[] = [];
  for (let i = 0; i < waiting.length; i += 3) {
    const isGone = blocks === undefined ||
      (waiting[i] === blocks[0] && waiting[i + 1] === blocks[1] && waiting[i + 2] === blocks[2]);
    (isGone ? back : kept).push(...waiting.slice(i, i + 3));
  }
  end.uploads = kept;
  end.uploadHead = 0;
  return back;
}

/** The end's blocks may leave when its turn comes. */
function offer(world: World, end: End): void {
  joinRing(end);
  if (end.isInRing) keepPumping(world, end.node, world.now);
}

function keepPumping(world: World, node: Node, atMs: number): void {
  if (node.isPumping) return;
  node.isPumping = true;
  note(world.timeline, tickAt(world, atMs), node.index * KINDS + PUMP);
}

/**
 * Sends what the node's uplink can take within this tick, and reports to the core what was sent.
 */
export function pump(world: World, node: Node): void {
  node.isPumping = false;
  if (!node.isOnline) return;
  // An uplink that was busy goes on where it was, between two ticks; an idle one starts now.
  if (node.leaving.length === 0) node.upFreeMs = Math.max(node.upFreeMs, world.now);
  for (const end of node.leaving) {
    if (end.run === node.run && end.leaving > 0) {
      feed(world, node, { kind: "blocks-sent", peer: end.key, bytes: end.leaving });
      end.leaving = 0;
    }
  }
  node.leaving.length = 0;
  const untilMs = world.now + world.tickMs;
  while (node.upFreeMs < untilMs) {
    const end = nextInRing(node);
    if (end === undefined) break;
    if (maySend(end)) sendBlock(world, end);
  }
  if (node.leaving.length > 0) keepPumping(world, node, node.upFreeMs);
}

function sendBlock(world: World, end: End): void {
  const { node, uploads, other } = end;
  const at = end.uploadHead;
  const piece = uploads[at]!, begin = uploads[at + 1]!, length = uploads[at + 2]!;
  end.uploadHead += 3;
  if (end.uploadHead === uploads.length) {
    end.uploads = [];
    end.uploadHead = 0;
  }
  node.upFreeMs += length * node.msPerByteUp;
  if (end.leaving === 0) node.leaving.push(end);
  end.leaving += length;
  world.tally.bytesSent += length;
  if (!other.isOpen) world.tally.bytesLost += length;
  else {
    end.inFlight += length;
    world.tally.bytesOnTheWay += length;
    const tick = arrivalTick(world, other, arrivalMs(end, length, node.upFreeMs, world.now));
    const sized = isBad(world, node) ? -length : length;
    if (post(other, tick, BLOCK, piece, begin, sized)) noteArrival(world, other, tick);
  }
  joinRing(end);
}

function isBad(world: World, { options }: Node): boolean {
  return options.misbehaviour === "corrupt" ||
    (options.misbehaviour === "corrupt-some" && randomBelow(world.rng, 2) === 0);
}
