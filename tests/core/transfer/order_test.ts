import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { PRIORITY_MAX, PRIORITY_NORMAL } from "../../../core/transfer/availability.ts";
import { DUE_PIECES_MAX } from "../../../core/transfer/limits.ts";
import { Kit } from "../torrent/kit.ts";

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
