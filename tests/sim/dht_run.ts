/**
 * One measured run of a simulated DHT: nodes join, torrents are announced, nodes join and leave,
 * torrents are looked up.
 */
import { randomBelow } from "../../core/bytes/random.ts";
import { addressOf, type Endpoint } from "../../core/dht/endpoint.ts";
import { type NodeId, randomNodeId } from "../../core/dht/node_id.ts";
import type { LookupReport } from "../../core/dht/protocol.ts";
import {
  addNode,
  createDhtWorld,
  type DhtWorld,
  freshEndpoint,
  killNode,
  pickNode,
  runDhtWorld,
  type SimNode,
  tell,
} from "./dht_world.ts";
import { HOSTILE_KINDS, hostileAnswer, sybilAnswer } from "./dht_hostile.ts";

export interface DhtRunOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly torrents: number;
  /** Fractions of the nodes, 0 to 1. */
  readonly behindNat: number;
  readonly churn: number;
  readonly hostile: number;
  /** Torrents that are surrounded by sybils, and how many sybils each. */
  readonly attackedTorrents?: number;
  readonly sybilsEach?: number;
}

export interface DhtRunReport {
  readonly found: number;
  readonly lookups: number;
  readonly foundAttacked: number;
  readonly attacked: number;
  /** Of the lookups, sorted. */
  readonly hops: readonly number[];
  readonly queries: readonly number[];
  readonly firstPeerMs: readonly number[];
  readonly durationMs: readonly number[];
  /** Nodes in the tables, sorted. */
  readonly tableSizes: readonly number[];
  /** Fraction of the entries that have left, and that cannot be reached first. */
  readonly deadEntries: number;
  readonly natEntries: number;
  /** Per node and second, while there were no lookups. */
  readonly packetsPerNodeSecond: number;
  readonly packets: number;
  readonly storedAt: number;
  readonly world: DhtWorld;
}

interface Torrent {
  readonly infoHash: NodeId;
  readonly announcer: SimNode;
  readonly port: number;
  readonly isAttacked: boolean;
}

const JOIN_SPAN_MS = 10 * 60_000;
const SETTLE_MS = 6 * 60_000;
const ANNOUNCE_SPAN_MS = 60_000;
const CHURN_SPAN_MS = 8 * 60_000;
const LOOKUP_SPAN_MS = 60_000;
/** Bootstrap nodes of a node that joins. */
const CONTACTS = 4;
/** Nodes that a node replaced by churn starts with: some of them have left. */
const PORT_FIRST = 10_000;

/** Runs it; the same options give the same report. */
export function runDht(options: DhtRunOptions): DhtRunReport {
  const world = createDhtWorld(options.seed);
  const gang: SimNode[] = [];
  const start = world.timeline;
  joinAll(world, options, gang);
  runDhtWorld(world, start.tick + SETTLE_MS);

  const packetsBefore = world.packetCount;
  const torrents = announceAll(world, options, gang);
  runDhtWorld(world, start.tick + 10_000);
  const churnStart = start.tick;
  churn(world, options, torrents);
  const packetsPerNodeSecond = (world.packetCount - packetsBefore) /
    ((start.tick - churnStart) / 1000) / options.nodes;
  const results = lookUpAll(world, torrents);
  const table = measureTables(world);
  return { ...results, ...table, packetsPerNodeSecond, packets: world.packetCount, world };
}

function joinAll(world: DhtWorld, options: DhtRunOptions, gang: SimNode[]): void {
  const { rng, timeline } = world;
  for (let i = 0; i < options.nodes; i++) {
    runDhtWorld(world, timeline.tick + Math.floor(JOIN_SPAN_MS / options.nodes));
    const isHostile = i > 20 && randomBelow(rng, 1000) < options.hostile * 1000;
    const kind = HOSTILE_KINDS[randomBelow(rng, HOSTILE_KINDS.length)]!;
    const node = addNode(world, knownContacts(world), {
      isBehindNat: i > 20 && !isHostile && randomBelow(rng, 1000) < options.behindNat * 1000,
      ...(isHostile ? { hostile: hostileAnswer(kind, world, gang) } : {}),
    });
    if (isHostile) gang.push(node);
  }
}

function knownContacts(world: DhtWorld): Endpoint[] {
  if (world.nodes.length === 0) return [];
  const count = Math.min(CONTACTS, world.nodes.length);
  return Array.from(
    { length: count },
    () => pickNode(world, (node) => !node.isBehindNat).endpoint,
  );
}

function announceAll(world: DhtWorld, options: DhtRunOptions, gang: SimNode[]): Torrent[] {
  const { timeline, rng } = world;
  const torrents: Torrent[] = [];
  const attacked = options.attackedTorrents ?? 0;
  const spacing = Math.floor(ANNOUNCE_SPAN_MS / options.torrents);
  const hashes = Array.from({ length: options.torrents }, () => randomNodeId(rng));
  for (const target of hashes.slice(0, attacked)) addSybils(world, options, target, gang);
  if (attacked > 0) runDhtWorld(world, timeline.tick + SETTLE_MS);
  for (const [i, infoHash] of hashes.entries()) {
    runDhtWorld(world, timeline.tick + spacing);
    const announcer = pickNode(world, ({ hostile }) => hostile === undefined);
    const port = PORT_FIRST + i;
    const torrent = { infoHash, announcer, port, isAttacked: i < attacked };
    torrents.push(torrent);
    tell(world, announcer, { kind: "join", infoHash, port, impliedPort: false, isSeed: false });
  }
  return torrents;
}

