import { assert, assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { createRng, nextUint32 } from "../../../../core/bytes/random.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../../core/tracker_server/types.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import { PEERS_PER_ADDRESS_MAX } from "../../../../core/tracker_server/swarms/crowds.ts";
import { readCounts } from "../../../../shell/tracker/redis/peers.ts";
import { RedisLink } from "../../../../shell/tracker/redis/link.ts";
import { encodeRequest } from "../../../../shell/tracker/redis/requests.ts";
import { swarmKey } from "../../../../shell/tracker/redis/script.ts";
import { interopTest } from "../../../support/requirements.ts";
import {
  announce6Of,
  announceOf,
  HASH,
  names,
  names6,
  OTHER_HASH,
  plainReply,
} from "../announces.ts";
import { redisServer, startRedis, type TestRedis } from "../../../support/redis_kit.ts";

const LIFETIME_SECONDS = 60;
const KEY = swarmKey(HASH.toHex());

interface Script {
  readonly redis: TestRedis;
  readonly link: RedisLink;
  tell(query: AnnounceQuery): Promise<ReturnType<typeof plainReply>>;
  raw(query: AnnounceQuery): Promise<AnnounceReply>;
  /** Whether the peer was refused. */
  isRefused(query: AnnounceQuery): Promise<boolean>;
}

async function redisTest(name: string, fn: (script: Script) => Promise<void>): Promise<void> {
  await interopTest({
    name,
    needs: [redisServer],
    async fn() {
      await using redis = await startRedis();
      await using open = await openLink(redis, LIFETIME_SECONDS);
      const ask = (query: AnnounceQuery) =>
        open.link.announce(swarmKey(query.infoHash.toHex()), encodeRequest(query));
      const isRefused = async (query: AnnounceQuery) => await ask(query) === undefined;
      const raw = async (query: AnnounceQuery) => {
        const reply = await ask(query);
        if (reply === undefined) throw new Error("refused");
        return reply;
      };
      await fn({
        redis,
        link: open.link,
        raw,
        isRefused,
        tell: async (query) => plainReply(await raw(query)),
      });
    },
  });
}

async function openLink({ url }: TestRedis, lifetimeSeconds: number) {
  const rng = createRng(5);
  const link = await RedisLink.open({
    url,
    peerSeconds: () => lifetimeSeconds,
    random: () => nextUint32(rng),
    onChange: () => {},
  });
  return { link, [Symbol.asyncDispose]: () => link.close() };
}

/** The peers' last announces are made this old. */
async function age(redis: TestRedis, seconds: number, addresses: readonly string[]) {
  for (const address of addresses) {
    await redis.cli("EVAL", AGE, "1", KEY, `${seconds}`, address);
  }
  await makeDue(redis);
}
const AGE = `local address = {}
for byte in ARGV[2]:gmatch('%x%x') do address[#address + 1] = string.char(tonumber(byte, 16)) end
return redis.call('ZINCRBY', KEYS[1] .. ':until', -tonumber(ARGV[1]), table.concat(address))`;

/** The last sweep of the swarm is made long ago. */
async function makeDue(redis: TestRedis) {
  await redis.cli("EVAL", UNSWEEP, "1", KEY);
}
const UNSWEEP = `local packed = redis.call('HGET', KEYS[1], 'swarm')
redis.call('HSET', KEYS[1], 'swarm', packed:sub(1, 20) .. '\\0\\0\\0\\1' .. packed:sub(25))`;

function packed(n: number): string {
  return encodeRequest(announceOf(n)).subarray(27).toString("hex");
}

await redisTest("peers find each other, and counts are correct", async ({ tell }) => {
  assertEquals(await tell(announceOf(1, { isComplete: true, event: "started" })), {
    seeders: 1,
    leechers: 0,
    completed: 0,
    peers: [],
  });
  assertEquals((await tell(announceOf(2))).peers, names(1));
  assertEquals(await tell(announceOf(3)), {
    seeders: 1,
    leechers: 2,
    completed: 0,
    peers: names(1, 2),
  });
  assertEquals((await tell(announceOf(1, { isComplete: true }))).peers, names(2, 3));
  assertEquals((await tell(announceOf(9, { infoHash: OTHER_HASH }))).peers, []);
});

await redisTest("a download counts once, however often it is announced", async ({ tell }) => {
  const done = announceOf(1, { isComplete: true, event: "completed" });
  await tell(announceOf(1));
  assertEquals((await tell(done)).completed, 1);
  assertEquals((await tell(done)).completed, 1);
  const { seeders, leechers } = await tell(announceOf(1, { isComplete: true }));
  assertEquals([seeders, leechers], [1, 0]);
  const overSix = announce6Of(1, { isComplete: true, event: "completed" });
  assertEquals((await tell(overSix)).completed, 1);
  assertEquals((await tell(announceOf(2, { event: "completed" }))).completed, 1);
});

await redisTest(
  "stopped removes a peer, and the download count outlives the swarm",
  async (script) => {
    const { tell, redis } = script;
    await tell(announceOf(1, { isComplete: true, event: "completed" }));
    await tell(announceOf(2));
    assertEquals(await tell(announceOf(1, { isComplete: true, event: "stopped" })), {
      seeders: 0,
      leechers: 1,
      completed: 1,
      peers: [],
    });
    assertEquals((await tell(announceOf(3))).peers, names(2));
    await redis.cli("DEL", KEY, `${KEY}:until`, `${KEY}:id`, `${KEY}:4l`, `${KEY}:4s`);
    assertEquals((await tell(announceOf(4))).completed, 1);
  },
);

await redisTest(
  "a late stopped event of an address's former peer removes nothing",
  async ({ tell }) => {
    const former = announceOf(1);
    await tell(former);
    await tell(announceOf(1, { peerId: new Uint8Array(20).fill(77), event: "started" }));
    assertEquals((await tell({ ...former, event: "stopped" })).leechers, 1);
    assertEquals((await tell(announceOf(2))).peers, names(1));
  },
);

await redisTest("both families share a swarm; the client's own comes first", async ({ tell }) => {
  for (const n of [1, 2, 3]) await tell(announceOf(n));
  for (const n of [1, 2, 3]) await tell(announce6Of(n, { isComplete: true }));
  const { peers, seeders, leechers } = await tell(announceOf(1));
  assertEquals([peers, seeders, leechers], [[...names(2, 3), ...names6(1, 2, 3)].sort(), 3, 3]);
  assertEquals((await tell(announceOf(1, { wantsBothFamilies: false }))).peers, names(2, 3));
  const few = await tell(announce6Of(9, { numWant: 4 }));
  assertEquals(few.peers.filter((name) => name.startsWith("[")), names6(1, 2, 3));
  assertEquals(few.peers.length, 4);
});

await redisTest("peer IDs are returned with their peers, in order", async ({ raw }) => {
  for (const n of [1, 2]) await raw(announceOf(n));
  await raw(announce6Of(3));
  const reply = await raw(announceOf(4, { wantsPeerIds: true }));
  const numbers = [...writtenBytes(reply.peers)].filter((_, i) => i % 6 === 3);
  const ids = [...writtenBytes(reply.peerIds)].filter((_, i) => i % 20 === 0);
  assertEquals(ids, [...numbers, 3]);
  assertEquals(writtenBytes((await raw(announceOf(4))).peerIds).length, 0);
});

await redisTest(
  "a response excludes the client itself and has the requested size",
  async (script) => {
    for (let n = 1; n <= 30; n++) await script.tell(announceOf(n, { isComplete: n % 3 === 0 }));
    for (let n = 1; n <= 30; n++) {
      const wanted = n % 12;
      const query = announceOf(n, { isComplete: n % 3 === 0, numWant: wanted });
      const { peers } = await script.tell(query);
      assertEquals(peers.length, wanted);
      assertEquals(new Set(peers).size, wanted);
      assert(!peers.includes(names(n)[0]!));
      if (query.isComplete) {
        assert(
          peers.every((name) => !seeds.includes(name)),
          "a seed for a seed",
        );
      }
    }
  },
);
const seeds = Array.from({ length: 10 }, (_, i) => names(3 * i + 3)[0]!);

await redisTest("all peers are returned equally often", async ({ tell }) => {
  const others = 20, asked = 400, wanted = 5;
  for (let n = 1; n <= others; n++) await tell(announceOf(n, { isComplete: n % 2 === 0 }));
  const named = new Map<string, number>();
  for (let i = 0; i < asked; i++) {
    const { peers } = await tell(announceOf(99, { numWant: wanted }));
    for (const name of peers) named.set(name, (named.get(name) ?? 0) + 1);
  }
  const expected = asked * wanted / others;
  assertEquals(named.size, others);
  // Five standard deviations of a fair draw.
  for (const count of named.values()) {
    assert(Math.abs(count - expected) < 5 * Math.sqrt(expected), `${count} times, not ${expected}`);
  }
});

await redisTest("partial seeds are leechers, but no downloaders", async (script) => {
  const { tell, link, redis } = script;
  const counts = async () => {
    const { leechers, downloaders } = await readCounts(link, HASH.toHex());
    return [leechers, downloaders];
  };
  for (const n of [1, 2, 3]) await tell(announceOf(n, { event: "paused" }));
  await tell(announceOf(4));
  assertEquals(await counts(), [4, 1]);
  await tell(announceOf(1, { event: "paused" }));
  await tell(announceOf(2));
  assertEquals(await counts(), [4, 2]);
  await tell(announceOf(3, { event: "stopped" }));
  assertEquals(await counts(), [3, 2]);
  await age(redis, LIFETIME_SECONDS + 1, [packed(1)]);
  await tell(announceOf(4));
  assertEquals(await counts(), [2, 2]);
  await tell(announceOf(4, { event: "paused", isComplete: true }));
  assertEquals(await counts(), [1, 1]);
});

await redisTest("a swarm of an earlier version has no partial seeds", async (script) => {
  const { tell, link, redis } = script;
  await tell(announceOf(1));
  await redis.cli("EVAL", SHORTEN, "1", KEY);
  assertEquals((await readCounts(link, HASH.toHex())).downloaders, 1);
  await tell(announceOf(2, { event: "paused" }));
  assertEquals((await readCounts(link, HASH.toHex())).downloaders, 1);
});
const SHORTEN = `local packed = redis.call('HGET', KEYS[1], 'swarm')
redis.call('HSET', KEYS[1], 'swarm', packed:sub(1, 28))`;

await redisTest("a seeder that starts is named all leechers first, then ten seeders", async ({
  tell,
}) => {
  for (let n = 1; n <= 20; n++) await tell(announceOf(n, { isComplete: n > 3 }));
  const start = announceOf(50, { isComplete: true, event: "started" });
  for (let round = 0; round < 10; round++) {
    const { peers } = await tell(start);
    assertEquals(peers.filter((name) => names(1, 2, 3).includes(name)), names(1, 2, 3));
    assert(!peers.includes(names(50)[0]!));
    assert(peers.length >= 13 && peers.length <= 14, `${peers.length} peers`);
    assertEquals((await tell({ ...start, numWant: 3 })).peers, names(1, 2, 3));
  }
  assertEquals((await tell(announceOf(50, { isComplete: true }))).peers, names(1, 2, 3));
});

await redisTest("one address may have 256 peers in a swarm, and no more", async (script) => {
  const { tell, isRefused, redis } = script;
  const at = (port: number, changes: Partial<AnnounceQuery> = {}) =>
    announceOf(1, { port, ...changes });
  const batch = (from: number, to: number, make: (port: number) => AnnounceQuery) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => isRefused(make(from + i))));
  const refused = await batch(1, 301, at);
  assertEquals(refused.filter(Boolean).length, 301 - 1 - PEERS_PER_ADDRESS_MAX);
  // Peers in the swarm stay, and others are added.
  assertEquals((await tell(at(1))).leechers, PEERS_PER_ADDRESS_MAX);
  assertEquals((await tell(announceOf(2))).leechers, PEERS_PER_ADDRESS_MAX + 1);
  assertEquals(await isRefused(at(1, { infoHash: OTHER_HASH })), false);
  await tell(at(1, { event: "stopped" }));
  assertEquals(await isRefused(at(500)), false);
  assertEquals(await isRefused(at(501)), true);
  // Silent peers are evicted.
  await age(redis, LIFETIME_SECONDS + 1, [encodeRequest(at(2)).subarray(27).toHex()]);
  assertEquals(await isRefused(at(501)), false);
  assertEquals(await isRefused(at(502)), true);
  // One customer has a whole IPv6 subnet.
  const six = (n: number) => announce6Of(n, { infoHash: OTHER_HASH });
  const refused6 = await batch(1, 301, six);
  assertEquals(refused6.filter(Boolean).length, 301 - 1 - PEERS_PER_ADDRESS_MAX);
  const loopback = await batch(
    1,
    301,
    (port) => at(port, { ip: parseIp("127.0.0.1")!, infoHash: OTHER_HASH }),
  );
  assertEquals(loopback.filter(Boolean).length, 0);
});

