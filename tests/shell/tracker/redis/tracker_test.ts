import { assert, assertEquals, assertMatch } from "@std/assert";
import type { AnnounceRequest } from "../../../../core/tracker/types.ts";
import { announce } from "../../../../shell/announce/announce.ts";
import { RedisBackend, STALE_WARNING } from "../../../../shell/tracker/redis/backend.ts";
import { type RunningTracker, startTracker } from "../../../../shell/tracker/server.ts";
import { valueOf } from "../../../core/tracker/unwrap.ts";
import { interopTest } from "../../../support/requirements.ts";
import { announceRequest } from "../../announce/request.ts";
import { redisServer, startRedis } from "../../../support/redis_kit.ts";
import { until } from "../../../support/until.ts";

async function openTracker(url: string) {
  const now = () => performance.now();
  const backend = await RedisBackend.open({
    url,
    expirySeconds: 600,
    seed: 7,
    now,
    onProblem: () => {},
  });
  const tracker = await startTracker({ host: "127.0.0.1", port: 0, backend, now });
  return { tracker, [Symbol.asyncDispose]: () => tracker.stop() };
}

async function tell(tracker: RunningTracker, scheme: "http" | "udp", request: AnnounceRequest) {
  const url = tracker.url.replace("http:", `${scheme}:`);
  const { seeders, leechers, peers, warning } = valueOf(await announce(url, request));
  return { seeders, leechers, ports: peers.map(({ port }) => port).sort(), warning };
}

async function read(tracker: RunningTracker, path: string): Promise<string> {
  const response = await fetch(new URL(path, tracker.url));
  assertEquals(response.status, 200);
  return await response.text();
}

await interopTest({
  name: "peers of two trackers on one Redis find each other, over HTTP and UDP",
  needs: [redisServer],
  async fn() {
    await using redis = await startRedis();
    await using one = await openTracker(redis.url);
    await using two = await openTracker(redis.url);
    await tell(one.tracker, "http", announceRequest(1, { left: 0, event: "started" }));
    await tell(two.tracker, "udp", announceRequest(2, { event: "started" }));
    const expected = { seeders: 1, leechers: 2, ports: [7001, 7002], warning: undefined };
    assertEquals(await tell(one.tracker, "udp", announceRequest(3)), expected);
    assertEquals(await tell(two.tracker, "http", announceRequest(3)), expected);
  },
});

await interopTest({
  name: "a tracker without its Redis responds with a warning, also in its metrics",
  needs: [redisServer],
  async fn() {
    await using redis = await startRedis();
    await using open = await openTracker(redis.url);
    const { tracker } = open;
    await tell(tracker, "http", announceRequest(1));
    assertEquals(await read(tracker, "/healthz"), "ok\n");
    assertMatch(await read(tracker, "/metrics"), /^tt_tracker_store_up 1$/m);

    await redis.kill();
    await until(() => tracker.tracker.backend.state!().isUp === false, "the loss is noticed");
    const stale = await tell(tracker, "http", announceRequest(2));
    assertEquals([stale.ports, stale.warning], [[7001], STALE_WARNING]);
    assertEquals((await tell(tracker, "udp", announceRequest(3))).ports, [7001, 7002]);
    assertMatch(await read(tracker, "/healthz"), /^ok, but /);
    const metrics = await read(tracker, "/metrics");
    assertMatch(metrics, /^tt_tracker_store_up 0$/m);
    assertMatch(metrics, /^tt_tracker_announces_total\{protocol="udp",.*result="stale"\} 1$/m);
    const stats = JSON.parse(await read(tracker, "/stats"));
    assertEquals([stats.stale, stats.store], [2, { isUp: false, lostCount: 1 }]);
  },
});

await interopTest({
  name: "a tracker whose Redis hangs answers outstanding requests, and stops",
  needs: [redisServer],
  async fn() {
    await using redis = await startRedis();
    const { tracker } = await openTracker(redis.url);
    await tell(tracker, "http", announceRequest(1));
    redis.freeze();
    const asked = tell(tracker, "http", announceRequest(2));
    await until(async () => (await read(tracker, "/stats")).includes('"isUp":'), "it still talks");
    const [answer] = await Promise.all([asked, tracker.stop()]);
    assert(answer.warning === STALE_WARNING || answer.warning === undefined);
    redis.thaw();
  },
});
