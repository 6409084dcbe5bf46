/**
 * DHT nodes for tests: endpoints as text, and a few nodes that exchange datagrams without delay.
 */
import { type Endpoint, endpointOf } from "../../../core/dht/endpoint.ts";
import type { KrpcQuery } from "../../../core/dht/krpc.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import { type Answer, encodeResponse } from "../../../core/dht/krpc_encode.ts";
import type { DhtEffect, DhtEvent, DhtOptions } from "../../../core/dht/protocol.ts";
import { createDht, type Dht } from "../../../core/dht/state.ts";
import { nextDeadline, step } from "../../../core/dht/step.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

/** The endpoint of "192.0.2.1:6881" or "[2001:db8::1]:6881". */
export function at(text: string): Endpoint {
  const colon = text.lastIndexOf(":");
  const ip = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return endpointOf({ ip, port: Number(text.slice(colon + 1)) })!;
}

/** An ID that begins with these bytes, followed by zeros. */
export function idOf(...bytes: number[]): string {
  return String.fromCharCode(...bytes).padEnd(20, "\0");
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Options of a separate node; `seed` distinguishes it. */
export function optionsOf(seed: number, more: Partial<DhtOptions> = {}): DhtOptions {
  return {
    versions: [4],
    seed,
    secret: new Uint8Array(20).fill(seed),
    sha1,
    verify: () => true,
    isReadOnly: false,
    isLoopbackOnly: false,
    saved: undefined,
    ...more,
  };
}

export type OtherEffect = Exclude<DhtEffect, { kind: "send" }>;

/** Nodes on one clock; a datagram arrives in the next millisecond. */
export class Wires {
  now = 0;
  readonly nodes = new Map<Endpoint, Dht>();
  readonly effects: { from: Endpoint; effect: OtherEffect }[] = [];
  /** Every datagram sent, to any address. */
  readonly sent: { from: Endpoint; to: Endpoint; bytes: Uint8Array }[] = [];
  #inFlight: { from: Endpoint; to: Endpoint; bytes: Uint8Array }[] = [];

  add(endpoint: Endpoint, options: DhtOptions): Dht {
    const dht = createDht(options, this.now);
    this.nodes.set(endpoint, dht);
    this.tell(endpoint, { kind: "start" });
    return dht;
  }

  tell(endpoint: Endpoint, event: DhtEvent): void {
    const effects: DhtEffect[] = [];
    step(this.nodes.get(endpoint)!, event, this.now, effects);
    for (const effect of effects) {
      if (effect.kind === "send") {
        const packet = { from: endpoint, to: effect.to, bytes: effect.bytes };
        this.sent.push(packet);
        this.#inFlight.push(packet);
      } else this.effects.push({ from: endpoint, effect });
    }
  }

  /** Advances the clock to each next deadline or datagram. */
  run(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      const packets = this.#inFlight.splice(0);
      if (packets.length > 0) this.now++;
      for (const { from, to, bytes } of packets) {
        if (this.nodes.has(to)) this.tell(to, { kind: "datagram", from, bytes });
      }
      if (this.#inFlight.length > 0) continue;
      let next = end;
      for (const dht of this.nodes.values()) {
        next = Math.min(next, Math.max(this.now + 1, Math.ceil(nextDeadline(dht, this.now).at)));
      }
      this.now = next;
      for (const [endpoint, dht] of this.nodes) {
        if (nextDeadline(dht, this.now).at <= this.now) this.tell(endpoint, { kind: "wake" });
      }
    }
  }

  /** Effects of one kind, from one node. */
  of<K extends OtherEffect["kind"]>(from: Endpoint, kind: K): Extract<OtherEffect, { kind: K }>[] {
    return this.effects.filter((told) => told.from === from && told.effect.kind === kind)
      .map(({ effect }) => effect as Extract<OtherEffect, { kind: K }>);
  }
}

/**
 * One node whose peers are simulated by the test: it receives every query and chooses the
 * response.
 */
export class Solo {
  readonly dht: Dht;
  now = 0;
  /** Queries that were sent and not answered by the test. */
  queries: { to: Endpoint; transaction: string; body: KrpcQuery; at: number }[] = [];
  /** Everything but sent packets. */
  effects: OtherEffect[] = [];

  constructor(options: DhtOptions = optionsOf(1)) {
    this.dht = createDht(options, 0);
    this.tell({ kind: "start" });
  }

  get table() {
    return this.dht.networks[0]!.table;
  }

  tell(event: DhtEvent): void {
    const effects: DhtEffect[] = [];
    step(this.dht, event, this.now, effects);
    for (const effect of effects) {
      if (effect.kind !== "send") {
        this.effects.push(effect);
        continue;
      }
      const message = decodeKrpc(effect.bytes);
      if (!message.ok || message.value.kind !== "query") continue;
      const { transaction } = message.value;
      this.queries.push({ to: effect.to, transaction, body: message.value, at: this.now });
    }
  }

  /**
   * Advances the clock and wakes the node at its deadlines; `answer` responds for all others at
   * once.
   */
  run(ms: number, answer?: (query: Solo["queries"][number]) => Answered | undefined): void {
    const end = this.now + ms;
    for (;;) {
      if (answer !== undefined) {
        for (let query = this.queries.shift(); query !== undefined; query = this.queries.shift()) {
          const answered = answer(query);
          if (answered !== undefined) this.reply(query, answered);
        }
      }
      const { at } = nextDeadline(this.dht, this.now);
      if (at > end) break;
      this.now = Math.max(this.now, Math.ceil(at));
      this.tell({ kind: "wake" });
    }
    this.now = end;
  }

  reply(query: Solo["queries"][number], { id, ...content }: Answered): void {
    const bytes = encodeResponse(query.transaction, id, at("20.0.0.9:1"), content);
    this.tell({ kind: "datagram", from: query.to, bytes });
  }
}

/** The response of a simulated node. */
export interface Answered extends Answer {
  readonly id: string;
}
