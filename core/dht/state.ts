/**
 * The state of a DHT node, put together from the parts that its modules own. Plain data; opaque
 * outside of this module but for `dhtFacts`.
 *
 * Owners: `identity.ts` ids, votes; `maintenance.ts` what `NetworkState.upkeep` holds; `queries.ts`
 * pending queries and round trips; `lookups.ts` the lookups; `torrents.ts` the torrents; the
 * stores, the table and traffic their modules.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { createRng, type Rng } from "../bytes/random.ts";
import { assert } from "../bytes/result.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ItemStore } from "./item_store.ts";
import type { NodeInfo, PutItem } from "./krpc.ts";
import type { Candidate, Lookup } from "./lookup.ts";
import { type NodeId, randomNodeId } from "./node_id.ts";
import { createPeerStore, type PeerStore } from "./peer_store.ts";
import type { DhtOptions } from "./protocol.ts";
import { createRoutingTable, type RoutingTable } from "./routing_table.ts";
import type { SavedNode } from "./saved_node.ts";
import type { Tokens } from "./tokens.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

export interface Dht {
  readonly options: DhtOptions;
  readonly rng: Rng;
  /** By IP version; the two networks know nothing of each other. Spec: BEP 32. */
  readonly networks: readonly NetworkState[];
  readonly queries: QueriesState;
  readonly lookups: Map<number, ActiveLookup>;
  lookupCount: number;
  readonly torrents: Map<NodeId, JoinedTorrent>;
  readonly peers: PeerStore;
  readonly items: ItemStore;
  readonly tokens: Tokens;
  readonly traffic: Traffic;
  /** When stores are swept and the node is saved. */
  sweepAt: number;
  saveAt: number;
  readonly totals: LookupTotals;
}

/** One network, IPv4 or IPv6. */
export interface NetworkState {
  readonly version: IpVersion;
  table: RoutingTable;
  /** Our address as others see it, its port without meaning; undefined until enough agree. */
  external: Endpoint | undefined;
  /** What each network of voters said last. */
  readonly votes: Map<string, string>;
  readonly upkeep: UpkeepState;
}

export interface UpkeepState {
  /** Where to start with almost no nodes: bootstrap nodes, and the nodes that they named. */
  readonly starts: Set<Endpoint>;
  /** Those of them that are not for the table. */
  readonly routers: Set<Endpoint>;
  /**
   * Nodes from responses, by host, with the time of their next query; nodes that queried us wait.
   */
  readonly heard: Map<string, HeardNode>;
  /** Checks under way. */
  checks: number;
  nextAt: number;
  /** When to look for our own neighbours. */
  selfLookupAt: number;
  selfLookup: number | undefined;
  /** Distances, in shared bits, from here on are to be filled; Infinity when that was done. */
  fillFrom: number;
  fillLookup: number | undefined;
  /** Consecutive lookups for our own id without any response. */
  failedRounds: number;
  /** Consecutive lookups for our own id that found almost no nodes. */
  sparseRounds: number;
}

export interface HeardNode {
  readonly id: NodeId | undefined;
  readonly endpoint: Endpoint;
  /** It sent us something then, so its network lets our answers through for a while. */
  readonly heardAt: number | undefined;
  readonly dueAt: number;
}

export interface QueriesState {
  /** By transaction. */
  readonly pending: Map<string, PendingQuery>;
  /** Transactions made ahead. */
  readonly spare: string[];
  transactionCount: number;
  /** Of all answers: smoothed round trip and its deviation. */
  rttMs: number;
  rttDeviationMs: number;
  /** When the last response arrived. */
  lastReplyAt: number;
}

export interface PendingQuery {
  readonly network: NetworkState;
  readonly to: Endpoint;
  /** The node that must respond; undefined for any. */
  readonly id: NodeId | undefined;
  readonly sentAt: number;
  readonly slowAt: number;
  readonly expiresAt: number;
  isSlow: boolean;
  readonly purpose: QueryPurpose;
}

export type QueryPurpose =
  | { readonly kind: "check" }
  | { readonly kind: "lookup"; readonly lookup: number; readonly candidate: Candidate }
  | { readonly kind: "store" };

