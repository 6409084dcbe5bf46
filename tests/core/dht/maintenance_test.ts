import { assertEquals } from "@std/assert";
import { PEER_LIFE_MS, storePeer } from "../../../core/dht/peer_store.ts";
import { CHECK_INTERVAL_MS } from "../../../core/dht/maintenance.ts";
import { compareDistance, sharedPrefixBits } from "../../../core/dht/node_id.ts";
import { contactsOf, K } from "../../../core/dht/routing_table.ts";
import { type Answered, at, idOf, optionsOf, Solo } from "./kit.ts";

type Query = Solo["queries"][number];

/** Nodes of a private network, with IDs spread over the space, that respond normally. */
class World {
  readonly nodes = new Map<string, string>();
  /** Endpoints that have left. */
  readonly dead = new Set<string>();
  asked: Query[] = [];

  constructor(count: number) {
    for (let i = 1; i <= count; i++) {
      this.nodes.set(at(`10.0.${i >> 8}.${i & 255}:1`), idOf((i * 37) & 255, i & 255, i));
    }
  }

  get endpoints(): string[] {
    return [...this.nodes.keys()];
  }

  readonly answer = (query: Query): Answered | undefined => {
    this.asked.push(query);
    const id = this.nodes.get(query.to);
    if (id === undefined || this.dead.has(query.to)) return undefined;
    const target = "target" in query.body ? query.body.target : id;
    const nodes = [...this.nodes].map(([endpoint, id]) => ({ id, endpoint }))
      .sort((a, b) => compareDistance(a.id, b.id, target)).slice(0, K);
    return { id, nodes, token: new Uint8Array(1) };
  };
}

function joined(world: World): Solo {
  const solo = new Solo();
  solo.tell({ kind: "nodes", endpoints: world.endpoints.slice(0, 1), areRouters: false });
  solo.run(20_000, world.answer);
  return solo;
}

Deno.test("one known node suffices to fill near and far buckets", () => {
  const world = new World(60);
  const solo = joined(world);
  assertEquals(solo.table.size >= 30, true, `${solo.table.size}`);
  const nearest = world.endpoints.map((endpoint) => world.nodes.get(endpoint)!)
    .sort((a, b) => compareDistance(a, b, solo.table.ownId)).slice(0, K);
  const held = new Set([...contactsOf(solo.table)].map(({ id }) => id));
  assertEquals(nearest.filter((id) => !held.has(id)), [], "our neighbours are all known");
  for (const [index, { contacts }] of solo.table.buckets.entries()) {
    const there = [...world.nodes.values()]
      .filter((id) => sharedPrefixBits(id, solo.table.ownId) === index).length;
    if (index < solo.table.buckets.length - 1) {
      assertEquals(contacts.length >= Math.min(K, there), true, `bucket ${index}`);
    }
  }
});

Deno.test("a bootstrap node is asked at the start, and not whenever others name it", () => {
  const world = new World(60);
  const solo = new Solo();
  // Near our ID, so that every neighbour returns it.
  const router = world.endpoints.sort((a, b) =>
    compareDistance(world.nodes.get(a)!, world.nodes.get(b)!, solo.table.ownId)
  )[2]!;
  solo.tell({ kind: "nodes", endpoints: [router], areRouters: true });
  solo.tell({ kind: "nodes", endpoints: world.endpoints.slice(0, 2), areRouters: false });
  solo.run(60_000, world.answer);
  const asked = () => world.asked.filter(({ to }) => to === router).length;
  assertEquals(asked() >= 1, true);
  world.asked = [];
  solo.run(2 * CHECK_INTERVAL_MS, world.answer);
  // A lookup for our own neighbours passes it.
  assertEquals([world.asked.length > 10, asked() <= 3], [true, true], `${asked()} times`);
});

Deno.test("each node of the table is checked every 15 minutes, with a nearby target", () => {
  const world = new World(20);
  const solo = joined(world);
  world.asked = [];
  solo.run(0.75 * CHECK_INTERVAL_MS, world.answer);
  assertEquals(world.asked.length, 0);
  solo.run(0.6 * CHECK_INTERVAL_MS, world.answer);
  const asked = new Set(world.asked.map(({ to }) => to));
  assertEquals(asked.size, solo.table.size);
  for (const { to, body } of world.asked) {
    assertEquals(body.method, "find_node");
    const target = "target" in body ? body.target : "";
    const shared = sharedPrefixBits(world.nodes.get(to)!, solo.table.ownId);
    const isNear = shared >= solo.table.buckets.length - 1;
    if (!isNear) assertEquals(sharedPrefixBits(target, solo.table.ownId), shared);
  }
});

Deno.test("a node that stops responding is retried sooner and then removed", () => {
  const world = new World(20);
  const solo = joined(world);
  const gone = [...contactsOf(solo.table)][3]!.endpoint;
  const size = solo.table.size;
  world.dead.add(gone);
  world.asked = [];
  solo.run(CHECK_INTERVAL_MS + 5 * 60_000, world.answer);
  assertEquals(solo.table.size, size - 1);
  const times = world.asked.filter(({ to }) => to === gone).map(({ at }) => at);
  assertEquals(times.length >= 4, true, `${times}`);
  assertEquals(times[1]! - times[0]! <= CHECK_INTERVAL_MS / 5, true, `${times}`);
  assertEquals(solo.dht.traffic.totals.timeouts >= 4, true);
});

