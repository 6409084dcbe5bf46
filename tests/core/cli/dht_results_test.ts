import { assertEquals } from "@std/assert";
import type { DhtHealthResult } from "../../../core/cli/dht_results.ts";
import { resultText } from "../../../core/cli/results.ts";

const HEALTH: DhtHealthResult = {
  event: "dht",
  of: "daemon",
  port: 6881,
  networks: [{
    version: 4,
    id: "ab".repeat(20),
    externalIp: "203.0.113.9",
    nodes: 120,
    nodesGood: 100,
    replacements: 7,
    buckets: 15,
  }, {
    version: 6,
    id: "cd".repeat(20),
    externalIp: undefined,
    nodes: 0,
    nodesGood: 0,
    replacements: 0,
    buckets: 1,
  }],
  roundTripMs: 123.4,
  queriesSent: 600,
  replies: 500,
  timeouts: 50,
  queriesReceived: 5,
  bytesSent: 4_000,
  bytesReceived: 3_000,
  lookupsActive: 2,
  lookups: 12,
  lookupsWithPeers: 9,
  peersFound: 30,
  announces: 4,
  storedTorrents: 1,
  storedPeers: 2,
};

Deno.test("the health of a node is its nodes, lookups, stores and traffic", () => {
  assertEquals(
    resultText(HEALTH).split("\n"),
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
  const nothing = { networks: [], lookups: 0, lookupsActive: 0, storedTorrents: 0 };
  assertEquals(
    resultText({ ...HEALTH, ...nothing, of: "command", queriesReceived: 0 }).split("\n"),
    [
      "Sent    600 requests, 500 answered, 50 lost, 123 ms round trip",
      "Traffic 4.0 kB out, 3.0 kB in, UDP port 6881",
    ],
  );
});
