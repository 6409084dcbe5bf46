/**
 * A network of DHT nodes on a virtual clock, datagram by datagram: latencies of the Internet, loss,
 * NATs that admit only responses, nodes that leave silently, and hostile ones. One seed gives one
 * run.
 */
import { createRng, nextUint32, randomBelow, type Rng } from "../../core/bytes/random.ts";
import { type Endpoint, isUsable, SCOPE_PUBLIC, scopeOf } from "../../core/dht/endpoint.ts";
import type { SavedNode } from "../../core/dht/saved_node.ts";
import { createSecureId } from "../../core/dht/secure_id.ts";
import type { DhtEffect, DhtEvent } from "../../core/dht/protocol.ts";
import { createDht, type Dht } from "../../core/dht/state.ts";
import { nextDeadline, step } from "../../core/dht/step.ts";
import { advance, createTimeline, note, type Timeline } from "../../core/sim/timeline.ts";
import { sha1 } from "../../shell/hash/sha1.ts";

/** Fraction of the packets that are lost. */
const LOSS = 0.01;
/** How long a NAT admits responses. */
const NAT_MAPPING_MS = 180_000;
/** One way, within one continent and across the world, and the variation per packet. */
const LATENCY_MIN_MS = 8;
const LATENCY_SPREAD_MS = 110;
const JITTER_MS = 10;
const PORT = 6881;

export interface SimNode {
  readonly index: number;
  readonly endpoint: Endpoint;
  readonly dht: Dht;
  readonly isBehindNat: boolean;
  /** What the node does with queries instead of answering them. */
  readonly hostile: HostileAnswer | undefined;
  /** Destinations of its packets, with times. */
  readonly mappings: Map<Endpoint, number>;
  readonly place: readonly [number, number];
  isAlive: boolean;
  wakeAt: number;
}

/** Packets to send in response to a query; undefined responds as an honest node would. */
export type HostileAnswer = (
  node: SimNode,
  from: Endpoint,
  bytes: Uint8Array,
) => Uint8Array[] | undefined;

interface Packet {
  readonly from: Endpoint;
  readonly to: number;
  readonly bytes: Uint8Array;
}

export interface DhtWorld {
  readonly rng: Rng;
  readonly timeline: Timeline;
  readonly nodes: SimNode[];
  readonly byEndpoint: Map<Endpoint, SimNode>;
  readonly packets: (Packet | undefined)[];
  readonly freeSlots: number[];
  readonly items: number[];
  packetCount: number;
  /** Called for every effect but sending. */
  onEffect: (node: SimNode, effect: Exclude<DhtEffect, { kind: "send" }>, now: number) => void;
  /** Called for every sent packet. */
  onSend: ((node: SimNode, to: Endpoint, bytes: Uint8Array) => void) | undefined;
}

/** A world without nodes at time 0. */
export function createDhtWorld(seed: number): DhtWorld {
  return {
    rng: createRng(seed),
    timeline: createTimeline(),
    nodes: [],
    byEndpoint: new Map(),
    packets: [],
    freeSlots: [],
    items: [],
    packetCount: 0,
    onEffect: () => {},
    onSend: undefined,
  };
}

export interface NodeSpec {
  readonly isBehindNat?: boolean;
  readonly hostile?: HostileAnswer;
  readonly endpoint?: Endpoint;
  readonly saved?: SavedNode;
  readonly isReadOnly?: boolean;
  /** Starts without an ID that matches its address, as a new installation does. */
  readonly isNew?: boolean;
}

/** Adds a node that starts now with the bootstrap nodes `contacts`. */
export function addNode(
  world: DhtWorld,
  contacts: readonly Endpoint[],
  spec: NodeSpec = {},
): SimNode {
  const { rng, timeline, nodes } = world;
  const endpoint = spec.endpoint ?? freshEndpoint(world);
  const secret = Uint8Array.from({ length: 20 }, () => randomBelow(rng, 256));
  const id = spec.isNew ? undefined : createSecureId(endpoint, rng);
  const options = {
    versions: [4] as const,
    seed: nextUint32(rng),
    secret,
    sha1,
    verify: () => true,
    isReadOnly: spec.isReadOnly ?? false,
    isLoopbackOnly: false,
    saved: spec.saved ?? { ids: { 4: id }, nodes: [] },
  };
  const node: SimNode = {
    index: nodes.length,
    endpoint,
    dht: createDht(options, timeline.tick),
    isBehindNat: spec.isBehindNat ?? false,
    hostile: spec.hostile,
    mappings: new Map(),
    place: [randomBelow(rng, 1000) / 1000, randomBelow(rng, 1000) / 1000],
    isAlive: true,
    wakeAt: Infinity,
  };
  nodes.push(node);
  world.byEndpoint.set(endpoint, node);
  tell(world, node, { kind: "nodes", endpoints: contacts, areRouters: false });
  tell(world, node, { kind: "start" });
  return node;
}

