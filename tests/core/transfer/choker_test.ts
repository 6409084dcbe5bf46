import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  chokeRound,
  type ChokeView,
  rankUnchokes,
  slotsOf,
} from "../../../core/transfer/choker.ts";
import {
  CHOKE_INTERVAL_MS,
  OPTIMISTIC_INTERVAL_MS,
  SEED_SLOTS_MIN,
  SEED_TURN_MS,
  SERVED_WANTED,
  SLOT_BYTES_PER_SECOND,
  SNUB_MS,
  UNCHOKED_MAX,
  UNUSED_SLOT_MS,
  UPLOAD_SLOTS_MAX,
  UPLOAD_SLOTS_MIN,
} from "../../../core/transfer/limits.ts";
import { Kit, writable } from "../torrent/kit.ts";

function view(key: number, about: Partial<ChokeView> = {}): ChokeView {
  return {
    key,
    isInterested: true,
    isUnchoked: false,
    isOptimistic: false,
    downRate: 0,
    upRate: 0,
    isSnubbing: false,
    sinceChangeMs: 1_000,
    rotationMs: -(about.sinceChangeMs ?? 1_000),
    ...about,
  };
}

/** Keys of the plan: those unchoked for their rate, then the optimistic ones. */
function plan(views: ChokeView[], isSeeding = false, rotate = false, slots = 2): number[][] {
  const { regular, optimistic } = rankUnchokes(views, isSeeding, rotate, slots, 1);
  return [[...regular], [...optimistic]];
}

Deno.test("while downloading, the peers with the highest download rates are unchoked", () => {
  const views = [10, 40, 20, 30].map((downRate, i) => view(i + 1, { downRate }));
  assertEquals(plan(views)[0], [2, 4]);
});

Deno.test("peers that are not interested get no slot", () => {
  const views = [view(1, { downRate: 9, isInterested: false }), view(2), view(3)];
  assertEquals(plan(views), [[2, 3], []]);
});

Deno.test("a peer that snubs us competes for the optimistic slot only", () => {
  const views = [view(1, { downRate: 99, isSnubbing: true }), view(2)];
  assertEquals(plan(views), [[2], [1]]);
});

Deno.test("among equals unchoked peers stay unchoked, so that slots do not flap", () => {
  const views = [view(1), view(2, { isUnchoked: true }), view(3, { isUnchoked: true })];
  assertEquals(plan(views), [[2, 3], [1]]);
});

Deno.test("the optimistic slot rotates to the peer that waited longest", () => {
  const views = [
    view(1, { downRate: 5 }),
    view(2, { downRate: 4 }),
    view(3, { isOptimistic: true, isUnchoked: true }),
    view(4, { sinceChangeMs: 5_000 }),
    view(5, { sinceChangeMs: 9_000 }),
  ];
  assertEquals(plan(views), [[1, 2], [3]]);
  assertEquals(plan(views, false, true), [[1, 2], [5]]);
});

Deno.test("an optimistic peer that uploads enough earns a slot, and another one is tried", () => {
  const views = [
    view(1, { downRate: 5 }),
    view(2, { downRate: 4 }),
    view(3, { downRate: 9, isOptimistic: true, isUnchoked: true }),
    view(4),
  ];
  assertEquals(plan(views), [[3, 1], [2]]);
});

Deno.test("while seeding, a served peer keeps its turn, then the longest waiting are next", () => {
  const turn = { isUnchoked: true, sinceChangeMs: SEED_TURN_MS - 1 };
  const over = { isUnchoked: true, sinceChangeMs: SEED_TURN_MS };
  assertEquals(plan([view(1, turn), view(2, turn), view(3)], true), [[1, 2], [3]]);
  const views = [view(1, over), view(2, turn), view(3), view(4, { sinceChangeMs: 8_000 })];
  assertEquals(plan(views, true), [[2, 4], [3]]);
});

Deno.test("while seeding, a rate left from the last turn gives no precedence", () => {
  const views = [view(1, { upRate: 900 }), view(2, { sinceChangeMs: 70_000 })];
  assertEquals(plan(views, true, false, 1)[0], [2]);
});

Deno.test("while seeding with free slots, no peer is choked", () => {
  const over = { isUnchoked: true, sinceChangeMs: 10 * SEED_TURN_MS };
  assertEquals(plan([view(1, over), view(2, over)], true)[0], [1, 2]);
});

