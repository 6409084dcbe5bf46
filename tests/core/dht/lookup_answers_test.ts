/** What a lookup uses from the responses it receives. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { addToBloom, createBloom } from "../../../core/dht/bloom.ts";
import { targetOf } from "../../../core/dht/item_store.ts";
import type { MutableItem } from "../../../core/dht/krpc.ts";
import { NODES_PER_ANSWER_MAX } from "../../../core/dht/lookup.ts";
import { storePeer } from "../../../core/dht/peer_store.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { type Answered, at, bytesOf, idOf, Solo } from "./kit.ts";

type Query = Solo["queries"][number];

const HASH = idOf(77);
const ONE = at("10.0.0.2:1"), TWO = at("10.0.0.3:1");
const IDS = new Map([[ONE, idOf(9)], [TWO, idOf(10)]]);

/** A node that returns two others. */
function start(): Solo {
  const solo = new Solo();
  solo.tell({ kind: "nodes", endpoints: [ONE, TWO], areRouters: false });
  solo.run(4_000, ({ to }) => ({ id: IDS.get(to)!, nodes: [] }));
  return solo;
}

const report = (solo: Solo, job: number) =>
  solo.effects.flatMap((effect) =>
    effect.kind === "lookup-done" && effect.job === job ? effect.report : []
  );

Deno.test("of the nodes that one answer names the closest sixteen are asked", () => {
  const solo = start();
  const near = Array.from({ length: 40 }, (_, i) => ({
    // Sorted by distance, farthest first.
    id: idOf(77, 40 - i),
    endpoint: at(`10.1.0.${1 + i}:1`),
  }));
  const asked = new Set<string>();
  const answer = ({ to, body }: Query): Answered | undefined => {
    if (body.method !== "get_peers") return { id: IDS.get(to) ?? idOf(1), nodes: [] };
    asked.add(to);
    if (to === ONE) return { id: IDS.get(to)!, nodes: near };
    return to === TWO ? { id: IDS.get(to)!, nodes: [] } : undefined;
  };
  solo.tell({ kind: "lookup", job: 1, infoHash: HASH, scrape: false });
  solo.run(60_000, answer);
  const named = near.map(({ endpoint }) => endpoint).filter((endpoint) => asked.has(endpoint));
  assertEquals(named, near.slice(-NODES_PER_ANSWER_MAX).map(({ endpoint }) => endpoint));
});

Deno.test("filters of all answers are united, and only asked for by who wants them", () => {
  const solo = start();
  const filter = (...hosts: number[]) => {
    const bloom = createBloom();
    for (const host of hosts) addToBloom(bloom, Uint8Array.of(60, 0, 0, host), sha1);
    return bloom;
  };
  let scrapes = 0;
  const answer = ({ to, body }: Query): Answered | undefined => {
    if (body.method === "get_peers" && body.scrape) scrapes++;
    const bloom = to === ONE
      ? { seeds: filter(1, 2), peers: filter(3) }
      : { seeds: filter(2, 4), peers: filter(3, 5, 6) };
    return { id: IDS.get(to)!, nodes: [], ...(body.method === "get_peers" ? { bloom } : {}) };
  };
  solo.tell({ kind: "lookup", job: 1, infoHash: HASH, scrape: true });
  solo.run(10_000, answer);
  const [scraped] = report(solo, 1);
  assertAlmostEquals(scraped!.scrape!.seeds, 3, 0.01);
  assertAlmostEquals(scraped!.scrape!.peers, 3, 0.01);
  assertEquals(scrapes, 2);
  solo.tell({ kind: "lookup", job: 2, infoHash: HASH, scrape: false });
  solo.run(10_000, answer);
  assertEquals([report(solo, 2)[0]!.scrape, scrapes], [undefined, 2]);
  solo.tell({ kind: "lookup", job: 3, infoHash: HASH, scrape: true });
  solo.run(10_000, ({ to }) => ({ id: IDS.get(to)!, nodes: [] }));
  assertEquals(report(solo, 3)[0]!.scrape, undefined, "nobody has a filter");
});

Deno.test("peers that were announced here are told at once, without a hop", () => {
  const solo = start();
  storePeer(solo.dht.peers, HASH, at("10.0.0.50:7000"), false, solo.now);
  storePeer(solo.dht.peers, HASH, at("10.0.0.51:7000"), true, solo.now);
  solo.tell({ kind: "lookup", job: 1, infoHash: HASH, scrape: false });
  const told = solo.effects.flatMap((effect) => effect.kind === "peers" ? effect.peers : []);
  assertEquals(told.map(({ ip }) => ip), ["10.0.0.50", "10.0.0.51"]);
  solo.run(10_000, ({ to }) => ({ id: IDS.get(to)!, nodes: [], values: [at("10.0.0.50:7000")] }));
  const [found] = report(solo, 1);
  assertEquals([found!.peers, found!.hops, found!.firstPeerMs], [2, 0, 0]);
});

Deno.test("of several versions of a value the newest counts, whichever comes first", () => {
  const item = (sequence: number): MutableItem => ({
    kind: "mutable",
    value: bytesOf(`i${sequence}e`),
    publicKey: new Uint8Array(32),
    signature: new Uint8Array(64),
    salt: new Uint8Array(),
    sequence,
    expectedSequence: undefined,
  });
  for (const newest of [ONE, TWO]) {
    const solo = start();
    solo.tell({ kind: "get", job: 1, target: targetOf(item(1), sha1), salt: new Uint8Array() });
    solo.run(
      10_000,
      ({ to }) => ({ id: IDS.get(to)!, nodes: [], item: item(to === newest ? 5 : 4) }),
    );
    const values = solo.effects.flatMap((effect) => effect.kind === "value" ? effect.item : []);
    assertEquals(values.map((value) => (value as MutableItem | undefined)?.sequence), [5]);
  }
  // A mutable value without its signature or its sequence number is ignored.
  for (const missing of ["signature", "sequence"] as const) {
    const solo = start();
    solo.tell({ kind: "get", job: 1, target: targetOf(item(1), sha1), salt: new Uint8Array() });
    solo.run(10_000, ({ to }) => ({
      id: IDS.get(to)!,
      nodes: [],
      item: { ...item(5), [missing]: undefined },
    }));
    const values = solo.effects.flatMap((effect) => effect.kind === "value" ? [effect.item] : []);
    assertEquals(values, [undefined], missing);
  }
});
