import { assertEquals } from "@std/assert";
import { KEEP_ALIVE_SEND_MS, PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { isDead } from "../../../core/swarm/liveness.ts";
import { Kit } from "../torrent/kit.ts";

const SECOND = 1_000;

Deno.test("a peer silent for over two minutes counts as dead until it sends again", () => {
  const kit = new Kit({ have: ".." });
  const quiet = kit.connect("##", { unchokes: false });
  const lively = [kit.connect("##"), kit.connect("##")];
  kit.waitWith(lively, PEER_DEAD_MS - SECOND);
  assertEquals(isDead(kit.connection(quiet), kit.now), false);
  kit.waitWith(lively, SECOND);
  assertEquals(isDead(kit.connection(quiet), kit.now), true);
  kit.say(quiet, { kind: "keep-alive" });
  assertEquals(isDead(kit.connection(quiet), kit.now), false);
});

Deno.test("a single peer with keep-alives every two minutes, late by a round trip, is kept", () => {
  const kit = new Kit({ have: "..", announceTiers: [["http://a.test/"]] });
  kit.answer();
  const punctual = kit.connect("##", { unchokes: false });
  for (let minutes = 0; minutes < 20; minutes += 2) {
    kit.wait(120 * SECOND + 800);
    kit.say(punctual, { kind: "keep-alive" });
  }
  assertEquals(kit.isConnected(punctual), true);
});

Deno.test("a dead peer loses its upload slot, and can get one again once it is alive", () => {
  const kit = new Kit({ have: "##" });
  const quiet = kit.connect("..", { unchokes: false });
  const lively = [kit.connect(".."), kit.connect("..")];
  kit.say(quiet, { kind: "interested" });
  assertEquals(kit.peer(quiet).amChoking, false);
  kit.waitWith(lively, PEER_DEAD_MS + 11 * SECOND);
  assertEquals(kit.peer(quiet).amChoking, true);
  kit.say(quiet, { kind: "keep-alive" });
  kit.waitWith([quiet, ...lively], 11 * SECOND);
  assertEquals(kit.peer(quiet).amChoking, false);
});

Deno.test("up to half of the peers may be dead; above, they are closed and more requested", () => {
  const kit = new Kit({ have: "..", announceTiers: [["http://a.test/"]] });
  const dead = [kit.connect(".."), kit.connect("..")];
  const lively = [kit.connect(".."), kit.connect("..")];
  kit.answer({ intervalSeconds: 1_800, minIntervalSeconds: 60 });
  kit.waitWith(lively, PEER_DEAD_MS + 5 * SECOND);
  assertEquals(dead.map((peer) => kit.isConnected(peer)), [true, true]);
  const announces = kit.all("announce").length;
  kit.disconnect(lively.pop()!);
  kit.waitWith(lively, 2 * SECOND);
  assertEquals(dead.map((peer) => kit.closed(peer)), ["dead", "dead"]);
  assertEquals(kit.isConnected(lively[0]!), true);
  assertEquals(kit.all("announce").length, announces + 1);
});

Deno.test("requests for more peers respect the tracker's min interval", () => {
  const kit = new Kit({ have: "..", announceTiers: [["http://a.test/"]] });
  kit.answer({ intervalSeconds: 7_200, minIntervalSeconds: 600 });
  kit.connect("..");
  kit.wait(PEER_DEAD_MS + SECOND);
  assertEquals(kit.all("announce").length, 1);
  kit.wait(600 * SECOND - PEER_DEAD_MS);
  assertEquals(kit.all("announce").length, 2);
});

Deno.test("a keep-alive is sent when nothing else was sent for a while", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("..");
  kit.forget();
  kit.waitWith([peer], KEEP_ALIVE_SEND_MS - SECOND);
  assertEquals(kit.sentKinds(peer), []);
  kit.waitWith([peer], 2 * SECOND);
  assertEquals(kit.sentKinds(peer), ["keep-alive"]);
  kit.waitWith([peer], KEEP_ALIVE_SEND_MS);
  assertEquals(kit.sentKinds(peer).length, 2);
});

Deno.test("two idle cores keep each other alive: keep-alives come well before the dead limit", () => {
  const cores = [new Kit({ have: "..", seed: 1 }), new Kit({ have: "..", seed: 2 })];
  const peers = cores.map((kit) => kit.connect("..", { unchokes: false }));
  const LATENCY_MS = 2 * SECOND;
  const underWay: { to: number; atMs: number }[] = [];
  let count = 0;
  for (let second = 0; second < 1_800; second++) {
    for (const [index, kit] of cores.entries()) {
      kit.forget();
      kit.wait(SECOND);
      assertEquals(isDead(kit.connection(peers[index]!), kit.now), false, `after ${second} s`);
      for (const message of kit.sent(peers[index]!)) {
        assertEquals(message.kind, "keep-alive");
        underWay.push({ to: 1 - index, atMs: second * SECOND + LATENCY_MS });
      }
    }
    for (; underWay.length > 0 && underWay[0]!.atMs <= second * SECOND; count++) {
      const { to } = underWay.shift()!;
      cores[to]!.say(peers[to]!, { kind: "keep-alive" });
    }
  }
  assertEquals(cores.map((kit, index) => kit.isConnected(peers[index]!)), [true, true]);
  // One every 90 seconds or a little later.
  assertEquals(count >= 2 * 1_800 / 95 && count <= 2 * 1_800 / 90, true, `${count} keep-alives`);
});
