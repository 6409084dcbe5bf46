import { assertEquals } from "@std/assert";
import { isCompliantId } from "../../../core/dht/secure_id.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import { encodeQuery, encodeResponse } from "../../../core/dht/krpc_encode.ts";
import type { DhtEffect } from "../../../core/dht/protocol.ts";
import { createDht } from "../../../core/dht/state.ts";
import { nextDeadline, step } from "../../../core/dht/step.ts";
import { dhtFacts } from "../../../core/dht/facts.ts";
import { ANNOUNCE_INTERVAL_MS } from "../../../core/dht/torrents.ts";
import { at, bytesOf, idOf, optionsOf, Wires } from "./kit.ts";

const HASH = idOf(77);
const JOIN = {
  kind: "join",
  infoHash: HASH,
  port: 7000,
  impliedPort: false,
  isSeed: false,
} as const;

/** `count` nodes of a private network, each started with the first as its bootstrap node. */
function privateNetwork(count: number): { wires: Wires; endpoints: string[] } {
  const wires = new Wires();
  const endpoints = Array.from({ length: count }, (_, i) => at(`10.0.0.${i + 1}:6881`));
  for (const [i, endpoint] of endpoints.entries()) {
    wires.add(endpoint, optionsOf(i + 1));
    if (i > 0) {
      wires.tell(endpoint, { kind: "nodes", endpoints: [endpoints[0]!], areRouters: false });
    }
  }
  return { wires, endpoints };
}

Deno.test("two nodes find each other, and each other's announced peers", () => {
  const { wires, endpoints: [a, b] } = privateNetwork(2);
  wires.run(1_000);
  assertEquals([...wires.nodes.values()].map((dht) => dht.networks[0]!.table.size), [1, 1]);
  wires.tell(a!, JOIN);
  wires.run(1_000);
  wires.tell(b!, { kind: "lookup", job: 1, infoHash: HASH, scrape: false });
  wires.tell(b!, { ...JOIN, port: 7001 });
  wires.run(1_000);
  wires.tell(a!, { kind: "want-peers", infoHash: HASH });
  wires.run(61_000);
  // Each stores what the other announced, so each finds it locally.
  const found = (node: string) => wires.of(node, "peers").flatMap(({ peers }) => peers);
  assertEquals(found(a!).some(({ port }) => port === 7001), true);
  assertEquals(found(b!).some(({ port }) => port === 7000), true);
});

Deno.test("ten nodes that know one of them find what any of them announced", () => {
  const { wires, endpoints } = privateNetwork(10);
  wires.run(10_000);
  wires.tell(endpoints[3]!, JOIN);
  wires.run(2_000);
  for (const [job, endpoint] of endpoints.entries()) {
    if (job === 3) continue;
    wires.tell(endpoint, { kind: "lookup", job, infoHash: HASH, scrape: true });
  }
  wires.run(5_000);
  for (const [job, endpoint] of endpoints.entries()) {
    if (job === 3) continue;
    assertEquals(wires.of(endpoint, "peers")[0]?.peers, [{ ip: "10.0.0.4", port: 7000 }]);
    const done = wires.of(endpoint, "lookup-done").find((effect) => effect.job === job)!;
    assertEquals(Math.round(done.report.scrape!.peers), 1);
    assertEquals(Math.round(done.report.scrape!.seeds), 0);
    assertEquals(done.report.hops <= 2, true);
  }
  const facts = dhtFacts(wires.nodes.get(endpoints[0]!)!);
  assertEquals(facts.networks[0]!.nodes, 9);
  assertEquals(facts.lookups.lookups, 1);
});

Deno.test("a joined torrent is announced again with current values until it leaves", () => {
  const { wires, endpoints: [a, b] } = privateNetwork(2);
  wires.run(1_000);
  wires.tell(a!, JOIN);
  wires.run(1_000);
  const stored = () => [...wires.nodes.get(b!)!.peers.swarms.get(HASH)?.values() ?? []];
  assertEquals(stored().map(({ endpoint, isSeed }) => [endpoint, isSeed]), [[
    at("10.0.0.1:7000"),
    false,
  ]]);
  wires.tell(a!, { ...JOIN, impliedPort: true, isSeed: true });
  wires.run(ANNOUNCE_INTERVAL_MS);
  assertEquals(stored().map(({ endpoint, isSeed }) => [endpoint, isSeed]), [[
    at("10.0.0.1:6881"),
    true,
  ]]);
  wires.tell(a!, { kind: "leave", infoHash: HASH });
  wires.run(4 * ANNOUNCE_INTERVAL_MS);
  assertEquals(stored(), []);
});