await redisTest("silent peers expire, announcing ones stay", async ({ tell, redis }) => {
  for (const n of [1, 2, 3, 4]) await tell(announceOf(n));
  await age(redis, LIFETIME_SECONDS + 1, [packed(2), packed(4)]);
  assertEquals((await tell(announceOf(1))).peers, names(3));
  const { leechers, peers } = await tell(announceOf(5));
  assertEquals([leechers, peers], [3, names(1, 3)]);
});

await redisTest("a peer with a longer interval expires later", async (script) => {
  const { tell, redis } = script;
  await using patient = await openLink(redis, 10 * LIFETIME_SECONDS);
  await patient.link.announce(KEY, encodeRequest(announceOf(2)));
  await tell(announceOf(1));
  await age(redis, LIFETIME_SECONDS + 1, [packed(2)]);
  assertEquals((await tell(announceOf(1))).peers, names(2));
  assert(Number(await redis.cli("TTL", KEY)) > LIFETIME_SECONDS + 10);
});

await redisTest("everything that is stored expires", async ({ tell, redis }) => {
  await tell(announceOf(1));
  await tell(announceOf(2, { isComplete: true, event: "completed" }));
  await tell(announce6Of(3));
  await tell(announceOf(2, { isComplete: true, event: "stopped" }));
  await tell(announceOf(1, { event: "stopped" }));
  const keys = (await redis.cli("KEYS", "*")).trim().split("\n");
  assert(keys.length >= 5, keys.join());
  for (const key of keys) {
    const seconds = Number(await redis.cli("TTL", key));
    assert(seconds > 0, `${key} never expires`);
    if (!key.endsWith(":done")) assert(seconds <= LIFETIME_SECONDS + 10, `${key}: ${seconds} s`);
  }
});

