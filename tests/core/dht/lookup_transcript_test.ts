/**
 * Lookups in random networks, compared with recorded correct ones: which nodes are queried, in
 * which order.
 */
import { assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../../core/bytes/random.ts";
import { addressOf } from "../../../core/dht/endpoint.ts";
import {
  addCandidate,
  addUnnamed,
  type Candidate,
  closestReplied,
  createLookup,
  isLookupDone,
  markAsked,
  markFailed,
  markReplied,
  markSlow,
  nameCandidate,
  nextCandidate,
  storeTargets,
} from "../../../core/dht/lookup.ts";
import { randomIdSharing, randomNodeId } from "../../../core/dht/node_id.ts";
import { createSecureId } from "../../../core/dht/secure_id.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at } from "./kit.ts";
import { recorded } from "./transcripts.ts";

const LOOKUPS = 24;

Deno.test("whom a lookup asks, believes and stores at follows from the answers", () => {
  const lines: string[] = [];
  for (let seed = 1; seed <= LOOKUPS; seed++) {
    const rng = createRng(seed);
    const target = randomNodeId(rng);
    const lookup = createLookup(target, 4, 0);
    // Lookups with few nodes end when none is left, others at their limits.
    const endpoints = Array.from(
      { length: [6, 40, 400, 4_000][seed % 4]! },
      (_, i) =>
        at(
          `${20 + i % 200}.${Math.floor(i / 200) % 3}.${randomBelow(rng, 8)}.${1 + i % 250}:${
            1 + i
          }`,
        ),
    );
    const ids = endpoints.map((endpoint) => {
      if (randomBelow(rng, 3) > 0) return createSecureId(endpoint, rng);
      return randomIdSharing(target, randomBelow(rng, 30), rng);
    });
    const some = () => {
      const i = randomBelow(rng, endpoints.length);
      return {
        id: randomBelow(rng, 40) === 0 ? randomNodeId(rng) : ids[i]!,
        endpoint: endpoints[i]!,
      };
    };
    let text = "";
    for (let i = 0; i < 5; i++) addCandidate(lookup, some(), undefined);
    for (let i = 0; i < 3; i++) addUnnamed(lookup, some().endpoint);
    for (let turn = 0; turn < 3_000 && !isLookupDone(lookup); turn++) {
      for (let next; (next = nextCandidate(lookup)) !== undefined;) {
        markAsked(lookup, next);
        const { ip, port } = addressOf(next.endpoint);
        text += `${ip}:${port} `;
      }
      const open = [...lookup.candidates, ...lookup.unnamed]
        .filter(({ state }) => state === "asked" || state === "slow");
      let one = open[randomBelow(rng, Math.max(1, open.length))];
      if (one === undefined) continue;
      const chance = randomBelow(rng, 10);
      if (chance < 2) markFailed(lookup, one);
      else if (chance < 4 && one.state === "asked") markSlow(lookup, one);
      else {
        const isMisnamed = randomBelow(rng, 20) === 0;
        if (one.id === undefined || isMisnamed) one = nameCandidate(lookup, one, randomNodeId(rng));
        markReplied(lookup, one, isMisnamed);
        if (randomBelow(rng, 3) > 0) one.token = new Uint8Array(1);
        const count = randomBelow(rng, 16);
        for (let n = 0; n < count; n++) text += addCandidate(lookup, some(), one) ? "+" : "-";
      }
    }
    const describe = ({ endpoint, hops, confirmed, refuted, sources, state, token }: Candidate) =>
      [addressOf(endpoint).ip, hops, confirmed, refuted, sources.length, state, token?.length]
        .join();
    text += lookup.candidates.map(describe).join(" ");
    text += closestReplied(lookup, 8).map(describe).join(" ") +
      storeTargets(lookup).map(describe).join(" ");
    const digest = sha1(new TextEncoder().encode(text)).toHex().slice(0, 10);
    const { queries, replies, candidates, unnamed, networks } = lookup;
    lines.push(
      `${queries} queries, ${replies} replies, ${candidates.length}+${unnamed.length} of ` +
        `${networks.size} networks, ${storeTargets(lookup).length} to store at  ${digest}`,
    );
  }
  assertEquals(lines, recorded("lookups", lines));
});
