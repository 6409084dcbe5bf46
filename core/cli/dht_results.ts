/** What `tt dht` answers. */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { formatBytes, formatCount } from "./format.ts";
import { printable } from "./text.ts";

export type DhtResult = DhtHealthResult | DhtLookupResult | DhtValueResult | DhtStoredResult;

/** The node as it is. Counts and sizes are since its start. */
export interface DhtHealth {
  /** Whether it is the node of the running daemon, or one for this command. */
  readonly of: "daemon" | "command";
  /** UDP. */
  readonly port: number;
  readonly networks: readonly {
    /** 4 or 6. */
    readonly version: number;
    /** 40 hexadecimal digits. */
    readonly id: string;
    readonly externalIp: string | undefined;
    readonly nodes: number;
    readonly nodesGood: number;
    readonly replacements: number;
    readonly buckets: number;
  }[];
  /** Smoothed, in milliseconds. */
  readonly roundTripMs: number;
  readonly queriesSent: number;
  readonly replies: number;
  readonly timeouts: number;
  readonly queriesReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly lookupsActive: number;
  readonly lookups: number;
  readonly lookupsWithPeers: number;
  readonly peersFound: number;
  readonly announces: number;
  /** Announced here by others. */
  readonly storedTorrents: number;
  readonly storedPeers: number;
}

export interface DhtHealthResult extends DhtHealth {
  readonly event: "dht";
}

/** The peers of one torrent. */
export interface DhtLookupResult {
  readonly event: "dht-lookup";
  readonly infoHash: string;
  readonly peers: readonly PeerAddress[];
  /** Estimates of nodes that count them. */
  readonly seeders: number | undefined;
  readonly leechers: number | undefined;
  readonly queries: number;
  readonly replies: number;
  readonly hops: number;
  /** Milliseconds. */
  readonly firstPeerMs: number | undefined;
  readonly durationMs: number;
}

/** What is stored under a target. */
export interface DhtValueResult {
  readonly event: "dht-value";
  /** 40 hexadecimal digits. */
  readonly target: string;
  /** Undefined for what is no text. */
  readonly text: string | undefined;
  /** The value as it is stored, in base64. */
  readonly bencoded: string;
  /** Of a value that its owner can replace. */
  readonly sequence: number | undefined;
}

/** A value was stored. */
export interface DhtStoredResult {
  readonly event: "dht-stored";
  readonly target: string;
  /** That it was sent to. */
  readonly nodes: number;
}

/** Lines for stdout. */
export function dhtText(result: DhtResult): string {
  switch (result.event) {
    case "dht":
      return healthText(result);
    case "dht-lookup":
      return lookupText(result);
    case "dht-value":
      return printable(result.text ?? result.bencoded);
    case "dht-stored":
      return `${result.target}  stored at ${formatCount(result.nodes, "node")} for about two hours`;
  }
}

function healthText(result: DhtHealthResult): string {
  const lines = result.networks.flatMap(
    ({ version, id, externalIp, nodes, nodesGood, buckets }) => {
      if (nodes === 0) return [`IPv${version}    no nodes`];
      const seen = externalIp === undefined ? "" : `, seen as ${externalIp}`;
      return [
        `IPv${version}    ${formatCount(nodes, "node")}, ${nodesGood} good, ` +
        `${formatCount(buckets, "bucket")}${seen}`,
        `        id ${id}`,
      ];
    },
  );
  const { queriesSent, replies, timeouts, queriesReceived, bytesSent, bytesReceived } = result;
  const {
    lookups,
    lookupsActive,
    lookupsWithPeers,
    peersFound,
    announces,
    storedTorrents,
    storedPeers,
  } = result;
  return [
    ...(result.of === "daemon" ? ["Node of the running daemon"] : []),
    ...lines,
    ...(lookups + lookupsActive > 0
      ? [
        `Lookups ${lookups}, ${lookupsWithPeers} with peers, ` +
        `${formatCount(peersFound, "peer")}, ${formatCount(announces, "announce")}` +
        (lookupsActive > 0 ? `, ${lookupsActive} under way` : ""),
      ]
      : []),
    ...(storedTorrents > 0
      ? [`Stored  ${formatCount(storedPeers, "peer")} of ${formatCount(storedTorrents, "torrent")}`]
      : []),
    `Sent    ${formatCount(queriesSent, "request")}, ${replies} answered, ` +
    `${timeouts} lost, ${Math.round(result.roundTripMs)} ms round trip`,
    ...(queriesReceived > 0 ? [`Served  ${formatCount(queriesReceived, "request")}`] : []),
    `Traffic ${formatBytes(bytesSent)} out, ${
      formatBytes(bytesReceived)
    } in, UDP port ${result.port}`,
  ].join("\n");
}

function lookupText(result: DhtLookupResult): string {
  const { infoHash, peers, seeders, leechers, queries, hops, firstPeerMs, durationMs } = result;
  const counts = seeders === undefined
    ? ""
    : `, about ${formatCount(Math.round(seeders), "seeder")} and ${
      formatCount(Math.round(leechers ?? 0), "leecher")
    }`;
  const first = firstPeerMs === undefined ? "" : `the first after ${Math.round(firstPeerMs)} ms, `;
  return [
    `${infoHash}  ${formatCount(peers.length, "peer")}${counts} (${first}` +
    `${formatCount(queries, "request")}, ${formatCount(hops, "hop")}, ` +
    `${Math.round(durationMs)} ms)`,
    ...peers.map((peer) => `  ${addressText(peer)}`),
  ].join("\n");
}
