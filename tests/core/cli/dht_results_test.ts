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

Deno.test("counts of a node that has done one thing are in the singular, and of nothing left out", () => {
  const lines = (changes: Partial<DhtHealthResult>) =>
    resultText({ ...HEALTH, ...changes }).split("\n");
  const lookups = {
    lookups: 1,
    lookupsActive: 0,
    lookupsWithPeers: 0,
    peersFound: 1,
    announces: 1,
  };
  assertEquals(
    lines(lookups).find((line) => line.startsWith("Lookups")),
    "Lookups 1, 0 with peers, 1 peer, 1 announce",
  );
  const first = { ...lookups, lookups: 0, lookupsActive: 1 };
  assertEquals(
    lines(first).find((line) => line.startsWith("Lookups")),
    "Lookups 0, 0 with peers, 1 peer, 1 announce, 1 under way",
  );
  assertEquals(lines({ queriesReceived: 1 }).at(-2), "Served  1 request");
  const [network] = HEALTH.networks;
  assertEquals(
    lines({ networks: [{ ...network!, nodes: 1, buckets: 1, externalIp: undefined }] })[1],
    "IPv4    1 node, 100 good, 1 bucket",
  );
});

const LOOKUP = {
  event: "dht-lookup",
  infoHash: "ab".repeat(20),
  peers: [{ ip: "192.0.2.1", port: 1 }, { ip: "2001:db8::1", port: 2 }],
  seeders: undefined,
  leechers: undefined,
  queries: 9,
  replies: 8,
  hops: 1,
  firstPeerMs: undefined,
  durationMs: 1234.5,
} as const;

Deno.test("a lookup is its peers and what finding them took", () => {
  assertEquals(resultText(LOOKUP).split("\n"), [
    `${LOOKUP.infoHash}  2 peers (9 requests, 1 hop, 1235 ms)`,
    "  192.0.2.1:1",
    "  [2001:db8::1]:2",
  ]);
  assertEquals(
    resultText({ ...LOOKUP, peers: [], seeders: 1.4, leechers: 2.6, firstPeerMs: 99.6 }),
    `${LOOKUP.infoHash}  0 peers, about 1 seeder and 3 leechers (the first after 100 ms, ` +
      "9 requests, 1 hop, 1235 ms)",
  );
  assertEquals(
    resultText({ ...LOOKUP, peers: [], seeders: 1 }).split(" (")[0],
    `${LOOKUP.infoHash}  0 peers, about 1 seeder and 0 leechers`,
  );
});

Deno.test("a stored value is its text if it is one, and its target once it is stored", () => {
  const value = { event: "dht-value", target: "t", bencoded: "NTpo", sequence: undefined } as const;
  assertEquals(resultText({ ...value, text: "h\x1b" }), "h?");
  assertEquals(resultText({ ...value, text: undefined }), "NTpo");
  assertEquals(
    resultText({ event: "dht-stored", target: "t", nodes: 1 }),
    "t  stored at 1 node for about two hours",
  );
});
