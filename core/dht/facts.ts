/** What a user may know of the node. */
import { addressOf } from "./endpoint.ts";
import { contactsOf } from "./routing_table.ts";
import type { Dht, LookupTotals } from "./state.ts";
import type { TrafficTotals } from "./traffic.ts";

export interface DhtFacts {
  readonly networks: readonly NetworkFacts[];
  readonly lookupsActive: number;
  readonly lookups: LookupTotals;
  readonly traffic: TrafficTotals;
  readonly torrents: number;
  /** What others store here. */
  readonly storedTorrents: number;
  readonly storedPeers: number;
  readonly storedItems: number;
  /** Smoothed round trip of answers. */
  readonly rttMs: number;
}

export interface NetworkFacts {
  readonly version: 4 | 6;
  /** 40 hexadecimal digits. */
  readonly id: string;
  /** Our address as others see it, if enough agree. */
  readonly externalIp: string | undefined;
  readonly nodes: number;
  /** Answered last time. */
  readonly nodesGood: number;
  readonly replacements: number;
  /** Buckets of the table: about log2 of the network's size less 3. */
  readonly buckets: number;
  readonly isBootstrapping: boolean;
}

/** A picture of the node as it is. */
export function dhtFacts(dht: Dht): DhtFacts {
  return {
    networks: dht.networks.map(({ version, table, external, upkeep }) => ({
      version,
      id: Array.from(table.ownId, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(""),
      externalIp: external && addressOf(external).ip,
      nodes: table.size,
      nodesGood: [...contactsOf(table)].filter(({ failures }) => failures === 0).length,
      replacements: table.buckets.reduce((sum, bucket) => sum + bucket.replacements.length, 0),
      buckets: table.buckets.length,
      isBootstrapping: upkeep.selfLookup !== undefined && table.size === 0,
    })),
    lookupsActive: dht.lookups.size,
    lookups: { ...dht.totals },
    traffic: { ...dht.traffic.totals },
    torrents: dht.torrents.size,
    storedTorrents: dht.peers.swarms.size,
    storedPeers: dht.peers.peerCount,
    storedItems: dht.items.size,
    rttMs: dht.queries.rttMs,
  };
}
