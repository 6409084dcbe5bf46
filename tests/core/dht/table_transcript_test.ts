/** A routing table under thousands of random changes, compared with a recorded correct one. */
import { assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../../core/bytes/random.ts";
import { addressOf } from "../../../core/dht/endpoint.ts";
import { NODE_ID_BITS, randomIdSharing, randomNodeId } from "../../../core/dht/node_id.ts";
import {
  addContact,
  closestContacts,
  contactAt,
  contactsOf,
  countFailure,
  createRoutingTable,
  removeContact,
  wantsContact,
} from "../../../core/dht/routing_table.ts";
import { createSecureId } from "../../../core/dht/secure_id.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at } from "./kit.ts";
import { recorded } from "./transcripts.ts";

const CHANGES = 2_000;
const CHANGES_A_LINE = 250;

Deno.test("which nodes a table keeps, prefers and names follows from what they did", () => {
  const lines: string[] = [];
  for (const version of [4, 6] as const) {
    const rng = createRng(version);
    const table = createRoutingTable(randomNodeId(rng), version);
    const endpoints = Array.from({ length: 400 }, (_, i) => {
      // Few subnets, so that their limits are reached; some are private, which have no limit.
      const network = i % 90;
      return version === 4
        ? at(`${network < 70 ? 20 + network : 10}.${network}.0.${1 + i % 250}:${1 + i}`)
        : at(`[2a00:${(network + 16).toString(16)}:1:${i.toString(16)}::1]:${1 + i}`);
    });
    const ids = endpoints.map((endpoint, i) => {
      if (i % 3 === 0) return createSecureId(endpoint, rng);
      return i % 3 === 1 ? randomNodeId(rng) : randomIdSharing(table.ownId, i % 40, rng);
    });
    let text = "";
    for (let i = 0; i < CHANGES; i++) {
      const index = randomBelow(rng, endpoints.length);
      const endpoint = endpoints[index]!, id = ids[index]!;
      const known = contactAt(table, endpoint);
      switch (randomBelow(rng, 8)) {
        case 0:
        case 1:
          if (known !== undefined) countFailure(table, known);
          break;
        case 2:
          if (known !== undefined && randomBelow(rng, 3) === 0) removeContact(table, known);
          break;
        case 3: {
          const target = randomIdSharing(table.ownId, randomBelow(rng, NODE_ID_BITS), rng);
          const count = 1 + randomBelow(rng, 20);
          text += closestContacts(table, target, count).map((contact) => contact.endpoint).join();
          break;
        }
        case 4:
          ids[index] = randomIdSharing(table.ownId, randomBelow(rng, 12), rng);
          text += wantsContact(table, ids[index]!, endpoint);
          break;
        default:
          text += wantsContact(table, id, endpoint);
          text += addContact(table, id, endpoint, randomBelow(rng, 500), i);
      }
      if (i % CHANGES_A_LINE !== CHANGES_A_LINE - 1) continue;
      const buckets = table.buckets.map(({ contacts, replacements }) =>
        [contacts, replacements].map((all) =>
          all.map(({ endpoint, id: _, ...contact }) => [addressOf(endpoint), contact])
        )
      );
      text += JSON.stringify([buckets, [...table.networks.values()], table.hosts.size]);
      const sizes = table.buckets.map(({ contacts, replacements }) =>
        `${contacts.length}+${replacements.length}`
      ).join(" ");
      const failing = [...contactsOf(table)].filter(({ failures }) => failures > 0).length;
      const digest = sha1(new TextEncoder().encode(text)).toHex().slice(0, 10);
      lines.push(
        `IPv${version} ${i + 1}  ${table.size} nodes, ${failing} failing: ${sizes}  ${digest}`,
      );
      text = "";
    }
  }
  assertEquals(lines, recorded("table", lines));
});
