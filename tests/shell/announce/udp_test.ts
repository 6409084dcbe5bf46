import { assert, assertEquals } from "@std/assert";
import { announce } from "../../../shell/announce/announce.ts";
import { errorOf, valueOf } from "../../core/tracker/unwrap.ts";
import { announceRequest } from "./request.ts";

const REQUEST = announceRequest(1, { event: "started" });
/** BEP 15's 15 s: nothing is retransmitted, however busy the machine is. */
const PATIENT = { udpTimeScale: 1, timeoutMs: 60_000 };
/** BEP 15's 15 s become 150 ms. */
const FAST = { udpTimeScale: 0.01, timeoutMs: 60_000 };

const CONNECT = 0, ANNOUNCE = 1, ERROR = 3;

interface FakeTracker {
  readonly url: string;
  readonly port: number;
  /** IP address of each packet's sender. */
  readonly senders: string[];
  /** Action of each received packet, dropped or not. */
  readonly actions: number[];
  readonly announces: Uint8Array[];
  close(): void;
}

/** Returns the response to a packet: bytes, or nothing, as if it was lost. */
type Behaviour = (action: number, packet: DataView, count: number) => Uint8Array[];

function packet(action: number, request: DataView, rest: number[]): Uint8Array {
  const bytes = new Uint8Array(8 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, action);
  view.setUint32(4, request.getUint32(12));
  bytes.set(rest, 8);
  return bytes;
}

const PEER4 = [10, 0, 0, 1, 0x1a, 0xe1];
const COUNTS = [0, 0, 7, 8, 0, 0, 0, 3, 0, 0, 0, 7];

const polite: Behaviour = (action, request) => [
  action === CONNECT
    ? packet(CONNECT, request, [1, 2, 3, 4, 5, 6, 7, 8])
    : packet(ANNOUNCE, request, [...COUNTS, ...PEER4]),
];

function fakeTracker(behaviour: Behaviour, hostname = "127.0.0.1", onPort = 0): FakeTracker {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: onPort });
  const { port } = socket.addr as Deno.NetAddr;
  const actions: number[] = [];
  const announces: Uint8Array[] = [];
  const senders: string[] = [];
  (async () => {
    for await (const [bytes, from] of socket) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const action = view.getUint32(8);
      actions.push(action);
      senders.push((from as Deno.NetAddr).hostname);
      if (action === ANNOUNCE) announces.push(bytes.slice());
      for (const answer of behaviour(action, view, actions.length)) await socket.send(answer, from);
    }
  })().catch(() => {});
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `udp://${host}:${port}/announce?key=1`,
    port,
    senders,
    actions,
    announces,
    close: () => socket.close(),
  };
}

