import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { addressText } from "../../../../core/bytes/address.ts";
import { writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { formatIp } from "../../../../core/bytes/ip.ts";
import { toHex } from "../../../../core/bytes/hex.ts";
import {
  announce,
  createSwarmStore,
  restoreCompleted,
  scrape,
  SECRET_WORDS,
  slotsInUse,
  type SwarmStore,
  type SwarmStoreOptions,
  sweepSome,
  totalsOf,
} from "../../../../core/tracker_server/swarms/swarm_store.ts";
import { PEERS_PER_ADDRESS_MAX } from "../../../../core/tracker_server/swarms/crowds.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../../core/tracker_server/types.ts";
import { errorOf, valueOf } from "../../tracker/unwrap.ts";
import { addressesOf, countsOf, HASH, idOf, OTHER_HASH, query } from "./kit.ts";

function createStore(options: Partial<SwarmStoreOptions> = {}): SwarmStore {
  return createSwarmStore({ seed: 1, expirySeconds: 100, ...options });
}

function tell(store: SwarmStore, asked: AnnounceQuery, now = 0): AnnounceReply {
  return valueOf(announce(store, asked, now));
}

function sweepAll(store: SwarmStore, now: number): void {
  sweepSome(store, slotsInUse(store), now);
}

Deno.test("peers are counted by role, and completion changes the role", () => {
  const store = createStore();
  tell(store, query(1));
  assertEquals(countsOf(tell(store, query(2, { isComplete: true }))), [1, 1, 0]);
  const finished = query(1, { isComplete: true, event: "completed" });
  assertEquals(countsOf(tell(store, finished)), [2, 0, 1]);
  assertEquals(totalsOf(store), { swarms: 1, peers: 2, seeders: 2, leechers: 0, completed: 1 });
});

Deno.test("a finished download counts once, also over both address families", () => {
  const store = createStore();
  for (const ip of ["10.0.0.1", "10.0.0.1", "2001:db8::1"]) {
    tell(store, query(1, { ip, isComplete: true, event: "completed" }));
  }
  assertEquals(scrape(store, HASH).completed, 1);
  tell(store, query(2, { isComplete: true, event: "completed" }));
  tell(store, query(1, { infoHash: OTHER_HASH, isComplete: true, event: "completed" }));
  assertEquals([scrape(store, HASH).completed, scrape(store, OTHER_HASH).completed], [2, 1]);
});

Deno.test("completed with bytes left does not count", () => {
  const store = createStore();
  assertEquals(countsOf(tell(store, query(1, { event: "completed" }))), [0, 1, 0]);
});

Deno.test("a swarm whose peers have left keeps its download count", () => {
  const store = createStore();
  tell(store, query(1, { isComplete: true, event: "completed" }));
  assertEquals(countsOf(tell(store, query(1, { event: "stopped" }))), [0, 0, 1]);
  assertEquals(totalsOf(store).swarms, 0);
  assertEquals(countsOf(tell(store, query(2))), [0, 1, 1]);
  assertEquals(totalsOf(store).swarms, 1);
});

Deno.test("download counts are restored", () => {
  const store = createStore();
  restoreCompleted(store, HASH, 7, 0);
  assertEquals(scrape(store, HASH), { seeders: 0, leechers: 0, completed: 7, downloaders: 0 });
  assertEquals(countsOf(tell(store, query(1))), [0, 1, 7]);
});

Deno.test("a client restarted on its port replaces its old entry", () => {
  const store = createStore();
  tell(store, query(1));
  const answer = tell(store, query(2, { port: 1001, wantsPeerIds: true }));
  assertEquals([countsOf(answer), addressesOf(answer)], [[0, 1, 0], []]);
  const named = tell(store, query(3, { wantsPeerIds: true }));
  assertEquals(writtenBytes(named.peerIds), idOf(2));
});

Deno.test("a late stopped event of an old client does not remove the new one on its port", () => {
  const store = createStore();
  tell(store, query(2, { port: 1001 }));
  assertEquals(countsOf(tell(store, query(1, { event: "stopped" }))), [0, 1, 0]);
});

Deno.test("a stopped event of an unknown peer creates no swarm", () => {
  const store = createStore();
  assertEquals(countsOf(tell(store, query(1, { event: "stopped" }))), [0, 0, 0]);
  assertEquals(slotsInUse(store), 0);
});

Deno.test("a leecher gets all others, a seeder only leechers, and neither itself", () => {
  const store = createStore();
  const kinds: [number, boolean][] = [[1, false], [2, true], [3, false], [4, true]];
  for (const [id, isComplete] of kinds) tell(store, query(id, { isComplete }));
  const ports = (id: number, isComplete: boolean) =>
    addressesOf(tell(store, query(id, { isComplete }))).map((text) => text.slice(-1)).sort().join(
      "",
    );
  assertEquals(ports(1, false), "234");
  assertEquals(ports(2, true), "13");
});

Deno.test("partial seeds are leechers, but no downloaders", () => {
  const store = createStore();
  const counts = () => [scrape(store, HASH).leechers, scrape(store, HASH).downloaders];
  for (const id of [1, 2, 3]) tell(store, query(id, { event: "paused" }));
  tell(store, query(3, { event: "paused", ip: "2001:db8::1" }));
  tell(store, query(4));
  assertEquals(counts(), [5, 1]);
  tell(store, query(1, { event: "paused" }), 50);
  tell(store, query(2), 50);
  assertEquals(counts(), [5, 2]);
  tell(store, query(3, { event: "stopped" }), 50);
  tell(store, query(4, { event: "paused", isComplete: true }), 50);
  assertEquals(counts(), [3, 1]);
  sweepAll(store, 120);
  assertEquals(counts(), [2, 1]);
  assertEquals(addressesOf(tell(store, query(4, { isComplete: true }), 120)).length, 2);
});

Deno.test("a seeder that starts is named all leechers first, then ten seeders", () => {
  const store = createStore();
  for (let id = 1; id <= 20; id++) tell(store, query(id, { isComplete: id > 3 }));
  const leechers = ["10.0.0.1:1001", "10.0.0.1:1002", "10.0.0.1:1003"];
  const start = query(50, { isComplete: true, event: "started" });
  const seen = new Set<string>();
  for (let round = 0; round < 50; round++) {
    const named = addressesOf(tell(store, start));
    assertEquals([named.length, new Set(named).size], [13, 13]);
    assertEquals(named.slice(0, 3).sort(), leechers);
    named.forEach((name) => seen.add(name));
    assertEquals(addressesOf(tell(store, { ...start, numWant: 3 })).sort(), leechers);
  }
  assertEquals(seen.size, 20);
  assert(!seen.has("10.0.0.1:1050"));
  assertEquals(addressesOf(tell(store, query(50, { isComplete: true }))).sort(), leechers);
});

Deno.test("peers of the client's own address family come first", () => {
  const store = createStore();
  for (const id of [1, 2]) {
    tell(store, query(id));
    tell(store, query(id, { ip: "2001:db8::1" }));
  }
  const named = (changes: Parameters<typeof query>[1]) =>
    addressesOf(tell(store, query(1, changes))).join();
  assertEquals(named({ wantsBothFamilies: false }), "10.0.0.1:1002");
  assertEquals(named({ wantsBothFamilies: false, ip: "2001:db8::1" }), "[2001:db8::1]:1002");
  assertEquals(named({ numWant: 1 }), "10.0.0.1:1002");
  assertEquals(named({ numWant: 0 }), "");
  assertEquals(addressesOf(tell(store, query(1))).length, 3);
});

Deno.test("peer IDs are in the order of the addresses", () => {
  const store = createStore();
  for (let id = 1; id <= 9; id++) tell(store, query(id, id > 5 ? { ip: "2001:db8::1" } : {}));
  const answer = tell(store, query(0, { wantsPeerIds: true }));
  const ids = addressesOf(answer).map((text) => idOf(Number(text.slice(-1))));
  assertEquals(toHex(writtenBytes(answer.peerIds)), ids.map(toHex).join(""));
});

Deno.test("a sample has the requested size, no duplicates, and equal probabilities", () => {
  const store = createStore();
  for (let id = 0; id < 10; id++) tell(store, query(id, { isComplete: id % 3 === 0 && id > 0 }));
  const seen = new Map<string, number>();
  const rounds = 6000;
  for (let round = 0; round < rounds; round++) {
    const named = addressesOf(tell(store, query(0, { numWant: 4 })));
    assertEquals(new Set(named).size, 4);
    for (const address of named) seen.set(address, (seen.get(address) ?? 0) + 1);
  }
  assertEquals(seen.size, 9);
  for (const times of seen.values()) assert(Math.abs(times - rounds * 4 / 9) < 200, `${times}`);
});

Deno.test("peers that joined together are not returned together more often", () => {
  const rounds = 1_000, others = 9;
  let neighbours = 0;
  for (let seed = 0; seed < rounds; seed++) {
    const store = createStore({ seed });
    for (let id = 1; id <= others; id++) tell(store, query(id));
    const named = addressesOf(tell(store, query(50, { numWant: 2 })));
    const [one, two] = named.map((address) => Number(address.split(":")[1]));
    if (Math.abs(one! - two!) === 1) neighbours++;
  }
  // Of the 36 pairs, 8 are of consecutive peers.
  assert(Math.abs(neighbours / rounds - 8 / 36) < 0.05, `${neighbours} of ${rounds}`);
});

Deno.test("leechers and seeders are sampled in proportion", () => {
  const store = createStore();
  for (let id = 1; id <= 40; id++) tell(store, query(id, { isComplete: id <= 10 }));
  const rounds = 2_000;
  let seeders = 0;
  for (let round = 0; round < rounds; round++) {
    const named = addressesOf(tell(store, query(50, { numWant: 6 })));
    assertEquals(new Set(named).size, 6);
    seeders += named.filter((address) => Number(address.split(":")[1]) <= 1010).length;
  }
  assert(Math.abs(seeders / rounds - 6 * 10 / 40) < 0.1, `${seeders / rounds}`);
});

Deno.test("silent peers expire, by an announce or by the periodic sweep", () => {
  const store = createStore();
  tell(store, query(1), 0);
  tell(store, query(2), 50);
  tell(store, query(1, { infoHash: OTHER_HASH }), 0);
  assertEquals(addressesOf(tell(store, query(3), 99)).length, 2);
  assertEquals(addressesOf(tell(store, query(3), 100)), ["10.0.0.1:1002"]);
  sweepAll(store, 99);
  assertEquals(totalsOf(store).swarms, 2);
  sweepAll(store, 100);
  assertEquals(totalsOf(store).swarms, 1);
  sweepAll(store, 300);
  assertEquals(totalsOf(store).peers, 0);
});

Deno.test("a full store refuses new peers, accepts known ones, and evicts silent ones", () => {
  const store = createStore({ peersMax: 2 });
  tell(store, query(1));
  tell(store, query(2));
  assertEquals(
    errorOf(announce(store, query(3), 1)),
    "This tracker knows as many peers as it can hold, try again later",
  );
  assertEquals(countsOf(tell(store, query(2, { isComplete: true }), 1)), [1, 1, 0]);
  assertEquals(countsOf(tell(store, query(3, { infoHash: OTHER_HASH }), 100)), [0, 1, 0]);
});

Deno.test("a store at its limit evicts the swarm that was idle longest", () => {
  const store = createStore({ swarmsMax: 2 });
  const hash = (id: number) => new Uint8Array(20).fill(id);
  for (const id of [1, 2]) {
    tell(store, query(1, { infoHash: hash(id), isComplete: true, event: "completed" }));
  }
  assertEquals(
    errorOf(announce(store, query(1, { infoHash: hash(3) }), 1)),
    "This tracker serves as many torrents as it can, try again later",
  );
  tell(store, query(1, { infoHash: hash(2), event: "stopped" }));
  tell(store, query(1, { infoHash: hash(1), event: "stopped" }));
  assertEquals(countsOf(tell(store, query(1, { infoHash: hash(3) }))), [0, 1, 0]);
  assertEquals([1, 2].map((id) => scrape(store, hash(id)).completed), [1, 0]);
});

Deno.test("equal stores and announces give equal responses on any machine", () => {
  const run = () => {
    const store = createStore({ seed: 42 });
    for (let id = 0; id < 100; id++) tell(store, query(id));
    return addressesOf(tell(store, query(0, { numWant: 10 })));
  };
  assertEquals(run(), run());
});

/** A model of the store in the simplest terms, without sampling. */
class Model {
  readonly peers = new Map<
    string,
    { hash: string; id: string; isSeeder: boolean; isPartial: boolean; seenAt: number }
  >();
  readonly completed = new Map<string, number>();
  readonly told = new Set<string>();

  announce(asked: AnnounceQuery, now: number): void {
    const hash = toHex(asked.infoHash);
    const key = `${hash} ${addressText({ ip: formatIp(asked.ip), port: asked.port })}`;
    const id = toHex(asked.peerId);
    if (asked.event === "stopped") {
      if (this.peers.get(key)?.id === id) this.peers.delete(key);
      return;
    }
    const isPartial = asked.event === "paused" && !asked.isComplete;
    this.peers.set(key, { hash, id, isSeeder: asked.isComplete, isPartial, seenAt: now });
    if (asked.event !== "completed" || !asked.isComplete || this.told.has(hash + id)) return;
    this.told.add(hash + id);
    this.completed.set(hash, (this.completed.get(hash) ?? 0) + 1);
  }

  expire(deadline: number): void {
    for (const [key, { seenAt }] of this.peers) if (seenAt <= deadline) this.peers.delete(key);
  }

  counts(infoHash: Uint8Array): number[] {
    const hash = toHex(infoHash);
    const peers = [...this.peers.values()].filter((peer) => peer.hash === hash);
    const seeders = peers.filter(({ isSeeder }) => isSeeder).length;
    return [seeders, peers.length - seeders, this.completed.get(hash) ?? 0];
  }

  downloaders(infoHash: Uint8Array): number {
    const hash = toHex(infoHash);
    const downloads = (peer: { hash: string; isSeeder: boolean; isPartial: boolean }) =>
      peer.hash === hash && !peer.isSeeder && !peer.isPartial;
    return [...this.peers.values()].filter(downloads).length;
  }

  /** The peers that may be returned to any announce. */
  others(asked: AnnounceQuery): string[] {
    const hash = toHex(asked.infoHash);
    const own = addressText({ ip: formatIp(asked.ip), port: asked.port });
    return [...this.peers].filter(([key, peer]) =>
      peer.hash === hash && !(asked.isComplete && peer.isSeeder) && key !== `${hash} ${own}`
    ).map(([key]) => key.slice(hash.length + 1)).sort();
  }
}

Deno.test("the store equals a simple model for any announces", () => {
  const hashes = [HASH, OTHER_HASH, new Uint8Array(20).fill(1)];
  const action = fc.record({
    // Enough IDs for a list with an index, and for its blocks to grow and shrink.
    id: fc.nat(150),
    ip: fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1"),
    hash: fc.constantFrom(HASH, ...hashes),
    isComplete: fc.boolean(),
    event: fc.constantFrom<AnnounceQuery["event"]>(
      undefined,
      "started",
      "completed",
      "stopped",
      "paused",
    ),
    isRenamed: fc.boolean(),
    waits: fc.constantFrom(...Array(40).fill(0), 20, 50),
  });
  const run = fc.tuple(fc.nat(), fc.array(action, { maxLength: 500, size: "max" }));
  fc.assert(
    fc.property(run, ([seed, actions]) => {
      const store = createStore({ seed, expirySeconds: 60 });
      const model = new Model();
      let now = 0;
      for (const { id, ip, hash, isComplete, event, isRenamed, waits } of actions) {
        now += waits;
        if (waits > 0) {
          sweepAll(store, now);
          model.expire(now - 60);
        }
        const peerId = idOf(isRenamed ? id + 1000 : id);
        const asked = query(id, { infoHash: hash, ip, isComplete, event, peerId, numWant: 200 });
        const answer = tell(store, asked, now);
        model.announce(asked, now);
        assertEquals(countsOf(answer), model.counts(hash));
        // A starting seeder is returned some seeders, too.
        const leechers = model.others(asked);
        const named = addressesOf(answer).filter((address) =>
          !isComplete || event !== "started" || leechers.includes(address)
        );
        assertEquals(named.sort(), event === "stopped" ? [] : leechers);
      }
      assertEquals(
        hashes.map((hash) => countsOf(scrape(store, hash))),
        hashes.map(model.counts, model),
      );
      assertEquals(
        hashes.map((hash) => scrape(store, hash).downloaders),
        hashes.map(model.downloaders, model),
      );
      assertEquals(totalsOf(store).peers, model.peers.size);
    }),
    { numRuns: 50 },
  );
});

Deno.test("one address cannot fill a swarm with ports, and its entries become free again", () => {
  for (const [ip, other] of [["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8:0:1::1"]]) {
    const store = createStore();
    const from = (port: number, more: Partial<AnnounceQuery> = {}) =>
      announce(store, query(1, { ...more, ip: ip!, port } as Parameters<typeof query>[1]), 0);
    for (let port = 1; port <= PEERS_PER_ADDRESS_MAX; port++) valueOf(from(port));
    assertMatch(errorOf(from(60_000)), /as many peers in this swarm/);
    assertEquals(scrape(store, HASH).leechers, PEERS_PER_ADDRESS_MAX);
    valueOf(from(1, { isComplete: true }));
    valueOf(announce(store, query(2, { ip: other! }), 0));
    valueOf(from(60_000, { infoHash: OTHER_HASH }));
    valueOf(from(2, { event: "stopped" }));
    valueOf(from(60_000));
    sweepAll(store, 1_000);
    for (let port = 1; port <= PEERS_PER_ADDRESS_MAX; port++) {
      valueOf(announce(store, query(1, { ip: ip!, port }), 1_000));
    }
  }
});

Deno.test("an IPv6 network has as many entries as one address", () => {
  const store = createStore();
  for (let host = 1; host <= PEERS_PER_ADDRESS_MAX; host++) {
    tell(store, query(1, { ip: `2001:db8::${host.toString(16)}` }));
  }
  errorOf(announce(store, query(1, { ip: "2001:db8::ffff" }), 0));
});

Deno.test("this machine may have any number of peers", () => {
  const store = createStore();
  for (let port = 1; port <= 2 * PEERS_PER_ADDRESS_MAX; port++) {
    tell(store, query(1, { ip: "127.0.0.1", port }));
    tell(store, query(1, { ip: "::1", port }));
  }
});

Deno.test("table keys come from the secret, random choices from the seed", () => {
  const keysOf = ({ table, lists4, lists6, crowds }: SwarmStore) =>
    [table.key, lists4.key, lists6.key, crowds.key].flat();
  const secret = Int32Array.from({ length: SECRET_WORDS }, (_, i) => i + 1);
  const one = createStore({ seed: 1, secret }), two = createStore({ seed: 2, secret });
  assertEquals(keysOf(one), [...secret]);
  assertEquals(keysOf(two), [...secret]);
  assertNotEquals(one.rng, two.rng);
  assertEquals(createStore({ seed: 1 }).rng !== undefined, true);
  const other = createStore({ seed: 1, secret: secret.map((word) => ~word) });
  assertEquals(other.rng, one.rng);
});

Deno.test("numwant applies to both families together", () => {
  const store = createStore();
  for (let id = 1; id <= 10; id++) {
    tell(store, query(id));
    tell(store, query(id, { ip: "2001:db8::1" }));
  }
  for (const ip of ["10.0.0.9", "2001:db8::9"]) {
    for (const numWant of [0, 5, 10, 12, 19]) {
      const addresses = addressesOf(tell(store, query(99, { ip, numWant, event: undefined })));
      assertEquals(addresses.length, numWant);
      const near = addresses.filter((address) => address.startsWith("[") === ip.includes(":"));
      assertEquals(near.length, Math.min(numWant, 10), "the asker's own family comes first");
    }
    tell(store, query(99, { ip, event: "stopped" }));
  }
});

Deno.test("peer IDs belong to their peers for either family", () => {
  const store = createStore();
  tell(store, query(1));
  tell(store, query(2, { ip: "2001:db8::2" }));
  for (const ip of ["10.0.0.9", "2001:db8::9"]) {
    const answer = tell(store, query(9, { ip, wantsPeerIds: true }));
    assertEquals(addressesOf(answer), ["10.0.0.1:1001", "[2001:db8::2]:1002"]);
    assertEquals(writtenBytes(answer.peerIds), Uint8Array.from([...idOf(1), ...idOf(2)]));
    tell(store, query(9, { ip, event: "stopped" }));
  }
});

Deno.test("a store that grows to thousands of swarms keeps the peers and counts of all", () => {
  const SWARMS = 5_000;
  const store = createStore();
  const infoHash = (swarm: number) => {
    const hash = new Uint8Array(20).fill(3);
    new DataView(hash.buffer).setUint32(4, swarm);
    return hash;
  };
  for (let swarm = 0; swarm < SWARMS; swarm++) {
    const at = { infoHash: infoHash(swarm) };
    tell(store, query(1, { ...at, event: "started" }));
    tell(store, query(1, { ...at, isComplete: true, event: "completed" }));
    if (swarm % 2 === 0) tell(store, query(2, { ...at, ip: "2001:db8::1" }));
    if (swarm % 3 === 0) tell(store, query(3, { ...at, event: "paused" }));
  }
  for (let swarm = 0; swarm < SWARMS; swarm += 7) {
    const { seeders, leechers, completed, downloaders } = scrape(store, infoHash(swarm))!;
    const partial = swarm % 3 === 0 ? 1 : 0, six = swarm % 2 === 0 ? 1 : 0;
    assertEquals([seeders, leechers, completed, downloaders], [1, six + partial, 1, six]);
  }
  sweepAll(store, 1_000);
  assertEquals(totalsOf(store).peers, 0);
  assertEquals(scrape(store, infoHash(7))?.completed, 1, "the count outlives the peers");
});
