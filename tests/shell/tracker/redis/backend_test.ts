import { assert, assertEquals, assertMatch } from "@std/assert";
import type {
  AnnounceQuery,
  StoreTotals,
  SwarmCounts,
} from "../../../../core/tracker_server/types.ts";
import { RedisBackend, STALE_WARNING } from "../../../../shell/tracker/redis/backend.ts";
import { freshPort } from "../../../support/network.ts";
import { openScratch } from "../../../support/content.ts";
import { interopTest } from "../../../support/requirements.ts";
import { announceOf, HASH, names, OTHER_HASH, plainReply } from "../announces.ts";
import { redisServer, startCluster, startRedis } from "../../../support/redis_kit.ts";
import { until } from "../../../support/until.ts";

/** A backend with the problems that it reported; closed when disposed. */
async function openBackend(url: string) {
  const problems: string[] = [];
  const backend = await RedisBackend.open({
    url,
    expirySeconds: 600,
    seed: 3,
    now: () => performance.now(),
    onProblem: (sentence) => problems.push(sentence),
  });
  return {
    backend,
    problems,
    async tell(query: AnnounceQuery) {
      const answer = await backend.announce(query, performance.now());
      if (!answer.ok) throw new Error(answer.error);
      return plainReply(answer.value);
    },
    [Symbol.asyncDispose]: () => backend.close(),
  };
}

async function redisTest(name: string, fn: () => Promise<void>): Promise<void> {
  await interopTest({ name, needs: [redisServer], fn });
}

await redisTest("trackers on one Redis share their swarms", async () => {
  await using redis = await startRedis();
  await using one = await openBackend(redis.url);
  await using two = await openBackend(redis.url);
  await one.tell(announceOf(1, { isComplete: true, event: "completed" }));
  assertEquals(await two.tell(announceOf(2)), {
    seeders: 1,
    leechers: 1,
    completed: 1,
    peers: names(1),
  });
  assertEquals(await two.backend.listPeers(HASH, 200), [
    { ip: "10.0.0.2", port: 6881, isSeeder: false },
    { ip: "10.0.0.1", port: 6881, isSeeder: true },
  ]);
  assertEquals((await two.backend.listPeers(HASH, 1)).length, 1);
  assertEquals(await two.backend.listPeers(OTHER_HASH, 200), []);
  const counts: SwarmCounts = { seeders: 1, leechers: 1, completed: 1, downloaders: 1 };
  assertEquals(await one.backend.scrape([HASH, OTHER_HASH]), [counts, {
    seeders: 0,
    leechers: 0,
    completed: 0,
    downloaders: 0,
  }]);
});

await redisTest("each of many concurrent announces gets its own response", async () => {
  await using redis = await startRedis();
  await using tracker = await openBackend(redis.url);
  const hashes = Array.from({ length: 300 }, (_, i) => {
    const hash = new Uint8Array(20);
    hash[0] = i;
    hash[1] = i >>> 8;
    return hash;
  });
  await Promise.all(hashes.map((infoHash, i) => tracker.tell(announceOf(i + 1, { infoHash }))));
  const answers = await Promise.all(
    hashes.map((infoHash, i) =>
      tracker.tell(announceOf(1_000 + i, { infoHash, isComplete: true }))
    ),
  );
  answers.forEach((answer, i) => {
    assertEquals(answer, { seeders: 1, leechers: 1, completed: 0, peers: names(i + 1) });
  });
});

await redisTest("a script that Redis has dropped is loaded again", async () => {
  await using redis = await startRedis();
  await using tracker = await openBackend(redis.url);
  await tracker.tell(announceOf(1));
  await redis.cli("SCRIPT", "FLUSH");
  assertEquals((await tracker.tell(announceOf(2))).peers, names(1));
});