await redisTest("a swarm that lost a key to eviction is rebuilt", async ({ tell, redis }) => {
  for (const suffix of ["", ":until", ":4l"]) {
    for (const n of [1, 2, 3]) await tell(announceOf(n));
    await redis.cli("DEL", KEY + suffix);
    if (suffix !== "") await makeDue(redis);
    const { leechers, peers } = await tell(announceOf(1));
    assertEquals([leechers, peers], [1, []], suffix);
    assertEquals((await tell(announceOf(2))).peers, names(1), suffix);
  }
});

await redisTest(
  "for any announces the swarm equals that of a simple model",
  async (script) => {
    const { raw, redis } = script;
    const steps = fc.array(
      fc.record({
        n: fc.integer({ min: 1, max: 6 }),
        isSix: fc.boolean(),
        isComplete: fc.boolean(),
        event: fc.constantFrom(
          "started" as const,
          "completed" as const,
          "stopped" as const,
          "paused" as const,
          undefined,
        ),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        await redis.cli("FLUSHALL");
        const model = new Map<string, boolean>();
        const paused = new Set<string>();
        const done = new Set<number>();
        for (const { n, isSix, isComplete, event } of history) {
          const name = (isSix ? names6(n) : names(n))[0]!;
          if (event === "stopped") model.delete(name);
          else model.set(name, isComplete);
          if (event === "paused" && !isComplete) paused.add(name);
          else if (event !== "stopped" || !model.has(name)) paused.delete(name);
          if (event === "completed" && isComplete) done.add(n);
          const make = isSix ? announce6Of : announceOf;
          const reply = plainReply(await raw(make(n, { isComplete, event, numWant: 200 })));
          const seeders = [...model.values()].filter(Boolean).length;
          const others = [...model].filter(([other, seeds]) =>
            event !== "stopped" && other !== name &&
            !(isComplete && seeds && event !== "started")
          );
          assertEquals(reply, {
            seeders,
            leechers: model.size - seeders,
            completed: done.size,
            peers: others.map(([other]) => other).sort(),
          });
        }
        const { downloaders } = await readCounts(script.link, HASH.toHex());
        const leechers = [...model.values()].filter((seeds) => !seeds).length;
        assertEquals(downloaders, leechers - paused.size);
      }),
      { numRuns: 60 },
    );
  },
);
