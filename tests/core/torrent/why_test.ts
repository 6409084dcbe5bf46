/** Why a peer gets no request: each reason by name, and none that does not apply. */
import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { BUFFERED_BYTES_MAX, PIPELINE_FIRST } from "../../../core/transfer/limits.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";
import { refillRequests } from "../../../core/transfer/requests.ts";
import { whyNotAsked } from "../../../core/torrent/why.ts";
import { Kit, writable } from "./kit.ts";

const why = (kit: Kit, peer: number) => whyNotAsked(kit.torrent, kit.connection(peer), kit.now);

Deno.test("a torrent that is complete, stopping or out of disk requests nothing", () => {
  const complete = new Kit({ have: "##" });
  assertEquals(why(complete, complete.connect("#.")).kind, "complete");
  const stopped = new Kit({ have: ".." });
  const peer = stopped.connect("##");
  const view = stopped.connection(peer);
  stopped.feed({ kind: "stop" });
  const { torrent, now } = stopped;
  assertEquals(whyNotAsked(torrent, view, now), { kind: "not-running", stage: "stopping" });
  const full = new Kit({ have: ".." });
  const [save] = full.all("save-state");
  full.feed({ kind: "disk-failed", job: save!.job, message: "full" });
  assertEquals(why(full, full.connect("##")).kind, "disk-failed");
});

Deno.test("peers without useful pieces, silent peers and choking peers are distinguished", () => {
  const kit = new Kit({ have: "#..." });
  assertEquals(why(kit, kit.connect("#...")).kind, "nothing-wanted");
  const choker = kit.connect("####", { unchokes: false });
  assertEquals(why(kit, choker).kind, "chokes-us");
  kit.wait(PEER_DEAD_MS - 1);
  kit.say(kit.connect("#..."), { kind: "keep-alive" });
  kit.say(kit.connect("#..."), { kind: "keep-alive" });
  kit.say(kit.connect("#..."), { kind: "keep-alive" });
  kit.wait(1);
  assertEquals(why(kit, choker), { kind: "dead", silentMs: PEER_DEAD_MS });
});

Deno.test("the piece that the share rule withholds is named", () => {
  const kit = new Kit({ have: "###.", shareRule: { percent: 10, strict: true } });
  const peer = kit.connect("####");
  assertEquals(why(kit, peer), { kind: "withheld", piece: 3 });
});

Deno.test("outstanding requests are counted, and a snubbed peer is marked", () => {
  const kit = new Kit({ have: "....", blocks: PIPELINE_FIRST });
  const peer = kit.connect("####");
  const [outstanding, target] = [PIPELINE_FIRST, PIPELINE_FIRST];
  assertEquals(why(kit, peer), { kind: "pipeline-full", outstanding, target, snubbed: false });
  kit.waitWith([peer], 61_000);
  const snubbed = { kind: "pipeline-full", outstanding: 1, target: 1, snubbed: true } as const;
  assertEquals(why(kit, peer), snubbed);
});

Deno.test("requested, checked and choked pieces are counted separately", () => {
  const kit = new Kit({ have: "....", blocks: 2 });
  const first = kit.connect("##..");
  kit.deliver(first, 2);
  const second = kit.connect("##..", { unchokes: false });
  kit.say(second, { kind: "allowed-fast", piece: 3 });
  const { kind, standings } = why(kit, second) as Extract<
    ReturnType<typeof why>,
    { kind: "pieces" }
  >;
  assertEquals(kind, "pieces");
  assertEquals(standings, { arrived: 1, choked: 1 });
  const third = kit.connect("##..");
  assertEquals(why(kit, third), { kind: "pieces", standings: { arrived: 1, asked: 1 } });
});

Deno.test("with buffers full of unfinished pieces no new piece is started", () => {
  const kit = new Kit({ have: "....", blocks: 2 });
  kit.connect("##..");
  const late = kit.connect("...#", { unchokes: false });
  writable(kit.peer(late)).isChoking = false;
  assertEquals(why(kit, late), { kind: "nothing", piece: 3 });
  writable(kit.transfer).bufferedBytes += BUFFERED_BYTES_MAX;
  assertEquals(why(kit, late), { kind: "pieces", standings: { "buffers-full": 1 } });
});

Deno.test("in any state, there is no obstacle exactly if the peer would be asked", () => {
  const step = fc.tuple(fc.nat(9), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.nat(), (steps, choice) => {
      const kit = new Kit({ have: "#.......", blocks: 3 });
      const peers: number[] = [];
      for (const [what, spin] of steps) {
        const peer = peers[spin % Math.max(1, peers.length)] ?? 0;
        if (what <= 1) {
          const have = [...Array(8).keys()].map((bit) => (spin >> bit) & 1 ? "#" : ".").join("");
          peers.push(kit.connect(have, { unchokes: spin % 3 > 0 }));
        } else if (!kit.isConnected(peer)) continue;
        else if (what === 2) kit.deliver(peer, spin % 4);
        else if (what === 3) kit.complete(peer, spin % 2 > 0 ? [spin % 8] : []);
        else if (what === 4) kit.say(peer, { kind: spin % 2 > 0 ? "choke" : "unchoke" });
        else if (what === 5) kit.say(peer, { kind: "allowed-fast", piece: spin % 8 });
        else if (what === 6) kit.wait(spin * 100);
        else if (what === 7) kit.say(peer, { kind: "have", piece: spin % 8 });
        else if (what === 8) rejectOne(kit, peer);
        else kit.disconnect(peer);
      }
      const left = peers.filter((peer) => kit.isConnected(peer));
      const peer = left[choice % Math.max(1, left.length)];
      if (peer === undefined) return;
      const { kind } = why(kit, peer);
      const effects: Effect[] = [];
      refillRequests(kit.transfer, kit.peer(peer), kit.now, effects);
      assertEquals(kind === "nothing", effects.length > 0, kind);
    }),
    fuzzRuns(500),
  );
});

function rejectOne(kit: Kit, peer: number): void {
  const [owed] = kit.owed(peer);
  if (owed === undefined) return;
  const [piece, block] = owed.split(".").map(Number);
  kit.say(peer, { kind: "reject", piece: piece!, begin: block! * 16_384, length: 16_384 });
}

Deno.test("without metadata nothing can be asked, and a withheld piece is named only as the last", () => {
  const magnet = new Kit({ have: "..", isMagnet: true });
  assertEquals(why(magnet, magnet.handshake()), { kind: "no-metadata" });
  const rule = { percent: 10, strict: true };
  const first = new Kit({ have: ".###", shareRule: rule });
  assertEquals(why(first, first.connect("#...")), { kind: "withheld", piece: 0 });
  const more = new Kit({ have: ".#.#", shareRule: rule });
  assertEquals(why(more, more.connect("#...", { unchokes: false })), { kind: "chokes-us" });
});
