import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng, randomBelow } from "../../../core/bytes/random.ts";
import {
  addCandidate,
  addUnnamed,
  ALPHA,
  type Candidate,
  CANDIDATES_MAX,
  createLookup,
  isLookupDone,
  type Lookup,
  LOOKUP_QUERIES_MAX,
  markAsked,
  markFailed,
  markReplied,
  markSlow,
  nameCandidate,
  nextCandidate,
  storeTargets,
} from "../../../core/dht/lookup.ts";
import { compareDistance, randomNodeId } from "../../../core/dht/node_id.ts";
import { K } from "../../../core/dht/routing_table.ts";
import { createSecureId } from "../../../core/dht/secure_id.ts";
import { at, idOf } from "./kit.ts";

const TARGET = idOf(0);

/** A lookup over nodes of a private network, whose IDs need not match their addresses. */
function lookupOver(...firstBytes: number[]): Lookup {
  const lookup = createLookup(TARGET, 4, 0);
  for (const byte of firstBytes) addCandidate(lookup, nodeAt(byte), undefined);
  return lookup;
}

function nodeAt(byte: number) {
  return { id: idOf(byte), endpoint: at(`10.0.0.${byte}:1`) };
}

function ask(lookup: Lookup): Candidate | undefined {
  const candidate = nextCandidate(lookup);
  if (candidate !== undefined) markAsked(lookup, candidate);
  return candidate;
}

function bytesAsked(lookup: Lookup): number[] {
  return lookup.candidates.filter(({ state }) => state !== "fresh")
    .map(({ id }) => id!.charCodeAt(0));
}

Deno.test("three queries are outstanding at a time, closest nodes first", () => {
  const lookup = lookupOver(9, 3, 7, 1, 5);
  while (ask(lookup) !== undefined);
  assertEquals(bytesAsked(lookup), [1, 3, 5]);
  assertEquals(lookup.asked, ALPHA);
  markReplied(lookup, lookup.candidates[0]!);
  assertEquals(ask(lookup)?.id, idOf(7));
});

Deno.test("a slow node frees its slot, and its late response still counts", () => {
  const lookup = lookupOver(1, 2, 3, 4);
  while (ask(lookup) !== undefined);
  const slow = lookup.candidates[0]!;
  markSlow(lookup, slow);
  assertEquals(ask(lookup)?.id, idOf(4));
  for (const candidate of lookup.candidates.slice(1)) markReplied(lookup, candidate);
  assertEquals(isLookupDone(lookup), false, "fewer than K answered: the slow one is waited for");
  markReplied(lookup, slow);
  assertEquals([isLookupDone(lookup), lookup.replies], [true, 4]);
});

