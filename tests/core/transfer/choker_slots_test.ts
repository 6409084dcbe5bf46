/** Between the choker's rounds: which peers get an idle slot, and which give theirs up. */
import { assertEquals } from "@std/assert";
import { chokeRound, fillIdleSlots } from "../../../core/transfer/choker.ts";
import {
  SEED_SLOTS_MIN,
  SERVED_WANTED,
  STUCK_SLOT_MS,
  UNCHOKED_MAX,
  UNUSED_SLOT_MS,
} from "../../../core/transfer/limits.ts";
import type { Peer } from "../../../core/transfer/peer.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";
import { Kit, writable } from "../torrent/kit.ts";

/** A seeder whose peers are in these states, a minute after it unchoked or choked them. */
function inStates(states: readonly Partial<Peer>[], superSeed = false): Kit {
  const kit = new Kit({ have: "#".repeat(8), superSeed });
  for (const state of states) {
    const peer = kit.connect(".".repeat(8), { unchokes: false });
    const chokeChangedMs = kit.now;
    Object.assign(kit.peer(peer), { isInterested: true, chokeChangedMs, ...state });
  }
  kit.now += 60_000;
  return kit;
}

/** Who gets a slot and who loses one when idle slots are filled: 1 is the first peer. */
function filled(kit: Kit): { choke: number[]; unchoke: number[] } {
  const effects: Effect[] = [];
  fillIdleSlots(kit.transfer, kit.now, effects);
  const to = (kind: string) =>
    effects.flatMap((effect) =>
      effect.kind === "send" && effect.message.kind === kind ? [effect.peer] : []
    );
  return { choke: to("choke"), unchoke: to("unchoke") };
}

/** Blocks wait for it in the shell, and it takes some. */
const SERVED = {
  ...{ amChoking: false, uploadAhead: 1, lastRequestMs: 61_000, waitsSinceMs: 60_000 },
} as Partial<Peer>;
/** It was just unchoked. */
const FRESH = { amChoking: false, chokeChangedMs: 61_000 };
const WAITS = {};

Deno.test("a slot is filled each second while fewer are served than wanted, and those served keep theirs", () => {
  const served = new Array(SERVED_WANTED - 1).fill(SERVED);
  assertEquals(filled(inStates([...served, WAITS, WAITS])), { choke: [], unchoke: [4] });
  assertEquals(filled(inStates([...served, SERVED, WAITS])), { choke: [], unchoke: [] });
  for (const state of [{ snubbed: true }, { isSilent: true }, { isInterested: false }]) {
    assertEquals(filled(inStates([state, WAITS])).unchoke, [2], Object.keys(state)[0]);
  }
});

Deno.test("slots are filled up to what the session grants; who wants nothing needs none", () => {
  const grants = (states: Partial<Peer>[]) => {
    const kit = inStates([...states, WAITS]);
    writable(kit.transfer).slotsMax = 3;
    return filled(kit).unchoke.length;
  };
  assertEquals(grants([FRESH, FRESH]), 1);
  assertEquals(grants([FRESH, FRESH, FRESH]), 0);
  assertEquals(grants([FRESH, FRESH, { ...FRESH, isInterested: false }]), 1);
});

Deno.test("a super-seeder fills all its slots at once, any other one a second", () => {
  const waiting = new Array(20).fill(WAITS);
  assertEquals(filled(inStates(waiting)).unchoke.length, 1);
  assertEquals(filled(inStates(waiting, true)).unchoke.length, SEED_SLOTS_MIN);
});