Deno.test("when no node responds any more, the table is kept: our network is down", () => {
  const world = new World(20);
  const solo = joined(world);
  const size = solo.table.size;
  for (const endpoint of world.endpoints) world.dead.add(endpoint);
  solo.run(60 * 60_000, world.answer);
  assertEquals(solo.table.size, size);
  world.dead.clear();
  solo.run(CHECK_INTERVAL_MS + 60_000, world.answer);
  assertEquals([...contactsOf(solo.table)].every(({ failures }) => failures === 0), true);
});

Deno.test("nodes named in check responses fill gaps, except private ones from outside", () => {
  const solo = new Solo();
  const outside = at("20.0.0.1:1");
  solo.tell({ kind: "nodes", endpoints: [outside], areRouters: false });
  const answer = ({ to }: Query): Answered | undefined =>
    to === outside
      ? { id: idOf(1), nodes: [] }
      : to === at("30.0.0.1:1")
      ? { id: idOf(2) }
      : undefined;
  solo.run(10_000, answer);
  assertEquals(solo.table.size, 1);
  const named = [
    { id: idOf(2), endpoint: at("30.0.0.1:1") },
    { id: idOf(3), endpoint: at("192.168.0.1:1") },
  ];
  const asked = new Set<string>();
  solo.run(40 * 60_000, (query) => {
    asked.add(query.to);
    const answered = answer(query);
    return answered && query.to === outside ? { ...answered, nodes: named } : answered;
  });
  assertEquals(asked.has(at("30.0.0.1:1")), true);
  assertEquals(asked.has(at("192.168.0.1:1")), false);
  assertEquals(solo.table.size, 2);
});

Deno.test("with few nodes, neighbours are looked up again soon, then less often", () => {
  const world = new World(2);
  const solo = joined(world);
  world.asked = [];
  const own = () =>
    world.asked.filter(({ body, to }) =>
      to === world.endpoints[0] && "target" in body && body.target === solo.table.ownId
    ).map(({ at }) => at);
  solo.run(10 * 60_000, world.answer);
  const waits = own().slice(1).map((time, i) => time - own()[i]!);
  assertEquals(waits.length >= 8 && waits.length <= 16, true, `${waits}`);
  assertEquals(waits.every((wait) => wait <= 60_000), true, `${waits}`);
});

Deno.test("with enough nodes, neighbours are looked up twice an hour", () => {
  const world = new World(40);
  const solo = joined(world);
  let lookups = 0;
  let last = 0;
  solo.run(4 * 60 * 60_000, (query) => {
    // Several queries for our own ID at once are a lookup; a single one is a check.
    const isOwn = "target" in query.body && query.body.target === solo.table.ownId;
    if (isOwn && query.at === last) lookups++;
    last = isOwn ? query.at : last;
    return world.answer(query);
  });
  assertEquals(lookups >= 8, true, `${lookups}`);
});

Deno.test("saved nodes are checked at the start, and responding ones are restored", () => {
  const world = new World(30);
  const nodes = [...world.nodes].map(([endpoint, id]) => ({ id, endpoint }));
  world.dead.add(world.endpoints[5]!);
  const solo = new Solo(optionsOf(1, { saved: { ids: { 4: idOf(200) }, nodes } }));
  assertEquals(solo.table.ownId, idOf(200));
  solo.run(60_000, world.answer);
  assertEquals(solo.table.size >= 20, true, `${solo.table.size}`);
  assertEquals(solo.effects.some(({ kind }) => kind === "resolve-routers"), false);
  const saved = solo.effects.findLast((effect) => effect.kind === "save");
  assertEquals(saved?.saved.nodes.length, solo.table.size);
});

Deno.test("stored peers expire without any query for them", () => {
  const solo = new Solo();
  storePeer(solo.dht.peers, idOf(1), at("20.0.0.1:1"), false, 0);
  solo.run(PEER_LIFE_MS - 1_000);
  assertEquals(solo.dht.peers.peerCount, 1);
  solo.run(3 * 60_000);
  assertEquals(solo.dht.peers.peerCount, 0);
});

Deno.test("a lookup continues when the query limit allows it", () => {
  const world = new World(200);
  const solo = joined(world);
  for (let job = 1; job <= 64; job++) {
    solo.tell({ kind: "lookup", job, infoHash: idOf(job, job), scrape: false });
  }
  const { windowStartMs } = solo.dht.traffic;
  solo.dht.traffic.queriesOut = 1_000;
  solo.run(1_000, world.answer);
  solo.run(windowStartMs + 60_000, world.answer);
  const done = solo.effects.filter((effect) => effect.kind === "lookup-done");
  assertEquals(done.length, 64);
});

Deno.test("responses and timeouts are counted, and round-trip times are measured", () => {
  const world = new World(12);
  const solo = joined(world);
  const { traffic, queries } = solo.dht;
  assertEquals(traffic.totals.repliesIn, world.asked.length);
  assertEquals(traffic.totals.queriesOut, world.asked.length);
  assertEquals(traffic.totals.bytesIn > 0 && traffic.totals.timeouts === 0, true);
  assertEquals(queries.rttMs < 250, true);
});
