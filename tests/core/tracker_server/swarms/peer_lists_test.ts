/** Lists of peers, compared with a plain list for each swarm after every change. */
import { assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../../../core/bytes/random.ts";
import {
  addPeer,
  addressAt,
  createPeerLists,
  findPeer,
  growPeerLists,
  hasIdAt,
  ID_WORDS,
  isSeederAt,
  type PeerLists,
  type PeerRole,
  removePeer,
  roleAt,
  seenAtOf,
  touchPeer,
} from "../../../../core/tracker_server/swarms/peer_lists.ts";

const ROLES: readonly PeerRole[] = ["seeder", "leecher", "partialSeed"];

interface ModelPeer {
  address: Int32Array;
  id: Int32Array;
  role: PeerRole;
  seenAt: number;
}

/** Peers far apart and close together, some of which differ in one word only. */
function addressOf(lists: PeerLists, number: number): Int32Array {
  const words = new Int32Array(lists.addressWords).fill(7);
  words[number % lists.addressWords] = -1 - number;
  return words;
}

const idOf = (number: number) => Int32Array.from({ length: ID_WORDS }, (_, i) => 31 * number + i);

/** Everything that can be read of a swarm's list is what the model says. */
function check(lists: PeerLists, slot: number, model: readonly ModelPeer[]): void {
  const count = lists.counts[slot]!, leechers = lists.leecherCounts[slot]!;
  assertEquals(count, model.length);
  assertEquals(leechers, model.filter(({ role }) => role !== "seeder").length);
  const partial = model.filter(({ role }) => role === "partialSeed").length;
  assertEquals(lists.partialSeedCounts[slot], partial);
  const places = new Set<number>();
  for (const { address, id, role, seenAt } of model) {
    const place = findPeer(lists, slot, address);
    assertEquals(place >= 0 && place < count, true);
    places.add(place);
    assertEquals(roleAt(lists, slot, place), role);
    assertEquals(isSeederAt(lists, slot, place), place >= leechers);
    assertEquals(seenAtOf(lists, slot, place), seenAt);
    assertEquals(hasIdAt(lists, slot, place, id), true);
    assertEquals(hasIdAt(lists, slot, place, id.with(ID_WORDS - 1, -5)), false);
    assertEquals(hasIdAt(lists, slot, place, id.with(0, -5)), false);
    const at = addressAt(lists, slot, place);
    assertEquals(lists.words.slice(at, at + lists.addressWords), address);
  }
  assertEquals(places.size, model.length);
}

for (const version of [4, 6] as const) {
  Deno.test(`IPv${version} lists of several swarms are those of a model, growing and shrinking`, () => {
    const rng = createRng(11);
    const lists = createPeerLists(version, 2, [3, 4]);
    const models: ModelPeer[][] = [[], []];
    let known = 0;
    // Rising and falling, so that blocks are exchanged in both directions, with and without an index.
    for (const target of [3, 0, 40, 1, 140, 30, 0, 70]) {
      for (let turn = 0; turn < 2 * 150; turn++) {
        const slot = turn % models.length, model = models[slot]!;
        const grows = model.length < target;
        if (grows) {
          const number = known++;
          const peer = {
            address: addressOf(lists, number),
            id: idOf(number),
            role: ROLES[randomBelow(rng, ROLES.length)]!,
            seenAt: number,
          };
          assertEquals(findPeer(lists, slot, peer.address), -1);
          const { address, id, role, seenAt } = peer;
          const place = addPeer(lists, slot, address, id, role, seenAt, rng);
          assertEquals(place, findPeer(lists, slot, address));
          model.push(peer);
        } else if (model.length > target) {
          const [peer] = model.splice(randomBelow(rng, model.length), 1);
          removePeer(lists, slot, findPeer(lists, slot, peer!.address));
          assertEquals(findPeer(lists, slot, peer!.address), -1);
        } else break;
        if (turn % 7 === 0) check(lists, slot, model);
      }
      models.forEach((model, slot) => check(lists, slot, model));
    }
    growPeerLists(lists, 3);
    models.push([]);
    models.forEach((model, slot) => check(lists, slot, model));
    const address = addressOf(lists, 1);
    assertEquals([0, 1, 2].map((slot) => findPeer(lists, slot, address)), [-1, -1, -1]);
    addPeer(lists, 2, address, idOf(1), "partialSeed", 5, rng);
    models[2]!.push({ address, id: idOf(1), role: "partialSeed", seenAt: 5 });
    models.forEach((model, slot) => check(lists, slot, model));
  });
}

Deno.test("a peer that announces again has its new id, time and part", () => {
  const rng = createRng(1);
  const lists = createPeerLists(4, 1, [1, 2]);
  const model = [0, 1, 2].map((number): ModelPeer => {
    const peer = { address: addressOf(lists, number), id: idOf(number), seenAt: 9 };
    addPeer(lists, 0, peer.address, peer.id, "leecher", peer.seenAt, rng);
    return { ...peer, role: "leecher" };
  });
  for (
    const [role, seenAt] of [["partialSeed", 20], ["partialSeed", 30], ["leecher", 31]] as const
  ) {
    const one = model[1]!;
    Object.assign(one, { role, seenAt, id: idOf(100 + seenAt) });
    touchPeer(lists, 0, findPeer(lists, 0, one.address), one.id, role, seenAt);
    check(lists, 0, model);
  }
});

Deno.test("room that was given up is used again, so that coming and going needs no more", () => {
  const rng = createRng(2);
  const lists = createPeerLists(6, 1, [1, 2]);
  const fill = () => {
    for (let i = 0; i < 200; i++) {
      addPeer(lists, 0, addressOf(lists, i), idOf(i), "leecher", 1, rng);
    }
    const { size } = lists;
    for (let i = 0; i < 200; i++) removePeer(lists, 0, findPeer(lists, 0, addressOf(lists, i)));
    assertEquals([lists.counts[0], lists.blocks[0]], [0, 0]);
    return size;
  };
  const size = fill();
  assertEquals([fill(), fill()], [size, size]);
  // A block twice as large for each step, of 11 words a peer, and an index from 32 peers on.
  const blocks = [1, 2, 4, 8, 16, 32, 64, 128, 256];
  const words = blocks.reduce((sum, room) => sum + room * 11 + (room >= 32 ? 2 * room : 0), 1);
  assertEquals(size, words);
});

Deno.test("a newcomer takes any place among those of its kind", () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const rng = createRng(seed);
    const lists = createPeerLists(4, 1, [1, 2]);
    for (let i = 0; i < 3; i++) addPeer(lists, 0, addressOf(lists, i), idOf(i), "seeder", 1, rng);
    for (let i = 3; i < 6; i++) addPeer(lists, 0, addressOf(lists, i), idOf(i), "leecher", 1, rng);
    const place = addPeer(lists, 0, addressOf(lists, 9), idOf(9), "leecher", 1, rng);
    seen.add(place);
    seen.add(100 + addPeer(lists, 0, addressOf(lists, 10), idOf(10), "seeder", 1, rng));
  }
  assertEquals([...seen].sort((a, b) => a - b), [0, 1, 2, 3, 104, 105, 106, 107]);
});

Deno.test("a block is exchanged for half of it when a quarter is used, so that one peer more or less moves nothing", () => {
  const rng = createRng(3);
  const lists = createPeerLists(4, 1, [1, 2]);
  for (let i = 0; i < 64; i++) addPeer(lists, 0, addressOf(lists, i), idOf(i), "seeder", 1, rng);
  const rooms: number[] = [];
  for (let left = 63; left > 0; left--) {
    removePeer(lists, 0, findPeer(lists, 0, addressOf(lists, left)));
    rooms[left] = 1 << lists.sizeClasses[0]!;
  }
  assertEquals([33, 17, 16, 9, 8, 5, 4, 3, 2, 1].map((left) => rooms[left]), [
    ...[64, 64, 32, 32, 16, 16, 8, 8, 4, 2],
  ]);
});