Deno.test("a lookup ends once the eight closest nodes have responded", () => {
  const lookup = lookupOver(...Array.from({ length: 20 }, (_, i) => i + 1));
  for (let i = 0; i < K; i++) markReplied(lookup, ask(lookup)!);
  assertEquals(ask(lookup), undefined);
  assertEquals(isLookupDone(lookup), true);
  assertEquals(bytesAsked(lookup), [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("a failed node is replaced by the next closest", () => {
  const lookup = lookupOver(...Array.from({ length: 20 }, (_, i) => i + 1));
  markFailed(lookup, ask(lookup)!);
  for (let i = 0; i < K; i++) markReplied(lookup, ask(lookup)!);
  assertEquals(bytesAsked(lookup), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(isLookupDone(lookup), true);
});

Deno.test("a node whose nodes do not respond loses priority to others", () => {
  const lookup = lookupOver(200, 201);
  const liar = ask(lookup)!;
  const honest = ask(lookup)!;
  markReplied(lookup, liar);
  markReplied(lookup, honest);
  for (let i = 1; i <= 10; i++) addCandidate(lookup, nodeAt(i), liar);
  for (let i = 20; i < 30; i++) addCandidate(lookup, nodeAt(i), honest);
  for (let i = 0; i < 3; i++) markSlow(lookup, ask(lookup)!);
  // From here on, the nodes that the honest one returned.
  const asked: number[] = [];
  for (let i = 0; i < 6; i++) {
    const candidate = ask(lookup)!;
    asked.push(candidate.id!.charCodeAt(0));
    markReplied(lookup, candidate);
  }
  assertEquals(asked, [20, 21, 22, 23, 24, 25]);
  // A late response clears the node's failures.
  markReplied(lookup, lookup.candidates.find(({ state }) => state === "slow")!);
  assertEquals(liar.refuted, 2);
});

Deno.test("a node that an honest node names as well is accepted despite the liar", () => {
  const lookup = lookupOver(200, 201);
  const liar = ask(lookup)!;
  const honest = ask(lookup)!;
  markReplied(lookup, liar);
  for (let i = 1; i <= 10; i++) addCandidate(lookup, nodeAt(i), liar);
  markReplied(lookup, honest);
  addCandidate(lookup, nodeAt(9), honest);
  for (let i = 0; i < 3; i++) markSlow(lookup, ask(lookup)!);
  assertEquals(ask(lookup)!.id, idOf(9));
});

Deno.test("a node named with a wrong ID counts by its own ID, and against its source", () => {
  const lookup = lookupOver(200);
  const liar = ask(lookup)!;
  markReplied(lookup, liar);
  addCandidate(lookup, { id: idOf(1), endpoint: at("10.0.0.77:1") }, liar);
  const misnamed = ask(lookup)!;
  markReplied(lookup, misnamed, true);
  const named = nameCandidate(lookup, misnamed, idOf(77));
  assertEquals(lookup.candidates.map(({ id }) => id), [idOf(77), idOf(200)]);
  assertEquals([named.state, liar.refuted, liar.confirmed], ["replied", 1, 0]);
});

Deno.test("a host has one place in a lookup, a public network two", () => {
  const lookup = createLookup(TARGET, 4, 0);
  assertEquals(addCandidate(lookup, { id: idOf(1), endpoint: at("20.0.0.1:1") }, undefined), true);
  assertEquals(addCandidate(lookup, { id: idOf(2), endpoint: at("20.0.0.1:2") }, undefined), false);
  assertEquals(addCandidate(lookup, { id: idOf(2), endpoint: at("20.0.0.2:1") }, undefined), true);
  assertEquals(addCandidate(lookup, { id: idOf(3), endpoint: at("20.0.0.3:1") }, undefined), false);
  assertEquals(addCandidate(lookup, { id: idOf(1), endpoint: at("21.0.0.1:1") }, undefined), false);
  assertEquals(
    addCandidate(lookup, { id: idOf(9), endpoint: at("[2001:db8::1]:1") }, undefined),
    false,
  );
});

Deno.test("nodes with invalid IDs cannot displace the eight closest valid ones", () => {
  const rng = createRng(1);
  const lookup = createLookup(TARGET, 4, 0);
  for (let i = 1; i <= 30; i++) {
    addCandidate(lookup, { id: idOf(0, i), endpoint: at(`${20 + i}.1.1.1:1`) }, undefined);
  }
  const proper = Array.from({ length: 20 }, (_, i) => {
    const endpoint = at(`${60 + i}.9.9.9:1`);
    return { id: createSecureId(endpoint, rng), endpoint };
  }).sort((a, b) => compareDistance(a.id, b.id, TARGET));
  for (const node of proper) addCandidate(lookup, node, undefined);
  for (;;) {
    const candidate = ask(lookup);
    if (candidate === undefined) break;
    markReplied(lookup, candidate);
    candidate.token = new Uint8Array(1);
  }
  assertEquals(isLookupDone(lookup), true);
  const targets = storeTargets(lookup);
  const stored = targets.filter(({ isCompliant }) => isCompliant).map(({ id }) => id);
  assertEquals(stored, proper.slice(0, K).map(({ id }) => id));
  assertEquals(targets.length <= 2 * K, true);
});

Deno.test("addresses without IDs are queried last, and become nodes", () => {
  const lookup = lookupOver(5);
  addUnnamed(lookup, at("10.0.1.1:1"));
  assertEquals(ask(lookup)!.id, idOf(5));
  const unnamed = ask(lookup)!;
  assertEquals(unnamed.id, undefined);
  markReplied(lookup, unnamed);
  nameCandidate(lookup, unnamed, idOf(3));
  assertEquals(lookup.candidates.map(({ id }) => id), [idOf(3), idOf(5)]);
  assertEquals(lookup.unnamed, []);
});

Deno.test("for any responses, a lookup ends within its query limit", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const rng = createRng(seed);
      const lookup = createLookup(randomNodeId(rng), 4, 0);
      const fresh = () => ({
        id: randomNodeId(rng),
        endpoint: at(
          `${20 + randomBelow(rng, 100)}.${randomBelow(rng, 256)}.1.${randomBelow(rng, 256)}:1`,
        ),
      });
      for (let i = 0; i < 16; i++) addCandidate(lookup, fresh(), undefined);
      for (let i = 0; i < 10_000 && !isLookupDone(lookup); i++) {
        ask(lookup);
        const open = lookup.candidates.filter(({ state }) => state === "asked" || state === "slow");
        const one = open[randomBelow(rng, Math.max(1, open.length))];
        if (one === undefined) continue;
        const chance = randomBelow(rng, 9);
        if (chance < 3) markFailed(lookup, one);
        else if (chance < 5 && one.state === "asked") markSlow(lookup, one);
        else {
          markReplied(lookup, one);
          for (let n = 0; n < 16; n++) addCandidate(lookup, fresh(), one);
        }
        const states = (wanted: string) =>
          lookup.candidates.filter(({ state }) => state === wanted).length;
        assertEquals([lookup.asked, lookup.slow], [states("asked"), states("slow")]);
      }
      assertEquals(isLookupDone(lookup), true);
      assertEquals(lookup.queries <= LOOKUP_QUERIES_MAX, true);
      assertEquals(lookup.candidates.length <= CANDIDATES_MAX + ALPHA, true);
      const ids = lookup.candidates.map(({ id }) => id!);
      assertEquals(ids.toSorted((a, b) => compareDistance(a, b, lookup.target)), ids);
    }),
    { seed: 6, numRuns: 60 },
  );
});

Deno.test("a node is doubted when more of those that it named failed than answered, three at least", () => {
  const nextAfter = (confirmed: number, refuted: number) => {
    const lookup = lookupOver(200, 100);
    const source = lookup.candidates.find(({ id }) => id === idOf(200))!;
    markAsked(lookup, source);
    markReplied(lookup, source);
    addCandidate(lookup, nodeAt(1), source);
    Object.assign(source, { confirmed, refuted });
    return nextCandidate(lookup)!.id!.charCodeAt(0);
  };
  assertEquals([nextAfter(0, 2), nextAfter(0, 3), nextAfter(2, 3), nextAfter(3, 3)], [
    ...[1, 100, 100, 1],
  ]);
});

Deno.test("a failure counts once against who named the node, slow or not", () => {
  for (const isSlow of [false, true]) {
    const lookup = lookupOver(200);
    const source = ask(lookup)!;
    markReplied(lookup, source);
    addCandidate(lookup, nodeAt(1), source);
    const named = ask(lookup)!;
    if (isSlow) markSlow(lookup, named);
    markFailed(lookup, named);
    assertEquals([source.confirmed, source.refuted], [0, 1]);
  }
});

Deno.test("the closest nodes are remembered, CANDIDATES_MAX of them", () => {
  const lookup = lookupOver();
  for (let i = CANDIDATES_MAX + 5; i > 0; i--) {
    addCandidate(lookup, { id: idOf(1, i), endpoint: at(`10.1.0.${i}:1`) }, undefined);
    assertEquals(lookup.candidates.length, Math.min(CANDIDATES_MAX, CANDIDATES_MAX + 6 - i));
  }
  assertEquals(lookup.candidates[0]!.id, idOf(1, 1));
});
