import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { byteText } from "../../../core/bencode/node.ts";
import { encodeCompactPeers } from "../../../core/bytes/compact_peers.ts";
import { createRng } from "../../../core/bytes/random.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import {
  createSwarmStore,
  expirePeers,
  type PeerFacts,
  putPeer,
  removePeer,
  sampleOthers,
  type SwarmStore,
} from "../../../core/tracker_server/swarm.ts";

const HASH = infoHashFromHex("aa".repeat(20))!;
const OTHER_HASH = infoHashFromHex("bb".repeat(20))!;

function at(ip: string, port: number): string {
  return byteText(encodeCompactPeers([{ ip, port }], ip.includes(":") ? 6 : 4));
}

function peer(id: number, more: Partial<PeerFacts> = {}): PeerFacts {
  return {
    infoHash: HASH,
    peerId: `-tt0100-${id}`.padEnd(20, "x"),
    key: "k",
    address: at("10.0.0.1", 1000 + id),
    isSeeder: false,
    hasCompleted: false,
    ...more,
  };
}

function counts(store: SwarmStore, hash = HASH): number[] {
  const swarm = store.swarms.get(hash);
  return [swarm?.counts.seeders ?? 0, swarm?.counts.leechers ?? 0, swarm?.completedCount ?? 0];
}

/** Everything that must hold whatever was announced. */
function checkInvariants(store: SwarmStore): void {
  let peers = 0, seats = 0, seeders = 0;
  for (const swarm of store.swarms.values()) {
    assert(swarm.counts.leechers + swarm.counts.seeders > 0, "no empty swarm is kept");
    peers += swarm.counts.leechers + swarm.counts.seeders;
    seeders += swarm.counts.seeders;
    for (const version of [4, 6] as const) {
      for (const role of ["leechers", "seeders"] as const) {
        for (const [place, seat] of swarm.lists[version][role].entries()) {
          seats++;
          assertEquals(seat.place, place);
          assertEquals(seat.peer.role, role);
          assert(seat.peer.swarm === swarm && seat.peer.seats[version] === seat);
          assert(store.seats.get(swarm.infoHash + seat.address) === seat);
          assert(store.peers.get(seat.peer.identity) === seat.peer);
        }
      }
    }
  }
  assertEquals([store.peers.size, store.seats.size], [peers, seats]);
  assertEquals(store.counts, { seeders, leechers: peers - seeders });
}

Deno.test("peers are counted by role, and finishing moves one from leechers to seeders", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  putPeer(store, peer(2, { isSeeder: true }), 0);
  assertEquals(counts(store), [1, 1, 0]);
  putPeer(store, peer(1, { isSeeder: true, hasCompleted: true }), 1);
  assertEquals(counts(store), [2, 0, 1]);
  checkInvariants(store);
});

Deno.test("a finished download counts once, however often it is told", () => {
  const store = createSwarmStore();
  for (let i = 0; i < 3; i++) putPeer(store, peer(1, { isSeeder: true, hasCompleted: true }), i);
  assertEquals(counts(store), [1, 0, 1]);
});

Deno.test("a peer with an IPv4 and an IPv6 address counts once, and goes as a whole", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  putPeer(store, peer(1, { address: at("2001:db8::1", 1001) }), 0);
  assertEquals(counts(store), [0, 1, 0]);
  assertEquals(store.seats.size, 2);
  checkInvariants(store);
  removePeer(store, peer(1));
  assertEquals([store.peers.size, store.seats.size, store.swarms.size], [0, 0, 0]);
});

Deno.test("a client started again on its port replaces its former self", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  putPeer(store, peer(2, { address: peer(1).address }), 0);
  assertEquals(counts(store), [0, 1, 0]);
  assertEquals([...store.peers.values()][0]!.peerId, peer(2).peerId);
  checkInvariants(store);
});

Deno.test("a peer that moves to another address is not counted twice", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  putPeer(store, peer(1, { address: at("10.0.0.2", 5) }), 0);
  assertEquals(counts(store), [0, 1, 0]);
  assertEquals(store.seats.size, 1);
  checkInvariants(store);
});

Deno.test("who knows a peer's id but not its key can neither move nor remove it", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  const stranger = peer(1, { key: "other", address: at("10.9.9.9", 9) });
  removePeer(store, stranger);
  putPeer(store, stranger, 0);
  assertEquals(store.peers.size, 2);
  assertEquals([...store.seats.keys()][0], HASH + peer(1).address);
});

