/** DHT nodes for tests: endpoints as text, and a few nodes that exchange datagrams at once. */
import { type Endpoint, endpointOf } from "../../../core/dht/endpoint.ts";
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

/** An id that begins with these bytes and goes on with zeros. */
export function idOf(...bytes: number[]): string {
  return String.fromCharCode(...bytes).padEnd(20, "\0");
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Options of a node of its own; `seed` makes it another. */
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

/** Nodes on one clock; a datagram arrives with the next millisecond. */
export class Wires {
  now = 0;
  readonly nodes = new Map<Endpoint, Dht>();
  readonly effects: { from: Endpoint; effect: OtherEffect }[] = [];
  /** Every datagram that left, to anybody. */
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

  /** Lets time pass, in steps of what happens next. */
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

  /** Effects of one kind, of one node. */
  of<K extends OtherEffect["kind"]>(from: Endpoint, kind: K): Extract<OtherEffect, { kind: K }>[] {
    return this.effects.filter((told) => told.from === from && told.effect.kind === kind)
      .map(({ effect }) => effect as Extract<OtherEffect, { kind: K }>);
  }
}
