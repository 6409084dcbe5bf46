import { assert, assertEquals } from "@std/assert";
import { toHex } from "../../../core/bytes/hex.ts";
import { readUint16, readUint32 } from "../../../core/bytes/byte_reader.ts";
import {
  createMapper,
  type Mapper,
  nextMapperDeadline,
  RENEW_MIN_MS,
  RETRY_FIRST_MS,
  stepMapper,
} from "../../../core/port_mapping/mapper.ts";
import type { MapperEffect, MapperEvent } from "../../../core/port_mapping/protocol.ts";

const NONCE = new Uint8Array(12).fill(7);
const IP1 = "urn:schemas-upnp-org:service:WANIPConnection:1";

/** A gateway on a virtual clock that responds to requests, or does not. */
interface Gateway {
  /** Responses to a datagram, if any. */
  readonly datagram?: (bytes: Uint8Array) => Uint8Array[];
  readonly search?: () => Uint8Array[];
  readonly http?: (url: string, action: string, body: string) => { status: number; body: string };
}

class World {
  now = 0;
  readonly log: string[] = [];
  readonly mapper: Mapper;
  readonly #effects: MapperEffect[] = [];

  constructor(readonly gateway: Gateway, options: { gateway?: string; localIp?: string } = {}) {
    this.mapper = createMapper(
      { gateway: "10.0.0.1", localIp: "10.0.0.2", port: 6881, nonce: NONCE, ...options },
      0,
      this.#effects,
    );
    this.#run();
  }

  feed(event: MapperEvent): void {
    stepMapper(this.mapper, event, this.now, this.#effects);
    this.#run();
  }

  /** Until the given virtual time, or until nothing is scheduled. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const at = nextMapperDeadline(this.mapper);
      if (at > end) break;
      this.now = at;
      this.feed({ kind: "timer" });
    }
    this.now = end;
  }

  #run(): void {
    for (const effect of this.#effects.splice(0)) {
      switch (effect.kind) {
        case "send-gateway":
          this.log.push(`> ${toHex(effect.bytes.subarray(0, 2))}`);
          for (const bytes of this.gateway.datagram?.(effect.bytes) ?? []) {
            this.feed({ kind: "gateway-datagram", bytes });
          }
          break;
        case "send-search":
          this.log.push("search");
          for (const bytes of this.gateway.search?.() ?? []) {
            this.feed({ kind: "search-answer", bytes, from: "10.0.0.1" });
          }
          break;
        case "http": {
          const { job, url, command } = effect;
          const name = /#(\w+)/.exec(command?.action ?? "")?.[1] ?? "GET";
          this.log.push(name);
          const answer = this.gateway.http?.(url, name, command?.body ?? "") ??
            { status: 0, body: "" };
          this.feed({ kind: "http-answer", job, ...answer, localIp: "10.0.0.2" });
          break;
        }
        case "mapped":
          this.log.push(`mapped ${effect.method} ${effect.externalIp}:${effect.externalPort}`);
          break;
        default:
          this.log.push(effect.kind);
      }
    }
  }
}

/** A NAT-PMP gateway that grants `lifetime` seconds and records the mappings. */
function natPmpGateway(mapped: Map<number, number>, lifetime = 3_600): Gateway {
  return {
    datagram(bytes) {
      if (bytes[0] !== 0) return [Uint8Array.of(0, 0x80 | bytes[1]!, 0, 1, 0, 0, 0, 1)];
      if (bytes[1] === 0) return [Uint8Array.of(0, 0x80, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1)];
      const wanted = readUint32(bytes, 8);
      if (wanted === 0) mapped.delete(bytes[1]!);
      else mapped.set(bytes[1]!, readUint16(bytes, 6));
      const answer = new Uint8Array(16);
      answer.set([0, 0x80 | bytes[1]!]);
      answer.set(bytes.subarray(4, 8), 8);
      new DataView(answer.buffer).setUint32(12, Math.min(lifetime, wanted));
      return [answer];
    },
  };
}

function pcpGateway(mapped: Set<number>): Gateway {
  return {
    datagram(bytes) {
      if (bytes[0] !== 2) return [];
      const answer = bytes.slice();
      answer[1]! |= 0x80;
      answer.fill(0, 8, 24);
      answer.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9], 44);
      if (readUint32(bytes, 4) === 0) mapped.delete(bytes[36]!);
      else mapped.add(bytes[36]!);
      return [answer];
    },
  };
}

function upnpGateway(
  answer: (action: string, body: string) => number | undefined,
  mapped: Set<string>,
): Gateway {
  return {
    search: () => [
      new TextEncoder().encode("HTTP/1.1 200 OK\r\nLOCATION: http://10.0.0.1:5/d.xml\r\n\r\n"),
    ],
    http(url, action, body) {
      if (action === "GET") {
        assertEquals(url, "http://10.0.0.1:5/d.xml");
        const service =
          `<service><serviceType>${IP1}</serviceType><controlURL>/c</controlURL></service>`;
        return { status: 200, body: `<device>${service}</device>` };
      }
      assertEquals(url, "http://10.0.0.1:5/c");
      const error = answer(action, body);
      if (error !== undefined) return { status: 500, body: `<errorCode>${error}</errorCode>` };
      const port = /<NewExternalPort>(\d+)/.exec(body)?.[1];
      const protocol = /<NewProtocol>(\w+)/.exec(body)?.[1];
      if (action === "AddPortMapping") mapped.add(`${protocol} ${port}`);
      if (action === "DeletePortMapping") mapped.delete(`${protocol} ${port}`);
      return {
        status: 200,
        body: "<NewExternalIPAddress>192.0.2.5</NewExternalIPAddress>",
      };
    },
  };
}