Deno.test("connect and announce return counts and peers", async () => {
  const tracker = fakeTracker(polite);
  const answer = valueOf(await announce(tracker.url, REQUEST, { ...PATIENT, allowLocal: true }));
  assertEquals([answer.intervalSeconds, answer.leechers, answer.seeders], [1800, 3, 7]);
  assertEquals(answer.peers, [{ ip: "10.0.0.1", port: 6881 }]);
  assertEquals(tracker.actions, [CONNECT, ANNOUNCE]);
  const sent = tracker.announces[0]!;
  assertEquals([...sent.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(new TextDecoder().decode(sent.subarray(100)), "/announce?key=1");
  tracker.close();
});

Deno.test("a connection ID is reused for a minute", async () => {
  const tracker = fakeTracker(polite);
  for (let i = 0; i < 3; i++) valueOf(await announce(tracker.url, REQUEST, PATIENT));
  assertEquals(tracker.actions, [CONNECT, ANNOUNCE, ANNOUNCE, ANNOUNCE]);
  tracker.close();
});

Deno.test("after a restart of the tracker a new connection ID is requested", async () => {
  const tracker = fakeTracker((action, request, count) =>
    count === 3 ? [packet(ERROR, request, [0x6e, 0x6f])] : polite(action, request, count)
  );
  valueOf(await announce(tracker.url, REQUEST, PATIENT));
  valueOf(await announce(tracker.url, REQUEST, PATIENT));
  assertEquals(tracker.actions, [CONNECT, ANNOUNCE, ANNOUNCE, CONNECT, ANNOUNCE]);
  tracker.close();
});

Deno.test("lost packets are sent again", async () => {
  const tracker = fakeTracker((action, request, count) =>
    [1, 2, 4].includes(count) ? [] : polite(action, request, count)
  );
  valueOf(await announce(tracker.url, REQUEST, FAST));
  assertEquals(tracker.actions, [CONNECT, CONNECT, CONNECT, ANNOUNCE, ANNOUNCE]);
  tracker.close();
});

Deno.test("short, malformed and unrelated packets are ignored", async () => {
  const tracker = fakeTracker((action, request, count) => {
    const [good] = polite(action, request, count);
    // A forged response: the next transaction ID, another connection ID and other counts.
    const stranger = good!.slice();
    stranger[7]! ^= 1;
    stranger.fill(9, 8);
    return [
      new Uint8Array(3),
      packet(9, request, []),
      packet(action, request, []),
      packet(action === CONNECT ? ANNOUNCE : CONNECT, request, [...COUNTS]),
      stranger,
      good!,
    ];
  });
  const answer = valueOf(await announce(tracker.url, REQUEST, PATIENT));
  assertEquals([answer.leechers, answer.seeders, answer.peers.length], [3, 7, 1]);
  assertEquals([...tracker.announces[0]!.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
  tracker.close();
});

Deno.test("an error packet is a refusal", async () => {
  const tracker = fakeTracker((_, request) => [packet(ERROR, request, [0x62, 0x61, 0x64])]);
  assertEquals(errorOf(await announce(tracker.url, REQUEST, PATIENT)), {
    code: "refused",
    message: "The tracker refused: bad",
  });
  tracker.close();
});

Deno.test("a tracker that never responds times out", async () => {
  const tracker = fakeTracker(() => []);
  const options = { ...PATIENT, timeoutMs: 100 };
  assertEquals(errorOf(await announce(tracker.url, REQUEST, options)).code, "unreachable");
  assert(tracker.actions.length >= 1);
  tracker.close();
});

Deno.test("after the last timeout of the schedule the announce fails", async () => {
  const tracker = fakeTracker(() => []);
  const options = { udpTimeScale: 1e-6, timeoutMs: 5_000 };
  assertEquals(errorOf(await announce(tracker.url, REQUEST, options)).code, "unreachable");
  tracker.close();
});

Deno.test("a tracker on IPv6 is announced to, and returns IPv6 peers", async () => {
  const peer6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, 0x1a, 0xe1];
  const tracker = fakeTracker(
    (action, request, count) =>
      action === CONNECT
        ? polite(action, request, count)
        : [packet(ANNOUNCE, request, [...COUNTS, ...peer6])],
    "::1",
  );
  const answer = valueOf(await announce(tracker.url, REQUEST, PATIENT));
  assertEquals(answer.peers, [{ ip: "2001:db8::1", port: 6881 }]);
  tracker.close();
});

Deno.test("a host name is resolved and announced to", async () => {
  const tracker = fakeTracker(polite);
  const url = tracker.url.replace("127.0.0.1", "localhost");
  assertEquals(valueOf(await announce(url, REQUEST, PATIENT)).seeders, 7);
  tracker.close();
});

Deno.test("a response from another address or port is ignored", async () => {
  const strangers = ["127.0.0.1", "127.0.0.2"].map((hostname) =>
    Deno.listenDatagram({ transport: "udp", hostname, port: 0 })
  );
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  // From another address, with the tracker's port.
  strangers.push(Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.3", port }));
  const serving = (async () => {
    for await (const [bytes, from] of socket) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const [forged] = polite(view.getUint32(8), view, 0);
      forged!.fill(9, 8);
      for (const stranger of strangers) await stranger.send(forged!, from);
      // Long enough for the forged ones to be read first.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await socket.send(polite(view.getUint32(8), view, 0)[0]!, from);
    }
  })().catch(() => {});
  const answer = valueOf(await announce(`udp://127.0.0.1:${port}/announce`, REQUEST, PATIENT));
  assertEquals([answer.leechers, answer.seeders], [3, 7]);
  for (const each of [socket, ...strangers]) each.close();
  await serving;
});

Deno.test("an old connection ID is discarded at the first timeout", async () => {
  let isRestarted = false;
  const tracker = fakeTracker((action, request, count) => {
    if (action === CONNECT) isRestarted = count > 1;
    // After its restart it ignores connection IDs from before.
    return count > 2 && !isRestarted ? [] : polite(action, request, count);
  });
  valueOf(await announce(tracker.url, REQUEST, FAST));
  valueOf(await announce(tracker.url, REQUEST, FAST));
  assertEquals(tracker.actions, [CONNECT, ANNOUNCE, ANNOUNCE, CONNECT, ANNOUNCE]);
  tracker.close();
});

Deno.test("if one address of the host does not respond, another is tried", async () => {
  const silent = fakeTracker(() => []);
  const second = fakeTracker(polite, "127.0.0.2", silent.port);
  const lookup = () => Promise.resolve(["127.0.0.1", "127.0.0.2"]);
  const url = `udp://both.test:${silent.port}/announce`;
  assertEquals(valueOf(await announce(url, REQUEST, { ...FAST, lookup })).seeders, 7);
  assertEquals(second.actions, [CONNECT, ANNOUNCE]);
  silent.close();
  second.close();
});

Deno.test("a dual-stack host gets an announce per family, and both report peers", async () => {
  const four = fakeTracker(polite);
  const peer6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, 0x1a, 0xe1];
  const six = fakeTracker(
    (action, request, count) =>
      action === CONNECT
        ? polite(action, request, count)
        : [packet(ANNOUNCE, request, [...COUNTS, ...peer6])],
    "::1",
    four.port,
  );
  const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
  const url = `udp://both.test:${four.port}/announce`;
  const answer = valueOf(await announce(url, REQUEST, { ...PATIENT, lookup }));
  assertEquals(answer.families?.toSorted(), [4, 6]);
  assertEquals(answer.peers.map(({ ip }) => ip).sort(), ["10.0.0.1", "2001:db8::1"]);
  four.close();
  six.close();
});

Deno.test("datagrams leave from the bound address", async () => {
  const tracker = fakeTracker(polite);
  valueOf(await announce(tracker.url, REQUEST, { ...PATIENT, localAddress: "127.0.0.7" }));
  assertEquals(tracker.senders, ["127.0.0.7", "127.0.0.7"]);
  tracker.close();
});

Deno.test("an announced IPv4 address is sent in its field", async () => {
  const tracker = fakeTracker(polite);
  for (const announceIp of ["192.0.2.9", "2001:db8::9"]) {
    valueOf(await announce(tracker.url, REQUEST, { ...PATIENT, announceIp }));
  }
  const fields = tracker.announces.map((bytes) => [...bytes.subarray(84, 88)]);
  assertEquals(fields, [[192, 0, 2, 9], [0, 0, 0, 0]]);
  tracker.close();
});

Deno.test("an international host name is resolved in its ASCII form", async () => {
  const tracker = fakeTracker(polite);
  const asked: string[] = [];
  const lookup = (host: string) => {
    asked.push(host);
    return Promise.resolve(["127.0.0.1"]);
  };
  for (const host of ["b\u00fccher.test", "B%C3%BCcher.test"]) {
    valueOf(await announce(`udp://${host}:${tracker.port}/`, REQUEST, { ...PATIENT, lookup }));
  }
  assertEquals(asked, ["xn--bcher-kva.test", "xn--bcher-kva.test"]);
  tracker.close();
});

Deno.test("a local tracker is told no path but its own", async () => {
  const tracker = fakeTracker(polite);
  for (const rest of ["/announce", "", "/reboot", "/announce?x=1"]) {
    valueOf(await announce(`udp://127.0.0.1:${tracker.port}${rest}`, REQUEST, PATIENT));
  }
  const told = tracker.announces.map((bytes) => new TextDecoder().decode(bytes.subarray(100)));
  assertEquals(told, ["/announce", "", "", ""]);
  tracker.close();
});
