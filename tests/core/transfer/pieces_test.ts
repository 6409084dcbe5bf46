import { assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { DISCONNECTED_PEERS_MAX, SNUB_MS } from "../../../core/transfer/limits.ts";
import type { PeerKey } from "../../../core/torrent/protocol.ts";
import { EAGER_ENDGAME, Kit, writable } from "../torrent/kit.ts";

/** Two peers that sent the blocks of piece 1 alternately. */
function sharedPiece(others = "##"): { kit: Kit; one: PeerKey; two: PeerKey } {
  const kit = new Kit({ have: "#.".padEnd(others.length, "."), blocks: 4, tuning: EAGER_ENDGAME });
  const one = kit.connect(others);
  const two = kit.connect(others);
  for (const block of [0, 2]) kit.block(one, 1, block);
  for (const block of [1, 3]) kit.block(two, 1, block);
  return { kit, one, two };
}

Deno.test("a good piece is written, then announced to every peer, including its holders", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const giver = kit.connect("##.");
  const taker = kit.connect("...");
  kit.forget();
  kit.block(giver, 1, 0);
  assertEquals(kit.sentKinds(taker), []);
  kit.finish();
  assertEquals(kit.all("write-piece").map(({ piece }) => piece), [1]);
  assertEquals(kit.sent(taker), [{ kind: "have", piece: 1 }]);
  // Super-seeding waits for it: BEP 16.
  assertEquals(kit.sentKinds(giver).includes("have"), true);
  assertEquals(kit.have, "##.");
});

Deno.test("a piece counts as ours only once it is written", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const giver = kit.connect("##");
  kit.block(giver, 1, 0);
  kit.feed({ kind: "piece-checked", job: kit.all("check-piece")[0]!.job, matches: true });
  assertEquals(kit.have, "#.");
  kit.finish();
  assertEquals(kit.have, "##");
});

Deno.test("the only sender of a bad piece is banned by address, and the piece is refetched", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const liar = kit.connect("##", { ip: "10.1.1.1", id: 77 });
  kit.deliver(liar);
  kit.finish([1]);
  assertEquals(kit.closed(liar), "banned");
  assertEquals(kit.reports("piece-failed").map(({ piece, senders }) => [piece, senders]), [
    [1, ["10.1.1.1:6881"]],
  ]);
  assertEquals(kit.reports("peer-banned").length, 1);
  assertEquals(kit.all("drop-piece").map(({ piece }) => piece), [1]);
  assertEquals(kit.transfer.downloaded, 0);

  const sameIp = kit.handshake({ ip: "10.1.1.1", id: 78 });
  const sameId = kit.handshake({ ip: "10.1.1.2", id: 77 });
  assertEquals([kit.closed(sameIp), kit.closed(sameId)], ["banned", undefined]);
  kit.disconnect(sameId);

  kit.complete(kit.connect("##"));
  assertEquals(kit.have, "##");
});

Deno.test("a ban on a loopback address covers one peer ID only", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const liar = kit.connect("##", { ip: "127.0.0.1", id: 77 });
  kit.complete(liar, [1]);
  const honest = kit.connect("##", { ip: "127.0.0.1", port: 7000, id: 78 });
  assertEquals(kit.isConnected(honest), true);
  assertEquals(kit.closed(kit.handshake({ ip: "127.0.0.1", id: 77 })), "banned");
});

Deno.test("a liar that disconnects before the check is banned as well", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const liar = kit.connect("##", { ip: "10.1.1.1", id: 77 });
  kit.deliver(liar);
  kit.disconnect(liar);
  kit.finish([1]);
  assertEquals(kit.closed(kit.handshake({ ip: "10.1.1.1", id: 78 })), "banned");
});

Deno.test("the number of remembered disconnected peers is limited", () => {
  const kit = new Kit({ have: ".".repeat(DISCONNECTED_PEERS_MAX + 10), blocks: 1 });
  for (let i = 0; i < DISCONNECTED_PEERS_MAX + 5; i++) {
    const peer = kit.connect("#".repeat(DISCONNECTED_PEERS_MAX + 10));
    kit.deliver(peer, 1);
    kit.disconnect(peer);
  }
  assertEquals(kit.transfer.disconnectedPeers.size, DISCONNECTED_PEERS_MAX);
  assertEquals(kit.transfer.disconnectedPeers.has(1), false);
});

Deno.test("a bad piece is not announced", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const liar = kit.connect("##");
  const taker = kit.connect("..");
  kit.forget();
  kit.complete(liar, [1]);
  assertEquals(kit.sentKinds(taker).includes("have"), false);
  assertEquals(kit.have, "#.");
});

Deno.test("if several peers sent a bad piece none is banned, and one peer refetches it", () => {
  const { kit, one, two } = sharedPiece();
  kit.finish([1]);
  assertEquals([kit.closed(one), kit.closed(two)], [undefined, undefined]);
  const owing = [one, two].map((peer) => kit.owed(peer).length);
  assertEquals(owing.sort(), [0, 4]);
});

Deno.test("newcomers complete a mixed piece when its senders have left", () => {
  const { kit, one, two } = sharedPiece();
  kit.disconnect(one);
  kit.disconnect(two);
  kit.finish([1]);
  const first = kit.connect("##", { unchokes: false });
  const second = kit.connect("##", { unchokes: false });
  writable(kit.peer(first)).pipeline = 2;
  for (const peer of [first, second]) kit.say(peer, { kind: "unchoke" });
  assertEquals([kit.owed(first).length, kit.owed(second).length], [2, 0]);
});

