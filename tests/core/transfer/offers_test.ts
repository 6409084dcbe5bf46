/** What peers have: whatever they say, in any order, what is counted of it is right (see invariants.ts). */
import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { availabilityOf } from "../../../core/transfer/availability.ts";
import { isSeed, onDontHave } from "../../../core/transfer/offers.ts";
import { bitsOf, drawBits, Kit } from "../torrent/kit.ts";

const PIECES = 11;

type Said =
  | { readonly kind: "have" | "lost"; readonly peer: number; readonly piece: number }
  | { readonly kind: "bitfield"; readonly peer: number; readonly picture: string }
  | { readonly kind: "have-all" | "gone"; readonly peer: number };

const peer = fc.nat(2), piece = fc.nat(PIECES - 1);
const said: fc.Arbitrary<Said> = fc.oneof(
  fc.record({ kind: fc.constantFrom("have" as const, "lost" as const), peer, piece }),
  fc.record({
    kind: fc.constant("bitfield" as const),
    peer,
    picture: fc.stringMatching(/^[#.]{11}$/),
  }),
  fc.record({ kind: fc.constantFrom("have-all" as const, "gone" as const), peer }),
);

/** Holders and interest are right after each batch, or `feed` throws. */
function tell(kit: Kit, keys: (number | undefined)[], what: Said): void {
  const key = keys[what.peer] ??= kit.handshake();
  switch (what.kind) {
    case "have":
      return void kit.say(key, { kind: "have", piece: what.piece });
    case "lost":
      onDontHave(kit.transfer, kit.peer(key), what.piece);
      return void kit.settle();
    case "bitfield":
      return void kit.say(key, { kind: "bitfield", bits: bitsOf(what.picture).bytes });
    case "have-all":
      return void kit.say(key, { kind: "have-all" });
    case "gone":
      kit.disconnect(key);
      keys[what.peer] = undefined;
  }
}

Deno.test("what peers have is counted right, whatever they tell, take back or leave with", () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: 25 }), (all) => {
      const kit = new Kit({ have: "##.........", blocks: 1 });
      const keys: (number | undefined)[] = [];
      const has = [0, 1, 2].map(() => new Set<number>());
      for (const what of all) {
        tell(kit, keys, what);
        const theirs = has[what.peer]!;
        if (what.kind === "have") theirs.add(what.piece);
        if (what.kind === "lost") theirs.delete(what.piece);
        if (what.kind === "gone") theirs.clear();
        if (what.kind === "have-all") { for (let i = 0; i < PIECES; i++) theirs.add(i); }
        if (what.kind === "bitfield") {
          [...what.picture].forEach((mark, i) => mark === "#" && theirs.add(i));
        }
        const key = keys[what.peer];
        if (key === undefined || !kit.isConnected(key)) return;
        const picture = Array.from({ length: PIECES }, (_, i) => theirs.has(i) ? "#" : ".").join(
          "",
        );
        assertEquals(drawBits(kit.peer(key).have), picture);
        assertEquals(isSeed(kit.peer(key)), theirs.size === PIECES);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("a seed that loses a piece has all others, and we want nothing once it lost what we lack", () => {
  const kit = new Kit({ have: "##.", blocks: 1 });
  const seed = kit.connect("###", { unchokes: false });
  assertEquals([kit.transfer.availability.seeds, kit.peer(seed).amInterested], [1, true]);
  onDontHave(kit.transfer, kit.peer(seed), 2);
  kit.settle();
  assertEquals([kit.transfer.availability.seeds, kit.peer(seed).amInterested], [0, false]);
  assertEquals([0, 1, 2].map((one) => availabilityOf(kit.transfer.availability, one)), [1, 1, 0]);
  assertEquals(kit.peer(seed).countedAsSeed, false);
  onDontHave(kit.transfer, kit.peer(seed), 2);
  kit.settle();
  assertEquals(kit.peer(seed).haveCount, 2, "it cannot lose it twice");
  kit.disconnect(seed);
  assertEquals([0, 1, 2].map((one) => availabilityOf(kit.transfer.availability, one)), [0, 0, 0]);
});

Deno.test("a peer that tells of a new piece, or of all, is asked at once", () => {
  for (const news of [{ kind: "have", piece: 5 }, { kind: "have-all" }] as const) {
    const kit = new Kit({ have: "##.........", blocks: 1 });
    const key = kit.connect("##.........");
    assertEquals([kit.owed(key).length, kit.peer(key).amInterested], [0, false]);
    kit.say(key, news);
    assertEquals([kit.owed(key).length > 0, kit.peer(key).amInterested], [true, true]);
  }
});
