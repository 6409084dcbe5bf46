/** Whole runs of one node, compared with recorded correct ones. */
import { assertEquals } from "@std/assert";
import type { PutItem } from "../../../core/dht/krpc.ts";
import { targetOf } from "../../../core/dht/item_store.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { createRng } from "../../../core/bytes/random.ts";
import { randomIdSharing } from "../../../core/dht/node_id.ts";
import { at, bytesOf, idOf } from "./kit.ts";
import { PlayedWorld } from "./played_world.ts";
import { recorded } from "./transcripts.ts";

const MINUTE_MS = 60_000;
const HASH = idOf(77);
const OTHER = idOf(0x4d, 1);

const LOOKUP = { kind: "lookup", infoHash: HASH, scrape: true } as const;
const JOIN = {
  kind: "join",
  infoHash: HASH,
  port: 7_000,
  impliedPort: false,
  isSeed: false,
} as const;

function publicWorld(): PlayedWorld {
  const world = new PlayedWorld({ versions: [4, 6] }, 64);
  world.peers.set(HASH, [at("60.1.2.3:1000"), at("60.1.2.4:1001"), at("[2a02::1]:1002")]);
  world.tell({ kind: "start" });
  world.run(5_000);
  world.tell({ kind: "nodes", endpoints: world.named(4, 3), areRouters: false });
  world.tell({ kind: "nodes", endpoints: world.named(6, 2), areRouters: true });
  return world;
}

Deno.test("an hour in a network of both families: bootstrap, a torrent, lookups and checks", () => {
  const world = publicWorld();
  world.run(10_000);
  world.snapshot();
  world.tell(JOIN);
  world.run(MINUTE_MS);
  world.tell({ ...LOOKUP, job: 1 });
  world.tell({ ...LOOKUP, job: 2, infoHash: OTHER, scrape: false });
  world.run(10 * MINUTE_MS);
  world.tell({ kind: "want-peers", infoHash: HASH });
  world.tell({ ...JOIN, impliedPort: true, isSeed: true });
  world.run(10 * MINUTE_MS);
  world.snapshot();
  world.tell({ kind: "leave", infoHash: HASH });
  world.run(40 * MINUTE_MS);
  world.snapshot();
  assertEquals(world.lines, recorded("an_hour", world.lines));
});

Deno.test("nodes that ask us, nodes that leave, and another address of ours", () => {
  const world = publicWorld();
  world.run(2 * MINUTE_MS);
  for (const node of world.nodes) world.ask(node, { method: "ping" });
  world.run(4 * MINUTE_MS);
  world.snapshot();
  for (const [i, node] of world.nodes.entries()) if (i % 2 === 0) node.manner = "silent";
  world.run(20 * MINUTE_MS);
  world.snapshot();
  world.own = { 4: at("47.47.47.47:6881"), 6: at("[2a01:47::47]:6881") };
  world.run(20 * MINUTE_MS);
  for (const node of world.nodes) node.manner = "silent";
  world.run(20 * MINUTE_MS);
  world.tell({ ...LOOKUP, job: 3 });
  for (const node of world.nodes) node.manner = "good";
  world.run(10 * MINUTE_MS);
  world.snapshot();
  assertEquals(world.lines, recorded("leaving", world.lines));
});

Deno.test("values put and got, lookups cancelled, and more of them than may be under way", () => {
  const world = publicWorld();
  const immutable: PutItem = { kind: "immutable", value: bytesOf("5:hello") };
  const mutable: PutItem = {
    kind: "mutable",
    value: bytesOf("2:v1"),
    publicKey: new Uint8Array(32).fill(3),
    signature: new Uint8Array(64).fill(4),
    salt: bytesOf("s"),
    sequence: 5,
    expectedSequence: 4,
  };
  world.run(MINUTE_MS);
  world.tell({ kind: "put", job: 1, item: immutable });
  world.tell({ kind: "put", job: 2, item: mutable });
  world.run(10_000);
  for (const item of [immutable, mutable]) world.items.set(targetOf(item, sha1), item);
  const salt = bytesOf("s");
  world.tell({ kind: "get", job: 3, target: targetOf(immutable, sha1), salt: new Uint8Array() });
  world.tell({ kind: "get", job: 4, target: targetOf(mutable, sha1), salt });
  world.tell({ kind: "get", job: 5, target: targetOf(mutable, sha1), salt: new Uint8Array() });
  world.tell({ kind: "get", job: 6, target: OTHER, salt });
  world.run(100);
  world.tell({ kind: "cancel", job: 6 });
  world.run(20_000);
  for (let job = 100; job < 180; job++) {
    world.tell({ ...LOOKUP, job, infoHash: idOf(job), scrape: job % 2 === 0 });
  }
  world.run(2 * MINUTE_MS);
  world.snapshot();
  assertEquals(world.lines, recorded("values", world.lines));
});

Deno.test("a network of four nodes, and one in which nobody answers", () => {
  for (const manner of ["good", "silent"] as const) {
    const world = new PlayedWorld({ versions: [4] }, 5);
    for (const node of world.nodes) node.manner = manner;
    world.tell({ kind: "start" });
    world.tell({ kind: "nodes", endpoints: world.named(4, 1), areRouters: false });
    world.tell(JOIN);
    world.run(45 * MINUTE_MS);
    world.snapshot();
    assertEquals(world.lines, recorded(`few_${manner}`, world.lines));
  }
});

Deno.test("a crowd near us, and torrents with more peers than are told of", () => {
  const world = new PlayedWorld({ versions: [4] }, 200);
  const { ownId } = world.dht.networks[0]!.table;
  const rng = createRng(8);
  for (const [i, node] of world.nodes.entries()) {
    node.manner = i % 9 === 0 ? "slow" : "good";
    // Longer common prefixes are rarer, as with random IDs.
    if (i % 2 === 0) node.id = randomIdSharing(ownId, i % 18, rng);
  }
  const peers = Array.from({ length: 70 }, (_, i) => at(`70.0.${i}.1:${1 + i}`));
  world.peers.set(HASH, peers);
  world.answerNodes = 20;
  world.tell({ kind: "start" });
  world.tell({ kind: "nodes", endpoints: world.named(4, 40), areRouters: false });
  world.run(3 * MINUTE_MS);
  world.snapshot();
  world.tell({ ...LOOKUP, job: 1, scrape: false });
  world.tell({ ...LOOKUP, job: 2 });
  world.tell(JOIN);
  world.run(16 * MINUTE_MS);
  world.snapshot();
  assertEquals(world.lines, recorded("crowd", world.lines));
});
