import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng, nextUint32, randomBelow } from "../../../core/bytes/random.ts";
import { type Endpoint, hostKey, networkKey } from "../../../core/dht/endpoint.ts";
import {
  compareDistance,
  randomIdSharing,
  randomNodeId,
  sharedPrefixBits,
} from "../../../core/dht/node_id.ts";
import {
  addContact,
  bucketSize,
  closestContacts,
  contactAt,
  contactsOf,
  countFailure,
  createRoutingTable,
  K,
  NETWORK_NODES_MAX,
  type RoutingTable,
  wantsContact,
} from "../../../core/dht/routing_table.ts";
import { createSecureId } from "../../../core/dht/secure_id.ts";
import { at, idOf } from "./kit.ts";

const OWN = idOf(0);

function randomEndpoint(rng: ReturnType<typeof createRng>): Endpoint {
  return at(
    `${20 + randomBelow(rng, 60)}.${randomBelow(rng, 256)}.${randomBelow(rng, 256)}.7:6881`,
  );
}

/** Invariants after any event. */
function checkTable(table: RoutingTable): void {
  const hosts = new Map<string, number>();
  const networks = new Map<string, number>();
  let size = 0;
  for (const [index, { contacts, replacements }] of table.buckets.entries()) {
    const isLast = index === table.buckets.length - 1;
    for (const { id, endpoint } of [...contacts, ...replacements]) {
      const bits = sharedPrefixBits(OWN, id);
      assertEquals(isLast ? bits >= index : bits === index, true, "in its bucket");
      hosts.set(hostKey(endpoint), (hosts.get(hostKey(endpoint)) ?? 0) + 1);
      assertEquals(table.hosts.has(hostKey(endpoint)), true, "known by host");
    }
    for (const { endpoint } of contacts) {
      const network = networkKey(endpoint);
      if (network !== undefined) networks.set(network, (networks.get(network) ?? 0) + 1);
    }
    assertEquals(replacements.length <= K, true, "few replacements");
    size += contacts.length;
  }
  assertEquals(size, table.size);
  assertEquals(hosts.size, table.hosts.size);
  assertEquals([...hosts.values()].every((count) => count === 1), true, "one node a host");
  assertEquals(networks, table.networks);
  assertEquals([...networks.values()].every((count) => count <= NETWORK_NODES_MAX), true);
}

Deno.test("the table's invariants hold for any operations, and closest() is exact", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const rng = createRng(seed);
      const table = createRoutingTable(OWN, 4);
      for (let i = 0; i < 400; i++) {
        const id = randomIdSharing(OWN, randomBelow(rng, 12), rng);
        const endpoint = randomEndpoint(rng);
        const known = [...contactsOf(table)];
        const one = known[randomBelow(rng, Math.max(1, known.length))];
        switch (randomBelow(rng, 8)) {
          case 0:
            if (one !== undefined) countFailure(table, one);
            break;
          case 1:
            if (one !== undefined) addContact(table, one.id, one.endpoint, 5, i);
            break;
          case 2:
            if (one !== undefined) addContact(table, id, one.endpoint, 5, i);
            break;
          case 3:
            if (one !== undefined) addContact(table, one.id, endpoint, 5, i);
            break;
          default:
            addContact(table, id, endpoint, 5, i);
        }
      }
      checkTable(table);
      for (let i = 0; i < 20; i++) {
        const target = i % 2 === 0 ? randomNodeId(rng) : randomIdSharing(OWN, i, rng);
        const good = [...contactsOf(table)].filter(({ failures }) => failures === 0);
        const closest = good.sort((a, b) => compareDistance(a.id, b.id, target)).slice(0, K);
        const found = closestContacts(table, target, K).filter(({ failures }) => failures === 0);
        assertEquals(found.map(({ id }) => id), closest.map(({ id }) => id));
      }
    }),
    { seed: 4, numRuns: 40 },
  );
});

Deno.test("a full distant bucket keeps its old nodes, our own bucket splits", () => {
  const rng = createRng(1);
  const table = createRoutingTable(OWN, 4);
  const far: Endpoint[] = [];
  for (let i = 0; i < 100; i++) {
    const endpoint = randomEndpoint(rng);
    far.push(endpoint);
    addContact(table, randomIdSharing(OWN, 0, rng), endpoint, 5, i);
  }
  for (let i = 0; i < 100; i++) {
    addContact(table, randomIdSharing(OWN, 9, rng), randomEndpoint(rng), 5, i);
  }
  checkTable(table);
  assertEquals(table.buckets[0]!.contacts.length, bucketSize(0));
  assertEquals(table.buckets[9]!.contacts.length, bucketSize(9));
  assertEquals(table.buckets[9]!.replacements.length, K);
});

