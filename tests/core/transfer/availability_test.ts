import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  addHolder,
  addHolders,
  addSeed,
  addWanted,
  anyOf,
  anyWanted,
  type Availability,
  availabilityOf,
  createAvailability,
  isAnyAvailable,
  isAnyOnSeedsOnly,
  PRIORITY_LOW,
  PRIORITY_MAX,
  PRIORITY_NORMAL,
  rarestOf,
  rarestOfFew,
  removeHolder,
  removeHolders,
  removeWanted,
} from "../../../core/transfer/availability.ts";
import { bitsOf } from "../torrent/kit.ts";

const PIECES = 12;

/**
 * Counts drawn as digits: "203" is piece 0 held by two peers, piece 1 by none, piece 2 by three.
 */
function draw(counts: string): Availability {
  const priorities = new Uint8Array(counts.length).fill(PRIORITY_NORMAL);
  const a = createAvailability(counts.length, bitsOf(".".repeat(counts.length)), priorities);
  [...counts].forEach((count, piece) => {
    for (let i = 0; i < Number(count); i++) addHolder(a, piece);
  });
  return a;
}

Deno.test("the rarest piece of the peer is chosen for any random draw", () => {
  for (let chance = 0; chance < 9; chance++) {
    assertEquals(rarestOf(draw("2213"), bitsOf("####"), chance), 2);
    assertEquals(rarestOf(draw("2213"), bitsOf("...#"), chance), 3);
    assertEquals(rarestOf(draw("2213"), bitsOf("...."), chance), -1);
  }
});

Deno.test("of equally rare pieces each may be chosen", () => {
  const a = draw("21112");
  const drawn = [0, 1, 2].map((chance) => rarestOf(a, bitsOf("#####"), chance));
  assertEquals(drawn.sort(), [1, 2, 3]);
});

Deno.test("for a peer with few pieces, the shorter search finds an equally rare one", () => {
  const picture = fc.stringMatching(/^[#.]{20}$/), counts = fc.stringMatching(/^[0-5]{20}$/);
  fc.assert(fc.property(picture, counts, picture, fc.nat(), (has, held, started, chance) => {
    const a = draw(held);
    [...started].forEach((mark, piece) => mark === "#" && removeWanted(a, piece));
    const few = rarestOfFew(a, bitsOf(has), chance), all = rarestOf(a, bitsOf(has), chance);
    assertEquals(few < 0, all < 0);
    if (few < 0) return;
    assertEquals(a.counts[few], a.counts[all]);
    assertEquals([has[few], started[few]], ["#", "."]);
  }));
});

Deno.test("a search can start anywhere and covers every piece", () => {
  const a = draw("3120");
  const drawn = [0, 1, 2, 3].map((chance) => anyOf(a, bitsOf("####"), chance));
  assertEquals(drawn.sort(), [0, 1, 2, 3]);
  for (const chance of [0, 1, 2, 3]) assertEquals(anyOf(a, bitsOf("..#."), chance), 2);
  assertEquals(anyOf(a, bitsOf("...."), 0), -1);
});

Deno.test("a holder skips pieces without other holders: its search begins at one", () => {
  const a = draw("0021");
  for (const chance of [0, 1, 2, 3]) assertEquals(rarestOf(a, bitsOf("####"), chance, 1), 3);
  assertEquals(rarestOf(a, bitsOf("##.."), 0, 1), -1);
  assertEquals(rarestOf(a, bitsOf("##.."), 0, 0) >= 0, true);
});

Deno.test("whether any peer has a wanted piece is known without a search", () => {
  const a = draw("0010");
  assertEquals(isAnyAvailable(a), true);
  removeWanted(a, 2);
  assertEquals(isAnyAvailable(a), false);
  addSeed(a);
  assertEquals(isAnyAvailable(a), true);
});

Deno.test("a search finds what a look at every piece finds, for any peer, draw and priorities", () => {
  const picture = fc.stringMatching(/^[#.]{20}$/), counts = fc.stringMatching(/^[0-3]{20}$/);
  const levels = fc.array(fc.constantFrom(0, 0, 1, 4, 7), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(picture, counts, levels, fc.nat(50), (has, held, priorities, draw) => {
      const a = createAvailability(20, bitsOf(".".repeat(20)), Uint8Array.from(priorities));
      [...held].forEach((count, piece) => {
        for (let i = 0; i < Number(count); i++) addHolder(a, piece);
      });
      const wanted = priorities.flatMap((priority, piece) => priority > 0 ? [piece] : []);
      assertEquals(isAnyAvailable(a), wanted.some((piece) => held[piece] !== "0"));
      assertEquals(isAnyOnSeedsOnly(a), wanted.some((piece) => held[piece] === "0"));
      assertEquals(
        wanted.length === 0 ? -1 : wanted.includes(anyWanted(a)),
        wanted.length === 0 ? anyWanted(a) : true,
      );
      for (const least of [0, 1] as const) {
        // A holder is counted as such: what it has has at least one.
        const own = [...has].map((mark, piece) => least > Number(held[piece]) ? "." : mark).join(
          "",
        );
        const offered = wanted.filter((piece) => own[piece] === "#");
        const top = Math.max(...offered.map((piece) => priorities[piece]!));
        const best = offered.filter((piece) => priorities[piece] === top);
        const fewest = Math.min(...best.map((piece) => Number(held[piece])));
        const rarest = best.filter((piece) => Number(held[piece]) === fewest);
        const expect = (found: number, among: number[]) =>
          assertEquals(
            among.length === 0 ? found : among.includes(found),
            among.length === 0 ? -1 : true,
          );
        expect(rarestOf(a, bitsOf(own), draw, least), rarest);
        expect(rarestOfFew(a, bitsOf(own), draw, least), rarest);
        expect(anyOf(a, bitsOf(own), draw), best);
      }
    }),
  );
});

Deno.test("the draw decides between equals, so that each of them is found by some draw", () => {
  const a = draw("1".repeat(20)), has = bitsOf("#".repeat(20));
  for (const find of [rarestOf, rarestOfFew, anyOf]) {
    const found = new Set(Array.from({ length: 160 }, (_, chance) => find(a, has, chance)));
    assertEquals(found.size, 20, find.name);
  }
});

Deno.test("a piece that nobody holds cannot lose a holder", () => {
  assertThrows(() => removeHolder(draw("01"), 0), Error, "only holders that it had");
});

type Move = {
  readonly kind: "hold" | "leave" | "join" | "part" | "take" | "give";
  readonly piece: number;
  /** What a peer that joins or parts has. */
  readonly has: string;
  readonly priority: number;
};

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("hold", "hold", "leave", "join", "join", "part", "take", "give"),
  piece: fc.nat(PIECES - 1),
  has: fc.stringMatching(new RegExp(`^[#.]{${PIECES}}$`)),
  priority: fc.constantFrom(PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_MAX),
});

Deno.test("for any operations, the order stays sorted and all positions correct", () => {
  fc.assert(fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
    const a = draw("0".repeat(PIECES));
    const counts = new Array<number>(PIECES).fill(0);
    const wanted = new Map([...counts.keys()].map((piece) => [piece, PRIORITY_NORMAL]));
    for (const { kind, piece, priority, has } of moves) {
      const held = [...counts.keys()].filter((piece) => has[piece] === "#");
      if (kind === "hold") {
        addHolder(a, piece);
        counts[piece]!++;
      } else if (kind === "leave" && counts[piece]! > 0) {
        removeHolder(a, piece);
        counts[piece]!--;
      } else if (kind === "join") {
        addHolders(a, bitsOf(has));
        for (const piece of held) counts[piece]!++;
      } else if (kind === "part" && held.every((piece) => counts[piece]! > 0)) {
        removeHolders(a, bitsOf(has));
        for (const piece of held) counts[piece]!--;
      } else if (kind === "take") {
        removeWanted(a, piece);
        wanted.delete(piece);
      } else if (kind === "give") {
        addWanted(a, piece, priority);
        wanted.set(piece, priority);
      }
      check(a, counts, wanted);
    }
  }));
});