Deno.test("values can be stored and fetched, and a missing value is undefined", () => {
  const { wires, endpoints } = privateNetwork(6);
  wires.run(10_000);
  const item = { kind: "immutable", value: bytesOf("12:Hello World!") } as const;
  wires.tell(endpoints[1]!, { kind: "put", job: 1, item });
  wires.run(2_000);
  assertEquals(wires.of(endpoints[1]!, "lookup-done").at(-1)!.report.storedAt, 5);
  const target = String.fromCharCode(
    ...[0xe5, 0xf9, 0x6f, 0x6f, 0x38, 0x32, 0x0f, 0x0f, 0x33, 0x95],
    ...[0x9c, 0xb4, 0xd3, 0xd6, 0x56, 0x45, 0x21, 0x17, 0xaa, 0xdb],
  );
  const salt = new Uint8Array();
  wires.tell(endpoints[5]!, { kind: "get", job: 2, target, salt });
  wires.tell(endpoints[5]!, { kind: "get", job: 3, target: HASH, salt });
  wires.run(2_000);
  const values = wires.of(endpoints[5]!, "value");
  assertEquals(values.find(({ job }) => job === 2)!.item, item);
  assertEquals(values.find(({ job }) => job === 3)!.item, undefined);
});

Deno.test("without contacts, bootstrap nodes are queried with growing intervals", () => {
  const wires = new Wires();
  const lone = at("10.0.0.1:1");
  wires.add(lone, optionsOf(1));
  wires.run(60_000);
  assertEquals(wires.of(lone, "resolve-routers").length, 5);
  assertEquals(wires.sent, []);
});

Deno.test("bootstrap nodes are never added to the routing table", () => {
  const { wires, endpoints } = privateNetwork(5);
  wires.run(5_000);
  const late = at("10.0.0.99:1");
  wires.add(late, optionsOf(99));
  wires.tell(late, { kind: "nodes", endpoints: [endpoints[0]!], areRouters: true });
  wires.run(5_000);
  const { table } = wires.nodes.get(late)!.networks[0]!;
  assertEquals(table.size, 4);
  assertEquals(table.hosts.has(endpoints[0]!.slice(0, 4)), false);
});

Deno.test("a restarted node rejoins from its saved nodes", () => {
  const { wires, endpoints } = privateNetwork(5);
  wires.run(70_000);
  const { saved } = wires.of(endpoints[4]!, "save").at(-1)!;
  assertEquals(saved.nodes.length, 4);
  wires.nodes.delete(endpoints[4]!);
  wires.add(endpoints[4]!, optionsOf(5, { saved }));
  wires.run(5_000);
  const { table } = wires.nodes.get(endpoints[4]!)!.networks[0]!;
  assertEquals(table.ownId, saved.ids[4]!);
  assertEquals(table.size, 4);
});

Deno.test("our own address named to us costs no time", () => {
  const wires = new Wires();
  const [one, other] = [at("10.0.0.1:1"), at("10.0.0.2:1")];
  const dht = wires.add(one, optionsOf(1));
  wires.tell(one, { kind: "nodes", endpoints: [one], areRouters: false });
  wires.tell(one, JOIN);
  wires.run(10);
  assertEquals([dht.queries.pending.size, dht.lookups.size], [0, 0]);
  wires.add(other, optionsOf(2));
  wires.tell(other, { kind: "nodes", endpoints: [one], areRouters: false });
  wires.run(5_000);
  assertEquals(wires.nodes.get(other)!.peers.swarms.has(HASH), true);
});

Deno.test("a read-only node sends ro, answers no query and is in no routing table", () => {
  const { wires, endpoints } = privateNetwork(4);
  wires.run(5_000);
  const quiet = at("10.0.0.50:1");
  wires.add(quiet, optionsOf(50, { isReadOnly: true }));
  wires.tell(quiet, { kind: "nodes", endpoints: [endpoints[0]!], areRouters: false });
  wires.run(20 * 60_000);
  assertEquals(wires.nodes.get(quiet)!.networks[0]!.table.size, 4);
  for (const endpoint of endpoints) {
    assertEquals(wires.nodes.get(endpoint)!.networks[0]!.table.hosts.has("\x0a\0\0\x32"), false);
  }
  for (const { from, bytes } of wires.sent.filter(({ from }) => from === quiet)) {
    const message = decodeKrpc(bytes);
    assertEquals([from, message.ok && message.value.kind], [quiet, "query"]);
    assertEquals(message.ok && message.value.kind === "query" && message.value.isReadOnly, true);
  }
});