await redisTest(
  "without Redis announces continue with a warning; an empty Redis is refilled",
  async () => {
    await using redis = await startRedis();
    await using tracker = await openBackend(redis.url);
    await tracker.tell(announceOf(1, { isComplete: true }));
    await tracker.tell(announceOf(2));

    const underWay = Promise.all([3, 4].map((n) => tracker.tell(announceOf(n))));
    await redis.kill();
    await underWay;
    await until(() => !tracker.backend.state().isUp, "the loss is noticed");
    const stale = await tracker.tell(announceOf(5));
    assertEquals([stale.peers, stale.warning], [names(1, 2, 3, 4), STALE_WARNING]);
    assertEquals((await tracker.backend.scrape([HASH]))[0], {
      seeders: 1,
      leechers: 4,
      completed: 0,
      downloaders: 4,
    });
    assertMatch(tracker.problems.join(), /^Redis at 127\.0\.0\.1:\d+ does not answer \(.+\)/);
    assertEquals(tracker.problems.length, 1);

    await redis.start();
    await until(() => tracker.backend.state().isUp, "the link is back");
    await using other = await openBackend(redis.url);
    await until(
      async () => (await other.backend.scrape([HASH]))[0]?.leechers === 4,
      "Redis is told of the peers",
    );
    const { peers, seeders } = await other.tell(announceOf(6));
    assertEquals([peers, seeders], [names(1, 2, 3, 4, 5), 1]);
    assertEquals((await tracker.tell(announceOf(2))).warning, undefined);
    assertMatch(tracker.problems.at(-1)!, /answers again$/);
  },
);

await redisTest("outstanding announces are answered when Redis hangs", async () => {
  await using redis = await startRedis();
  await using tracker = await openBackend(redis.url);
  await tracker.tell(announceOf(1));
  redis.freeze();
  const answers = await Promise.all([2, 3, 4].map((n) => tracker.tell(announceOf(n))));
  for (const { peers, warning } of answers) {
    assertEquals([peers.includes(names(1)[0]!), warning], [true, STALE_WARNING]);
  }
  assertEquals((await tracker.tell(announceOf(2))).peers, names(1, 3, 4));
  redis.thaw();
  await until(() => tracker.backend.state().isUp, "the link is back");
  assertEquals((await tracker.tell(announceOf(5))).warning, undefined);
});

await redisTest("a tracker may start before its Redis", async () => {
  const port = freshPort();
  await using tracker = await openBackend(`redis://user:secret@127.0.0.1:${port}`);
  assertEquals((await tracker.tell(announceOf(1))).warning, STALE_WARNING);
  assertEquals((await tracker.tell(announceOf(2))).peers, names(1));
  assertEquals(tracker.problems.length, 1);
  assert(!tracker.problems.join().includes("secret"), tracker.problems.join());
});

await redisTest("a full Redis refuses new peers with a reason", async () => {
  await using redis = await startRedis(["--maxmemory", "100kb"]);
  await using tracker = await openBackend(redis.url);
  const answer = await tracker.backend.announce(announceOf(1), performance.now());
  assertEquals(answer, {
    ok: false,
    error: "This tracker knows as many peers as it can hold, try again later",
  });
});

await redisTest("totals cover all trackers, and are computed by one of them", async () => {
  await using redis = await startRedis();
  await using one = await openBackend(redis.url);
  await one.tell(announceOf(1, { isComplete: true, event: "completed" }));
  await one.tell(announceOf(2));
  await one.tell(announceOf(3, { infoHash: OTHER_HASH }));
  await one.tell(announceOf(3, { infoHash: OTHER_HASH, event: "stopped" }));
  const totals: StoreTotals = { swarms: 1, peers: 2, seeders: 1, leechers: 1, completed: 1 };
  await redis.cli("DEL", "tt:totals:turn");
  await one.backend.refreshTotals();
  assertEquals(one.backend.totals(), totals);
  assert(Number(await redis.cli("TTL", "tt:totals:turn")) > 0);
  await using two = await openBackend(redis.url);
  assertEquals(two.backend.totals(), totals);
});

await redisTest(
  "a cluster serves swarms of all its nodes, and the rest when a node fails",
  async () => {
    await using cluster = await startCluster();
    await using one = await openBackend(cluster.nodes[0]!.url);
    await using two = await openBackend(cluster.nodes[1]!.url);
    const hashes = Array.from({ length: 30 }, (_, i) => new Uint8Array(20).fill(i));
    await Promise.all(hashes.map((infoHash) => one.tell(announceOf(1, { infoHash }))));
    const answers = await Promise.all(
      hashes.map((infoHash) => two.tell(announceOf(2, { infoHash }))),
    );
    for (const { peers, warning } of answers) {
      assertEquals([peers, warning], [names(1), undefined]);
    }
    const keys = await Promise.all(cluster.nodes.map((node) => node.cli("DBSIZE")));
    assert(keys.every((count) => Number(count) > 0), `a node without keys: ${keys}`);
    await cluster.nodes[0]!.cli("-c", "DEL", "tt:totals:turn");
    await one.backend.refreshTotals();
    assertEquals(one.backend.totals().peers, 60);

    await cluster.nodes[2]!.kill();
    const later = () =>
      Promise.all(hashes.map((infoHash) => two.tell(announceOf(3, { infoHash, numWant: 9 }))));
    await until(async () => {
      const warned = (await later()).filter(({ warning }) => warning !== undefined).length;
      return warned > 0 && warned < hashes.length;
    }, "swarms of the two living nodes are answered without a warning");
  },
);

