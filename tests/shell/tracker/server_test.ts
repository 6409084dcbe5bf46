import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { byteText } from "../../../core/bencode/node.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import type { AnnounceRequest } from "../../../core/tracker/types.ts";
import { announce } from "../../../shell/announce/announce.ts";
import type { AccessEntry } from "../../../shell/tracker/log/access_log.ts";
import {
  type RunningTracker,
  startTracker,
  type TrackerOptions,
} from "../../../shell/tracker/server.ts";
import { valueOf } from "../../core/tracker/unwrap.ts";
import { announceRequest } from "../announce/request.ts";
import { until } from "../../support/until.ts";

async function withTracker(
  options: Partial<TrackerOptions>,
  use: (tracker: RunningTracker) => Promise<void>,
): Promise<void> {
  const tracker = await startTracker({ host: "127.0.0.1", port: 0, ...options });
  try {
    await use(tracker);
  } finally {
    await tracker.stop();
  }
}

async function tell(tracker: RunningTracker, request: AnnounceRequest) {
  const { seeders, leechers, peers } = valueOf(await announce(tracker.url, request));
  return { seeders, leechers, ports: peers.map((peer) => peer.port).sort() };
}

async function fetchText(tracker: RunningTracker, path: string, init?: RequestInit) {
  const response = await fetch(new URL(path, tracker.url), init);
  return { status: response.status, text: byteText(await response.bytes()), response };
}

Deno.test("peers find each other; started, completed and stopped change the counts", async () => {
  await withTracker({}, async (tracker) => {
    const seeder = announceRequest(1, { left: 0, event: "started" });
    assertEquals(await tell(tracker, seeder), { seeders: 1, leechers: 0, ports: [] });
    const leecher = announceRequest(2, { event: "started" });
    assertEquals(await tell(tracker, leecher), { seeders: 1, leechers: 1, ports: [7001] });
    const other = announceRequest(3, { event: "started" });
    assertEquals(await tell(tracker, other), { seeders: 1, leechers: 2, ports: [7001, 7002] });

    const done = announceRequest(2, { left: 0, event: "completed" });
    assertEquals(await tell(tracker, done), { seeders: 2, leechers: 1, ports: [7003] });
    const gone = announceRequest(1, { left: 0, event: "stopped" });
    assertEquals(await tell(tracker, gone), { seeders: 1, leechers: 1, ports: [] });
    const { swarms, seeders, leechers, completed, announces } = tracker.stats();
    assertEquals([swarms, seeders, leechers, completed, announces], [1, 1, 1, 1, 5]);
  });
});

Deno.test("swarms are separate", async () => {
  await withTracker({}, async (tracker) => {
    await tell(tracker, announceRequest(1));
    const elsewhere = announceRequest(2, { infoHash: infoHashFromHex("ab".repeat(20))! });
    assertEquals((await tell(tracker, elsewhere)).ports, []);
    assertEquals(tracker.stats().swarms, 2);
  });
});

Deno.test("a response contains the interval, and the client's address", async () => {
  await withTracker({ intervalSeconds: 10 }, async (tracker) => {
    const answer = valueOf(await announce(tracker.url, announceRequest(1)));
    // Up to an eighth more, at random.
    assert([10, 11].includes(answer.intervalSeconds), `${answer.intervalSeconds}`);
    assertEquals(answer.minIntervalSeconds, 10);
    assertEquals(answer.externalIp, "127.0.0.1");
  });
});

Deno.test("a silent peer expires, an announcing one stays", async () => {
  let now = 0;
  await withTracker({ intervalSeconds: 300, now: () => now }, async (tracker) => {
    await tell(tracker, announceRequest(1));
    now = 300_000;
    await tell(tracker, announceRequest(2));
    now = 1_299_000;
    assertEquals((await tell(tracker, announceRequest(3))).ports.sort(), [7001, 7002]);
    now = 1_400_000;
    assertEquals((await tell(tracker, announceRequest(3))).ports, [7002]);
    assertEquals(tracker.stats().uptimeSeconds, 1_400);
    now = 3_000_000;
    const peers = async () => JSON.parse((await fetchText(tracker, "/stats")).text).peers;
    await until(async () => await peers() === 0, "the peers that fell silent are gone");
  });
});

Deno.test("clients that announce rarely stay listed, however short the interval", async () => {
  let now = 0;
  await withTracker({ intervalSeconds: 60, now: () => now }, async (tracker) => {
    // libtorrent announces every 300 s at the earliest, rtorrent every 600 s.
    for (; now <= 3_600_000; now += 60_000) {
      if (now % 300_000 === 0) await tell(tracker, announceRequest(1));
      if (now % 600_000 === 0) await tell(tracker, announceRequest(2));
      assertEquals(tracker.stats().peers, 2, `after ${now / 1000} s`);
    }
  });
});

Deno.test("IPv6 peers are returned to each other, also on a dual-stack socket", async () => {
  for (const host of ["::1", "::"]) {
    await withTracker({ host }, async (tracker) => {
      await tell(tracker, announceRequest(1));
      const answer = valueOf(await announce(tracker.url, announceRequest(2)));
      assertEquals(answer.peers, [{ ip: "::1", port: 7001 }]);
      assertEquals(answer.externalIp, "::1");
    });
  }
});

