/** The status of a torrent at one moment. */
import { assertEquals } from "@std/assert";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { factsOf, progressOf } from "../../../core/torrent/facts.ts";
import { Kit } from "./kit.ts";

const BLOCK = 16_384;

Deno.test("bytes count pieces on disk, the short last one as it is", () => {
  const kit = new Kit({ have: "#..#", blocks: 1, short: 100 });
  const facts = factsOf(kit.torrent, kit.now);
  assertEquals([facts.pieceCount, facts.piecesHave, facts.isComplete], [4, 2, false]);
  assertEquals([facts.bytesHave, facts.bytesTotal], [2 * BLOCK - 100, 4 * BLOCK - 100]);
  assertEquals([facts.bytesWanted, facts.bytesWantedMissing], [4 * BLOCK - 100, 2 * BLOCK]);
});

Deno.test("peers are counted by what they have and do, and dead ones not at all", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  kit.connect("##");
  kit.connect("#.", { unchokes: false });
  const { peers, seeds, wanted, unchokingUs, unchokedByUs } = factsOf(kit.torrent, kit.now);
  assertEquals({ peers, seeds, wanted, unchokingUs, unchokedByUs }, {
    ...{ peers: 2, seeds: 1, wanted: 2, unchokingUs: 1, unchokedByUs: 0 },
  });
  assertEquals(factsOf(kit.torrent, kit.now + PEER_DEAD_MS).peers, 0);
});

Deno.test("skipped pieces are not wanted: a torrent is finished before it is complete", () => {
  const kit = new Kit({ have: "#.", blocks: 1, priorities: Uint8Array.of(4, 0) });
  const { isFinished, isComplete, bytesWanted, bytesWantedMissing } = factsOf(kit.torrent, kit.now);
  assertEquals([isFinished, isComplete, bytesWanted, bytesWantedMissing], [true, false, BLOCK, 0]);
});

Deno.test("live peers are counted by what they want, and who may ask whom", () => {
  const kit = new Kit({ have: "#...", blocks: 1 });
  const wanted = kit.connect(".##.");
  kit.connect("#...", { unchokes: false });
  const leecher = kit.connect("....", { unchokes: false });
  kit.say(leecher, { kind: "interested" });
  kit.say(wanted, { kind: "interested" });
  const facts = factsOf(kit.torrent, kit.now);
  assertEquals([facts.peers, facts.wanted, facts.unchokedByUs, facts.unchokingUs, facts.seeds], [
    ...[3, 1, 2, 1, 0],
  ]);
  const magnet = new Kit({ have: "..", isMagnet: true });
  magnet.handshake();
  const early = factsOf(magnet.torrent, magnet.now);
  assertEquals([early.peers, early.pieceCount, early.isFinished], [1, 0, false]);
});

Deno.test("progress is what was moved, and nothing before the metadata is known", () => {
  const magnet = new Kit({ have: "..", isMagnet: true });
  const { uploaded, downloaded, isFinished } = progressOf(magnet.torrent);
  assertEquals([uploaded, downloaded, isFinished], [0, 0, false]);
  const kit = new Kit({ have: ".", blocks: 1 });
  kit.complete(kit.connect("#"));
  assertEquals(progressOf(kit.torrent), { uploaded: 0, downloaded: 16_384, isFinished: true });
});
