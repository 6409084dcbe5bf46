/** A node's response to each query: the amount of each item, for each address family. */
import { assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../../core/bytes/random.ts";
import { dhtFacts } from "../../../core/dht/facts.ts";
import type { Endpoint } from "../../../core/dht/endpoint.ts";
import { storeItem, targetOf } from "../../../core/dht/item_store.ts";
import type { KrpcMessage, PutItem } from "../../../core/dht/krpc.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import { encodeQuery } from "../../../core/dht/krpc_encode.ts";
import { randomNodeId } from "../../../core/dht/node_id.ts";
import { storePeer } from "../../../core/dht/peer_store.ts";
import { addContact, countFailure } from "../../../core/dht/routing_table.ts";
import type { DhtEffect } from "../../../core/dht/protocol.ts";
import { createDht, type Dht } from "../../../core/dht/state.ts";
import { step } from "../../../core/dht/step.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at, bytesOf, idOf, optionsOf } from "./kit.ts";

type Body = Parameters<typeof encodeQuery>[3];

const HASH = idOf(77);
const FOUR = at("90.1.2.3:6881"), SIX = at("[2a09::1]:6881");
const ASKER = idOf(200);
const four = (i: number) => at(`${20 + i}.0.0.1:6881`);
const six = (i: number) => at(`[2a00:${(i + 16).toString(16)}::1]:6881`);

/** With 20 nodes of each family in its tables. */
function node(versions: (4 | 6)[] = [4, 6]): Dht {
  const dht = createDht(optionsOf(1, { versions }), 0);
  const rng = createRng(3);
  for (const { table, version } of dht.networks) {
    for (let i = 0; i < 20; i++) {
      addContact(table, randomNodeId(rng), version === 4 ? four(i) : six(i), 100, 0);
    }
  }
  return dht;
}

/** `count` peers and seeds of the torrent for each family. */
function fill(dht: Dht, count: number): void {
  for (let i = 0; i < count; i++) {
    storePeer(dht.peers, HASH, four(i), i % 2 === 0, 0);
    storePeer(dht.peers, HASH, six(i), i % 2 === 0, 0);
  }
}

function ask(
  dht: Dht,
  from: Endpoint,
  body: Body,
  now = 1,
): Extract<KrpcMessage, { kind: "response" | "error" }> {
  const effects: DhtEffect[] = [];
  step(dht, { kind: "datagram", from, bytes: encodeQuery("aa", ASKER, false, body) }, now, effects);
  const sent = effects.flatMap((effect) =>
    effect.kind === "send" && effect.to === from ? effect.bytes : []
  );
  const messages = sent.map((bytes) => decodeKrpc(bytes)).map((message) =>
    message.ok && message.value
  );
  const answer = messages.find((message) => message && message.kind !== "query");
  if (!answer) throw new Error("No answer");
  return answer;
}

/** The kinds of items in a response, and how many of each. */
function shape(dht: Dht, from: Endpoint, body: Body): string {
  const answer = ask(dht, from, body);
  if (answer.kind === "error") return `error ${answer.code}`;
  const count = (prefix: (endpoint: Endpoint) => boolean) =>
    answer.nodes.filter(({ endpoint }) => prefix(endpoint)).length;
  const parts = [
    `${count((endpoint) => endpoint.length === 6)}+${
      count((endpoint) => endpoint.length === 18)
    } nodes`,
  ];
  if (answer.values.length > 0) parts.push(`${answer.values.length} values`);
  if (answer.token !== undefined) parts.push("token");
  if (answer.bloom !== undefined) parts.push("bloom");
  if (answer.value !== undefined) parts.push(`${answer.value.length} bytes`);
  if (answer.publicKey !== undefined) parts.push("key");
  if (answer.signature !== undefined) parts.push("signature");
  if (answer.sequence !== undefined) parts.push(`sequence ${answer.sequence}`);
  return parts.join(", ");
}

const peers = (more: object = {}) =>
  ({ method: "get_peers", target: HASH, want: [], noSeeds: false, scrape: false, ...more }) as Body;
const get = (target: string, more: object = {}) =>
  ({ method: "get", target, want: [], sequence: undefined, ...more }) as Body;

Deno.test("nodes come of the family asked over, or of those wanted, and the asker is not among them", () => {
  const dht = node();
  const find = (want: (4 | 6)[]): Body => ({ method: "find_node", target: HASH, want });
  assertEquals(
    [FOUR, SIX].flatMap((from) =>
      [[], [4], [6], [4, 6]].map((want) => shape(dht, from, find(want as (4 | 6)[])))
    ),
    [
      ...["8+0 nodes", "8+0 nodes", "0+8 nodes", "8+8 nodes"],
      ...["0+8 nodes", "8+0 nodes", "0+8 nodes", "8+8 nodes"],
    ],
  );
  assertEquals(shape(node([4]), FOUR, find([4, 6])), "8+0 nodes");
  const answer = ask(dht, four(3), find([]));
  const named = answer.kind === "response" ? answer.nodes.map(({ endpoint }) => endpoint) : [];
  assertEquals(named.includes(four(3)), false);
});

Deno.test("peers come with a token, and fewer of them where other things need the room", () => {
  const dht = node();
  assertEquals(shape(dht, FOUR, peers()), "8+0 nodes, token");
  fill(dht, 100);
  assertEquals(shape(dht, FOUR, peers()), "8+0 nodes, 50 values, token");
  assertEquals(shape(dht, SIX, peers()), "0+8 nodes, 20 values, token");
  assertEquals(shape(dht, FOUR, peers({ want: [4, 6] })), "8+8 nodes, 12 values, token");
  assertEquals(shape(dht, SIX, peers({ want: [4, 6] })), "8+8 nodes, 12 values, token");
  assertEquals(shape(dht, FOUR, peers({ want: [6] })), "0+8 nodes, 50 values, token");
  assertEquals(shape(dht, FOUR, peers({ scrape: true })), "8+0 nodes, 10 values, token, bloom");
  assertEquals(shape(dht, SIX, peers({ scrape: true })), "0+8 nodes, 3 values, token, bloom");
  assertEquals(
    shape(dht, FOUR, peers({ scrape: true, want: [4, 6] })),
    "8+0 nodes, 10 values, token, bloom",
  );
  assertEquals(shape(dht, FOUR, peers({ target: idOf(1), scrape: true })), "8+0 nodes, token");
});

Deno.test("who asks for no seeds is told of none", () => {
  const dht = node();
  fill(dht, 10);
  assertEquals(shape(dht, FOUR, peers()), "8+0 nodes, 10 values, token");
  assertEquals(shape(dht, FOUR, peers({ noSeeds: true })), "8+0 nodes, 5 values, token");
});

Deno.test("peers of our own network are told of to nodes there, and to no others", () => {
  const dht = node();
  storePeer(dht.peers, HASH, at("10.0.0.9:1"), false, 0);
  assertEquals(shape(dht, FOUR, peers()), "8+0 nodes, token");
  assertEquals(shape(dht, at("10.0.0.1:1"), peers()), "8+0 nodes, 1 values, token");
});

Deno.test("values come with nodes beside them unless they are large, and unchanged ones not at all", () => {
  const dht = node();
  const put = (item: PutItem) => {
    assertEquals(storeItem(dht.items, item, 0, sha1, () => true), undefined);
    return targetOf(item, sha1);
  };
  const sized = (size: number) =>
    put({ kind: "immutable", value: bytesOf(`${size}:`.padEnd(size, "x")) });
  assertEquals(shape(dht, FOUR, get(HASH)), "8+0 nodes, token");
  assertEquals(shape(dht, FOUR, get(HASH, { want: [6] })), "0+8 nodes, token");
  const bencoded = (size: number) => {
    const body = size - `${size}:`.length;
    const head = `${body}:`;
    return bytesOf(head + "x".repeat(size - head.length));
  };
  for (const [size, nodes] of [[500, 8], [501, 0]] as const) {
    const target = put({ kind: "immutable", value: bencoded(size) });
    assertEquals(shape(dht, FOUR, get(target)), `${nodes}+0 nodes, token, ${size} bytes`);
  }
  sized(10);
  const target = put({
    kind: "mutable",
    value: bytesOf("2:v1"),
    publicKey: new Uint8Array(32).fill(1),
    signature: new Uint8Array(64).fill(2),
    salt: new Uint8Array(),
    sequence: 5,
    expectedSequence: undefined,
  });
  const all = "8+0 nodes, token, 4 bytes, key, signature, sequence 5";
  assertEquals(shape(dht, FOUR, get(target)), all);
  assertEquals(shape(dht, FOUR, get(target, { sequence: 4 })), all);
  assertEquals(shape(dht, FOUR, get(target, { sequence: 5 })), "8+0 nodes, token, sequence 5");
  assertEquals(shape(dht, FOUR, get(target, { sequence: 6 })), "8+0 nodes, token, sequence 5");
});

Deno.test("a peer that is announced here is told to our torrent, if it may be named and was stored", () => {
  const dht = node();
  const effects: DhtEffect[] = [];
  const join = {
    kind: "join",
    infoHash: HASH,
    port: 1,
    impliedPort: false,
    isSeed: false,
  } as const;
  const told = (from: Endpoint, target: string, more: object = {}) => {
    const asked = ask(dht, from, peers({ target }));
    const token = asked.kind === "response" ? asked.token! : new Uint8Array();
    const body = {
      method: "announce_peer",
      target,
      port: 9,
      impliedPort: false,
      isSeed: false,
      token,
    };
    const news: DhtEffect[] = [];
    const bytes = encodeQuery("aa", ASKER, false, { ...body, ...more } as Body);
    step(dht, { kind: "datagram", from, bytes }, 2, news);
    return news.flatMap((effect) => effect.kind === "peers" ? effect.peers : []);
  };
  assertEquals(told(FOUR, HASH), [], "it is no torrent of ours yet");
  step(dht, join, 1, effects);
  assertEquals(told(FOUR, HASH), [{ ip: "90.1.2.3", port: 9 }]);
  assertEquals(told(FOUR, HASH, { impliedPort: true }), [{ ip: "90.1.2.3", port: 6881 }]);
  assertEquals(told(FOUR, idOf(78)), []);
  assertEquals(told(FOUR, HASH, { port: 0 }), []);
});

Deno.test("facts count nodes that answered last, waiting ones, and what is looked for", () => {
  const dht = node([4]);
  const { table } = dht.networks[0]!;
  // A bucket full of other nodes: further ones go to the replacement cache.
  const rng = createRng(9);
  for (let i = 0; i < 40; i++) {
    const id = String.fromCharCode(table.ownId.charCodeAt(0) ^ 0x80, randomBelow(rng, 256)) +
      randomNodeId(rng).slice(2);
    addContact(table, id, at(`${100 + i}.7.0.1:1`), 100, 0);
  }
  for (const contact of table.buckets[0]!.contacts.slice(0, 2)) countFailure(table, contact);
  const waiting = table.buckets.map(({ replacements }) => replacements.length);
  const [facts] = dhtFacts(dht).networks;
  assertEquals(facts!.replacements, waiting.reduce((sum, count) => sum + count));
  assertEquals(facts!.replacements > 0, true);
  assertEquals(facts!.nodesGood, facts!.nodes - 2);
  assertEquals(facts!.id, bytesOf(table.ownId).toHex());
  assertEquals(facts!.isBootstrapping, false);
  const lone = createDht(optionsOf(1), 0);
  assertEquals(dhtFacts(lone).networks[0]!.isBootstrapping, false, "it has not begun");
  step(lone, { kind: "nodes", endpoints: [FOUR], areRouters: false }, 0, []);
  step(lone, { kind: "start" }, 0, []);
  assertEquals(dhtFacts(lone).networks[0]!.isBootstrapping, true);
  addContact(lone.networks[0]!.table, ASKER, FOUR, 1, 0);
  assertEquals(dhtFacts(lone).networks[0]!.isBootstrapping, false);
});