Deno.test("a failing node is replaced by a waiting one, and finally removed", () => {
  const rng = createRng(2);
  const table = createRoutingTable(OWN, 4);
  addContact(table, randomIdSharing(OWN, 3, rng), randomEndpoint(rng), 5, 0);
  for (let i = 0; i < 60; i++) {
    addContact(table, randomIdSharing(OWN, 0, rng), randomEndpoint(rng), 5, i);
  }
  const { contacts, replacements } = table.buckets[0]!;
  const first = contacts[0]!;
  const waiting = replacements.at(-1)!;
  countFailure(table, first);
  assertEquals(contacts.includes(first), true);
  countFailure(table, first);
  assertEquals([contacts.includes(first), contacts.includes(waiting)], [false, true]);

  const lonely = createRoutingTable(OWN, 4);
  addContact(lonely, idOf(1), at("20.0.0.1:1"), 5, 0);
  for (let i = 0; i < 3; i++) countFailure(lonely, contactAt(lonely, at("20.0.0.1:1"))!);
  assertEquals(lonely.size, 1);
  countFailure(lonely, contactAt(lonely, at("20.0.0.1:1"))!);
  assertEquals([lonely.size, lonely.hosts.size], [0, 0]);
});

Deno.test("an endpoint whose ID changes is removed; an ID has one endpoint", () => {
  const table = createRoutingTable(OWN, 4);
  assertEquals(addContact(table, idOf(1), at("20.0.0.1:1"), 5, 0), true);
  assertEquals(addContact(table, idOf(1), at("21.0.0.1:1"), 5, 0), false);
  assertEquals(addContact(table, idOf(2), at("20.0.0.1:1"), 5, 0), false);
  assertEquals(table.size, 0);
  assertEquals(addContact(table, OWN, at("20.0.0.1:1"), 5, 0), false);
});

Deno.test("one network gets few places in the table, and one per bucket", () => {
  const rng = createRng(3);
  const table = createRoutingTable(OWN, 4);
  for (let i = 1; i < 250; i++) {
    const endpoint = at(`20.0.0.${i}:1`);
    const id = randomIdSharing(OWN, i % 10, rng);
    if (wantsContact(table, id, endpoint)) addContact(table, id, endpoint, 5, 0);
    else assertEquals(addContact(table, id, endpoint, 5, 0), false);
  }
  for (let i = 1; i < 30; i++) addContact(table, randomNodeId(rng), randomEndpoint(rng), 5, 0);
  checkTable(table);
  assertEquals((table.networks.get(networkKey(at("20.0.0.1:1"))!) ?? 0) <= NETWORK_NODES_MAX, true);
});

Deno.test("loopback and private nodes have no limit per network", () => {
  const rng = createRng(4);
  const table = createRoutingTable(OWN, 4);
  for (let port = 1; port <= 8; port++) {
    assertEquals(addContact(table, randomNodeId(rng), at(`127.0.0.1:${port}`), 5, 0), true);
    assertEquals(addContact(table, randomNodeId(rng), at(`10.0.0.${port}:1`), 5, 0), true);
  }
  assertEquals(table.size, 16);
});

Deno.test("an ID that is valid for its address is preferred", () => {
  const rng = createRng(5);
  const table = createRoutingTable(OWN, 4);
  addContact(table, randomIdSharing(OWN, 5, rng), randomEndpoint(rng), 5, 0);
  for (let i = 0; i < 60; i++) {
    addContact(table, randomIdSharing(OWN, 0, rng), randomEndpoint(rng), 5, i);
  }
  let proper = 0;
  for (let i = 0; i < 200 && proper < 5; i++) {
    const endpoint = at(`${90 + i % 100}.${nextUint32(rng) & 255}.1.1:1`);
    const id = createSecureId(endpoint, rng);
    if (sharedPrefixBits(OWN, id) !== 0) continue;
    assertEquals(addContact(table, id, endpoint, 5, 0), true);
    proper++;
  }
  assertEquals(table.buckets[0]!.contacts.filter(({ isCompliant }) => isCompliant).length, 5);
});