Deno.test("slots go first to those that wasted fewest, then to those that waited longest", () => {
  const kit = inStates([
    ...[{ unusedSlots: 1, chokeChangedMs: 1 }, { chokeChangedMs: 50 }, { chokeChangedMs: 40 }],
    ...[{ chokeChangedMs: 60 }, { amChoking: false, optimistic: true }],
  ]);
  const order = [1, 2, 3, 4].map(() => {
    kit.now++;
    return filled(kit);
  });
  assertEquals(order[0], { choke: [5], unchoke: [3, 2] }, "one gives up its slot, one is free");
  assertEquals(order.slice(1).flatMap(({ unchoke }) => unchoke), [4, 1, 5]);
  const { unusedSlots, optimistic } = kit.peer(5);
  assertEquals([unusedSlots, optimistic], [1, false]);
});

Deno.test("a slot is given up by those that ask for nothing or read nothing, and by no others", () => {
  const idle = { amChoking: false, lastRequestMs: 500 };
  const stuck = { amChoking: false, uploadAhead: 1, lastRequestMs: 61_000 };
  const takenSince = (ms: number) => ({ ...stuck, waitsSinceMs: 61_000 - ms });
  const since = (ms: number) => ({ chokeChangedMs: 61_000 - ms });
  const cases: [string, Partial<Peer> & { sent?: number }, boolean][] = [
    ["asks for nothing", idle, true],
    ["for long enough", { ...idle, ...since(UNUSED_SLOT_MS) }, true],
    ["not yet for long enough", { ...idle, ...since(UNUSED_SLOT_MS - 1) }, false],
    ["wants nothing", { ...idle, isInterested: false }, false],
    ["gives us something", { ...idle, down: { rate: 50 } as Peer["down"] }, false],
    ["asked since", { ...idle, lastRequestMs: 1_000 }, false],
    ["reads nothing", stuck, true],
    ["reads nothing for long enough", takenSince(STUCK_SLOT_MS), true],
    ["not yet for long enough", takenSince(STUCK_SLOT_MS - 1), false],
    ["reads nothing, and others do", { ...stuck, sent: UNCHOKED_MAX }, true],
    ["reads nothing, on a slow uplink", { ...stuck, sent: UNCHOKED_MAX - 1 }, false],
    ["reads nothing and gives", { ...stuck, down: { rate: 50 } as Peer["down"] }, false],
    ["has nothing to read", { ...stuck, uploadAhead: 0 }, false],
    ["is choked", { ...stuck, amChoking: true }, false],
  ];
  for (const [what, { sent = 0, ...state }, givesUp] of cases) {
    // Two that wait: one would get a free slot anyway.
    const kit = inStates([state, { ...WAITS, chokeChangedMs: 0 }, WAITS]);
    if (sent > 0) Object.assign(kit.transfer, { uploaded: sent, lastUploadMs: kit.now });
    assertEquals(filled(kit).choke, givesUp ? [1] : [], what);
  }
});

Deno.test("who reads nothing does not count as served, long before it gives up its slot", () => {
  const still = (ms: number) => ({ ...SERVED, waitsSinceMs: 61_000 - ms });
  const filledBeside = (ms: number) =>
    filled(inStates([...new Array(SERVED_WANTED).fill(still(ms)), WAITS]));
  assertEquals(filledBeside(UNUSED_SLOT_MS), { choke: [], unchoke: [SERVED_WANTED + 1] });
  assertEquals(filledBeside(UNUSED_SLOT_MS - 1), { choke: [], unchoke: [] });
});

Deno.test("who takes blocks while choked gets a slot before those that waited longer", () => {
  const takers = [{ uploadAhead: 1, waitsSinceMs: 61_000 }, { up: { rate: 50, pending: 0 } }];
  for (const taker of takers as Partial<Peer>[]) {
    const kit = inStates([WAITS, { chokeChangedMs: 50_000, ...taker }]);
    assertEquals(filled(kit).unchoke, [2]);
  }
});

Deno.test("a peer that counts as dead has no place in the round", () => {
  const kit = inStates([{ isSilent: true }, WAITS]);
  chokeRound(kit.transfer, kit.now, []);
  assertEquals([1, 2].map((peer) => kit.peer(peer).amChoking), [true, false]);
});
