/** The health of a node as commands and the daemon tell it. */
import type { DhtHealth } from "../../core/cli/dht_results.ts";
import type { DhtFacts } from "../../core/dht/facts.ts";

/** `port` is the one of UDP. */
export function dhtHealth(of: DhtHealth["of"], port: number, facts: DhtFacts): DhtHealth {
  const { networks, lookups, lookupsActive, traffic, rttMs, storedTorrents, storedPeers } = facts;
  return {
    of,
    port,
    networks: networks.map((
      { version, id, externalIp, nodes, nodesGood, replacements, buckets },
    ) => ({ version, id, externalIp, nodes, nodesGood, replacements, buckets })),
    roundTripMs: rttMs,
    queriesSent: traffic.queriesOut,
    replies: traffic.repliesIn,
    timeouts: traffic.timeouts,
    queriesReceived: traffic.queriesIn,
    bytesSent: traffic.bytesOut,
    bytesReceived: traffic.bytesIn,
    lookupsActive,
    lookups: lookups.lookups,
    lookupsWithPeers: lookups.withPeers,
    peersFound: lookups.peers,
    announces: lookups.announces,
    storedTorrents,
    storedPeers,
  };
}