Deno.test("a node bound to loopback sends to no other address", () => {
  const wires = new Wires();
  const home = at("127.0.0.1:1");
  wires.add(home, optionsOf(1, { isLoopbackOnly: true }));
  const away = ["10.0.0.1:1", "8.8.8.8:1", "192.168.1.1:1"].map(at);
  wires.tell(home, { kind: "nodes", endpoints: away, areRouters: false });
  wires.tell(home, { kind: "nodes", endpoints: [...away, at("127.0.0.1:2")], areRouters: true });
  const query = encodeQuery("aa", idOf(9), false, { method: "ping" });
  for (const from of away) wires.tell(home, { kind: "datagram", from, bytes: query });
  wires.tell(home, JOIN);
  wires.run(60_000);
  assertEquals(wires.sent.length > 0, true);
  assertEquals([...new Set(wires.sent.map(({ to }) => to))], [at("127.0.0.1:2")]);
});

Deno.test("an announce_peer with a forged token is refused and not stored", () => {
  const dht = createDht(optionsOf(1), 0);
  const effects: DhtEffect[] = [];
  const from = at("20.0.0.1:1");
  const body = {
    method: "announce_peer",
    target: HASH,
    port: 1,
    impliedPort: false,
    isSeed: false,
    token: new Uint8Array(8),
  } as const;
  step(dht, { kind: "datagram", from, bytes: encodeQuery("aa", idOf(9), false, body) }, 0, effects);
  assertEquals(dht.peers.swarms.size, 0);
  const [sent] = effects;
  const answer = decodeKrpc((sent as { bytes: Uint8Array }).bytes);
  assertEquals(answer.ok && answer.value.kind === "error" && answer.value.code, 203);
});

Deno.test("unsolicited responses and those from another address are ignored", () => {
  const wires = new Wires();
  const one = at("20.0.0.1:1");
  const dht = wires.add(one, optionsOf(1));
  wires.tell(one, { kind: "nodes", endpoints: [at("21.0.0.1:1")], areRouters: false });
  const query = decodeKrpc(wires.sent[0]!.bytes);
  if (!query.ok) throw new Error("no query");
  const { transaction } = query.value;
  const nodes = [{ id: idOf(5), endpoint: at("22.0.0.1:1") }];
  const answer = encodeResponse(transaction, idOf(6), one, { nodes });
  wires.tell(one, { kind: "datagram", from: at("23.0.0.1:1"), bytes: answer });
  wires.tell(one, { kind: "datagram", from: at("21.0.0.1:1"), bytes: answer.map((b) => b) });
  wires.tell(one, { kind: "datagram", from: at("21.0.0.1:1"), bytes: answer });
  assertEquals(dht.networks[0]!.table.size, 1);
  assertEquals(dht.traffic.totals.unexpectedIn, 2);
});

Deno.test("a node is blamed for changing its ID, not for wrong IDs that others name", () => {
  const wires = new Wires();
  const [one, liar, honest] = ["20.0.0.1:1", "21.0.0.1:1", "22.0.0.1:1"].map(at) as string[];
  const dht = wires.add(one!, optionsOf(1));
  const asked = (endpoint: string) => {
    const { bytes } = wires.sent.findLast(({ to }) => to === endpoint)!;
    const query = decodeKrpc(bytes);
    return query.ok ? query.value.transaction : "";
  };
  const answer = (from: string, id: string, nodes: { id: string; endpoint: string }[]) => {
    const bytes = encodeResponse(asked(from), id, one!, { nodes });
    wires.tell(one!, { kind: "datagram", from, bytes });
  };
  wires.tell(one!, { kind: "nodes", endpoints: [liar!], areRouters: false });
  answer(liar!, idOf(1), [{
    id: dht.networks[0]!.table.ownId.slice(0, 19) + "x",
    endpoint: honest!,
  }]);
  answer(honest!, idOf(2), []);
  assertEquals(dht.traffic.strikes.size, 0);
  assertEquals(dht.networks[0]!.table.hosts.get(honest!.slice(0, 4))?.id, idOf(2));
  wires.now += 16 * 60_000;
  wires.tell(one!, { kind: "wake" });
  wires.tell(one!, { kind: "lookup", job: 1, infoHash: HASH, scrape: false });
  answer(honest!, idOf(3), []);
  assertEquals(dht.traffic.strikes.size, 1);
  assertEquals(dht.networks[0]!.table.hosts.has(honest!.slice(0, 4)), false);
});

