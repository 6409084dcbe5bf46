/**
 * What the mapper sends, byte for byte and to the millisecond, with gateways of different
 * behaviour.
 */
import { assertEquals } from "@std/assert";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import {
  createMapper,
  type Mapper,
  type MapperOptions,
  nextMapperDeadline,
  stepMapper,
} from "../../../core/port_mapping/mapper.ts";
import type { MapperEffect, MapperEvent } from "../../../core/port_mapping/protocol.ts";

const NONCE = new Uint8Array(12).fill(7);
const IP1 = "urn:schemas-upnp-org:service:WANIPConnection:1";
const OPTIONS: MapperOptions = {
  gateway: "10.0.0.1",
  localIp: "10.0.0.2",
  port: 6881,
  nonce: NONCE,
};

/** A mapper whose gateway is the test. */
class Talk {
  now = 0;
  readonly mapper: Mapper;
  #effects: MapperEffect[] = [];

  constructor(options: Partial<MapperOptions> = {}) {
    this.mapper = createMapper({ ...OPTIONS, ...options }, 0, this.#effects);
  }

  /** Its effects since the last call. */
  take(): string[] {
    return this.#effects.splice(0).map(textOf);
  }

  feed(event: MapperEvent): string[] {
    stepMapper(this.mapper, event, this.now, this.#effects);
    return this.take();
  }

  gateway(bytes: string): string[] {
    return this.feed({ kind: "gateway-datagram", bytes: fromHex(bytes.replaceAll(" ", ""))! });
  }

  found(location: string): string[] {
    const bytes = new TextEncoder().encode(`HTTP/1.1 200 OK\r\nLOCATION: ${location}\r\n\r\n`);
    return this.feed({ kind: "search-answer", bytes, from: new URL(location).hostname });
  }

  http(job: number, status: number, body = "", localIp = "10.0.0.2"): string[] {
    return this.feed({ kind: "http-answer", job, status, body, localIp });
  }

  /** Advances to the next deadline and returns its time. */
  ring(): string[] {
    this.now = nextMapperDeadline(this.mapper);
    return [`@${this.now}`, ...this.feed({ kind: "timer" })];
  }
}

function textOf(effect: MapperEffect): string {
  switch (effect.kind) {
    case "send-gateway":
      return effect.bytes[0] === 2
        ? `pcp ${effect.bytes[36] === 6 ? "tcp" : "udp"} ` + toHex(effect.bytes.subarray(4, 8)) +
          ` ${toHex(effect.bytes.subarray(40, 44))}`
        : `pmp ${toHex(effect.bytes)}`;
    case "send-search":
      return "search";
    case "http": {
      const values = [...effect.command?.body.matchAll(/<New\w+>([^<]+)</g) ?? []].map((m) => m[1]);
      const name = /#(\w+)"/.exec(effect.command?.action ?? "")?.[1];
      return `${effect.job} ${
        name === undefined ? `GET ${effect.url}` : [name, ...values].join(" ")
      }`;
    }
    case "mapped":
      return `mapped ${effect.method} ${effect.externalIp}:${effect.externalPort}`;
    default:
      return effect.kind;
  }
}

const DESCRIPTION =
  `<service><serviceType>${IP1}</serviceType><controlURL>/c</controlURL></service>`;
const ADDRESS = "<NewExternalIPAddress>192.0.2.5</NewExternalIPAddress>";
const PCP_ASK = ["pcp tcp 00000e10 1ae11ae1", "pcp udp 00000e10 1ae11ae1"];
const PMP_ASK = ["pmp 0000", "pmp 000200001ae11ae100000e10", "pmp 000100001ae11ae100000e10"];
const PCP_REMOVE_UDP = "pcp udp 00000000 1ae11ae1";
const PMP_REMOVE = ["pmp 000200001ae1000000000000", "pmp 000100001ae1000000000000"];
const PMP_ADDRESS = "0080 0000 00000001 c0000201";
const pcpGrant = (protocol: "06" | "11", seconds = "00000e10", port = "1ae1") =>
  `02810000 ${seconds} 00000001 ${"00".repeat(12)} ${toHex(NONCE)} ${protocol}000000 1ae1${port}` +
  "00000000000000000000ffffc0000209";
const pmpGrant = (opcode: "82" | "81", seconds = "00000e10", internal = "1ae1") =>
  `00${opcode} 0000 00000001 ${internal} 1ae1 ${seconds}`;

/** Mapped by NAT-PMP, without a PCP request. */
function mappedByNatPmp(): Talk {
  const talk = new Talk({ localIp: undefined });
  talk.take();
  talk.gateway(PMP_ADDRESS);
  talk.gateway(pmpGrant("82"));
  assertEquals(talk.gateway(pmpGrant("81")), ["mapped nat-pmp 192.0.2.1:6881"]);
  return talk;
}

/** Its description is read, and TCP is about to be mapped. */
function foundByUpnp(): Talk {
  const talk = new Talk({ gateway: undefined });
  assertEquals(talk.take(), ["search"]);
  assertEquals(talk.found("http://10.0.0.1:5/d"), ["1 GET http://10.0.0.1:5/d"]);
  assertEquals(talk.http(1, 200, DESCRIPTION, "10.0.0.7"), [
    "2 AddPortMapping 6881 TCP 6881 10.0.0.7 1 tt 3600",
  ]);
  return talk;
}

Deno.test("requests are repeated after waits that double, and each protocol gets as many", () => {
  const talk = new Talk();
  assertEquals(talk.take(), PCP_ASK);
  for (const at of [250, 750, 1_750]) assertEquals(talk.ring(), [`@${at}`, ...PCP_ASK]);
  for (const at of [3_750, 4_000, 4_500, 5_500]) {
    assertEquals(talk.ring(), [`@${at}`, ...PMP_ASK]);
  }
  assertEquals(talk.ring(), ["@7500", "search"]);
  assertEquals(talk.ring(), ["@10000", "search"]);
  assertEquals(talk.ring(), ["@12500", "unmapped"]);
});

Deno.test("without an address of ours PCP is not asked for, and a renewal stays with its protocol", () => {
  const talk = new Talk({ localIp: undefined });
  assertEquals(talk.take(), PMP_ASK);
  const mapped = mappedByNatPmp();
  assertEquals(mapped.ring(), ["@1800000", ...PMP_ASK]);
  mapped.gateway(pmpGrant("82"));
  assertEquals(mapped.gateway(pmpGrant("81")), []);
  assertEquals(mapped.ring(), ["@3600000", ...PMP_ASK]);
});

Deno.test("only what was not granted is asked for again", () => {
  const talk = new Talk();
  talk.take();
  assertEquals(talk.gateway(pcpGrant("06")), []);
  assertEquals(talk.ring(), ["@250", PCP_ASK[1]!]);
  assertEquals(talk.gateway(pcpGrant("06")), [], "twice is once");
  assertEquals(talk.gateway(pcpGrant("11")), ["mapped pcp 192.0.2.9:6881"]);
});

Deno.test("another public address is news, from a gateway that maps by NAT-PMP", () => {
  const talk = new Talk({ localIp: undefined });
  talk.take();
  assertEquals(talk.gateway(pmpGrant("82")), []);
  assertEquals(talk.gateway(PMP_ADDRESS), []);
  assertEquals(talk.gateway(pmpGrant("81")), ["mapped nat-pmp 192.0.2.1:6881"]);
  assertEquals(talk.gateway(PMP_ADDRESS), []);
  assertEquals(talk.gateway("0080 0000 00000001 c0000203"), ["mapped nat-pmp 192.0.2.3:6881"]);
  const byPcp = new Talk();
  byPcp.take();
  byPcp.gateway(pcpGrant("06"));
  byPcp.gateway(pcpGrant("11"));
  assertEquals(byPcp.gateway(PMP_ADDRESS), []);
});

Deno.test("a grant for another port, or for no time, is none", () => {
  const talk = new Talk({ localIp: undefined });
  talk.take();
  talk.gateway(pmpGrant("82"));
  for (const other of [pmpGrant("81", "00000000"), pmpGrant("81", "00000e10", "1ae2")]) {
    assertEquals(talk.gateway(other), []);
  }
  assertEquals(talk.gateway(pmpGrant("81", "00000001")), ["mapped nat-pmp undefined:6881"]);
});

Deno.test("a mapping lasts as long as the shorter of its two, and an hour at most", () => {
  for (const [seconds, at] of [["000003e8", 500_000], ["0000ffff", 1_800_000]] as const) {
    const talk = new Talk();
    talk.take();
    talk.gateway(pcpGrant("06", "0000ffff"));
    talk.gateway(pcpGrant("11", seconds));
    assertEquals(nextMapperDeadline(talk.mapper), at);
  }
});

Deno.test("a refusal of one protocol brings the next, and of a renewal a search later", () => {
  const talk = new Talk();
  talk.take();
  const refusal = pcpGrant("06").replace("02810000", "02810002");
  assertEquals(talk.gateway(refusal), [PCP_REMOVE_UDP, ...PMP_ASK]);
  assertEquals(talk.gateway("0082 0002 00000001"), [PMP_REMOVE[1]!, "search"]);
  const mapped = mappedByNatPmp();
  mapped.ring();
  assertEquals(mapped.gateway("0082 0002 00000001"), [...PMP_REMOVE, "unmapped"]);
  assertEquals(mapped.ring(), ["@1860000", ...PMP_ASK]);
  // The previous external address is no longer trusted.
  mapped.gateway(pmpGrant("82"));
  assertEquals(mapped.gateway(pmpGrant("81")), ["mapped nat-pmp undefined:6881"]);
});

Deno.test("of two ports of which one is refused or never answered, the granted one is taken back", () => {
  const pcp = new Talk();
  pcp.take();
  pcp.gateway(pcpGrant("11", "00000e10", "1ae3"));
  const refusal = pcpGrant("06").replace("02810000", "02810002");
  assertEquals(pcp.gateway(refusal), ["pcp udp 00000000 1ae11ae3", ...PMP_ASK]);
  pcp.gateway(pmpGrant("82"));
  for (let attempt = 1; attempt < 4; attempt++) assertEquals(pcp.ring().length, 3);
  assertEquals(pcp.ring().slice(1), [PMP_REMOVE[0]!, "search"]);
  assertEquals(pcp.feed({ kind: "stop" }), ["stopped"]);

  const upnp = foundByUpnp();
  upnp.http(2, 200);
  assertEquals(upnp.http(3, 501), ["4 DeletePortMapping 6881 TCP", "unmapped"]);
  assertEquals(upnp.http(4, 200), []);
  assertEquals(upnp.feed({ kind: "stop" }), ["stopped"]);
});

Deno.test("pauses between searches double up to an hour, and begin anew after a success", () => {
  const talk = new Talk({ gateway: undefined });
  assertEquals(talk.take(), ["search"]);
  const pauses: number[] = [];
  const searchInVain = () => {
    talk.ring();
    talk.ring();
    const lostAt = talk.now;
    talk.ring();
    pauses.push((talk.now - lostAt) / 60_000);
  };
  for (let i = 0; i < 8; i++) searchInVain();
  assertEquals(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
  talk.found("http://10.0.0.1:5/d");
  for (const job of [1, 2, 3, 4]) talk.http(job, 200, `${DESCRIPTION}${ADDRESS}`);
  assertEquals(nextMapperDeadline(talk.mapper), talk.now + 1_800_000);
  talk.ring();
  assertEquals(talk.http(5, 0), [
    "6 DeletePortMapping 6881 TCP",
    "7 DeletePortMapping 6881 UDP",
    "unmapped",
  ]);
  assertEquals(nextMapperDeadline(talk.mapper), talk.now + 60_000);
});

Deno.test("gateways that answer one search are tried in turn, each once, and four at most", () => {
  const talk = new Talk({ gateway: undefined });
  talk.take();
  assertEquals(talk.found("http://10.0.0.1/a"), ["1 GET http://10.0.0.1/a"]);
  assertEquals(nextMapperDeadline(talk.mapper), Infinity);
  assertEquals(talk.found("http://10.0.0.1/a"), []);
  assertEquals(talk.found("http://10.0.0.3/b"), []);
  assertEquals(talk.found("http://10.0.0.3/b"), []);
  for (const name of ["c", "d", "e", "f"]) assertEquals(talk.found(`http://10.0.0.4/${name}`), []);
  assertEquals(talk.http(7, 200, DESCRIPTION), [], "an answer to nothing that was asked");
  assertEquals(talk.http(1, 404, DESCRIPTION), ["2 GET http://10.0.0.3/b"]);
  assertEquals(talk.http(2, 200, "<device>"), ["3 GET http://10.0.0.4/c"]);
  assertEquals(talk.http(3, 0), ["4 GET http://10.0.0.4/d"]);
  assertEquals(talk.http(4, 0), ["unmapped"]);
  // The next search starts without known gateways.
  assertEquals(talk.found("http://10.0.0.9/x"), []);
  assertEquals(talk.ring(), ["@60000", "search"]);
  assertEquals(talk.found("http://10.0.0.1/a"), ["5 GET http://10.0.0.1/a"]);
  for (const name of ["b", "c", "d", "e"]) talk.found(`http://10.0.0.4/${name}`);
  for (const job of [5, 6]) talk.http(job, 0);
  assertEquals(talk.http(7, 0), ["8 GET http://10.0.0.4/d"]);
  assertEquals(talk.http(8, 0), [], "nothing was mapped since it was said");
  assertEquals(talk.ring(), ["@180000", "search"]);
});

Deno.test("what an earlier search left over is forgotten by the next", () => {
  const talk = new Talk({ gateway: undefined });
  talk.found("http://10.0.0.1/a");
  talk.found("http://10.0.0.3/left-over");
  for (const job of [1, 2, 3, 4]) talk.http(job, 200, `${DESCRIPTION}${ADDRESS}`);
  talk.ring();
  talk.http(5, 0);
  talk.ring();
  assertEquals(talk.found("http://10.0.0.1/a"), ["8 GET http://10.0.0.1/a"]);
});

Deno.test("a UPnP mapping is made for our end of the connection, and renewed as it was granted", () => {
  const talk = foundByUpnp();
  assertEquals(nextMapperDeadline(talk.mapper), Infinity);
  assertEquals(talk.http(2, 500, "<errorCode>718</errorCode>"), [
    "3 AddPortMapping 6882 TCP 6881 10.0.0.7 1 tt 3600",
  ]);
  assertEquals(talk.http(3, 500, "<errorCode>725</errorCode>"), [
    "4 AddPortMapping 6882 TCP 6881 10.0.0.7 1 tt 0",
  ]);
  assertEquals(talk.http(4, 200), ["5 AddPortMapping 6881 UDP 6881 10.0.0.7 1 tt 3600"]);
  assertEquals(talk.http(5, 200), ["6 GetExternalIPAddress"]);
  assertEquals(talk.http(6, 200, ADDRESS), ["mapped upnp 192.0.2.5:6882"]);
  assertEquals(talk.ring(), [
    "@1800000",
    "7 AddPortMapping 6882 TCP 6881 10.0.0.7 1 tt 0",
  ]);
  assertEquals(nextMapperDeadline(talk.mapper), Infinity);
  assertEquals(talk.http(7, 200), ["8 AddPortMapping 6881 UDP 6881 10.0.0.7 1 tt 3600"]);
  assertEquals(talk.http(8, 200), ["9 GetExternalIPAddress"]);
  assertEquals(talk.http(9, 200, ADDRESS), []);
  // Lost: the next request asks for our own port again, with a lease.
  talk.ring();
  assertEquals(talk.http(10, 501), [
    "11 DeletePortMapping 6882 TCP",
    "12 DeletePortMapping 6881 UDP",
    "unmapped",
  ]);
  talk.ring();
  assertEquals(talk.found("http://10.0.0.1:5/d"), ["13 GET http://10.0.0.1:5/d"]);
  assertEquals(talk.http(13, 200, DESCRIPTION), [
    "14 AddPortMapping 6881 TCP 6881 10.0.0.2 1 tt 3600",
  ]);
});

Deno.test("a port that another host took since is not taken back", () => {
  const talk = foundByUpnp();
  for (const job of [2, 3, 4]) talk.http(job, 200, ADDRESS);
  talk.ring();
  for (const job of [5, 6, 7]) talk.http(job, 500, "<errorCode>718</errorCode>");
  assertEquals(talk.http(8, 500, "<errorCode>718</errorCode>"), [
    "9 DeletePortMapping 6881 UDP",
    "unmapped",
  ]);
});

Deno.test("a gateway that refuses everything is left after a few commands", () => {
  const permanent = foundByUpnp();
  permanent.http(2, 500, "<errorCode>725</errorCode>");
  assertEquals(permanent.http(3, 500, "<errorCode>725</errorCode>"), ["unmapped"]);
  const full = foundByUpnp();
  for (const job of [2, 3, 4]) {
    assertEquals(full.http(job, 500, "<errorCode>718</errorCode>").length, 1);
  }
  assertEquals(full.http(5, 500, "<errorCode>718</errorCode>"), ["unmapped"]);
  const last = new Talk({ gateway: undefined, port: 65_535 });
  last.found("http://10.0.0.1:5/d");
  last.http(1, 200, DESCRIPTION);
  assertEquals(last.http(2, 500, "<errorCode>718</errorCode>"), [
    "3 AddPortMapping 1 TCP 65535 10.0.0.2 1 tt 3600",
  ]);
});

Deno.test("an unknown public address does not keep a mapping from use", () => {
  const talk = foundByUpnp();
  talk.http(2, 200);
  talk.http(3, 200);
  assertEquals(talk.http(4, 500, ADDRESS), ["mapped upnp undefined:6881"]);
});

Deno.test("a stop takes back what was granted so far, by the protocol that granted it", () => {
  const pcp = new Talk();
  pcp.take();
  pcp.gateway(pcpGrant("06", "00000e10", "1ae3"));
  assertEquals(pcp.feed({ kind: "stop" }), ["pcp tcp 00000000 1ae11ae3", "stopped"]);
  assertEquals([pcp.feed({ kind: "stop" }), nextMapperDeadline(pcp.mapper)], [[], Infinity]);
  assertEquals(pcp.mapper.mappings.size, 0);

  const natPmp = new Talk({ localIp: undefined });
  natPmp.take();
  natPmp.gateway(pmpGrant("82"));
  assertEquals(natPmp.feed({ kind: "stop" }), [PMP_REMOVE[0]!, "stopped"]);

  const upnp = foundByUpnp();
  upnp.http(2, 200);
  assertEquals(upnp.feed({ kind: "stop" }), ["4 DeletePortMapping 6881 TCP"]);
  assertEquals(upnp.feed({ kind: "stop" }), []);
  assertEquals(upnp.gateway(PMP_ADDRESS), []);
  assertEquals(upnp.http(3, 200), [], "of the mapping that was under way");
  assertEquals(upnp.http(4, 200), ["stopped"]);
});

Deno.test("a stop before anything was granted, or by a gateway that is gone, ends at once or after a second", () => {
  for (const options of [{}, { localIp: undefined }, { gateway: undefined }]) {
    const talk = new Talk(options);
    talk.take();
    talk.now = 100;
    assertEquals(talk.feed({ kind: "stop" }), ["stopped"]);
  }
  const upnp = foundByUpnp();
  for (const job of [2, 3, 4]) upnp.http(job, 200, ADDRESS);
  upnp.now = 5_000;
  assertEquals(upnp.feed({ kind: "stop" }), ["5 DeletePortMapping 6881 TCP"]);
  assertEquals(upnp.ring(), ["@6000", "stopped"]);
  assertEquals([upnp.http(5, 200), upnp.feed({ kind: "timer" })], [[], []]);
});

Deno.test("both mappings are taken back, one after the other", () => {
  const upnp = foundByUpnp();
  for (const job of [2, 3, 4]) upnp.http(job, 200, ADDRESS);
  assertEquals(upnp.feed({ kind: "stop" }), ["5 DeletePortMapping 6881 TCP"]);
  assertEquals(upnp.http(5, 200), ["6 DeletePortMapping 6881 UDP"]);
  assertEquals(upnp.http(6, 500), ["stopped"]);
  const mapped = mappedByNatPmp();
  assertEquals(mapped.feed({ kind: "stop" }), [...PMP_REMOVE, "stopped"]);
});

Deno.test("a timer before its time does nothing", () => {
  const talk = new Talk();
  talk.take();
  talk.now = 249;
  assertEquals(talk.feed({ kind: "timer" }), []);
});
