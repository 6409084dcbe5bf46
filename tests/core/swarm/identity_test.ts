import { assert, assertEquals } from "@std/assert";
import {
  CONNECTIONS_MAX,
  EVICTION_AGE_MS,
  HOST_CONNECTIONS_MAX,
} from "../../../core/swarm/limits.ts";
import { Kit } from "../torrent/kit.ts";

const SEED = { ip: "10.9.9.9", port: 5_000, id: 100 };

Deno.test("a connection with the peer ID of another neither replaces nor bans it", () => {
  const kit = new Kit({ have: "....", blocks: 1 });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [SEED] });
  const seed = kit.handshake(SEED, kit.all("dial")[0]!.job);
  const liar = kit.connect("####", { ip: "10.6.6.6", id: SEED.id });
  assertEquals([kit.isConnected(seed), kit.isConnected(liar)], [true, true]);
  assertEquals(kit.connection(liar).address.ip, "10.6.6.6");
  kit.complete(liar, [0, 1, 2, 3]);
  assertEquals(kit.closed(liar), "banned");
  const banned = new Set(kit.reports("peer-banned").map(({ address }) => address));
  assertEquals([...banned], ["10.6.6.6:6881"]);
  assertEquals(kit.isConnected(seed), true);
  kit.disconnect(seed);
  kit.forget();
  kit.wait(20_000);
  assertEquals(kit.all("dial").map(({ address }) => address.ip), [SEED.ip]);
  assert(kit.isConnected(kit.handshake(SEED, kit.all("dial")[0]!.job)));
});

Deno.test("connections per host are limited", () => {
  const kit = new Kit({ have: ".." });
  const keys = Array.from({ length: 300 }, (_, i) => kit.handshake({ ip: "10.6.6.6", id: i + 1 }));
  assertEquals(keys.filter((key) => kit.isConnected(key)).length, HOST_CONNECTIONS_MAX);
  assertEquals(kit.closed(keys.at(-1)!), "too-many-from-host");
  assert(kit.isConnected(kit.handshake({ ip: "10.7.7.7" })));
  const local = new Kit({ have: ".." });
  for (let i = 0; i < 50; i++) local.handshake({ ip: "127.0.0.1", id: i + 1 });
  assertEquals(local.torrent.swarm.connections.size, 50);
});

Deno.test("with all slots taken, a connection without interest on either side is closed", () => {
  const kit = new Kit({ have: ".." });
  const handshake = (i: number) => kit.handshake({ ip: `10.${i >> 8}.${i & 255}.1`, id: i % 199 });
  const keys = Array.from({ length: CONNECTIONS_MAX }, (_, i) => handshake(i));
  assertEquals(kit.closed(handshake(1_000)), "too-many-peers", "all are new");
  const useful = keys.slice(1);
  kit.say(keys[0]!, { kind: "keep-alive" });
  for (const key of useful) kit.say(key, { kind: "interested" });
  kit.waitWith(keys, EVICTION_AGE_MS);
  assert(kit.isConnected(handshake(1_001)));
  assertEquals(keys.filter((key) => !kit.isConnected(key)), [keys[0]]);
});

Deno.test("among idle connections BEP 40 priorities decide, the same on both sides", () => {
  const kit = new Kit({ have: ".." });
  const handshake = (i: number) => kit.handshake({ ip: `10.${i >> 8}.${i & 255}.1`, id: i % 199 });
  const keys = Array.from({ length: CONNECTIONS_MAX }, (_, i) => handshake(i));
  for (const key of keys) kit.say(key, { kind: "interested" });
  kit.waitWith(keys, EVICTION_AGE_MS);
  let taken = 0;
  for (let i = 0; i < 60; i++) if (kit.isConnected(handshake(2_000 + i))) taken++;
  assert(taken > 0 && taken < 60, `${taken} of 60 took a place`);
  assertEquals(kit.torrent.swarm.connections.size, CONNECTIONS_MAX);
});
