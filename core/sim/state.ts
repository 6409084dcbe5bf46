/** The state of a simulated world, and the few verbs that everything in it uses. */
import { createRng, type Rng } from "../bytes/random.ts";
import { BLOCK_SIZE, createGeometry, type Geometry } from "../metainfo/geometry.ts";
import type { Effect, Event, PeerKey } from "../torrent/protocol.ts";
import { step } from "../torrent/step.ts";
import type { End, Node } from "./node.ts";
import type { WorldOptions } from "./options.ts";
import { createTimeline, note, type Timeline } from "./timeline.ts";
import { createTracker, INTERVAL_SECONDS, type Tracker } from "./tracker.ts";
import { NO_EFFECTS } from "../bytes/value_hash.ts";

/** Blocks of a piece by default. */
const BLOCKS = 4;
const TICK_MS = 1;
const NAMED = 50;

/** What an item of the timeline is about: its number is an id times KINDS, and one of these. */
export const DELIVER = 0;
export const WAKE = 1;
export const PUMP = 2;
export const TASK = 3;
export const KINDS = 4;

/** Sums over the whole world. */
export interface Tally {
  /** Calls of `step` and `receiveBlock`. */
  events: number;
  /** Payload that left, that came to a peer that knew its sender, and that was lost on its way. */
  bytesSent: number;
  bytesTaken: number;
  bytesLost: number;
  bytesOnTheWay: number;
}

export interface World {
  readonly options: WorldOptions;
  readonly geometry: Geometry;
  readonly tickMs: number;
  readonly rng: Rng;
  readonly timeline: Timeline;
  /** Milliseconds since the world began. */
  now: number;
  readonly nodes: Node[];
  /** By the peer key of the node whose end it is; keys are never used twice. */
  readonly ends: (End | undefined)[];
  nextKey: PeerKey;
  /** The index of the node whose end it is, by its key. */
  readonly owners: number[];
  readonly trackers: readonly Tracker[];
  readonly tasks: Map<number, () => void>;
  nextTask: number;
  /** Nodes that were fed something this tick. */
  touched: Node[];
  /** Nodes with something in `due`. */
  readonly awake: Node[];
  /** Of every effect of every node, in order, with its time. */
  trace: number;
  readonly tally: Tally;
  /** How many nodes hold each piece. */
  readonly holders: Uint32Array;
  /** Those of this tick. */
  readonly items: number[];
  /** Used again for each message of its kind: the core keeps none. */
  readonly have: { readonly kind: "have"; piece: number };
  readonly request: { readonly kind: "request"; piece: number; begin: number; length: number };
  /** Looks at a node after each time it settled. */
  watch: ((node: Node, now: number) => void) | undefined;
  /** Sees each effect before it is carried out. */
  watchEffect: ((node: Node, effect: Effect) => void) | undefined;
}

/** A world without peers, at its beginning. */
export function createWorld(options: WorldOptions): World {
  const pieceLength = (options.blocks ?? BLOCKS) * BLOCK_SIZE;
  const geometry = createGeometry(options.size ?? options.pieces * pieceLength, pieceLength);
  const named = options.named ?? NAMED;
  const interval = options.announceIntervalSeconds ?? INTERVAL_SECONDS;
  const trackers = Array.from(
    { length: options.trackers ?? 1 },
    (_, i) => createTracker(`http://tracker${i}.test/announce`, options.seed + i, named, interval),
  );
  return {
    options,
    geometry,
    tickMs: options.tickMs ?? TICK_MS,
    rng: createRng(options.seed),
    timeline: createTimeline(),
    now: 0,
    nodes: [],
    ends: [],
    nextKey: 1,
    owners: [0],
    trackers,
    tasks: new Map(),
    nextTask: 1,
    touched: [],
    awake: [],
    trace: NO_EFFECTS,
    tally: { events: 0, bytesSent: 0, bytesTaken: 0, bytesLost: 0, bytesOnTheWay: 0 },
    holders: new Uint32Array(options.pieces),
    items: [],
    have: { kind: "have", piece: 0 },
    request: { kind: "request", piece: 0, begin: 0, length: 0 },
    watch: undefined,
    watchEffect: undefined,
  };
}

/** The first tick that is not before `atMs`. */
export function tickAt(world: World, atMs: number): number {
  return Math.ceil(atMs / world.tickMs);
}

/** Does `task` at a time. */
export function schedule(world: World, atMs: number, task: () => void): void {
  const id = world.nextTask++;
  world.tasks.set(id, task);
  note(world.timeline, tickAt(world, atMs), id * KINDS + TASK);
}

/** Feeds an event to the node's core; the node settles at the end of the tick. */
export function feed(world: World, node: Node, event: Event): void {
  world.tally.events++;
  touch(world, node);
  step(node.torrent, event, world.now, node.effects);
}

/** The node settles at the end of the tick. */
export function touch(world: World, node: Node): void {
  if (node.isTouched) return;
  node.isTouched = true;
  world.touched.push(node);
}

/** Feeds an event later, unless the program has been killed by then. */
export function feedLater(world: World, node: Node, delayMs: number, event: () => Event): void {
  const { run } = node;
  schedule(world, world.now + delayMs, () => {
    if (node.run === run && node.isOnline) feed(world, node, event());
  });
}