/** Each in a subnet of its own, with IDs closer to the torrent than any honest node's. */
function addSybils(
  world: DhtWorld,
  { sybilsEach = 0 }: DhtRunOptions,
  target: NodeId,
  gang: SimNode[],
): void {
  const sybils: SimNode[] = [];
  for (let i = 0; i < sybilsEach; i++) {
    const endpoint = freshEndpoint(world);
    const id = target.slice(0, 4) + randomNodeId(world.rng).slice(4);
    const sybil = addNode(world, knownContacts(world), {
      endpoint,
      saved: { ids: { 4: id }, nodes: [] },
      hostile: sybilAnswer(id, sybils),
    });
    sybils.push(sybil);
    gang.push(sybil);
  }
}

function churn(world: DhtWorld, options: DhtRunOptions, torrents: readonly Torrent[]): void {
  const { rng, timeline } = world;
  const stays = new Set(torrents.map(({ announcer }) => announcer));
  const count = Math.floor(options.nodes * options.churn);
  const spacing = Math.floor(CHURN_SPAN_MS / Math.max(1, count));
  for (let i = 0; i < count; i++) {
    runDhtWorld(world, timeline.tick + spacing);
    killNode(world, pickNode(world, (node) => !stays.has(node) && node.hostile === undefined));
    const isBehindNat = randomBelow(rng, 1000) < options.behindNat * 1000;
    addNode(world, knownContacts(world), { isBehindNat, isNew: true });
  }
  runDhtWorld(world, timeline.tick + CHURN_SPAN_MS - spacing * count);
}

function lookUpAll(
  world: DhtWorld,
  torrents: readonly Torrent[],
): Omit<
  DhtRunReport,
  | "tableSizes"
  | "deadEntries"
  | "natEntries"
  | "packetsPerNodeSecond"
  | "packets"
  | "world"
> {
  const { timeline } = world;
  const reports: LookupReport[] = [];
  const foundBy = new Set<number>();
  const stored: number[] = [];
  world.onEffect = (_node, effect) => {
    if (effect.kind === "peers" && effect.job !== undefined) {
      const { announcer, port } = torrents[effect.job]!;
      const { ip } = addressOf(announcer.endpoint);
      if (effect.peers.some((peer) => peer.ip === ip && peer.port === port)) {
        foundBy.add(effect.job);
      }
    }
    if (effect.kind === "lookup-done") {
      if (effect.job !== undefined) reports.push(effect.report);
      else stored.push(effect.report.storedAt);
    }
  };
  const spacing = Math.floor(LOOKUP_SPAN_MS / torrents.length);
  for (const [job, { infoHash, announcer }] of torrents.entries()) {
    runDhtWorld(world, timeline.tick + spacing);
    const asker = pickNode(world, (node) => node !== announcer && node.hostile === undefined);
    tell(world, asker, { kind: "lookup", job, infoHash, scrape: false });
  }
  runDhtWorld(world, timeline.tick + 30_000);
  const sorted = (values: (number | undefined)[]) =>
    values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const attacked = torrents.filter(({ isAttacked }) => isAttacked).length;
  return {
    found: foundBy.size,
    lookups: torrents.length,
    attacked,
    foundAttacked: [...foundBy].filter((job) => torrents[job]!.isAttacked).length,
    hops: sorted(reports.map(({ hops }) => hops)),
    queries: sorted(reports.map(({ queries }) => queries)),
    firstPeerMs: sorted(reports.map(({ firstPeerMs }) => firstPeerMs)),
    durationMs: sorted(reports.map(({ durationMs }) => durationMs)),
    storedAt: stored.length,
  };
}

function measureTables(
  world: DhtWorld,
): Pick<DhtRunReport, "tableSizes" | "deadEntries" | "natEntries"> {
  let entries = 0;
  let dead = 0;
  let behindNat = 0;
  const sizes: number[] = [];
  for (const { dht, isAlive, hostile } of world.nodes) {
    if (!isAlive || hostile !== undefined) continue;
    const { table } = dht.networks[0]!;
    sizes.push(table.size);
    for (const { contacts } of table.buckets) {
      for (const { endpoint } of contacts) {
        entries++;
        const node = world.byEndpoint.get(endpoint);
        if (node === undefined) dead++;
        else if (node.isBehindNat) behindNat++;
      }
    }
  }
  return {
    tableSizes: sizes.sort((a, b) => a - b),
    deadEntries: dead / entries,
    natEntries: behindNat / entries,
  };
}

/** The quantile `part` (0 to 1) of the sorted values. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}
