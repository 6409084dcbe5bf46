/**
 * One node in a simulated network: a hundred nodes of both families that return those of them
 * nearest to the target; a tenth each is silent, slow, responds with errors, uses wrong IDs, or
 * reports another external address. The node's behaviour is recorded minute by minute.
 */
import { createRng, randomBelow, type Rng } from "../../../core/bytes/random.ts";
import { addToBloom, createBloom } from "../../../core/dht/bloom.ts";
import { dhtFacts } from "../../../core/dht/facts.ts";
import { addressOf, type Endpoint, ipVersionOf } from "../../../core/dht/endpoint.ts";
import type { KrpcQuery, NodeInfo, PutItem } from "../../../core/dht/krpc.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import {
  type Answer,
  encodeError,
  encodeQuery,
  encodeResponse,
} from "../../../core/dht/krpc_encode.ts";
import { compareDistance, type NodeId, randomNodeId } from "../../../core/dht/node_id.ts";
import type { DhtEffect, DhtEvent, DhtOptions } from "../../../core/dht/protocol.ts";
import { createSecureId } from "../../../core/dht/secure_id.ts";
import { createDht, type Dht } from "../../../core/dht/state.ts";
import { nextDeadline, step } from "../../../core/dht/step.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at, bytesOf, optionsOf } from "./kit.ts";

const MINUTE_MS = 60_000;
const SLOW_MS = 1_400;
/** Our external address as others report it. */
const OWN = { 4: at("45.45.45.45:6881"), 6: at("[2a01:45::45]:6881") } as const;
const ELSEWHERE = { 4: at("46.46.46.46:6881"), 6: at("[2a01:46::46]:6881") } as const;

export type Manner = "good" | "silent" | "slow" | "refuses" | "lies" | "mistaken";

export interface PlayedNode {
  id: NodeId;
  readonly endpoint: Endpoint;
  manner: Manner;
}

export class PlayedWorld {
  now = 0;
  readonly dht: Dht;
  readonly nodes: PlayedNode[] = [];
  /** Peers that every node returns for a torrent, and the value it stores. */
  readonly peers = new Map<NodeId, Endpoint[]>();
  readonly items = new Map<NodeId, PutItem>();
  /** Number of nodes in each response. */
  answerNodes = 8;
  /** Our external address from now on. */
  own: Readonly<Record<4 | 6, Endpoint>> = OWN;
  /** A line a minute: what was sent, the effects, and a digest of all of it. */
  readonly lines: string[] = [];
  readonly #rng: Rng;
  readonly #incoming: { at: number; from: Endpoint; bytes: Uint8Array }[] = [];
  #counts = new Map<string, number>();
  #minute = 0;
  #text = "";