await redisTest("a hanging node of a cluster does not affect the others", async () => {
  await using cluster = await startCluster();
  await using tracker = await openBackend(cluster.nodes[0]!.url);
  const hashes = Array.from({ length: 30 }, (_, i) => new Uint8Array(20).fill(i));
  const tellAll = (n: number) =>
    Promise.all(hashes.map((infoHash) => tracker.tell(announceOf(n, { infoHash }))));
  await tellAll(1);
  cluster.nodes[2]!.freeze();
  for (const n of [2, 3]) {
    const warned = (await tellAll(n)).filter(({ warning }) => warning !== undefined).length;
    assert(warned > 0 && warned < hashes.length, `${warned} of ${hashes.length}`);
  }
  cluster.nodes[2]!.thaw();
  await until(
    async () => (await tellAll(4)).every(({ warning }) => warning === undefined),
    "every swarm is answered from Redis again",
  );
});

await redisTest("a hanging Redis that is replaced is found again", async () => {
  await using redis = await startRedis();
  await using tracker = await openBackend(redis.url);
  redis.freeze();
  assertEquals((await tracker.tell(announceOf(1))).warning, STALE_WARNING);
  await redis.kill();
  await redis.start();
  await until(
    async () => (await tracker.tell(announceOf(2))).warning === undefined,
    "the new Redis answers",
  );
});

await redisTest("announces during outstanding scrapes are answered", async () => {
  await using redis = await startRedis();
  await using tracker = await openBackend(redis.url);
  await tracker.tell(announceOf(1));
  const scrapes = tracker.backend.scrape(Array.from({ length: 20 }, () => HASH));
  const answers = await Promise.all([2, 3].map((n) => tracker.tell(announceOf(n))));
  assertEquals(answers.map(({ warning }) => warning), [undefined, undefined]);
  assertEquals((await scrapes).length, 20);
});

await redisTest(
  "a Redis that refuses writes counts as down, and is used again later",
  async () => {
    await using redis = await startRedis();
    for (
      const [refuse, allow] of [
        [["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
        [["ACL", "SETUSER", "default", "-set", "-eval", "-evalsha"], [
          "ACL",
          "SETUSER",
          "default",
          "+@all",
        ]],
      ] as const
    ) {
      await using one = await openBackend(redis.url);
      await one.tell(announceOf(1));
      await redis.cli(...refuse);
      const stale = await one.backend.announce(announceOf(2), performance.now());
      assert(stale.ok && stale.value.warning === STALE_WARNING);
      await until(() => !one.backend.state().isUp, "it counts as away");
      assertEquals(one.backend.state().lostCount, 1);
      // Failed attempts to reconnect are not reported one by one.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assertEquals(one.backend.state().isUp, false);
      assertEquals(one.problems.length, 1);
      assertMatch(one.problems[0]!, /does not answer \((READONLY|NOPERM)/);
      await redis.cli(...allow);
      await until(() => one.backend.state().isUp, "it is used again");
      const again = await one.backend.announce(announceOf(2), performance.now());
      assert(again.ok && again.value.warning === undefined);
      assertEquals(one.problems.length, 2);
    }
  },
);

await redisTest("a Redis that cannot save counts as away until it takes writes again", async () => {
  await using folder = await openScratch("tt-redis-");
  const place = ["--dir", folder.path, "--dbfilename", "taken"];
  await using redis = await startRedis([...place, "--save", "3600 1"]);
  // With a folder in place of its file a save fails, and a server configured to save then refuses
  // writes.
  await Deno.mkdir(`${folder.path}/taken`);
  await using tracker = await openBackend(redis.url);
  await tracker.tell(announceOf(1));
  await redis.cli("BGSAVE");
  await until(
    async () => (await redis.cli("INFO", "persistence")).includes("rdb_last_bgsave_status:err"),
    "the save fails",
  );
  const stale = await tracker.backend.announce(announceOf(2), performance.now());
  assert(stale.ok && stale.value.warning === STALE_WARNING);
  await until(() => !tracker.backend.state().isUp, "it counts as away");
  assertMatch(tracker.problems.join(), /does not answer \(MISCONF/);
  await redis.cli("CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
  await until(() => tracker.backend.state().isUp, "it is used again");
  assertEquals((await tracker.tell(announceOf(2))).warning, undefined);
});
