import { assertEquals, assertMatch } from "@std/assert";
import { infoHashFromHex } from "../../../../core/metainfo/info_hash.ts";
import { announce } from "../../../../shell/announce/announce.ts";
import { createMemoryStore, TorrentCatalog } from "../../../../shell/tracker/catalog/catalog.ts";
import { SharedCatalog } from "../../../../shell/tracker/catalog/shared_catalog.ts";
import { RedisBackend } from "../../../../shell/tracker/redis/backend.ts";
import { startTracker } from "../../../../shell/tracker/server.ts";
import { openTrackerData } from "../../../../shell/tracker/tracker_data.ts";
import { interopTest } from "../../../support/requirements.ts";
import { announceRequest } from "../../announce/request.ts";
import { redisServer, startCluster, startRedis } from "../../../support/redis_kit.ts";
import { infoHashOf, torrent } from "./torrents.ts";
import { until } from "../../../support/until.ts";

/** More than one response of Redis reports. */
const MANY = 1_100;

/** A tracker on a Redis, with a catalog that only this process uses. */
async function openTracker(url: string, options: { path?: string; isClosed?: boolean } = {}) {
  const now = () => performance.now();
  const backend = await RedisBackend.open({
    ...{ url, expirySeconds: 600, seed: 7, now, onProblem: () => {} },
  });
  const data = openTrackerData({
    path: options.path,
    host: "127.0.0.1",
    catalogToken: undefined,
    intervalSeconds: 300,
    onProblem: () => {},
  }, backend);
  const running = await startTracker({
    host: "127.0.0.1",
    port: 0,
    backend,
    routes: data.routes,
    isRegistered: options.isClosed ? data.isRegistered : undefined,
    now,
  });
  const ask = (path: string, init?: RequestInit) => fetch(new URL(path, running.url), init);
  return {
    running,
    backend,
    async upload(bytes: Uint8Array): Promise<number> {
      const response = await ask("/torrents", { method: "POST", body: bytes as BodyInit });
      await response.body?.cancel();
      return response.status;
    },
    async names(): Promise<string[]> {
      const { torrents } = await (await ask("/torrents")).json();
      return torrents.map(({ name }: { name: string }) => name).sort();
    },
    async file(bytes: Uint8Array): Promise<Uint8Array> {
      return await (await ask(`/torrents/${infoHashOf(bytes)}.torrent`)).bytes();
    },
    async remove(bytes: Uint8Array): Promise<{ status: number; text: string }> {
      const response = await ask(`/torrents/${infoHashOf(bytes)}`, { method: "DELETE" });
      return { status: response.status, text: await response.text() };
    },
    /** Why an announce is refused; undefined when it is not. */
    async refusal(bytes: Uint8Array, scheme: "http" | "udp"): Promise<string | undefined> {
      const infoHash = infoHashFromHex(infoHashOf(bytes))!;
      const url = running.url.replace("http:", `${scheme}:`);
      const answer = await announce(url, announceRequest(1, { infoHash }));
      return answer.ok ? undefined : JSON.stringify(answer.error);
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await data.close();
    },
  };
}

async function redisTest(name: string, fn: () => Promise<void>): Promise<void> {
  await interopTest({ name, needs: [redisServer], fn });
}

const ONE = torrent({ name: "one", salt: 1 });
const TWO = torrent({ name: "two", salt: 2 });

for (const kind of ["one Redis", "a cluster"] as const) {
  await redisTest(
    `a torrent added on one tracker on ${kind} is served by the other at once`,
    async () => {
      await using redis = kind === "one Redis" ? await startRedis() : await startCluster();
      const urls = "nodes" in redis ? redis.nodes.map(({ url }) => url) : [redis.url, redis.url];
      await using first = await openTracker(urls[0]!);
      await using second = await openTracker(urls[1]!);
      assertEquals(await first.upload(ONE), 201);
      assertEquals(await second.file(ONE), ONE);
      assertEquals(await second.upload(ONE), 200);
      assertEquals(await second.upload(TWO), 201);
      assertEquals(await first.names(), ["one", "two"]);
      assertEquals((await second.remove(ONE)).status, 204);
      assertEquals(await first.names(), ["two"]);
      assertEquals(await first.upload(ONE), 201);
      assertEquals(await second.names(), ["one", "two"]);
      await using third = await openTracker(urls[0]!);
      assertEquals(await third.names(), ["one", "two"]);
    },
  );
}

