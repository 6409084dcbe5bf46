import { assert, assertEquals } from "@std/assert";
import {
  CONNECTIONS_MAX,
  CROWD_EVICTION_AGE_MS,
  DIALLED_KEPT,
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

Deno.test("on a full loopback the oldest connection without payload gives way within seconds", () => {
  const kit = new Kit({ have: "##", blocks: 1 });
  const handshake = (i: number) => kit.handshake({ ip: `127.0.0.${i % 3 + 1}`, id: i % 199 + 1 });
  const keys = Array.from({ length: CONNECTIONS_MAX }, (_, i) => handshake(i));
  for (const key of keys) kit.say(key, { kind: "interested" });
  kit.feed({ kind: "blocks-sent", peer: keys[0]!, bytes: 1 });
  kit.wait(CROWD_EVICTION_AGE_MS - 1);
  assertEquals(kit.closed(kit.handshake({ ip: "127.0.0.9" })), "too-many-peers", "all are new");
  kit.wait(1);
  assert(kit.isConnected(kit.handshake({ ip: "127.0.0.9" })));
  assertEquals(keys.filter((key) => !kit.isConnected(key)), [keys[1]]);
  const few = new Kit({ have: "##" });
  const hosts = Array.from({ length: CONNECTIONS_MAX }, (_, i) => {
    const key = few.handshake({ ip: `10.0.${i >> 8}.${i & 255}`, id: i % 199 + 1 });
    few.say(key, { kind: "interested" });
    return key;
  });
  few.wait(CROWD_EVICTION_AGE_MS);
  assertEquals(few.closed(few.handshake({ ip: "10.1.0.0" })), "too-many-peers");
  assert(hosts.every((key) => few.isConnected(key)));
});

Deno.test("however many dial us, those that we know of are dialled and get a place", () => {
  const kit = new Kit({ have: ".." });
  for (let i = 0; i < CONNECTIONS_MAX; i++) {
    const ip = `10.${i % 100}.0.${1 + Math.floor(i / 100)}`;
    kit.say(kit.handshake({ ip, id: i % 199 + 1 }), { kind: "interested" });
  }
  const addresses = Array.from({ length: 2 * DIALLED_KEPT }, (_, i) => (
    { ip: `10.200.${i}.1`, port: 6881 }
  ));
  kit.feed({ kind: "peers-found", source: "tracker", addresses });
  let dialled = 0;
  for (let second = 0; second < 60; second++) {
    const dials = kit.all("dial");
    kit.forget();
    for (const { job, address } of dials) {
      if (kit.isConnected(kit.handshake({ ...address, id: dialled % 199 + 1 }, job))) dialled++;
    }
    kit.wait(1_000);
  }
  assertEquals(dialled, DIALLED_KEPT);
  assertEquals(kit.torrent.swarm.connections.size, CONNECTIONS_MAX);
});

Deno.test("of a few connections, those that we dial take half from those that dialled us", () => {
  const kit = new Kit({ have: ".." });
  const connections = 8, half = connections / 2;
  kit.feed({ kind: "granted", connections, dials: 30, uploadSlots: 4, bufferBytes: 1e6 });
  const addresses = Array.from({ length: connections }, (_, i) => (
    { ip: `10.200.${i}.1`, port: 6881 }
  ));
  kit.feed({ kind: "peers-found", source: "tracker", addresses });
  const dials = kit.all("dial");
  assertEquals(dials.length, connections);
  const incoming = Array.from(
    { length: connections },
    (_, i) => kit.handshake({ ip: `10.0.${i}.1`, id: i + 1 }),
  );
  const dialled = dials.map(({ job, address }, i) =>
    kit.handshake({ ...address, id: 100 + i }, job)
  );
  const stay = (keys: readonly number[]) => keys.filter((key) => kit.isConnected(key)).length;
  assertEquals([stay(dialled), stay(incoming)], [half, half]);
});