  constructor(options: Partial<DhtOptions>, count: number) {
    this.#rng = createRng(4_711);
    this.dht = createDht(optionsOf(7, options), 0);
    for (let i = 0; i < count; i++) this.nodes.push(this.#node(i));
  }

  /** The first `count` of one family, as bootstrap nodes. */
  named(version: 4 | 6, count: number): Endpoint[] {
    return this.nodes.map(({ endpoint }) => endpoint)
      .filter((endpoint) => ipVersionOf(endpoint) === version).slice(0, count);
  }

  tell(event: DhtEvent): void {
    const effects: DhtEffect[] = [];
    step(this.dht, event, this.now, effects);
    for (const effect of effects) this.#note(effect);
  }

  /** A query from a simulated node. */
  ask(node: PlayedNode, body: Parameters<typeof encodeQuery>[3]): void {
    this.tell({
      kind: "datagram",
      from: node.endpoint,
      bytes: encodeQuery("qq", node.id, false, body),
    });
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#incoming.sort((a, b) => a.at - b.at);
      const next = this.#incoming[0];
      const wakeAt = Math.max(this.now, Math.ceil(nextDeadline(this.dht, this.now).at));
      const when = Math.min(next?.at ?? Infinity, wakeAt);
      if (when > end) break;
      while (when >= (this.#minute + 1) * MINUTE_MS) this.#closeMinute();
      this.now = when;
      if (next !== undefined && next.at <= when) {
        this.#incoming.shift();
        this.tell({ kind: "datagram", from: next.from, bytes: next.bytes });
      } else this.tell({ kind: "wake" });
    }
    this.now = end;
    while (this.now >= (this.#minute + 1) * MINUTE_MS) this.#closeMinute();
  }

  /** The node's tables in a few lines. */
  snapshot(): void {
    const { networks, traffic, lookups, rttMs, ...rest } = dhtFacts(this.dht);
    for (const { id, ...network } of networks) {
      this.lines.push(`  id ${id.slice(0, 12)} ${JSON.stringify(network)}`);
    }
    this.lines.push(`  ${JSON.stringify(traffic)}`);
    this.lines.push(`  ${JSON.stringify(lookups)} ${JSON.stringify(rest)} rtt ${rttMs.toFixed(3)}`);
    const text = this.dht.networks.map(({ table, upkeep }) => {
      const buckets = table.buckets.map(({ contacts, replacements }) =>
        [contacts, replacements].map((all) =>
          all.map(({ endpoint, id: _, ...contact }) => [addressOf(endpoint), contact])
        )
      );
      return JSON.stringify([buckets, [...upkeep.heard.values()].map(({ dueAt }) => dueAt)]);
    }).join("\n");
    this.lines.push(`  tables ${digestOf(text)}`);
  }

  #node(i: number): PlayedNode {
    const rng = this.#rng;
    const host = `${20 + Math.floor(i / 2)}.${i % 5}.${i % 3}.${1 + i % 250}`;
    const endpoint = i % 4 === 3
      ? at(`[2a00:${(i + 16).toString(16)}::${(i + 1).toString(16)}]:${6_000 + i}`)
      : at(`${host}:${6_000 + i}`);
    const id = i % 3 === 0 ? randomNodeId(rng) : createSecureId(endpoint, rng);
    const manners: readonly Manner[] = ["silent", "slow", "refuses", "lies", "mistaken"];
    return { id, endpoint, manner: manners[randomBelow(rng, 10)] ?? "good" };
  }

  #note(effect: DhtEffect): void {
    if (effect.kind !== "send") {
      this.#count(effect.kind);
      this.#text += `${this.now} ${describe(effect)}\n`;
      return;
    }
    const message = decodeKrpc(effect.bytes);
    if (!message.ok) throw new Error(`It sent what is no message: ${message.error.code}`);
    const to = addressOf(effect.to);
    this.#text += `${this.now} ${to.ip}:${to.port} ${String.fromCharCode(...effect.bytes)}\n`;
    if (message.value.kind !== "query") return this.#count(message.value.kind);
    this.#count(message.value.method);
    this.#answer(effect.to, message.value);
  }

  #answer(to: Endpoint, query: KrpcQuery): void {
    const node = this.nodes.find(({ endpoint }) => endpoint === to);
    if (node === undefined || node.manner === "silent") return;
    const delay = node.manner === "slow" ? SLOW_MS : 20 + randomBelow(this.#rng, 180);
    const version = ipVersionOf(to);
    const own = node.manner === "mistaken" ? ELSEWHERE[version] : this.own[version];
    const id = node.manner === "lies" ? randomNodeId(this.#rng) : node.id;
    const bytes = node.manner === "refuses"
      ? encodeError(query.transaction, own, 202, "Server error")
      : encodeResponse(query.transaction, id, own, this.#content(node, query));
    this.#incoming.push({ at: this.now + delay, from: to, bytes });
  }

  #content(node: PlayedNode, query: KrpcQuery): Answer {
    if (!("target" in query) || query.method === "announce_peer") return {};
    const { target } = query;
    const version = ipVersionOf(node.endpoint);
    const closest: NodeInfo[] = this.nodes.filter(({ endpoint }) =>
      ipVersionOf(endpoint) === version
    )
      .toSorted((a, b) => compareDistance(a.id, b.id, target)).slice(0, this.answerNodes);
    const nodes = version === 4 ? { nodes: closest } : { nodes6: closest };
    if (query.method === "find_node") return nodes;
    const token = sha1(bytesOf(node.id + target)).slice(0, this.answerNodes);
    if (query.method === "get") {
      const item = this.items.get(target);
      const nothing = { publicKey: undefined, signature: undefined, sequence: undefined };
      return { ...nodes, token, item: item && { ...nothing, ...item } };
    }
    const values = (this.peers.get(target) ?? []).filter((peer) => ipVersionOf(peer) === version);
    const seeds = createBloom(), peers = createBloom();
    for (const value of values) addToBloom(peers, bytesOf(value.slice(0, -2)), sha1);
    return { ...nodes, token, values, ...(query.scrape ? { bloom: { seeds, peers } } : {}) };
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #closeMinute(): void {
    const counts = [...this.#counts].sort().map(([what, count]) => `${count} ${what}`).join(", ");
    if (counts !== "") this.lines.push(`${this.#minute} min  ${counts}  ${digestOf(this.#text)}`);
    this.#counts = new Map();
    this.#text = "";
    this.#minute++;
  }
}

function describe(effect: Exclude<DhtEffect, { kind: "send" }>): string {
  return JSON.stringify(effect, (_, value) => value instanceof Uint8Array ? value.toHex() : value);
}

function digestOf(text: string): string {
  return sha1(new TextEncoder().encode(text)).toHex().slice(0, 10);
}
