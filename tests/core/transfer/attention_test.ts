import { assertEquals } from "@std/assert";
import {
  clearDirty,
  createAttention,
  markAllDirty,
  markDirty,
  takeDirty,
} from "../../../core/transfer/attention.ts";
import { Kit } from "../torrent/kit.ts";

/** Three peers, none of which is to be looked at. */
function calm() {
  const kit = new Kit({ have: ".." });
  const keys = [0, 1, 2].map(() => kit.connect("##"));
  const { transfer } = kit;
  const taken = () =>
    [...takeDirty(transfer)].map((peer) => {
      clearDirty(peer);
      return peer.key;
    });
  return { transfer, peers: keys.map((key) => kit.peer(key)), keys, taken };
}

Deno.test("a peer that was marked is looked at once, in the order of the marks", () => {
  const { transfer, peers, keys, taken } = calm();
  assertEquals(taken(), []);
  for (const i of [2, 0, 2, 2]) markDirty(transfer, peers[i]!);
  assertEquals(taken(), [keys[2], keys[0]]);
  assertEquals(taken(), []);
  markDirty(transfer, peers[2]!);
  assertEquals(taken(), [keys[2]], "marked again after it was looked at");
});

Deno.test("all peers are looked at once, whichever were marked besides", () => {
  const { transfer, peers, keys, taken } = calm();
  markDirty(transfer, peers[1]!);
  markAllDirty(transfer);
  assertEquals(taken(), keys);
  assertEquals(taken(), []);
});

Deno.test("at first nobody is to be looked at", () => {
  const peers = new Map(calm().peers.map((peer) => [peer.key, peer]));
  assertEquals([...takeDirty({ ...createAttention(), peers })], []);
});
