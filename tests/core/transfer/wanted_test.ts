import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { PRIORITY_LOW, PRIORITY_MAX, PRIORITY_SKIP } from "../../../core/transfer/availability.ts";
import { factsOf } from "../../../core/torrent/facts.ts";
import type { PieceRange } from "../../../core/transfer/wanted.ts";
import { Kit } from "../torrent/kit.ts";

/** "-" is skipped, "1" to "7" a priority. */
const levels = (picture: string) =>
  Uint8Array.from(picture, (mark) => mark === "-" ? PRIORITY_SKIP : Number(mark));

function prioritize(kit: Kit, ...ranges: [number, number, number][]): void {
  kit.feed({
    kind: "prioritize",
    ranges: ranges.map(([first, end, priority]) => ({ first, end, priority })),
  });
}

Deno.test("only wanted pieces are requested; then the torrent is finished, not complete", () => {
  const kit = new Kit({
    have: "....",
    blocks: 1,
    priorities: levels("-4-4"),
    announceTiers: [["http://a.test/announce"]],
  });
  kit.answer();
  const peer = kit.connect("####", { extended: true });
  assertEquals(kit.owed(peer).sort(), ["1.0", "3.0"]);
  kit.complete(peer);
  assertEquals(kit.have, ".#.#");
  const facts = factsOf(kit.torrent, kit.now);
  assertEquals([facts.isFinished, facts.isComplete, facts.bytesWantedMissing], [true, false, 0]);
  assertEquals(facts.bytesWanted, 2 * 16_384);
  assertEquals(kit.reports("complete").length, 1);
  assertEquals(kit.closed(peer), "both-complete");
  assertEquals(kit.torrent.swarm.extensions.isUploadOnly, true);
  const events = kit.all("announce").map(({ request }) => request.event);
  assertEquals(events.includes("completed"), false, "trackers count complete copies");
});

Deno.test("a peer with unwanted pieces only is not interesting", () => {
  const kit = new Kit({ have: "..", priorities: levels("-4") });
  const peer = kit.connect("#.");
  assertEquals(kit.peer(peer).amInterested, false);
  prioritize(kit, [0, 1, PRIORITY_LOW]);
  assertEquals(kit.peer(peer).amInterested, true);
});

Deno.test("pieces of higher priority come first, regardless of rarity", () => {
  const kit = new Kit({ have: "......", blocks: 1, priorities: levels("441747"), seed: 3 });
  kit.connect("###...", { unchokes: false });
  const peer = kit.connect("######");
  assertEquals(kit.owed(peer).slice(0, 2).sort(), ["3.0", "5.0"]);
  assertEquals(kit.owed(peer).at(-1), "2.0");
});

Deno.test("pieces no longer wanted are cancelled and dropped, whole ones are kept", () => {
  const kit = new Kit({ have: "..", blocks: 2 });
  const peer = kit.connect("##");
  kit.deliver(peer, 3);
  const whole = kit.all("check-piece")[0]!.piece;
  kit.forget();
  prioritize(kit, [0, 2, PRIORITY_SKIP]);
  assertEquals(kit.sentKinds(peer), ["cancel"]);
  assertEquals(kit.all("drop-piece").map(({ piece }) => piece), [1 - whole]);
  assertEquals(kit.owed(peer), []);
  kit.finish();
  assertEquals(kit.have, whole === 0 ? "#." : ".#");
});

Deno.test("unselecting what is missing finishes the torrent; selecting it resumes", () => {
  const kit = new Kit({ have: "#..", blocks: 1, seedTimeMs: 1_000 });
  const seed = kit.connect("###", { unchokes: false });
  prioritize(kit, [1, 3, PRIORITY_SKIP]);
  assertEquals(kit.reports("complete").length, 1);
  assertEquals(kit.closed(seed), "both-complete");
  const other = kit.connect("...");
  kit.wait(5_000);
  assertEquals(kit.reports("seeding-done").length, 1);
  prioritize(kit, [2, 3, PRIORITY_MAX]);
  assertEquals(factsOf(kit.torrent, kit.now).isFinished, false);
  assertEquals(kit.torrent.swarm.extensions.isUploadOnly, false);
  kit.complete(kit.connect("###"));
  assertEquals(kit.have, "#.#");
  assertEquals(kit.reports("complete").length, 2);
  assertEquals(kit.isConnected(other), true);
});

