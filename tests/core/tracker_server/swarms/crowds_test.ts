import { assertEquals } from "@std/assert";
import {
  countPeer,
  createCrowds,
  crowdOf,
  isCrowded,
  PEERS_PER_ADDRESS_MAX,
} from "../../../../core/tracker_server/swarms/crowds.ts";
import type { PeerLists } from "../../../../core/tracker_server/swarms/peer_lists.ts";
import type { SwarmTable } from "../../../../core/tracker_server/swarms/swarm_table.ts";

const HASH_WORDS = 5;
const KEY = [5, -6] as const;

/** The place of an address, of 1 or 4 words, in the swarm whose info hash has these words. */
function placeOf(words: number[], hash: number[] = [1, 2, 3, 4, 5], slot = 1): number {
  const crowds = createCrowds(KEY);
  const hashes = new Int32Array(3 * HASH_WORDS);
  hashes.set(hash, slot * HASH_WORDS);
  const lists = { version: words.length === 1 ? 4 : 6 } as PeerLists;
  const all = Int32Array.from([-1, -1, ...words, -1]);
  return crowdOf(crowds, { hashes } as SwarmTable, lists, slot, all, 2);
}

Deno.test("any place, the first one too, is crowded when it has as many peers as an address may have", () => {
  for (const place of [0, 1, 77]) {
    const crowds = createCrowds(KEY);
    for (let i = 0; i < PEERS_PER_ADDRESS_MAX; i++) {
      assertEquals(isCrowded(crowds, place), false);
      countPeer(crowds, place, 1);
    }
    assertEquals(isCrowded(crowds, place), true);
    assertEquals(isCrowded(crowds, place + 1), false);
    countPeer(crowds, place, -1);
    assertEquals(isCrowded(crowds, place), false);
  }
  const crowds = createCrowds(KEY);
  for (let i = 0; i < 2 * PEERS_PER_ADDRESS_MAX; i++) countPeer(crowds, -1, 1);
  assertEquals([isCrowded(crowds, -1), isCrowded(crowds, 0)], [false, false]);
});

Deno.test("a place is that of an address in a swarm; of IPv6 the network of 64 bits counts", () => {
  const ip6 = [0x20010db8, 7, 8, 9];
  for (const words of [[0x0a000001], ip6]) {
    const place = placeOf(words);
    assertEquals(placeOf(words, [1, 2, 9, 9, 9], 2), place, "two words of the hash are enough");
    const others = [
      placeOf(words, [9, 2, 3, 4, 5]),
      placeOf(words, [1, 9, 3, 4, 5]),
      placeOf([words[0]! + 1, ...words.slice(1)]),
    ];
    assertEquals(others.includes(place), false);
  }
  assertEquals(placeOf([0x20010db8, 7, 100, 100]), placeOf(ip6));
  assertEquals(placeOf([0x20010db8, 8, 8, 9]) === placeOf(ip6), false);
});

Deno.test("this machine's own addresses have no place", () => {
  assertEquals(placeOf([0x7f000001]), -1);
  assertEquals(placeOf([0x7fffffff]), -1);
  assertEquals(placeOf([0, 0, 0, 1]), -1);
  const others = [[0x7e000001], [0x80000000 | 0], [0, 0, 0, 2], [0, 0, 0, 0]];
  for (const words of [...others, [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]) {
    assertEquals(placeOf(words) >= 0, true, `${words}`);
  }
});
