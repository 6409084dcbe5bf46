import { assertEquals } from "@std/assert";
import { SEED_SLOTS_MIN, SUGGEST_FIRST } from "../../../core/transfer/limits.ts";
import { Kit } from "../torrent/kit.ts";

/** Pieces suggested to the peer since the last `forget`. */
function suggested(kit: Kit, peer: number): number[] {
  return kit.sent(peer).flatMap((message) => message.kind === "suggest" ? [message.piece] : []);
}

function crowd(have: string, count: number, fast = true): { kit: Kit; peers: number[] } {
  const kit = new Kit({ have });
  const none = ".".repeat(have.length);
  const peers = Array.from({ length: count }, () => kit.connect(none, { unchokes: false, fast }));
  return { kit, peers };
}

Deno.test("a seed suggests different pieces to peers just before it unchokes them", () => {
  const { kit, peers } = crowd("#".repeat(40), SEED_SLOTS_MIN);
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  const all = peers.flatMap((peer) => suggested(kit, peer));
  assertEquals(all.length, SEED_SLOTS_MIN * SUGGEST_FIRST);
  assertEquals(new Set(all).size, all.length, "no two are the same");
  for (const peer of peers) {
    const kinds = kit.sentKinds(peer);
    assertEquals(kinds.lastIndexOf("suggest") < kinds.indexOf("unchoke"), true);
  }
});

Deno.test("a peer that starts a piece gets the next suggestion", () => {
  const { kit, peers } = crowd("#".repeat(40), 2);
  kit.say(peers[0]!, { kind: "interested" });
  kit.forget();
  kit.say(peers[0]!, { kind: "request", piece: 3, begin: 0, length: 16_384 });
  assertEquals(suggested(kit, peers[0]!).length, 1);
  kit.forget();
  kit.say(peers[0]!, { kind: "request", piece: 3, begin: 16_384, length: 16_384 });
  assertEquals(suggested(kit, peers[0]!), []);
});

Deno.test("a piece that a peer has is not suggested", () => {
  const { kit, peers } = crowd("####", 2);
  for (const piece of [0, 1, 3]) kit.say(peers[1]!, { kind: "have", piece });
  kit.say(peers[0]!, { kind: "interested" });
  assertEquals(suggested(kit, peers[0]!), [2, 2]);
  kit.say(peers[1]!, { kind: "have", piece: 2 });
  kit.forget();
  kit.say(peers[0]!, { kind: "request", piece: 2, begin: 0, length: 16_384 });
  assertEquals(suggested(kit, peers[0]!), []);
});

Deno.test("nothing is suggested by downloaders, to a single peer, or without Fast", () => {
  for (const { kit, peers } of [crowd("###.", 2), crowd("####", 1), crowd("####", 2, false)]) {
    kit.say(peers[0]!, { kind: "interested" });
    assertEquals(kit.sentKinds(peers[0]!).includes("unchoke"), true);
    assertEquals(suggested(kit, peers[0]!), []);
  }
});

Deno.test("suggestions of a peer are dropped when it chokes", () => {
  const kit = new Kit({ have: ".".repeat(12) });
  const peer = kit.connect("#".repeat(12));
  kit.say(peer, { kind: "suggest", piece: 11 });
  kit.say(peer, { kind: "choke" });
  assertEquals(kit.peer(peer).suggested, []);
});