Deno.test("an IPv4 peer on a dual-stack socket is an IPv4 peer", async () => {
  await withTracker({ host: "::" }, async (tracker) => {
    const url = `http://127.0.0.1:${tracker.port}/announce`;
    assertEquals(valueOf(await announce(url, announceRequest(1))).externalIp, "127.0.0.1");
    const second = valueOf(await announce(url, announceRequest(2)));
    assertEquals(second.peers, [{ ip: "127.0.0.1", port: 7001 }]);
  });
});

Deno.test("the announce URL of a wildcard address names this machine", async () => {
  await withTracker({ host: "0.0.0.0" }, async (tracker) => {
    assertEquals(tracker.url, `http://127.0.0.1:${tracker.port}/announce`);
    assertEquals((await fetchText(tracker, "/healthz")).text, "ok\n");
  });
});

Deno.test("bad announces and scrapes get a reason and status 200", async () => {
  await withTracker({}, async (tracker) => {
    for (const path of ["/announce", "/announce?info_hash=%zz", "/scrape", "/scrape?info_hash=a"]) {
      const { status, text } = await fetchText(tracker, path);
      assertEquals(status, 200);
      assertMatch(text, /^d14:failure reason\d+:info_hash /);
    }
    assertEquals(tracker.stats().failures, 4);
  });
});

Deno.test("a scrape counts seeders, leechers, downloaders and finished downloads", async () => {
  await withTracker({}, async (tracker) => {
    await tell(tracker, announceRequest(1));
    const scrape = async () => {
      const path = `/scrape?info_hash=${"%00%FF%2B%25%20".repeat(4)}`;
      return (await fetchText(tracker, path)).text;
    };
    assertMatch(
      await scrape(),
      /d8:completei0e10:downloadedi0e11:downloadersi1e10:incompletei1eeee$/,
    );
    // A partial seed is incomplete and downloads nothing.
    await tell(tracker, announceRequest(1, { event: "paused" }));
    await tell(tracker, announceRequest(2));
    assertMatch(await scrape(), /11:downloadersi1e10:incompletei2eeee$/);
    await tell(tracker, announceRequest(1));
    assertMatch(await scrape(), /11:downloadersi2e10:incompletei2eeee$/);
  });
});

Deno.test("stats are JSON, metrics have the Prometheus format, other paths are not found", async () => {
  await withTracker({}, async (tracker) => {
    assertEquals(JSON.parse((await fetchText(tracker, "/stats")).text), {
      swarms: 0,
      peers: 0,
      seeders: 0,
      leechers: 0,
      completed: 0,
      announces: 0,
      scrapes: 0,
      failures: 0,
      stale: 0,
      uptimeSeconds: 0,
    });
    const metrics = await fetchText(tracker, "/metrics");
    assertMatch(metrics.response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    assertMatch(metrics.text, /^tt_tracker_swarms 0$/m);
    assertEquals((await fetchText(tracker, "/healthz")).text, "ok\n");
    for (const path of ["/nothing", "/announce/", "/toString"]) {
      assertEquals((await fetchText(tracker, path)).status, 404);
    }
    assertEquals(
      (await fetchText(tracker, "/announce", { method: "POST", body: "x" })).status,
      405,
    );
  });
});

Deno.test("each request is logged, refusals with their reason, without query strings", async () => {
  const entries: AccessEntry[] = [];
  const accessLog = { note: (entry: AccessEntry) => entries.push(entry) };
  await withTracker({ accessLog }, async (tracker) => {
    await tell(tracker, announceRequest(1, { event: "started" }));
    await tell(tracker, announceRequest(1));
    await fetchText(tracker, "/announce");
    await fetchText(tracker, "/nothing?token=secret");
  });
  const infoHash = "00ff2b2520".repeat(4);
  const known = { protocol: "http", client: "127.0.0.1:7001", infoHash, result: "answered" };
  const rest = { protocol: "http", client: "127.0.0.1" };
  assertEquals(entries.map(({ tookMs: _, ...entry }) => JSON.parse(JSON.stringify(entry))), [
    { ...known, what: "started" },
    { ...known, what: "regular" },
    { ...rest, what: "invalid", result: "refused", reason: "info_hash is missing" },
    { ...rest, what: "GET /nothing", result: 404 },
  ]);
});

Deno.test("partial requests and idle connections delay nothing, not even the stop", async () => {
  const tracker = await startTracker({ host: "127.0.0.1", port: 0 });
  const silent = await Deno.connect({ port: tracker.port });
  const half = await Deno.connect({ port: tracker.port });
  await half.write(new TextEncoder().encode("GET /announce?info_"));
  assertEquals((await tell(tracker, announceRequest(1))).leechers, 1);
  await tracker.stop();
  silent.close();
  half.close();
});

Deno.test("a port in use is reported to the caller", async () => {
  await withTracker({}, async (tracker) => {
    const second = () => startTracker({ host: "127.0.0.1", port: tracker.port });
    await assertRejects(second, Deno.errors.AddrInUse);
  });
});