Deno.test("a node that queried us is queried once its NAT mapping has expired", () => {
  const wires = new Wires();
  const one = at("20.0.0.1:1");
  const dht = wires.add(one, optionsOf(1));
  // With a table that is not sparse: others have responded before.
  const others = Array.from({ length: 20 }, (_, i) => at(`${30 + i}.0.0.1:1`));
  for (const [i, endpoint] of others.entries()) wires.add(endpoint, optionsOf(100 + i));
  wires.tell(one, { kind: "nodes", endpoints: others, areRouters: false });
  wires.run(60_000);
  assertEquals(dht.networks[0]!.table.size >= 16, true);
  const late = at("99.0.0.1:1");
  const isAsked = () =>
    wires.sent.some(({ to, from, bytes }) => {
      const message = decodeKrpc(bytes);
      return to === late && from === one && message.ok && message.value.kind === "query";
    });
  const query = encodeQuery("aa", idOf(0x80), false, { method: "ping" });
  wires.tell(one, { kind: "datagram", from: late, bytes: query });
  wires.run(4 * 60_000);
  assertEquals(isAsked(), false);
  wires.run(2 * 60_000);
  assertEquals(isAsked(), true);
});

Deno.test("a dual-stack node searches both networks and learns one through the other", () => {
  const wires = new Wires();
  const four = at("20.0.0.1:1");
  const dht = wires.add(four, optionsOf(1, { versions: [4, 6] }));
  wires.tell(four, { kind: "nodes", endpoints: [at("21.0.0.1:1")], areRouters: false });
  const wants = wires.sent.map(({ bytes }) => {
    const query = decodeKrpc(bytes);
    return query.ok && query.value.kind === "query" && "want" in query.value && query.value.want;
  });
  assertEquals(wants.at(-1), [4, 6]);
  assertEquals(dht.networks.map(({ version }) => version), [4, 6]);
});

Deno.test("the same seed and events give the same packets", () => {
  const trace = () => {
    const { wires, endpoints } = privateNetwork(6);
    wires.run(30_000);
    wires.tell(endpoints[2]!, JOIN);
    wires.run(30_000);
    return wires.sent.map(({ to, bytes }) => to + String.fromCharCode(...bytes));
  };
  assertEquals(trace(), trace());
});

Deno.test("the next deadline has a reason and is never in the past", () => {
  const { wires, endpoints: [a] } = privateNetwork(3);
  const dht = wires.nodes.get(a!)!;
  wires.tell(a!, JOIN);
  for (let i = 0; i < 200; i++) {
    wires.run(1_000);
    assertEquals(nextDeadline(dht, wires.now).at > wires.now - 1_000, true);
  }
});

Deno.test("a node whose address many networks report adopts a matching ID", () => {
  const wires = new Wires();
  const others = Array.from({ length: 12 }, (_, i) => at(`${40 + i}.0.0.1:1`));
  for (const [i, endpoint] of others.entries()) wires.add(endpoint, optionsOf(100 + i));
  for (const endpoint of others) {
    wires.tell(endpoint, { kind: "nodes", endpoints: [others[0]!], areRouters: false });
  }
  const one = at("20.0.0.1:1");
  const dht = wires.add(one, optionsOf(1));
  assertEquals(isCompliantId(dht.networks[0]!.table.ownId, one), false);
  wires.tell(one, { kind: "nodes", endpoints: [others[3]!], areRouters: false });
  wires.run(30_000);
  assertEquals(isCompliantId(dht.networks[0]!.table.ownId, one), true);
  assertEquals(dhtFacts(dht).networks[0]!.externalIp, "20.0.0.1");
  assertEquals(dht.networks[0]!.table.size >= 8, true);
});
