/** Hostile input costs bounded work and memory, and gets the responses of the BEPs. */
import { assertEquals } from "@std/assert";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import type { QueryBody } from "../../../core/dht/krpc.ts";
import { encodeQuery, encodeResponse } from "../../../core/dht/krpc_encode.ts";
import type { DhtEffect } from "../../../core/dht/protocol.ts";
import { createDht } from "../../../core/dht/state.ts";
import { nextDeadline, step } from "../../../core/dht/step.ts";
import {
  BAN_MS,
  HOST_QUERIES_IN_MAX,
  QUERIES_OUT_MAX,
  WINDOW_MS,
} from "../../../core/dht/traffic.ts";
import { at, bytesOf, idOf, optionsOf } from "./kit.ts";

const ID = idOf(9);
const HASH = idOf(77);

class Node {
  readonly dht = createDht(optionsOf(1), 0);
  now = 0;

  /** The response to a datagram from `from`. */
  hear(from: string, bytes: Uint8Array): Uint8Array[] {
    return this.tell({ kind: "datagram", from, bytes })
      .flatMap((effect) => effect.kind === "send" && effect.to === from ? [effect.bytes] : []);
  }

  tell(event: Parameters<typeof step>[1]): DhtEffect[] {
    const effects: DhtEffect[] = [];
    step(this.dht, event, this.now, effects);
    return effects;
  }

  /** The first message that is a response. */
  ask(from: string, body: Exclude<QueryBody, { method: "unknown" }>) {
    for (const bytes of this.hear(from, encodeQuery("aa", ID, true, body))) {
      const message = decodeKrpc(bytes);
      if (message.ok && message.value.kind !== "query") return message.value;
    }
    return undefined;
  }

  /** The error code in the response to these bytes. */
  errorOf(text: string, from = at("20.0.0.1:1")): number | undefined {
    for (const bytes of this.hear(from, bytesOf(text))) {
      const message = decodeKrpc(bytes);
      if (message.ok && message.value.kind === "error") return message.value.code;
    }
    return undefined;
  }
}

Deno.test("a flood from one host is answered up to its limit without affecting others", () => {
  const node = new Node();
  const from = at("20.0.0.1:1");
  let answered = 0;
  for (let i = 0; i < 5_000; i++) if (node.ask(from, { method: "ping" })) answered++;
  assertEquals(answered, HOST_QUERIES_IN_MAX);
  assertEquals(node.ask(at("21.0.0.1:1"), { method: "ping" })?.kind, "response");
  node.now = WINDOW_MS;
  assertEquals(node.ask(from, { method: "ping" })?.kind, "response");
});

Deno.test("malformed queries get an error, other malformed packets get no response", () => {
  const node = new Node();
  const query = (args: string, method: string) =>
    `d1:ad2:id20:${ID}${args}e1:q${method.length}:${method}2:roi1e1:t2:aa1:y1:qe`;
  assertEquals(node.errorOf(query("", "get_peers")), 203);
  assertEquals(node.errorOf(query("", "vote")), 204);
  assertEquals(node.errorOf(query(`5:token1:x1:v1001:${"v".repeat(1001)}`, "put")), 205);
  assertEquals(node.errorOf(query("5:token1:x1:vi1e", "put")), 203);
  assertEquals(node.errorOf("d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe"), 203);
  assertEquals(node.errorOf("d1:rde1:t2:aa1:y1:re"), undefined);
  assertEquals(node.errorOf("noise"), undefined);
  assertEquals(node.dht.traffic.totals.malformedIn, 5);
});

Deno.test("errors for malformed queries count towards the response limit", () => {
  const node = new Node();
  const text = `d1:ad2:id20:${ID}e1:q9:get_peers1:t2:aa1:y1:qe`;
  let told = 0;
  for (let i = 0; i < 1_000; i++) if (node.errorOf(text) !== undefined) told++;
  assertEquals(told, HOST_QUERIES_IN_MAX);
});

Deno.test("announce_peer needs the token of the sender; get_peers then returns the peer", () => {
  const node = new Node();
  const [one, other] = [at("20.0.0.1:5"), at("21.0.0.1:5")];
  const peers = {
    method: "get_peers",
    target: HASH,
    want: [],
    noSeeds: false,
    scrape: false,
  } as const;
  const answer = node.ask(one, peers);
  const token = answer?.kind === "response" ? answer.token! : new Uint8Array();
  const announce = {
    method: "announce_peer",
    target: HASH,
    port: 7,
    isSeed: false,
    token,
  } as const;
  assertEquals(node.ask(other, { ...announce, impliedPort: false })?.kind, "error");
  assertEquals(node.ask(one, { ...announce, target: idOf(78), impliedPort: false })?.kind, "error");
  assertEquals(node.ask(one, { ...announce, impliedPort: true })?.kind, "response");
  const found = node.ask(other, peers);
  assertEquals(found?.kind === "response" && found.values, [one]);
});