export interface ActiveLookup {
  readonly key: number;
  readonly network: NetworkState;
  readonly lookup: Lookup;
  readonly purpose: LookupPurpose;
  /** Peers found, so that each is reported once. */
  readonly seen: Set<Endpoint>;
  firstPeerAt: number | undefined;
  firstPeerHops: number | undefined;
  /** Filters of all answers. */
  readonly bloom: { readonly seeds: Uint8Array; readonly peers: Uint8Array } | undefined;
  hasBloom: boolean;
  /** The newest value. */
  item: PutItem | undefined;
}

export type LookupPurpose =
  /** For the table. */
  | { readonly kind: "find" }
  /** For the peers of a torrent; `announce` when it is joined. */
  | {
    readonly kind: "peers";
    readonly job: number | undefined;
    readonly scrape: boolean;
    readonly isJoined: boolean;
  }
  | { readonly kind: "get"; readonly job: number; readonly salt: Uint8Array }
  | { readonly kind: "put"; readonly job: number; readonly item: PutItem };

export interface JoinedTorrent {
  readonly infoHash: NodeId;
  port: number;
  impliedPort: boolean;
  isSeed: boolean;
  /** Of the last lookup's start. */
  lookedUpAt: number;
  nextAt: number;
  /** Lookups under way, one for each network: a round. */
  active: number;
  /** Nodes that answered in this round, and peers that they named, in all networks. */
  replies: number;
  peers: number;
  /** Rounds in a row that no node answered. */
  failedRounds: number;
  /** Rounds in a row that named next to no peers. */
  lonelyRounds: number;
}

/** Since the start, of finished lookups for peers. */
export interface LookupTotals {
  lookups: number;
  withPeers: number;
  queries: number;
  peers: number;
  announces: number;
}

const SECRET_BYTES_MIN = 20;

/** A node that has done nothing yet; `start` is its first event. */
export function createDht(options: DhtOptions, now: number): Dht {
  assert(options.secret.length >= SECRET_BYTES_MIN, "the DHT has a secret of 20 bytes");
  const rng = createRng(options.seed);
  return {
    options,
    rng,
    networks: options.versions.map((version) => createNetwork(version, options, rng)),
    queries: {
      pending: new Map(),
      spare: [],
      transactionCount: 0,
      rttMs: RTT_FIRST_MS,
      rttDeviationMs: RTT_FIRST_MS / 2,
      lastReplyAt: -Infinity,
    },
    lookups: new Map(),
    lookupCount: 0,
    torrents: new Map(),
    peers: createPeerStore(),
    items: new Map(),
    tokens: { secret: options.secret },
    traffic: createTraffic(now),
    sweepAt: now,
    saveAt: Infinity,
    totals: { lookups: 0, withPeers: 0, queries: 0, peers: 0, announces: 0 },
  };
}

/** Before anything was measured: half way round the earth and back. */
const RTT_FIRST_MS = 250;

function createNetwork(version: IpVersion, { saved }: DhtOptions, rng: Rng): NetworkState {
  return {
    version,
    table: createRoutingTable(saved?.ids[version] ?? randomNodeId(rng), version),
    external: undefined,
    votes: new Map(),
    upkeep: {
      starts: new Set(),
      routers: new Set(),
      heard: new Map(),
      checks: 0,
      nextAt: Infinity,
      selfLookupAt: Infinity,
      selfLookup: undefined,
      fillFrom: Infinity,
      fillLookup: undefined,
      failedRounds: 0,
      sparseRounds: 0,
    },
  };
}

/** The network of an IP version; undefined when the socket does not reach it. */
export function networkOf(dht: Dht, version: IpVersion): NetworkState | undefined {
  return dht.networks.find((network) => network.version === version);
}

/** Everything that the next run should know. */
export function savedNode(dht: Dht): SavedNode {
  const ids = Object.fromEntries(dht.networks.map(({ version, table }) => [version, table.ownId]));
  const nodes: NodeInfo[] = [];
  for (const { table } of dht.networks) {
    for (const { contacts } of table.buckets) {
      for (const { id, endpoint, failures } of contacts) {
        if (failures === 0) nodes.push({ id, endpoint });
      }
    }
  }
  return { ids, nodes };
}