Deno.test("a rare piece of low priority comes after a common one of higher priority", () => {
  const a = draw("1333");
  addWanted(a, 0, PRIORITY_LOW);
  addWanted(a, 3, PRIORITY_MAX);
  for (let chance = 0; chance < 9; chance++) {
    for (const find of [rarestOf, rarestOfFew, anyOf]) {
      assertEquals(find(a, bitsOf("####"), chance), 3);
      assertEquals(find(a, bitsOf("#..."), chance), 0);
      assertEquals(find(a, bitsOf("##.."), chance), 1);
    }
  }
});

/** Compared with a naive model: a list of counts and a map from pieces to priorities. */
function check(
  a: Availability,
  counts: readonly number[],
  wanted: ReadonlyMap<number, number>,
): void {
  assertEquals(a.size, wanted.size);
  for (const [priority, level] of a.levels.entries()) {
    if (level === undefined) continue;
    const order = [...level.order.subarray(0, level.size)];
    const here = [...wanted].filter(([, p]) => p === priority).map(([piece]) => piece);
    assertEquals([...order].sort((x, y) => x - y), here.sort((x, y) => x - y));
    order.forEach((piece, at) => assertEquals(a.position[piece], at));
    for (let at = 1; at < order.length; at++) {
      assertEquals(counts[order[at - 1]!]! <= counts[order[at]!]!, true, "sorted by count");
    }
    for (let count = 0; count + 1 < level.starts.length; count++) {
      const bucket = order.slice(level.starts[count], level.starts[count + 1]);
      assertEquals(bucket.every((piece) => counts[piece] === count), true, `bucket of ${count}`);
    }
  }
  for (let piece = 0; piece < counts.length; piece++) {
    assertEquals(availabilityOf(a, piece), counts[piece]);
    if (!wanted.has(piece)) assertEquals(a.position[piece], -1);
  }
}

Deno.test("peers that come and go leave no counts behind that nobody reaches", () => {
  const a = draw("000");
  for (let i = 0; i < 20; i++) {
    addHolders(a, bitsOf("##."));
    removeHolders(a, bitsOf("##."));
  }
  assertEquals(a.levels[PRIORITY_NORMAL]!.starts.length, 3);
  assertThrows(() => removeHolders(a, bitsOf("#..")), Error, "only holders that it had");
});
