import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  addWanted,
  PRIORITY_MAX,
  PRIORITY_NORMAL,
  removeWanted,
} from "../../../core/transfer/availability.ts";
import { takeDirty } from "../../../core/transfer/attention.ts";
import { DUE_AHEAD_PIECES, DUE_PIECES_MAX, DUE_URGENT_MS } from "../../../core/transfer/limits.ts";
import {
  forgetDue,
  isInCrowd,
  nextInSequence,
  replaceDue,
  setSequential,
  tickOrder,
} from "../../../core/transfer/order.ts";
import { startPiece } from "../../../core/transfer/partials.ts";
import { Kit, writable } from "../torrent/kit.ts";

/** Pieces in the order in which their blocks were requested. */
function asked(kit: Kit, peer: number): number[] {
  const pieces = kit.owed(peer).map((block) => Number(block.split(".")[0]));
  return pieces.filter((piece, i) => pieces.indexOf(piece) === i);
}

function due(kit: Kit, ...pieces: [number, number][]): void {
  kit.feed({
    kind: "due",
    pieces: pieces.map(([piece, inMs]) => ({ piece, atMs: kit.now + inMs })),
  });
}

Deno.test("a sequential download requests pieces in order, regardless of rarity", () => {
  const kit = new Kit({ have: "........", blocks: 1, isSequential: true });
  kit.connect("####....", { unchokes: false });
  assertEquals(asked(kit, kit.connect("########")), [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("a sequential download respects priorities, and skips what a peer lacks", () => {
  const priorities = new Uint8Array(6).fill(PRIORITY_NORMAL);
  priorities[5] = PRIORITY_MAX;
  const kit = new Kit({ have: "......", blocks: 1, isSequential: true, priorities });
  assertEquals(asked(kit, kit.connect("#.####")), [5, 0, 2, 3, 4]);
});

Deno.test("the order can be changed at runtime", () => {
  const kit = new Kit({ have: ".".repeat(40), blocks: 16 });
  kit.feed({ kind: "order", isSequential: true });
  const peer = kit.connect("#".repeat(40));
  assertEquals(asked(kit, peer), [0]);
  kit.deliver(peer, 16);
  assertEquals(asked(kit, peer)[0], 1);
});

Deno.test("due pieces come first, in order of their deadlines", () => {
  const kit = new Kit({ have: "........", blocks: 1 });
  due(kit, [5, 9_000], [2, 3_000], [6, 6_000]);
  const peer = kit.connect("########");
  const order: number[] = [];
  while (order.length < 3) {
    order.push(asked(kit, peer)[0]!);
    kit.deliver(peer, 1);
  }
  assertEquals(order, [2, 6, 5]);
});

Deno.test("a seek cancels requests for the old position and requests the new one", () => {
  const kit = new Kit({ have: ".".repeat(64), blocks: 16 });
  const before = [[10, 2_500], [11, 3_000], [12, 3_500]] as [number, number][];
  due(kit, ...before);
  const peer = kit.connect("#".repeat(64));
  assertEquals(asked(kit, peer)[0], 10);
  kit.forget();
  due(kit, [40, 2_500], [41, 3_000]);
  assert(kit.sentKinds(peer).includes("cancel"));
  const now = asked(kit, peer);
  assertEquals(now[0], 40);
  assert(!now.includes(10), `still asks for ${now}`);
});

Deno.test("an urgent block is also requested from a second peer, and then cancelled", () => {
  const kit = new Kit({ have: ".".repeat(100), blocks: 1 });
  due(kit, [3, 10_000]);
  const slow = kit.connect("...#" + ".".repeat(96), { fast: true });
  assertEquals(kit.owed(slow), ["3.0"]);
  const quick = kit.connect("#".repeat(100), { fast: true });
  kit.deliver(quick, 8);
  assertEquals(kit.owed(quick).includes("3.0"), false);
  kit.wait(8_500);
  kit.deliver(quick, 18);
  assertEquals(kit.owed(quick).includes("3.0"), true);
  kit.deliver(quick, kit.owed(quick).length);
  assertEquals(kit.sentKinds(slow).includes("cancel"), true);
});

Deno.test("a piece that has arrived is no longer due, and invalid pieces are ignored", () => {
  const kit = new Kit({ have: "#...", blocks: 1 });
  due(kit, [0, 100], [1, 200], [-1, 100], [4, 100], [1.5, 100]);
  assertEquals(kit.transfer.due.filter(({ piece }) => Number.isInteger(piece)).length, 1);
  const peer = kit.connect("####");
  kit.complete(peer);
  assertEquals(kit.transfer.due.length, 0);
});

Deno.test("the number of due pieces is limited", () => {
  const kit = new Kit({ have: ".".repeat(600), blocks: 1 });
  due(kit, ...Array.from({ length: 600 }, (_, piece) => [piece, 1_000] as [number, number]));
  assertEquals(kit.transfer.due.length, DUE_PIECES_MAX);
});

Deno.test("the share rule withholds the last piece from a reader as well", () => {
  const kit = new Kit({ have: "###.", blocks: 1, shareRule: { percent: 10, strict: true } });
  due(kit, [3, 100]);
  assertEquals(kit.owed(kit.connect("####")), []);
});

Deno.test("for any deadlines and senders, all blocks arrive and counts are consistent", () => {
  const moves = fc.array(
    fc.oneof(
      fc.array(fc.tuple(fc.nat(11), fc.nat(5_000)), { maxLength: 12 }),
      fc.boolean(),
      fc.nat(3),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(moves, fc.nat(), (list, seed) => {
      const kit = new Kit({ have: ".".repeat(12), blocks: 2, seed });
      const peers = [1, 2].map(() => kit.connect("#".repeat(12)));
      for (const move of list) {
        if (typeof move === "boolean") kit.feed({ kind: "order", isSequential: move });
        else if (typeof move === "number") kit.deliver(peers[move % 2]!, move);
        else due(kit, ...move);
        kit.wait(200);
      }
      for (const peer of peers) kit.complete(peer);
      assertEquals(kit.have, "#".repeat(12));
    }),
    { seed: 3, numRuns: 60 },
  );
});

/** A transfer with this many seeds and other peers, of which nothing is asked. */
function crowd(pieces: number, seeds: number, others: number): { kit: Kit; keys: number[] } {
  const kit = new Kit({ have: ".".repeat(pieces), blocks: 1 });
  const connect = (have: string) => kit.connect(have.repeat(pieces), { unchokes: false });
  const keys = [
    ...Array.from({ length: seeds }, () => connect("#")),
    ...Array.from({ length: others }, () => connect(".")),
  ];
  return { kit, keys };
}

Deno.test("a crowd has more downloaders than seeds", () => {
  const cases = [[0, 1, true], [1, 0, false], [1, 1, false], [1, 2, true], [2, 2, false], [
    2,
    3,
    true,
  ]];
  for (const [seeds, others, expected] of cases) {
    const { kit } = crowd(2, Number(seeds), Number(others));
    assertEquals(isInCrowd(kit.transfer), expected, `${seeds} seeds, ${others} others`);
  }
});

Deno.test("in sequence comes the first piece of the highest priority that the peer has and is to be picked", () => {
  const levels = fc.array(fc.constantFrom(0, 1, 4, 7), { minLength: 12, maxLength: 12 });
  const moves = fc.array(fc.tuple(fc.nat(11), fc.constantFrom(0, 0, 1, 4, 7)), { maxLength: 12 });
  const picture = fc.stringMatching(/^[#.]{12}$/), due = fc.array(fc.nat(11), { maxLength: 3 });
  fc.assert(
    fc.property(levels, moves, picture, due, fc.boolean(), (first, list, has, soon, isCrowd) => {
      const kit = new Kit({ have: ".".repeat(12), blocks: 1, priorities: Uint8Array.from(first) });
      const key = kit.connect(has, { unchokes: false });
      for (let i = 0; i < 2; i++) {
        kit.connect((isCrowd ? "." : "#").repeat(12), { unchokes: false });
      }
      const { transfer } = kit, priorities = [...first];
      Object.assign(transfer, { due: soon.map((piece) => ({ piece, atMs: 0 })) });
      const expected = () => {
        const offered = priorities.flatMap((priority, piece) =>
          priority > 0 && has[piece] === "#" ? [piece] : []
        );
        const next = soon.find((piece) => offered.includes(piece));
        if (isInCrowd(transfer) && next !== undefined) return next;
        const top = Math.max(...offered.map((piece) => priorities[piece]!));
        return offered.find((piece) => priorities[piece] === top) ?? -1;
      };
      assertEquals(nextInSequence(transfer, kit.peer(key)), expected());
      for (const [piece, priority] of list) {
        priorities[piece] = priority;
        if (priority === 0) removeWanted(transfer.availability, piece);
        else addWanted(transfer.availability, piece, priority);
        // What came back before the front is found again from the next tick on.
        if (priority > 0) tickOrder(transfer);
        assertEquals(nextInSequence(transfer, kit.peer(key)), expected());
      }
    }),
  );
});

Deno.test("a search in sequence begins behind what is taken, and anew once a second or with a new order", () => {
  const { kit, keys: [seed] } = crowd(8, 1, 0);
  const { transfer } = kit, peer = kit.peer(seed!);
  const front = () => [nextInSequence(transfer, peer), transfer.sequenceFrom];
  assertEquals(front(), [0, 0]);
  for (const piece of [0, 1, 3]) removeWanted(transfer.availability, piece);
  assertEquals(front(), [2, 2], "a gap behind the front is looked at again");
  removeWanted(transfer.availability, 2);
  assertEquals(front(), [4, 4]);
  tickOrder(transfer);
  assertEquals(transfer.sequenceFrom, 0);
  assertEquals(front(), [4, 4]);
  setSequential(transfer, true);
  assertEquals([transfer.isSequential, transfer.sequenceFrom], [true, 0]);
});

Deno.test("due pieces are sorted by time, then by place; what no reader comes to any more is obsolete", () => {
  const { transfer } = crowd(400, 0, 0).kit;
  // Nothing is urgent: no reader waits.
  const set = (...pieces: [number, number][]) =>
    replaceDue(transfer, pieces.map(([piece, inMs]) => ({ piece, atMs: DUE_URGENT_MS + inMs })), 0);
  assertEquals(set([9, 5], [3, 7], [8, 5], [4, 6]), { obsolete: [], isSeek: false });
  assertEquals(transfer.due.map(({ piece }) => piece), [8, 9, 4, 3]);
  // A reader at 4 comes to 8 and 9, and not back to 3.
  assertEquals(set([4, 0]).obsolete, [3]);
  set([200, 1]);
  assertEquals(set([201 - DUE_AHEAD_PIECES, 1]).obsolete, []);
  set([200, 1]);
  assertEquals(set([200 - DUE_AHEAD_PIECES, 1]).obsolete, [200], "too far ahead");
  set([300, 1], [301, 2]);
  forgetDue(transfer, 300);
  forgetDue(transfer, 9);
  assertEquals(transfer.due, [{ piece: 301, atMs: DUE_URGENT_MS + 2 }]);
});

Deno.test("a reader that waits where none came to has sought: all started pieces but its own are obsolete", () => {
  const { transfer } = crowd(400, 0, 0).kit;
  const at = (piece: number, inMs: number) =>
    replaceDue(transfer, [{ piece, atMs: 50_000 + inMs }], 50_000);
  at(10, DUE_URGENT_MS);
  for (const piece of [10, 11, 90, 300]) startPiece(transfer, piece, false);
  assertEquals(at(11, DUE_URGENT_MS - 1).isSeek, false, "it came to 11");
  assertEquals(at(300, DUE_URGENT_MS).isSeek, false, "it does not wait yet");
  at(11, 0);
  assertEquals(at(300, DUE_URGENT_MS - 1), { obsolete: [10, 11, 90], isSeek: true });
  assertEquals(at(300, 0).isSeek, false, "it is still there");
});

Deno.test("the best rate is that of the fastest peer that serves us, measured while something is due", () => {
  const { kit, keys } = crowd(4, 3, 0);
  const { transfer } = kit;
  for (const [i, rate] of [700, 900, 5_000].entries()) {
    Object.assign(kit.peer(keys[i]!), { isChoking: i === 2 });
    writable(kit.peer(keys[i]!).down).rate = rate;
  }
  tickOrder(transfer);
  assertEquals(transfer.bestRate, 0);
  Object.assign(transfer, { due: [{ piece: 0, atMs: 9 }] });
  tickOrder(transfer);
  assertEquals(transfer.bestRate, 900);
  writable(kit.peer(keys[1]!).down).rate = 10;
  tickOrder(transfer);
  assertEquals(transfer.bestRate, 700, "it is measured anew");
});

Deno.test("with another order, other due pieces, or a second later while something is due, all are asked", () => {
  const { kit, keys } = crowd(4, 3, 0);
  const { transfer } = kit;
  const asked = () => [...takeDirty(transfer)].map(({ key }) => key);
  asked();
  tickOrder(transfer);
  assertEquals(asked(), [], "nothing is due");
  setSequential(transfer, true);
  assertEquals(asked(), keys);
  replaceDue(transfer, [{ piece: 1, atMs: 5 }], 0);
  assertEquals(asked(), keys);
  tickOrder(transfer);
  assertEquals(asked(), keys);
});