Deno.test("a late stop of a former client on the same port leaves the new one alone", () => {
  const store = createSwarmStore();
  putPeer(store, peer(2, { address: peer(1).address }), 0);
  removePeer(store, peer(1));
  assertEquals(store.peers.size, 1);
});

Deno.test("a stop without the key from the same address removes the peer", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 0);
  removePeer(store, peer(1, { key: "" }));
  assertEquals(store.peers.size, 0);
});

Deno.test("peers that were not heard of expire, the others stay", () => {
  const store = createSwarmStore();
  putPeer(store, peer(1), 10);
  putPeer(store, peer(2), 20);
  putPeer(store, peer(3, { infoHash: OTHER_HASH }), 20);
  putPeer(store, peer(1), 30);
  assertEquals(expirePeers(store, 19), 0);
  assertEquals(expirePeers(store, 20), 2);
  assertEquals(counts(store), [0, 1, 0]);
  assertEquals(store.swarms.has(OTHER_HASH), false);
  checkInvariants(store);
});

Deno.test("a full store takes no new peer, but known and replacing ones", () => {
  const store = createSwarmStore(2);
  putPeer(store, peer(1), 0);
  putPeer(store, peer(2), 0);
  assertEquals(putPeer(store, peer(3), 0), undefined);
  assert(putPeer(store, peer(2), 0) !== undefined);
  assert(putPeer(store, peer(3, { address: peer(1).address }), 0) !== undefined);
  assertEquals(store.peers.size, 2);
});

Deno.test("a leecher is named all others, a seeder leechers only, nobody itself", () => {
  const store = createSwarmStore();
  const leecher = putPeer(store, peer(1), 0)!;
  const seeder = putPeer(store, peer(2, { isSeeder: true }), 0)!;
  putPeer(store, peer(3), 0);
  putPeer(store, peer(4, { isSeeder: true }), 0);
  const ids = (of: typeof leecher) =>
    sampleOthers(of, 4, 50, createRng(1)).map((seat) => seat.peer.peerId[8]).sort().join("");
  assertEquals(ids(leecher), "234");
  assertEquals(ids(seeder), "13");
});

Deno.test("a peer of the other address family is asked for by that family", () => {
  const store = createSwarmStore();
  const four = putPeer(store, peer(1), 0)!;
  putPeer(store, peer(2, { address: at("2001:db8::2", 1) }), 0);
  assertEquals(sampleOthers(four, 4, 50, createRng(1)).length, 0);
  assertEquals(sampleOthers(four, 6, 50, createRng(1)).length, 1);
});

Deno.test("a sample is as large as wanted, without repetition, and each is as likely as any", () => {
  const store = createSwarmStore();
  const asker = putPeer(store, peer(0), 0)!;
  for (let id = 1; id < 10; id++) putPeer(store, peer(id, { isSeeder: id % 3 === 0 }), 0);
  const rng = createRng(7);
  const seen = new Map<string, number>();
  const rounds = 3000;
  for (let round = 0; round < rounds; round++) {
    const sample = sampleOthers(asker, 4, 3, rng).map((seat) => seat.peer.peerId[8]!);
    assertEquals(new Set(sample).size, 3);
    for (const id of sample) seen.set(id, (seen.get(id) ?? 0) + 1);
  }
  assertEquals([...seen.keys()].sort().join(""), "123456789");
  for (const times of seen.values()) assert(Math.abs(times - rounds / 3) < 150, `${times}`);
  assertEquals(sampleOthers(asker, 4, 0, rng), []);
});

Deno.test("counts, lists and indexes agree after any sequence of announces", () => {
  const step = fc.record({
    id: fc.nat(4),
    host: fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"),
    port: fc.integer({ min: 1, max: 3 }),
    key: fc.constantFrom("a", "b"),
    isSeeder: fc.boolean(),
    hash: fc.constantFrom(HASH, OTHER_HASH),
    action: fc.constantFrom("put", "put", "put", "remove", "expire"),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const store = createSwarmStore(6);
    for (const [now, { id, host, port, key, isSeeder, hash, action }] of steps.entries()) {
      const facts = peer(id, { infoHash: hash, key, isSeeder, address: at(host, port) });
      if (action === "put") putPeer(store, facts, now);
      if (action === "remove") removePeer(store, facts);
      if (action === "expire") expirePeers(store, now - 5);
      checkInvariants(store);
    }
  }));
});