const behaviour = fc.record({
  downRate: fc.nat(100),
  upRate: fc.nat(100),
  isSnubbing: fc.boolean(),
});

Deno.test("no peer waits forever, downloading or seeding, whatever the rates", () => {
  fc.assert(
    fc.property(
      fc.array(behaviour, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (behaviours, isSeeding) => {
        const changed = behaviours.map(() => 0);
        let unchoked = new Set<number>();
        let optimistic: ReadonlySet<number> = new Set<number>();
        const served = new Set<number>();
        const rounds = 3 * behaviours.length + 3;
        for (let round = 0; round < rounds; round++) {
          const now = (round + 1) * CHOKE_INTERVAL_MS;
          const views = behaviours.map((how, key) => ({
            ...view(key),
            ...how,
            isUnchoked: unchoked.has(key),
            isOptimistic: optimistic.has(key),
            sinceChangeMs: now - changed[key]!,
            rotationMs: changed[key]!,
          }));
          const rotate = now % OPTIMISTIC_INTERVAL_MS === 0;
          const next = rankUnchokes(views, isSeeding, rotate, UPLOAD_SLOTS_MIN);
          const all = new Set([...next.regular, ...next.optimistic]);
          for (const key of all.symmetricDifference(unchoked)) changed[key] = now;
          for (const key of all) served.add(key);
          [unchoked, optimistic] = [all, next.optimistic];
        }
        assertEquals(served.size, behaviours.length);
      },
    ),
  );
});

/** A seeder with that many interested peers. */
function crowd(count: number): { kit: Kit; peers: number[] } {
  const kit = new Kit({ have: "##" });
  const peers = Array.from({ length: count }, () => kit.connect("..", { unchokes: false }));
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  return { kit, peers };
}

Deno.test("an interested peer is unchoked at once while there are free slots", () => {
  const { kit, peers } = crowd(SEED_SLOTS_MIN + 3);
  const served = peers.filter((peer) => kit.sentKinds(peer).includes("unchoke"));
  assertEquals(served, peers.slice(0, SEED_SLOTS_MIN + 1));
});

Deno.test("in a large swarm every peer gets its turn, and slots are never exceeded", () => {
  const { kit, peers } = crowd(30);
  const served = new Set<number>();
  for (let round = 0; round < 60; round++) {
    askWhileWaiting(kit, peers, CHOKE_INTERVAL_MS, 1_000);
    const now = peers.filter((peer) => !kit.peer(peer).amChoking);
    assert(now.length <= SEED_SLOTS_MIN + 1);
    for (const peer of now) served.add(peer);
  }
  assertEquals(served.size, 30);
});

/** Every unchoked peer sends a request within a second. */
function askWhileWaiting(kit: Kit, peers: readonly number[], ms: number, stepMs = 500): void {
  for (let passed = 0; passed < ms; passed += stepMs) {
    for (const peer of peers) askAndTake(kit, peer);
    kit.waitWith(peers, stepMs);
  }
}

/** Takes what it asked for before, and asks for more. */
function askAndTake(kit: Kit, peer: number): void {
  if (kit.peer(peer).amChoking) return;
  const bytes = kit.peer(peer).uploadAhead;
  if (bytes > 0) kit.feed({ kind: "blocks-sent", peer, bytes });
  ask(kit, peer);
  writable(kit.peer(peer).up).rate = 10_000;
}

function ask(kit: Kit, peer: number): void {
  if (kit.peer(peer).amChoking) return;
  kit.say(peer, { kind: "request", piece: 0, begin: 0, length: 1_024 });
}

Deno.test("unused slots go to other peers, one per second, until enough are served", () => {
  const { kit, peers } = crowd(30);
  const unchoked = () => peers.filter((peer) => !kit.peer(peer).amChoking);
  kit.wait(0);
  const before = unchoked().length;
  kit.wait(1_000);
  assertEquals(unchoked().length, before + 1);
  kit.wait(1_000);
  assertEquals(unchoked().length, before + 2);
  const served = unchoked().slice(0, SERVED_WANTED);
  for (let second = 0; second < 3; second++) {
    for (const peer of served) askAndTake(kit, peer);
    kit.wait(1_000);
  }
  assertEquals(unchoked().length, before + 2, "enough are served");
});

Deno.test("only some of many idle peers are unchoked, and none that snubs us", () => {
  const { kit, peers } = crowd(UNCHOKED_MAX + 10);
  writable(kit.peer(peers.at(-1)!)).snubbed = true;
  let most = 0;
  for (let second = 0; second < 60; second++) {
    kit.wait(1_000);
    const unchoked = peers.filter((peer) => !kit.peer(peer).amChoking);
    most = Math.max(most, unchoked.length);
    const last = kit.peer(peers.at(-1)!);
    assert(last.amChoking || last.optimistic || !last.snubbed);
  }
  assert(most > SEED_SLOTS_MIN + 1 && most <= UNCHOKED_MAX, `${most} at once`);
});

Deno.test("a crowd that only claims interest does not keep a peer that asks from being served", () => {
  const { kit, peers } = crowd(150);
  // Every peer is unchoked in turn, and none uses its slot.
  for (let second = 0; second < 40; second++) kit.wait(1_000);
  const turns = peers.filter((peer) => kit.peer(peer).unusedSlots > 0).length;
  assert(turns > 100, `${turns} of ${peers.length} had a turn`);
  const newcomer = kit.connect("", {});
  kit.say(newcomer, { kind: "interested" });
  for (let second = 0; second < 2 && kit.peer(newcomer).amChoking; second++) kit.wait(1_000);
  assertEquals(kit.peer(newcomer).amChoking, false);
  ask(kit, newcomer);
  for (let ms = 0; ms <= UNUSED_SLOT_MS; ms += 1_000) kit.wait(1_000);
  assertEquals(kit.peer(newcomer).amChoking, false, "who asks keeps its slot");
});

Deno.test("peers that ask and take nothing give their slots to others", () => {
  const { kit, peers } = crowd(30);
  const slots = new Set<number>();
  for (let second = 0; second < 60; second++) {
    kit.wait(1_000);
    for (const peer of peers) {
      if (kit.peer(peer).amChoking) continue;
      if (!slots.has(peer)) ask(kit, peer);
      slots.add(peer);
    }
  }
  assertEquals(slots.size, peers.length);
});

Deno.test("whoever takes blocks is served within seconds, beside crowds that take none", () => {
  const { kit, peers } = crowd(100);
  const [askers, claimants] = [peers.slice(0, 50), peers.slice(50)];
  const hadSlot = new Set<number>();
  const attack = () => {
    for (const peer of askers) {
      if (kit.peer(peer).amChoking) continue;
      // What a socket holds leaves to anyone, whether it reads or not.
      if (hadSlot.has(peer)) ask(kit, peer);
      else askAndTake(kit, peer);
      hadSlot.add(peer);
    }
    for (const peer of claimants) kit.say(peer, { kind: "keep-alive" });
    kit.wait(1_000);
  };
  attack();
  const newcomer = kit.connect("", {});
  kit.say(newcomer, { kind: "interested" });
  const [piece] = kit.peer(newcomer).grantedFast;
  kit.say(newcomer, { kind: "request", piece: piece!, begin: 0, length: 1_024 });
  for (let second = 0; second < 5 && kit.peer(newcomer).amChoking; second++) attack();
  let unchokedSeconds = 0;
  for (let second = 0; second < 240; second++) {
    if (!kit.peer(newcomer).amChoking) unchokedSeconds++;
    askAndTake(kit, newcomer);
    attack();
  }
  assert(hadSlot.size > 20, `${hadSlot.size} had a slot`);
  assert(unchokedSeconds > 220, `${unchokedSeconds} of 240 s`);
});

Deno.test("a fast uplink has more slots, within bounds", () => {
  const { transfer } = new Kit({ have: "#." });
  for (
    const [slots, rate] of [[UPLOAD_SLOTS_MIN, 0], [9, 9.5], [UPLOAD_SLOTS_MAX, 1_000]] as const
  ) {
    writable(transfer.up).rate = rate * SLOT_BYTES_PER_SECOND;
    assertEquals(slotsOf(transfer), slots);
  }
  assertEquals(slotsOf(new Kit({ have: "##" }).transfer), SEED_SLOTS_MIN);
});

Deno.test("a peer that loses interest loses its slot in the next round", () => {
  const { kit, peers } = crowd(2);
  kit.say(peers[0]!, { kind: "not-interested" });
  kit.waitWith(peers, CHOKE_INTERVAL_MS + 1_000);
  assertEquals(kit.peer(peers[0]!).amChoking, true);
  assertEquals(kit.peer(peers[1]!).amChoking, false);
});

Deno.test("a peer that snubs us for a minute keeps only the optimistic slot", () => {
  const kit = new Kit({ have: "#.." });
  const snubber = kit.connect("###");
  const others = Array.from({ length: UPLOAD_SLOTS_MIN + 1 }, () => kit.connect("..."));
  for (const peer of [snubber, ...others]) kit.say(peer, { kind: "interested" });
  kit.waitWith([snubber, ...others], SNUB_MS + CHOKE_INTERVAL_MS);
  assertEquals(kit.peer(snubber).snubbed, true);
  let choked = 0;
  for (let round = 0; round < 12; round++) {
    for (let passed = 0; passed < CHOKE_INTERVAL_MS; passed += 500) {
      for (const peer of others) ask(kit, peer);
      kit.waitWith([snubber, ...others], 500);
    }
    const { amChoking, optimistic } = kit.peer(snubber);
    assert(amChoking || optimistic);
    if (amChoking) choked++;
  }
  assert(choked > 0);
});

Deno.test("newcomers are three times as likely at the front of the optimistic rotation", () => {
  const WAITING = 9, RUNS = 1_200;
  const places = new Array<number>(WAITING + 1).fill(0);
  for (let seed = 0; seed < RUNS; seed++) {
    const kit = new Kit({ have: "#", seed });
    for (let i = 0; i < WAITING; i++) kit.connect(".", { unchokes: false });
    const others = [...kit.transfer.peers.values()];
    others.forEach((peer, i) => writable(peer).rotationMs = (i - 20) * 1_000);
    const { rotationMs } = kit.peer(kit.connect(".", { unchokes: false }));
    places[others.filter((peer) => peer.rotationMs < rotationMs).length]!++;
  }
  // 3 of 12 at the front, 1 of 12 at each other place; four standard deviations are allowed.
  assert(Math.abs(places[0]! - RUNS / 4) < 60, `${places}`);
  for (const count of places.slice(1)) assert(Math.abs(count - RUNS / 12) < 40, `${places}`);
});

Deno.test("the optimistic slot goes to another peer every thirty seconds, and to everybody", () => {
  const kit = new Kit({ have: "#." });
  // As many uploading peers as there are slots, so that the others compete for the optimistic one.
  const givers = Array.from({ length: UPLOAD_SLOTS_MIN }, () => kit.connect(".."));
  const waiting = Array.from({ length: 5 }, () => kit.connect("..", { unchokes: false }));
  const all = [...givers, ...waiting];
  for (const peer of all) kit.say(peer, { kind: "interested" });
  const turns: number[] = [];
  let longest = 0, stayed = 0;
  for (let round = 0; round < 24; round++) {
    for (let passed = 0; passed < CHOKE_INTERVAL_MS; passed += 500) {
      for (const peer of givers) writable(kit.peer(peer).down).rate = 50_000;
      // Every peer uses its slot: none is given away in between.
      for (const peer of all) askAndTake(kit, peer);
      kit.waitWith(all, 500);
    }
    if (round < 3) continue;
    const [holder, ...more] = waiting.filter((peer) => kit.peer(peer).optimistic);
    assertEquals([holder !== undefined, more], [true, []]);
    stayed = holder === turns.at(-1) ? stayed + 1 : 1;
    longest = Math.max(longest, stayed);
    if (stayed === 1) turns.push(holder!);
  }
  assertEquals(longest, OPTIMISTIC_INTERVAL_MS / CHOKE_INTERVAL_MS);
  assertEquals(turns.length >= 8, true, `${turns}`);
  assertEquals(new Set(turns).size, waiting.length, `${turns}`);
});

Deno.test("equals are ranked by key, and a slot is free for one of them, in whatever order they come", () => {
  const keys = [1, 2, 3, 4, 5];
  const orders = keys.map((_, turn) => [...keys.slice(turn), ...keys.slice(0, turn)]);
  for (const order of [...orders, ...orders.map((one) => one.toReversed())]) {
    for (const isSeeding of [false, true]) {
      assertEquals(plan(order.map((key) => view(key)), isSeeding), [[1, 2], [3]]);
      const served = order.map((key) => view(key, { isUnchoked: true, isOptimistic: true }));
      const [regular, optimistic] = plan(served, isSeeding);
      assertEquals([regular, optimistic!.length], [[1, 2], 1]);
    }
  }
});

Deno.test("while seeding, turns go by rate and those that waited come before those whose turn is over", () => {
  const rates = [3, 9, 1, 5].map((upRate, i) => view(i + 1, { upRate, isUnchoked: true }));
  assertEquals(plan(rates, true), [[2, 4], [1]]);
  const over = { isUnchoked: true, sinceChangeMs: SEED_TURN_MS, upRate: 99 };
  assertEquals(plan([view(1, over), view(2, { sinceChangeMs: 0 })], true, false, 1)[0], [2]);
});

/** A downloader whose peers all want something and were last seen to send and take these rates. */
function traders(rates: readonly number[]): { kit: Kit; peers: number[] } {
  const kit = new Kit({ have: "##.." });
  const peers = rates.map(() => kit.connect("...."));
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  return { kit, peers };
}

function unchokedOf(kit: Kit, peers: readonly number[]): number[] {
  return peers.filter((peer) => !kit.peer(peer).amChoking);
}

/** Everybody who may asks, and nothing is taken: all slots are in use until the next round. */
function passRound(kit: Kit, peers: readonly number[], rates: readonly number[]): void {
  const end = kit.transfer.nextChokeMs;
  while (kit.now < end) {
    peers.forEach((peer, i) => {
      askAndTake(kit, peer);
      Object.assign(kit.peer(peer).down, { rate: rates[i] });
      Object.assign(kit.peer(peer).up, { rate: 1_000 });
    });
    kit.wait(Math.min(500, end - kit.now));
  }
}

Deno.test("a round gives the slots to those that send most by then, all at once", () => {
  const rates = [0, 0, 0, 0, 50_000, 60_000, 70_000];
  const { kit, peers } = traders(rates);
  assertEquals(unchokedOf(kit, peers), peers.slice(0, 4), "the first that came");
  kit.wait(0);
  peers.forEach((peer, i) => writable(kit.peer(peer).down).rate = rates[i]!);
  const now = kit.transfer.nextChokeMs;
  chokeRound(kit.transfer, now, []);
  const optimistic = peers.filter((peer) => kit.peer(peer).optimistic);
  assertEquals(optimistic.length, 1);
  assertEquals(unchokedOf(kit, peers), [...optimistic, ...peers.slice(4)]);
  // Who lost its slot waits from then on, behind those that were choked all the time.
  for (const peer of peers.slice(0, 4)) {
    if (optimistic.includes(peer)) continue;
    assertEquals([kit.peer(peer).chokeChangedMs, kit.peer(peer).rotationMs], [now, now]);
  }
});

Deno.test("a seeder's peers keep their slots through the rounds of a turn", () => {
  const { kit, peers } = crowd(20);
  kit.wait(0);
  const regular = () => unchokedOf(kit, peers).filter((peer) => !kit.peer(peer).optimistic);
  passRound(kit, peers, []);
  const first = regular();
  assertEquals(first.length, SEED_SLOTS_MIN);
  for (let round = 1; round < SEED_TURN_MS / CHOKE_INTERVAL_MS - 1; round++) {
    passRound(kit, peers, []);
    assertEquals(regular(), first);
  }
  for (let round = 0; round < 2; round++) passRound(kit, peers, []);
  assertEquals(regular().some((peer) => first.includes(peer)), false, "others' turn");
});

Deno.test("only a choked peer that is interested is unchoked between rounds, and once", () => {
  const { kit, peers: [peer] } = crowd(1);
  kit.say(peer!, { kind: "interested" });
  assertEquals(kit.sentKinds(peer!).filter((kind) => kind === "unchoke"), ["unchoke"]);
  const other = kit.connect("..", { unchokes: false });
  kit.say(other, { kind: "not-interested" });
  assertEquals(kit.sentKinds(other).includes("unchoke"), false);
});
