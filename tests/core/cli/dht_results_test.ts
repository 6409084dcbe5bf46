import { assertEquals } from "@std/assert";
import { dhtHealth } from "../../../core/cli/dht_results.ts";
import { resultText } from "../../../core/cli/results.ts";
import type { DhtFacts } from "../../../core/dht/facts.ts";

const FACTS: DhtFacts = {
  networks: [{
    version: 4,
    id: "ab".repeat(20),
    externalIp: "203.0.113.9",
    nodes: 120,
    nodesGood: 100,
    replacements: 7,
    buckets: 15,
    isBootstrapping: false,
  }, {
    version: 6,
    id: "cd".repeat(20),
    externalIp: undefined,
    nodes: 0,
    nodesGood: 0,
    replacements: 0,
    buckets: 1,
    isBootstrapping: true,
  }],
  lookupsActive: 2,
  lookups: { lookups: 12, withPeers: 9, queries: 400, peers: 30, announces: 4 },
  traffic: {
    packetsIn: 1,
    packetsOut: 2,
    bytesIn: 3_000,
    bytesOut: 4_000,
    queriesIn: 5,
    queriesOut: 600,
    repliesIn: 500,
    timeouts: 50,
    malformedIn: 9,
    unexpectedIn: 10,
    droppedIn: 11,
    bans: 12,
  },
  torrents: 3,
  storedTorrents: 1,
  storedPeers: 2,
  storedItems: 0,
  rttMs: 123.4,
};

Deno.test("the health of a node is its nodes, lookups, stores and traffic", () => {
  assertEquals(
    resultText({ event: "dht", ...dhtHealth("daemon", 6881, FACTS) }).split("\n"),
    [
      "Node of the running daemon",
      "IPv4    120 nodes, 100 good, 15 buckets, seen as 203.0.113.9",
      `        id ${"ab".repeat(20)}`,
      "IPv6    no nodes",
      "Lookups 12, 9 with peers, 30 peers, 4 announces, 2 under way",
      "Stored  2 peers of 1 torrent",
      "Sent    600 requests, 500 answered, 50 lost, 123 ms round trip",
      "Served  5 requests",
      "Traffic 4.0 kB out, 3.0 kB in, UDP port 6881",
    ],
  );
});

Deno.test("what a new node has not done yet is left out", () => {
  const lookups = { lookups: 0, withPeers: 0, queries: 0, peers: 0, announces: 0 };
  const traffic = { ...FACTS.traffic, queriesIn: 0 };
  const facts = { ...FACTS, networks: [], lookups, lookupsActive: 0, storedTorrents: 0, traffic };
  assertEquals(
    resultText({ event: "dht", ...dhtHealth("command", 6881, facts) }).split("\n"),
    [
      "Sent    600 requests, 500 answered, 50 lost, 123 ms round trip",
      "Traffic 4.0 kB out, 3.0 kB in, UDP port 6881",
    ],
  );
});
