import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { announce } from "../../../../shell/announce/announce.ts";
import {
  type RunningTracker,
  startTracker,
  type TrackerOptions,
} from "../../../../shell/tracker/server.ts";
import { MemoryStore } from "../../../../shell/tracker/store/memory_store.ts";
import type { AnnounceQuery } from "../../../../core/tracker_server/types.ts";
import { valueOf } from "../../../core/tracker/unwrap.ts";
import { infoHashFromHex } from "../../../../core/metainfo/info_hash.ts";
import {
  announcePacket,
  connectPacket,
  errorText,
  numbersOf,
  openUdpClient,
  scrapePacket,
  type UdpClient,
} from "./kit.ts";
import { until } from "../../../support/until.ts";

type Test = (client: UdpClient, tracker: RunningTracker) => Promise<void>;

async function withTracker(options: Partial<TrackerOptions>, test: Test): Promise<void> {
  const tracker = await startTracker({ host: "127.0.0.1", port: 0, ...options });
  const client = openUdpClient(tracker.port, options.host);
  try {
    await test(client, tracker);
  } finally {
    client.close();
    await tracker.stop();
  }
}

/** `packets` get no response: the first response is that of a request sent after them. */
async function expectSilence(client: UdpClient, packets: readonly Uint8Array[]): Promise<void> {
  for (const packet of packets) await client.send(packet);
  assertEquals(numbersOf(await client.ask(connectPacket(99)), 2), [0, 99]);
}

Deno.test("our client announces over UDP, IPv4 and IPv6, at the HTTP port number", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    await withTracker({ host }, async (_, tracker) => {
      const tell = (id: number) =>
        announce(tracker.url.replace("http:", "udp:"), {
          infoHash: infoHashFromHex("ab".repeat(20))!,
          peerId: new Uint8Array(20).fill(id),
          port: 7000 + id,
          uploaded: 0,
          downloaded: 0,
          left: 1,
          event: "started",
          numWant: 50,
          key: id,
          trackerId: undefined,
        }, { timeoutMs: 10_000 });
      await tell(1);
      const answer = await tell(2);
      assertEquals(valueOf(answer).peers, [{ ip: host, port: 7001 }]);
    });
  }
});

Deno.test("peers that announce over UDP are counted, returned and removed", async () => {
  await withTracker({}, async (client, tracker) => {
    const id = await client.connect();
    await client.ask(announcePacket(id, { id: 1, left: 0 }));
    const answer = await client.ask(announcePacket(id, { id: 2 }));
    const [action, transaction, interval, leechers, seeders] = numbersOf(answer, 5);
    assertEquals([action, transaction, leechers, seeders], [1, 0xabcd, 1, 1]);
    assert(interval! >= 300 && interval! <= 337, `${interval}`);
    assertEquals([...answer.subarray(20)], [127, 0, 0, 1, 1001 >> 8, 1001 & 0xff]);
    await client.ask(announcePacket(id, { id: 1, left: 0, event: 3 }));
    assertEquals(tracker.stats().peers, 1);
  });
});

Deno.test("the response has as many peers as requested and as fit one packet", async () => {
  await withTracker({ host: "::1" }, async (client) => {
    const id = await client.connect();
    for (let peer = 1; peer <= 100; peer++) await client.ask(announcePacket(id, { id: peer }));
    const sizeOf = async (numWant: number) =>
      (await client.ask(announcePacket(id, { id: 1, numWant }))).length - 20;
    assertEquals([await sizeOf(0), await sizeOf(3), await sizeOf(-1)], [0, 3 * 18, 50 * 18]);
    assertEquals(await sizeOf(100_000), 76 * 18);
  });
});

Deno.test("a scrape covers up to 74 torrents, in order", async () => {
  await withTracker({}, async (client) => {
    const id = await client.connect();
    await client.ask(announcePacket(id, { id: 1, left: 0, event: 1 }));
    await client.ask(announcePacket(id, { id: 2 }));
    const hash = new Uint8Array(20).fill(7);
    const answer = await client.ask(scrapePacket(id, [new Uint8Array(20), hash]));
    assertEquals(numbersOf(answer, 8), [2, 0xabcd, 0, 0, 0, 1, 1, 1]);
    assertEquals((await client.ask(scrapePacket(id, Array(80).fill(hash)))).length, 8 + 12 * 74);
  });
});

Deno.test("options after an announce are skipped", async () => {
  await withTracker({}, async (client) => {
    const id = await client.connect();
    const options = Uint8Array.of(2, 5, ...new TextEncoder().encode("/path"), 2, 255, 1);
    assertEquals(numbersOf(await client.ask(announcePacket(id, { options })), 1), [1]);
  });
});

Deno.test("a connection ID is valid for two to three minutes", async () => {
  for (const madeAt of [0, 1_000, 30_000, 59_999]) {
    let now = madeAt;
    await withTracker({ now: () => now }, async (client) => {
      const id = await client.connect();
      for (const age of [1_000, 60_000, 119_999]) {
        now = madeAt + age;
        assertEquals(numbersOf(await client.ask(announcePacket(id)), 1), [1], `${age} ms`);
      }
      now = madeAt + 180_000;
      assertEquals(errorText(await client.ask(announcePacket(id))), "Connect again");
    });
  }
});

