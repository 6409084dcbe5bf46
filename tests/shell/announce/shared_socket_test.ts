/** Announces over one UDP socket, shared with each other and with the DHT. */
import { assert, assertEquals } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { announce } from "../../../shell/announce/announce.ts";
import { UdpAsker } from "../../../shell/announce/udp_asker.ts";
import { UdpSocket } from "../../../shell/net/udp_socket.ts";
import { SessionUdp } from "../../../shell/session_udp.ts";
import { errorOf, valueOf } from "../../core/tracker/unwrap.ts";
import { ipv6 } from "../../support/network.ts";
import { announceRequest } from "./request.ts";

const LOCALHOST = "127.0.0.1";
const CONNECT = 0, ANNOUNCE = 1;

interface FakeTracker {
  readonly url: string;
  /** "IP:PORT" of each packet's sender. */
  readonly senders: string[];
  close(): void;
}

/** Responds with as many seeders as the last byte of the info hash, after `delayMs`. */
function fakeTracker(hostname: string, delayMs = 0): FakeTracker {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  const senders: string[] = [];
  const timers = new Set<ReturnType<typeof setTimeout>>();
  (async () => {
    for await (const [bytes, from] of socket) {
      const { hostname, port } = from as Deno.NetAddr;
      senders.push(`${hostname}:${port}`);
      const asked = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const action = asked.getUint32(8);
      const answer = new DataView(new ArrayBuffer(action === CONNECT ? 16 : 20));
      answer.setUint32(0, action);
      answer.setUint32(4, asked.getUint32(12));
      if (action === ANNOUNCE) answer.setUint32(16, bytes[35]!);
      const send = () => void socket.send(new Uint8Array(answer.buffer), from).catch(() => {});
      timers.add(setTimeout(send, delayMs));
    }
  })().catch(() => {});
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `udp://${host}:${port}/announce`,
    senders,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      socket.close();
    },
  };
}

const requestFor = (i: number) =>
  announceRequest(1, { infoHash: i.toString(16).padStart(40, "0") as InfoHash });

Deno.test("announces under way at once get their own answers, from one port of ours", async () => {
  const tracker = fakeTracker(LOCALHOST, 5);
  const socket = UdpSocket.open(LOCALHOST, 0);
  const asker = new UdpAsker(socket);
  const seeders = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const answer = await announce(tracker.url, requestFor(i), { udp: () => asker });
      return valueOf(answer).seeders;
    }),
  );
  assertEquals(seeders, Array.from({ length: 50 }, (_, i) => i));
  assertEquals([...new Set(tracker.senders)], [`${LOCALHOST}:${socket.port}`]);
  socket.close();
  tracker.close();
});

Deno.test(
  "one socket on every address reaches trackers of both families, and the DHT beside them",
  { ignore: await ipv6.missing() !== undefined },
  async () => {
    const trackers = [fakeTracker(LOCALHOST), fakeTracker("::1")];
    const udp = new SessionUdp(undefined, 0);
    const socket = udp.open()!;
    const heard = Promise.withResolvers<number>();
    socket.handle("dht", (_, { port }) => heard.resolve(port));
    const other = UdpSocket.open(LOCALHOST, 0);
    for (const { url } of trackers) {
      const answer = await announce(url, requestFor(7), { udp: () => udp.openAsker() });
      assertEquals(valueOf(answer).seeders, 7);
    }
    other.send(new TextEncoder().encode("d1:y1:qe"), { ip: LOCALHOST, port: socket.port });
    assertEquals(await heard.promise, other.port);
    const senders = trackers.flatMap(({ senders }) => senders);
    assertEquals([...new Set(senders)].sort(), [
      `${LOCALHOST}:${socket.port}`,
      `::1:${socket.port}`,
    ]);
    udp.close();
    other.close();
    for (const tracker of trackers) tracker.close();
  },
);

Deno.test("the socket is bound to the address and port of the session, and is opened when needed", async () => {
  const listener = Deno.listen({ hostname: LOCALHOST, port: 0 });
  const { port } = listener.addr;
  const udp = new SessionUdp(LOCALHOST, port);
  const probe = Deno.listenDatagram({ transport: "udp", hostname: LOCALHOST, port });
  probe.close();
  const tracker = fakeTracker(LOCALHOST);
  valueOf(await announce(tracker.url, requestFor(1), { udp: () => udp.openAsker() }));
  assertEquals([...new Set(tracker.senders)], [`${LOCALHOST}:${port}`]);
  assertEquals(udp.open(), udp.open());
  udp.close();
  assertEquals([udp.open(), udp.openAsker()], [undefined, undefined]);
  listener.close();
  tracker.close();
});

Deno.test("an announce that is stopped sends nothing more, and leaves the socket to others", async () => {
  const silent = fakeTracker(LOCALHOST, 60_000), tracker = fakeTracker(LOCALHOST);
  const socket = UdpSocket.open(LOCALHOST, 0);
  const asker = new UdpAsker(socket);
  const stop = new AbortController();
  const options = { udp: () => asker, signal: stop.signal };
  const stopped = announce(silent.url, requestFor(1), options);
  valueOf(await announce(tracker.url, requestFor(2), { udp: () => asker }));
  stop.abort();
  assertEquals(errorOf(await stopped).code, "unreachable");
  assertEquals(
    valueOf(await announce(tracker.url, requestFor(3), { udp: () => asker })).seeders,
    3,
  );
  assert(silent.senders.length === 1, silent.senders.join());
  socket.close();
  silent.close();
  tracker.close();
});

Deno.test("without a way to the tracker the announce fails, and a closed socket ends it", async () => {
  const tracker = fakeTracker(LOCALHOST);
  const socket = UdpSocket.open(LOCALHOST, 0);
  const asker = new UdpAsker(socket);
  socket.close();
  const result = await announce(tracker.url, requestFor(1), { udp: () => asker });
  assertEquals(errorOf(result).code, "unreachable");
  tracker.close();
});
