import { assertEquals } from "@std/assert";
import { findPeer, viewState } from "../../../core/trace/state_view.ts";
import { Kit } from "../torrent/kit.ts";

Deno.test("the state is drawn piece by piece: held, tenths received, checked, written, not started", () => {
  const kit = new Kit({ have: "#....", blocks: 4 });
  const peer = kit.connect("#####");
  const draw = () => viewState(kit.torrent, kit.now).pieces;
  const [piece] = kit.owed(peer)[0]!.split(".").map(Number);
  const markAt = () => draw()[piece!];
  assertEquals(draw()[0], "#");
  // Of four blocks none, one, three: rounded to fifths, so that a whole piece is not ten of them.
  assertEquals(markAt(), "0");
  for (const [block, mark] of [[0, "2"], [1, "4"], [2, "6"], [3, "c"]] as const) {
    kit.block(peer, piece!, block);
    assertEquals(markAt(), mark);
  }
  const view = viewState(kit.torrent, kit.now);
  assertEquals(view.bufferedBytes > 0, true);
  const [job] = [...kit.jobs].find(([, { kind }]) => kind === "check")!;
  kit.feed({ kind: "piece-checked", job, matches: true });
  assertEquals(markAt(), "w");
  kit.finish();
  assertEquals(markAt(), "#");
});

Deno.test("the state names its peers, what they owe and want, and what is due", () => {
  const kit = new Kit({ have: "#...", blocks: 1 });
  const peer = kit.connect("##..", { ip: "192.0.2.7", port: 7_000 });
  kit.say(peer, { kind: "interested" });
  kit.feed({
    kind: "peers-found",
    addresses: [{ ip: "192.0.2.8", port: 1_025 }, { ip: "192.0.2.9", port: 1_025 }],
    source: "user",
  });
  const view = viewState(kit.torrent, kit.now);
  const [only, ...others] = view.peers;
  assertEquals(others, []);
  const { downRate, upRate, target, amChoking, ...rest } = only!;
  assertEquals([downRate, upRate, target > 0, amChoking], [0, 0, true, kit.peer(peer).amChoking]);
  assertEquals(rest, {
    ...{ peer, address: "192.0.2.7:7000", client: undefined, incoming: true, piecesHave: 2 },
    ...{ offered: 1, amInterested: true, isChoking: false, isInterested: true },
    ...{ optimistic: false, snubbed: false, onParole: false, isDead: false },
    ...{ outstanding: 1, queued: 0, uploadAhead: 0 },
  });
  assertEquals([view.dialling + view.candidates, view.banned, view.inEndgame], [
    ...[2, 0, kit.torrent.inEndgame],
  ]);
  assertEquals(view.deadline !== undefined && view.deadline.inMs >= 0, true);
  assertEquals(findPeer(kit.torrent, String(peer))?.key, peer);
  assertEquals(findPeer(kit.torrent, "192.0.2.7:7000")?.key, peer);
  assertEquals(findPeer(kit.torrent, "192.0.2.7"), undefined);
});

Deno.test("a magnet link's torrent is drawn without pieces", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  kit.handshake();
  const view = viewState(kit.torrent, kit.now);
  assertEquals([view.pieces, view.bufferedBytes, view.peers], ["", 0, []]);
});