Deno.test("a PCP gateway maps both protocols, renews at half time, and unmaps", () => {
  const mapped = new Set<number>();
  const world = new World(pcpGateway(mapped));
  assertEquals(world.log, ["> 0201", "> 0201", "mapped pcp 192.0.2.9:6881"]);
  assertEquals([...mapped], [6, 17]);
  world.log.length = 0;
  world.pass(1_799_999);
  assertEquals(world.log, []);
  world.pass(1);
  assertEquals(world.log, ["> 0201", "> 0201"]);
  world.feed({ kind: "stop" });
  assertEquals(world.log.slice(2), ["> 0201", "> 0201", "stopped"]);
  assertEquals([...mapped], []);
});

Deno.test("a NAT-PMP gateway is used with NAT-PMP", () => {
  const mapped = new Map<number, number>();
  const world = new World(natPmpGateway(mapped));
  assert(world.log.includes("mapped nat-pmp 192.0.2.1:6881"), world.log.join());
  assertEquals([...mapped], [[2, 6881], [1, 6881]]);
  world.feed({ kind: "stop" });
  assertEquals([world.log.at(-1), mapped.size], ["stopped", 0]);
});

Deno.test("a short lifetime is renewed, but at most once per minute", () => {
  const world = new World(natPmpGateway(new Map(), 10));
  world.log.length = 0;
  world.pass(RENEW_MIN_MS - 1);
  assertEquals(world.log, []);
  world.pass(1);
  assert(world.log.length > 0);
});

Deno.test("without a response, both protocols are tried four times, then UPnP", () => {
  const world = new World({});
  world.pass(20_000);
  assertEquals(world.log.filter((line) => line === "> 0201").length, 8);
  assertEquals(world.log.filter((line) => line === "> 0000").length, 4);
  assertEquals(world.log.filter((line) => line === "search").length, 2);
  assertEquals(world.log.at(-1), "unmapped");
  world.log.length = 0;
  world.pass(RETRY_FIRST_MS + 20_000);
  assertEquals(world.log.includes("unmapped"), false);
  assert(world.log.includes("search"));
  world.feed({ kind: "stop" });
  assertEquals([world.log.at(-1), nextMapperDeadline(world.mapper)], ["stopped", Infinity]);
});

Deno.test("without a known gateway, UPnP discovers one, maps, renews and unmaps", () => {
  const mapped = new Set<string>();
  const world = new World(upnpGateway(() => undefined, mapped), { gateway: undefined });
  assertEquals(world.log, [
    "search",
    "GET",
    "AddPortMapping",
    "AddPortMapping",
    "GetExternalIPAddress",
    "mapped upnp 192.0.2.5:6881",
  ]);
  assertEquals([...mapped], ["TCP 6881", "UDP 6881"]);
  world.log.length = 0;
  world.pass(1_800_000);
  assertEquals(world.log, ["AddPortMapping", "AddPortMapping", "GetExternalIPAddress"]);
  world.feed({ kind: "stop" });
  assertEquals([world.log.at(-1), mapped.size], ["stopped", 0]);
});

Deno.test("permanent-only leases and ports in use are handled", () => {
  const mapped = new Set<string>();
  const picky = upnpGateway((action, body) => {
    if (action !== "AddPortMapping") return undefined;
    if (!body.includes("<NewLeaseDuration>0<")) return 725;
    return body.includes("<NewExternalPort>6881<") ? 718 : undefined;
  }, mapped);
  const world = new World(picky, { gateway: undefined });
  assertEquals(world.log.at(-1), "mapped upnp 192.0.2.5:6882");
  assertEquals([...mapped], ["TCP 6882", "UDP 6882"]);
  const full = new World(
    upnpGateway((action) => action === "AddPortMapping" ? 718 : undefined, mapped),
    {
      gateway: undefined,
    },
  );
  assertEquals(full.log.filter((line) => line === "AddPortMapping").length, 4);
  assertEquals(full.log.at(-1), "unmapped");
});

Deno.test("loss and return of the gateway are detected", () => {
  const mapped = new Set<number>();
  const there = pcpGateway(mapped);
  let isUp = true;
  const world = new World({ datagram: (bytes) => isUp ? there.datagram!(bytes) : [] });
  isUp = false;
  world.pass(1_810_000);
  assertEquals(world.log.at(-1), "unmapped");
  isUp = true;
  world.pass(120_000);
  assertEquals(world.log.at(-1), "mapped pcp 192.0.2.9:6881");
});

Deno.test("unsolicited responses and floods of gateways are ignored", () => {
  const world = new World({});
  world.pass(8_000);
  world.log.length = 0;
  for (let i = 0; i < 100; i++) {
    const bytes = new TextEncoder().encode(
      `HTTP/1.1 200 OK\r\nLOCATION: http://10.0.0.9:5/${i}\r\n\r\n`,
    );
    world.feed({ kind: "search-answer", bytes, from: "10.0.0.9" });
  }
  world.feed({ kind: "http-answer", job: 99, status: 200, body: "", localIp: "" });
  assert(world.log.filter((line) => line === "GET").length <= 4, world.log.join());
});