Deno.test("an announce_peer for a joined torrent is reported at once", () => {
  const node = new Node();
  node.tell({ kind: "join", infoHash: HASH, port: 1, impliedPort: false, isSeed: false });
  const one = at("20.0.0.1:5");
  const answer = node.ask(one, {
    method: "get_peers",
    target: HASH,
    want: [],
    noSeeds: false,
    scrape: false,
  });
  const token = answer?.kind === "response" ? answer.token! : new Uint8Array();
  const announce = {
    method: "announce_peer",
    target: HASH,
    port: 7,
    isSeed: false,
    token,
  } as const;
  const bytes = encodeQuery("aa", ID, true, { ...announce, impliedPort: false });
  const [peers] = node.tell({ kind: "datagram", from: one, bytes })
    .filter((effect) => effect.kind === "peers");
  assertEquals(peers?.peers, [{ ip: "20.0.0.1", port: 7 }]);
});

Deno.test("private addresses are neither sent to public nodes nor accepted from them", () => {
  const node = new Node();
  const inside = at("192.168.1.5:6881");
  node.tell({ kind: "nodes", endpoints: [inside], areRouters: false });
  node.tell({ kind: "start" });
  const [asked] = node.dht.queries.pending;
  const reply = encodeResponse(asked![0], idOf(5), at("20.0.0.9:1"), {});
  node.tell({ kind: "datagram", from: inside, bytes: reply });
  assertEquals(node.dht.networks[0]!.table.size, 1);
  const find = { method: "find_node", target: HASH, want: [] } as const;
  const outside = node.ask(at("20.0.0.1:1"), find);
  assertEquals(outside?.kind === "response" && outside.nodes, []);
  const neighbour = node.ask(at("192.168.1.6:1"), find);
  assertEquals(neighbour?.kind === "response" && neighbour.nodes.length, 1);
});

Deno.test("a poisoned response causes no query to local and few to public addresses", () => {
  const node = new Node();
  const liar = at("20.0.0.1:1");
  node.tell({ kind: "nodes", endpoints: [liar], areRouters: false });
  const [asked] = node.dht.queries.pending;
  const nodes = Array.from({ length: 40 }, (_, i) => ({
    id: idOf(i),
    endpoint: i % 2 === 0 ? at(`192.168.0.${i}:1`) : at(`30.0.0.${i}:53`),
  }));
  const bytes = encodeResponse(asked![0], idOf(5), at("99.0.0.1:1"), { nodes });
  const sent = node.tell({ kind: "datagram", from: liar, bytes })
    .flatMap((effect) => effect.kind === "send" ? [effect.to] : []);
  assertEquals(sent.some((to) => to.startsWith("\xc0\xa8")), false);
  // One subnet has two candidates, however many hosts.
  assertEquals(sent.length <= 3, true, `${sent.length}`);
});

Deno.test("a host that repeatedly sends invalid responses is ignored for half an hour", () => {
  const node = new Node();
  const liar = at("20.0.0.1:1");
  for (let i = 0; i < 3; i++) {
    node.now += 60_000;
    node.tell({ kind: "nodes", endpoints: [liar], areRouters: false });
    node.tell({ kind: "wake" });
    for (const [transaction] of node.dht.queries.pending) {
      node.tell({
        kind: "datagram",
        from: liar,
        bytes: bytesOf(`d1:rde1:t4:${transaction}1:y1:re`),
      });
      break;
    }
  }
  assertEquals(node.dht.traffic.totals.bans, 1);
  assertEquals(node.ask(liar, { method: "ping" }), undefined);
  node.now += BAN_MS;
  assertEquals(node.ask(liar, { method: "ping" })?.kind, "response");
});

Deno.test("queries stay below their rate limit for any number of torrents and jobs", () => {
  const node = new Node();
  node.tell({ kind: "start" });
  node.tell({
    kind: "nodes",
    endpoints: Array.from({ length: 30 }, (_, i) => at(`${30 + i}.0.0.1:1`)),
    areRouters: true,
  });
  let sent = 0;
  const count = (effects: readonly DhtEffect[]) => {
    for (const effect of effects) if (effect.kind === "send") sent++;
  };
  for (let i = 0; i < 2_000; i++) {
    const infoHash = idOf(1, i >> 8, i & 255);
    count(node.tell({ kind: "join", infoHash, port: 1, impliedPort: false, isSeed: false }));
    count(node.tell({ kind: "lookup", job: i, infoHash, scrape: false }));
  }
  assertEquals(sent <= QUERIES_OUT_MAX, true, `${sent}`);
  assertEquals(node.dht.lookups.size <= 80, true);
  assertEquals(nextDeadline(node.dht, 0).at > 0, true);
});