Deno.test("a connection ID is valid for its own address", async () => {
  let now = 0;
  await withTracker({ now: () => now, host: "0.0.0.0" }, async (client, tracker) => {
    const id = await client.connect();
    const other = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.2", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: tracker.port } as const;
    await other.send(announcePacket(id), to);
    const [answer] = await other.receive();
    assertEquals(errorText(answer), "Connect again");
    other.close();
    assertEquals(tracker.stats().peers, 0);
    now = 240_000;
    assertEquals(errorText(await client.ask(announcePacket(id))), "Connect again");
    assertNotEquals(await client.connect(), id);
  });
});

Deno.test("an unverified address gets no more bytes than it sent, and changes nothing", async () => {
  await withTracker({}, async (client, tracker) => {
    const forged = new Uint8Array(8).fill(1);
    const questions = [
      connectPacket(5),
      announcePacket(forged, { numWant: 200 }),
      scrapePacket(forged, [new Uint8Array(20)]),
      scrapePacket(forged, Array(74).fill(new Uint8Array(20))),
    ];
    for (const question of questions) {
      const answer = await client.ask(question);
      assert(answer.length <= question.length, `${answer.length} for ${question.length}`);
    }
    assertEquals(tracker.stats().peers, 0);
  });
});

Deno.test("truncated, unknown and foreign packets get no response", async () => {
  await withTracker({}, async (client) => {
    const id = await client.connect();
    const whole = announcePacket(id);
    const action = (number: number) => {
      const packet = whole.slice();
      packet[11] = number;
      return packet;
    };
    await expectSilence(client, [
      new Uint8Array(0),
      new Uint8Array(16),
      connectPacket(1).subarray(0, 15),
      whole.subarray(0, 97),
      scrapePacket(id, []),
      scrapePacket(id, [new Uint8Array(19)]).subarray(0, 35),
      action(3),
      action(77),
      new TextEncoder().encode("GET /announce HTTP/1.1\r\n\r\n"),
    ]);
  });
});

Deno.test("port 0 is refused, and the address in a packet is accepted only where allowed", async () => {
  const claim = { ip: 0x0a000001, id: 1 };
  await withTracker({}, async (client) => {
    const id = await client.connect();
    const refused = errorText(await client.ask(announcePacket(id, { port: 0 })));
    assertEquals(refused, "port must be a number from 1 to 65535");
    await client.ask(announcePacket(id, claim));
    const answer = await client.ask(announcePacket(id, { id: 2 }));
    assertEquals([...answer.subarray(20, 24)], [127, 0, 0, 1]);
  });
  await withTracker({ trustsIpParam: true }, async (client) => {
    const id = await client.connect();
    await client.ask(announcePacket(id, claim));
    const answer = await client.ask(announcePacket(id, { id: 2 }));
    assertEquals([...answer.subarray(20, 24)], [10, 0, 0, 1]);
  });
});

Deno.test("error responses over UDP are shorter than an announce", async () => {
  const options = { isRegistered: () => false, addressRate: 1 };
  await withTracker(options, async (client) => {
    const id = await client.connect();
    const refused = await client.ask(announcePacket(id));
    assertEquals(errorText(refused), "This torrent is not registered on this tracker");
    let answer = refused;
    for (let i = 0; i < 10; i++) answer = await client.ask(announcePacket(id));
    assertEquals(errorText(answer), "Your address asks too often, try again later");
    assert(answer.length < 98);
  });
});

Deno.test("IPv4 peers of a dual-stack socket get IPv4 peers", async () => {
  const tracker = await startTracker({ host: "::", port: 0 });
  const client = openUdpClient(tracker.port);
  const other = openUdpClient(tracker.port, "::1");
  await other.ask(announcePacket(await other.connect(), { id: 3 }));
  const id = await client.connect();
  await client.ask(announcePacket(id, { id: 1 }));
  const answer = await client.ask(announcePacket(id, { id: 2 }));
  assertEquals([...answer.subarray(20)], [127, 0, 0, 1, 1001 >> 8, 1001 & 0xff]);
  client.close();
  other.close();
  await tracker.stop();
});

Deno.test("a response is sent once its change is in the log, and not before", async () => {
  const log = Promise.withResolvers<void>();
  class SlowStore extends MemoryStore {
    settling: Promise<void> | undefined;
    override announce(query: AnnounceQuery, now: number) {
      this.settling = log.promise;
      return super.announce(query, now);
    }
  }
  const backend = new SlowStore({ seed: 1, expirySeconds: 1_300 }, () => 0);
  await withTracker({ backend }, async (client, tracker) => {
    const id = await client.connect();
    let isAnswered = false;
    const answer = client.ask(announcePacket(id)).finally(() => isAnswered = true);
    await until(() => tracker.stats().announces > 0, "the announce is counted");
    assertEquals(tracker.stats().announces, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(isAnswered, false);
    backend.settling = undefined;
    log.resolve();
    assertEquals(numbersOf(await answer, 1), [1]);
  });
});
