import { assert, assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { createByteWriter, writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { AGE_SECONDS } from "../../../../core/tracker_server/swarms/change_log.ts";
import { listPeers } from "../../../../core/tracker_server/swarms/list_peers.ts";
import { restoreChanges, writeSwarm } from "../../../../core/tracker_server/swarms/restore.ts";
import {
  announce,
  createSwarmStore,
  scrape,
  slotsInUse,
  type SwarmStore,
  sweepSome,
  totalsOf,
} from "../../../../core/tracker_server/swarms/swarm_store.ts";
import type { AnnounceQuery } from "../../../../core/tracker_server/types.ts";
import { valueOf } from "../../tracker/unwrap.ts";
import { HASH, idOf, OTHER_HASH, query } from "./kit.ts";

const EXPIRY_SECONDS = 100;

function createStore(): SwarmStore {
  return createSwarmStore({ seed: 1, expirySeconds: EXPIRY_SECONDS });
}

/** A store that records its changes. */
function createRecorder(): SwarmStore {
  const store = createStore();
  store.changes = createByteWriter();
  return store;
}

function changesOf(store: SwarmStore): Uint8Array {
  return writtenBytes(store.changes!).slice();
}

/** Everything that matters of the swarms, in a canonical order. */
function pictureOf(store: SwarmStore): unknown {
  const swarms = [HASH, OTHER_HASH].map((infoHash) => ({
    peers: listPeers(store, infoHash, Infinity).map((peer) => JSON.stringify(peer)).sort(),
    completed: scrape(store, infoHash).completed,
    downloaders: scrape(store, infoHash).downloaders,
  }));
  return { swarms, totals: totalsOf(store) };
}

function snapshotOf(store: SwarmStore): Uint8Array {
  const writer = createByteWriter();
  for (let slot = 1; slot <= slotsInUse(store); slot++) writeSwarm(store, slot, writer);
  return writtenBytes(writer).slice();
}

function restored(...parts: readonly Uint8Array[]): SwarmStore {
  const store = createStore();
  for (const part of parts) valueOf(restoreChanges(store, part, 0));
  return store;
}

/**
 * Announces of a few clients on a few ports, so that they collide, and time that passes in
 * between.
 */
const announces = fc.array(
  fc.record({
    id: fc.nat({ max: 5 }),
    port: fc.integer({ min: 1, max: 4 }),
    ip: fc.constantFrom("192.0.2.1", "2001:db8::1"),
    infoHash: fc.constantFrom(HASH, OTHER_HASH),
    isComplete: fc.boolean(),
    event: fc.constantFrom<AnnounceQuery["event"]>(
      "started",
      "stopped",
      "completed",
      "paused",
      undefined,
    ),
    waitSeconds: fc.nat({ max: EXPIRY_SECONDS }),
  }),
  { maxLength: 60 },
);

type Step = typeof announces extends fc.Arbitrary<(infer T)[]> ? T : never;

function play(store: SwarmStore, steps: readonly Step[], start = 0): number {
  let now = start;
  for (const { id, waitSeconds, ...changes } of steps) {
    now += waitSeconds;
    const asked: AnnounceQuery = query(id, { ...changes, peerId: idOf(id) });
    announce(store, asked, now);
  }
  sweepSome(store, slotsInUse(store), now);
  return now;
}

Deno.test("logged changes are restored", () => {
  fc.assert(fc.property(announces, (steps) => {
    const store = createRecorder();
    play(store, steps);
    assertEquals(pictureOf(restored(changesOf(store))), pictureOf(store));
  }));
});

Deno.test("a snapshot within the changes replaces all earlier ones", () => {
  fc.assert(fc.property(announces, announces, (before, after) => {
    const store = createRecorder();
    const now = play(store, before);
    const early = changesOf(store);
    const snapshot = snapshotOf(store);
    store.changes = createByteWriter();
    play(store, after, now);
    const late = changesOf(store);
    assertEquals(pictureOf(restored(snapshot, late)), pictureOf(store));
    // A crash may happen before the old changes are deleted.
    assertEquals(pictureOf(restored(early, snapshot, late)), pictureOf(store));
  }));
});

Deno.test("an announce that changes nothing is not logged", () => {
  const store = createRecorder();
  announce(store, query(1), 0);
  const once = changesOf(store);
  for (let now = 1; now < 50; now++) announce(store, query(1), now);
  assertEquals(changesOf(store), once);
  announce(store, query(1, { event: "paused" }), 50);
  const twice = changesOf(store);
  assert(twice.length > once.length);
  announce(store, query(1, { event: "paused" }), 51);
  assertEquals(changesOf(store), twice);
});

Deno.test("restored peers expire by the time at which they were last seen", () => {
  const store = createRecorder();
  announce(store, query(1), 0);
  const later = createStore();
  valueOf(restoreChanges(later, changesOf(store), -40));
  sweepSome(later, slotsInUse(later), EXPIRY_SECONDS - 41);
  assertEquals(totalsOf(later).peers, 1);
  sweepSome(later, slotsInUse(later), EXPIRY_SECONDS - 40);
  assertEquals(totalsOf(later).peers, 0);
});

Deno.test("a damaged or foreign record is reported, and what precedes it is restored", () => {
  const recorder = createRecorder();
  announce(recorder, query(1), 0);
  announce(recorder, query(2), 0);
  const changes = changesOf(recorder);
  const store = createStore();
  // A time of 5 bytes, then two peers of 47.
  const torn = restoreChanges(store, changes.subarray(0, changes.length - 1), 0);
  assertEquals(torn, { ok: false, error: { code: "truncated", offset: 52 } });
  assertEquals(totalsOf(store).peers, 1);
  const foreign = restoreChanges(store, Uint8Array.of(9), 0);
  assertEquals(foreign, { ok: false, error: { code: "unknown-kind", offset: 0, kind: 9 } });
});

Deno.test("a restored peer is as old as its logged time, to the end of that interval", () => {
  const recorder = createRecorder();
  recorder.wallOffset = 1_000_000 * AGE_SECONDS;
  announce(recorder, query(1), 10);
  announce(recorder, query(2), AGE_SECONDS);
  announce(recorder, query(1), AGE_SECONDS + 1);
  const secondsOf = (wallSeconds: number) => wallSeconds - recorder.wallOffset;
  for (const log of [changesOf(recorder), snapshotOf(recorder)]) {
    const store = createSwarmStore({ seed: 1, expirySeconds: 2 * AGE_SECONDS });
    valueOf(restoreChanges(store, log, 5 * AGE_SECONDS, secondsOf));
    sweepSome(store, slotsInUse(store), 4 * AGE_SECONDS - 2);
    assertEquals(totalsOf(store).peers, 2);
    sweepSome(store, slotsInUse(store), 4 * AGE_SECONDS + 60);
    assertEquals(totalsOf(store).peers, 0);
  }
});

Deno.test("an announce that changes nothing is logged once in a while, for its time", () => {
  const store = createRecorder();
  const size = () => changesOf(store).length;
  announce(store, query(1), 0);
  const once = size();
  for (let now = 1; now < AGE_SECONDS; now++) announce(store, query(1), now);
  assertEquals(size(), once);
  announce(store, query(1), AGE_SECONDS);
  assertEquals(size(), 2 * once);
});

Deno.test("random bytes never make restoring throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    restoreChanges(createStore(), bytes, 0);
  }));
});

Deno.test("a peer list contains each peer once with its role, or a sample of many", () => {
  const store = createStore();
  for (let id = 0; id < 50; id++) {
    const ip = id % 2 === 0 ? "192.0.2.1" : "2001:db8::1";
    announce(store, query(id, { ip, isComplete: id % 5 === 0 }), 0);
  }
  const all = listPeers(store, HASH, 200);
  assertEquals(new Set(all.map(({ ip, port }) => `${ip} ${port}`)).size, 50);
  assertEquals(all.filter(({ isSeeder }) => isSeeder).length, 10);
  const some = listPeers(store, HASH, 7);
  assertEquals(new Set(some.map(({ ip, port }) => `${ip} ${port}`)).size, 7);
  assertEquals(listPeers(store, OTHER_HASH, 7), []);
});