/** The node disappears without notice. */
export function killNode(world: DhtWorld, node: SimNode): void {
  node.isAlive = false;
  world.byEndpoint.delete(node.endpoint);
}

/** Gives a node an event and carries out its effects. */
export function tell(world: DhtWorld, node: SimNode, event: DhtEvent): void {
  const now = world.timeline.tick;
  const effects: DhtEffect[] = [];
  step(node.dht, event, now, effects);
  for (const effect of effects) {
    if (effect.kind === "send") sendPacket(world, node, effect.to, effect.bytes);
    else world.onEffect(node, effect, now);
  }
  const at = Math.ceil(nextDeadline(node.dht, now).at);
  if (at < node.wakeAt || node.wakeAt <= now) {
    node.wakeAt = Math.max(at, now + 1);
    note(world.timeline, node.wakeAt, 2 * node.index);
  }
}

/** Sends any packet from a node, through its NAT. */
export function sendPacket(
  world: DhtWorld,
  node: SimNode,
  to: Endpoint,
  bytes: Uint8Array,
): void {
  const { rng, timeline } = world;
  world.packetCount++;
  world.onSend?.(node, to, bytes);
  if (node.isBehindNat) node.mappings.set(to, timeline.tick);
  const target = world.byEndpoint.get(to);
  if (target === undefined || randomBelow(rng, 10_000) < LOSS * 10_000) return;
  const slot = world.freeSlots.pop() ?? world.packets.length;
  world.packets[slot] = { from: node.endpoint, to: target.index, bytes };
  note(timeline, timeline.tick + latencyMs(rng, node, target), 2 * slot + 1);
}

/** Advances the clock to `untilMs`. */
export function runDhtWorld(world: DhtWorld, untilMs: number): void {
  const { timeline, items, nodes } = world;
  while (advance(timeline, untilMs, items)) {
    for (const item of items.splice(0)) {
      if (item % 2 === 1) deliver(world, (item - 1) / 2);
      else {
        const node = nodes[item / 2]!;
        if (node.isAlive && node.wakeAt === timeline.tick) tell(world, node, { kind: "wake" });
      }
    }
  }
}

/** A random online node. */
export function pickNode(world: DhtWorld, isWanted: (node: SimNode) => boolean): SimNode {
  for (;;) {
    const node = world.nodes[randomBelow(world.rng, world.nodes.length)]!;
    if (node.isAlive && isWanted(node)) return node;
  }
}

/** An unused public IPv4 endpoint. */
export function freshEndpoint(world: DhtWorld): Endpoint {
  for (;;) {
    const bits = nextUint32(world.rng);
    const ip = String.fromCharCode(
      bits >>> 24,
      (bits >>> 16) & 255,
      (bits >>> 8) & 255,
      bits & 255,
    );
    const endpoint = ip + String.fromCharCode(PORT >>> 8, PORT & 255);
    const isPublic = isUsable(endpoint) && scopeOf(endpoint) === SCOPE_PUBLIC;
    if (isPublic && !world.byEndpoint.has(endpoint)) return endpoint;
  }
}

function deliver(world: DhtWorld, slot: number): void {
  const { from, to, bytes } = world.packets[slot]!;
  world.packets[slot] = undefined;
  world.freeSlots.push(slot);
  const node = world.nodes[to]!;
  if (!node.isAlive || !letsIn(world, node, from)) return;
  const answers = node.hostile?.(node, from, bytes);
  if (answers === undefined) return tell(world, node, { kind: "datagram", from, bytes });
  for (const answer of answers) sendPacket(world, node, from, answer);
}

function letsIn(world: DhtWorld, node: SimNode, from: Endpoint): boolean {
  if (!node.isBehindNat) return true;
  return world.timeline.tick - (node.mappings.get(from) ?? -Infinity) < NAT_MAPPING_MS;
}

function latencyMs(rng: Rng, a: SimNode, b: SimNode): number {
  const x = a.place[0] - b.place[0], y = a.place[1] - b.place[1];
  const far = Math.sqrt(x * x + y * y) * LATENCY_SPREAD_MS;
  return Math.round(LATENCY_MIN_MS + far) + randomBelow(rng, JITTER_MS);
}