Deno.test("the peer that then sends it badly is banned; the other completes it", () => {
  const { kit, one, two } = sharedPiece();
  kit.finish([1]);
  const [first, second] = kit.owed(one).length > 0 ? [one, two] : [two, one];
  kit.complete(first, [1]);
  assertEquals(kit.closed(first), "banned");
  kit.complete(second);
  assertEquals(kit.have, "##");
  assertEquals(kit.closed(second), "both-complete");
});

Deno.test("a peer on parole gets whole pieces until one of them is good", () => {
  const { kit, one, two } = sharedPiece("##....");
  kit.finish([1]);
  const [owner, other] = kit.owed(one).length > 0 ? [one, two] : [two, one];
  assertEquals([kit.peer(owner).onParole, kit.peer(other).onParole], [true, true]);
  for (const peer of [owner, other]) kit.say(peer, { kind: "have", piece: 3 });
  kit.say(other, { kind: "have", piece: 4 });
  const helper = kit.connect("...##.");
  assertEquals(kit.owed(helper), [], "others keep out of what a peer on parole fetches alone");
  kit.deliver(other, 4);
  kit.finish();
  assertEquals([kit.peer(owner).onParole, kit.peer(other).onParole], [true, false]);
});

Deno.test("peers on parole complete a mixed piece when there is nothing else to do", () => {
  const kit = new Kit({ have: "##.", blocks: 4 });
  const gone = kit.connect("###");
  kit.deliver(gone, 2);
  kit.disconnect(gone);
  const last = kit.connect("###", { unchokes: false });
  writable(kit.peer(last)).onParole = true;
  kit.say(last, { kind: "unchoke" });
  kit.complete(last);
  assertEquals(kit.have, "###");
});

Deno.test("an exclusive piece is reassigned when its sender chokes, is snubbed or leaves", () => {
  for (const how of ["choke", "snub", "leave"] as const) {
    const { kit, one, two } = sharedPiece();
    kit.finish([1]);
    const [owner, other] = kit.owed(one).length > 0 ? [one, two] : [two, one];
    kit.deliver(owner, 2);
    if (how === "choke") {
      kit.say(owner, { kind: "choke" });
      for (const begin of [2 * BLOCK_SIZE, 3 * BLOCK_SIZE]) {
        // The first may answer a request that was cancelled before. Spec: BEP 6, reject.
        for (let i = 0; i < 2; i++) {
          kit.say(owner, { kind: "reject", piece: 1, begin, length: BLOCK_SIZE });
        }
      }
    } else if (how === "leave") kit.disconnect(owner);
    else kit.waitWith([owner, other], SNUB_MS + 2_000);
    assertEquals(kit.owed(other), ["1.0", "1.1", "1.2", "1.3"], how);
    kit.complete(other);
    assertEquals(kit.have, "##", how);
  }
});

Deno.test("an exclusive piece continues with its sender after an unchoke", () => {
  const { kit, one, two } = sharedPiece();
  kit.finish([1]);
  const [owner, other] = kit.owed(one).length > 0 ? [one, two] : [two, one];
  kit.disconnect(other);
  kit.deliver(owner, 2);
  kit.say(owner, { kind: "choke" });
  kit.say(owner, { kind: "unchoke" });
  assertEquals(kit.owed(owner).length, 2, "what it sent is kept");
});

Deno.test("the last piece reports completion once and closes connections to seeds", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const seed = kit.connect("##");
  const leech = kit.connect("#.");
  kit.complete(seed);
  assertEquals(kit.reports("complete").length, 1);
  assertEquals(kit.closed(seed), "both-complete");
  assertEquals(kit.isConnected(leech), true);
});

Deno.test("a failed write is reported once, stops requests, and loses no other piece", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const peer = kit.connect("###");
  kit.deliver(peer);
  const [check, other] = kit.all("check-piece");
  kit.feed({ kind: "piece-checked", job: check!.job, matches: true });
  kit.feed({ kind: "piece-checked", job: other!.job, matches: true });
  const [write, fine] = kit.all("write-piece");
  kit.forget();
  kit.feed({ kind: "disk-failed", job: write!.job, message: "full" });
  kit.feed({ kind: "disk-failed", job: write!.job, message: "full" });
  kit.feed({ kind: "piece-written", job: fine!.job });
  assertEquals(kit.reports("disk-failed").length, 1);
  assertEquals(kit.all("drop-piece").map(({ piece }) => piece), [write!.piece]);
  assertEquals(kit.owed(peer), []);
  assertEquals(kit.sentKinds(peer).includes("not-interested"), true);
  assertEquals(kit.transfer.haveCount, 2);
});

Deno.test("answers to unknown jobs or to jobs of another kind are ignored", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const peer = kit.connect("##");
  kit.deliver(peer);
  const { job } = kit.all("check-piece")[0]!;
  kit.forget();
  kit.feed({ kind: "piece-written", job });
  kit.feed({ kind: "piece-checked", job: 9_999, matches: true });
  kit.feed({ kind: "disk-failed", job, message: "?" });
  kit.feed({ kind: "state-saved", job });
  kit.feed({ kind: "dial-failed", job, why: "?" });
  assertEquals(kit.effects, []);
  kit.feed({ kind: "piece-checked", job, matches: true });
  assertEquals(kit.all("write-piece").length, 1);
});