await redisTest("a torrent registered with one tracker can be announced to all", async () => {
  await using redis = await startRedis();
  await using first = await openTracker(redis.url, { isClosed: true });
  await using second = await openTracker(redis.url, { isClosed: true });
  for (const [bytes, scheme] of [[ONE, "http"], [TWO, "udp"]] as const) {
    assertMatch(await second.refusal(bytes, scheme) ?? "", /not registered/);
    await first.upload(bytes);
    assertEquals(await second.refusal(bytes, scheme), undefined);
  }
});

await redisTest(
  "without Redis the catalog works locally, and is shared again afterwards",
  async () => {
    await using redis = await startRedis();
    await using first = await openTracker(redis.url, { isClosed: true });
    await using second = await openTracker(redis.url);
    await first.upload(ONE);
    assertEquals(await second.names(), ["one"]);
    await redis.kill();
    await until(() => !first.backend.state().isUp && !second.backend.state().isUp, "the loss");
    assertEquals(await second.names(), ["one"]);
    assertEquals(await first.upload(TWO), 201);
    assertEquals(await first.refusal(TWO, "http"), undefined);
    const { status, text } = await first.remove(ONE);
    assertEquals(status, 503);
    assertMatch(text, /database is unreachable/);

    await redis.start();
    await until(() => first.backend.state().isUp && second.backend.state().isUp, "the return");
    await first.names();
    assertEquals(await second.names(), ["one", "two"]);
    await using third = await openTracker(redis.url);
    assertEquals(await third.names(), ["one", "two"]);
  },
);

await redisTest("a tracker that was disconnected does not restore removed torrents", async () => {
  await using redis = await startRedis();
  const folder = await Deno.makeTempDir({ prefix: "tt-catalog-" });
  try {
    const path = `${folder}/t.db`;
    await using first = await openTracker(redis.url);
    {
      await using second = await openTracker(redis.url, { path });
      for (const bytes of [ONE, TWO]) await first.upload(bytes);
      assertEquals(await second.names(), ["one", "two"]);
    }
    assertEquals((await first.remove(ONE)).status, 204);
    await using second = await openTracker(redis.url, { path });
    assertEquals(await second.names(), ["two"]);
    assertEquals(await first.names(), ["two"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

await redisTest(
  "a torrent that is removed while a tracker that was away compares catalogs stays removed",
  async () => {
    await using redis = await startRedis();
    await using other = await openTracker(redis.url);
    const returning = new TorrentCatalog(createMemoryStore());
    returning.add(ONE);
    // It learns of no change, then the torrent comes and goes, then it gives what Redis has not.
    let isFirst = true;
    const shared = new SharedCatalog(returning, {
      async command(...words) {
        const reply = await other.backend.link.command(...words);
        if (isFirst) {
          isFirst = false;
          assertEquals(await other.upload(ONE), 201);
          assertEquals((await other.remove(ONE)).status, 204);
        }
        return reply;
      },
    });
    await shared.refresh();
    assertEquals(await other.names(), []);
    await shared.refresh();
    assertEquals(returning.infoHashes(), []);
    await shared.close();
  },
);

await redisTest("a catalog of several pages is transferred completely", async () => {
  await using redis = await startRedis();
  await using first = await openTracker(redis.url);
  for (let i = 0; i < MANY; i++) await first.upload(torrent({ name: `many ${i}` }));
  await using second = await openTracker(redis.url);
  const { total } = await (await fetch(new URL("/torrents", second.running.url))).json();
  assertEquals(total, MANY);
});