Deno.test("the share rule applies to what is wanted, and withholds the last wanted piece", () => {
  const kit = new Kit({
    have: "....",
    blocks: 1,
    priorities: levels("44--"),
    shareRule: { percent: 100, strict: true },
  });
  const peer = kit.connect("####");
  kit.complete(peer);
  assertEquals(kit.transfer.haveCount, 1);
  const facts = factsOf(kit.torrent, kit.now);
  assertEquals([facts.isWaiting, facts.owedBytes], [true, 2 * 16_384]);
});

Deno.test("an unwanted piece that fails its check is forgotten", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  const peer = kit.connect("##");
  kit.deliver(peer, 1);
  const { piece, job } = kit.all("check-piece")[0]!;
  prioritize(kit, [piece, piece + 1, PRIORITY_SKIP]);
  kit.feed({ kind: "piece-checked", job, matches: false });
  assertEquals(kit.transfer.partials.has(piece), false);
});

Deno.test("ranges beyond the torrent and invalid priorities are ignored", () => {
  const kit = new Kit({ have: ".." });
  prioritize(kit, [-5, 1, 9], [0, 1, -1], [0, 1, NaN], [1, 99, PRIORITY_LOW]);
  assertEquals([...kit.transfer.priorities], [4, 1]);
});

Deno.test("for any selection changes, counts are consistent and wanted pieces arrive", () => {
  const range: fc.Arbitrary<PieceRange> = fc.record({
    first: fc.nat(7),
    end: fc.nat(9),
    priority: fc.nat(PRIORITY_MAX),
  });
  const move = fc.oneof(
    range,
    fc.constantFrom("block" as const, "join" as const, "leave" as const, "finish" as const),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const kit = new Kit({ have: "........", blocks: 2, short: 10 });
      const peers = [kit.connect("########"), kit.connect("####....")];
      for (const move of moves) {
        const last = peers.findLast((peer) => kit.isConnected(peer));
        if (typeof move === "object") kit.feed({ kind: "prioritize", ranges: [move] });
        else if (move === "join") peers.push(kit.connect("#.#.#.##"));
        else if (move === "finish") kit.finish();
        else if (last === undefined) continue;
        else if (move === "leave") kit.disconnect(last);
        else kit.deliver(last, 1);
      }
      kit.feed({ kind: "prioritize", ranges: [{ first: 0, end: 8, priority: 1 }] });
      for (const peer of peers) kit.disconnect(peer);
      kit.finish();
      for (let left = 3; left > 0 && !factsOf(kit.torrent, kit.now).isComplete; left--) {
        kit.complete(kit.connect("########"));
        kit.wait(1_000);
      }
      assertEquals(kit.have, "########");
    }),
    { seed: 1, numRuns: 100 },
  );
});

Deno.test("an unneeded seed is dialled at once when more becomes wanted", () => {
  const kit = new Kit({ have: "..", blocks: 1, priorities: levels("4-") });
  const address = { ip: "10.0.0.9", port: 6881 };
  kit.feed({ kind: "peers-found", addresses: [address], source: "tracker" });
  const [dial] = kit.all("dial");
  const peer = kit.handshake({ ...address, extended: true }, dial!.job);
  kit.say(peer, { kind: "bitfield", bits: Uint8Array.of(0b1100_0000) });
  kit.say(peer, { kind: "unchoke" });
  kit.complete(peer);
  assertEquals(kit.closed(peer), "both-complete");
  kit.forget();
  kit.wait(10 * 60_000);
  assertEquals(kit.all("dial"), [], "nobody is needed");
  prioritize(kit, [1, 2, PRIORITY_MAX]);
  assertEquals(kit.all("dial").map(({ address }) => address), [address]);
});
