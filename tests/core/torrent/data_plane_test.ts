import { assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { Kit } from "./kit.ts";

Deno.test("a requested block is accepted and counted", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const peer = kit.connect("##");
  assertEquals(kit.block(peer, 1, 0), "accepted");
  assertEquals(kit.transfer.downloaded, BLOCK_SIZE);
  assertEquals(kit.transfer.wasted, 0);
  assertEquals(kit.owed(peer), ["1.1"]);
});

Deno.test("the last block of a piece triggers its check, once", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const peer = kit.connect("##");
  kit.block(peer, 1, 1);
  assertEquals(kit.all("check-piece"), []);
  kit.block(peer, 1, 0);
  assertEquals(kit.all("check-piece").map(({ piece }) => piece), [1]);
});

Deno.test("an unrequested block is unwanted and counted as wasted", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const peer = kit.connect("##.");
  assertEquals(kit.block(peer, 2, 0), "unwanted");
  assertEquals(kit.block(peer, 0, 0), "unwanted");
  assertEquals(kit.transfer.wasted, 2 * BLOCK_SIZE);
  assertEquals(kit.transfer.downloaded, 0);
  assertEquals(kit.peer(peer).down.pending, 0, "what nobody wants earns no slot");
});

Deno.test("a duplicate block is unwanted", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const peer = kit.connect("##");
  assertEquals(kit.block(peer, 1, 0), "accepted");
  assertEquals(kit.block(peer, 1, 0), "unwanted");
  assertEquals(kit.owed(peer), ["1.1"]);
});

Deno.test("a block of another length or offset does not answer the request", () => {
  const kit = new Kit({ have: "#.", blocks: 2, short: 100 });
  const peer = kit.connect("##");
  assertEquals(kit.block(peer, 1, 0, BLOCK_SIZE - 1), "unwanted");
  assertEquals(kit.block(peer, 1, 0.5, 10), "unwanted");
  assertEquals(kit.block(peer, 1, 1, BLOCK_SIZE - 99 - 2), "unwanted");
  assertEquals(kit.owed(peer), ["1.0", "1.1"]);
  assertEquals(kit.block(peer, 1, 1), "accepted");
});

for (
  const [what, piece, block, length] of [
    ["beyond the last piece", 2, 0, BLOCK_SIZE],
    ["beyond its piece", 0, 2, 1],
    ["that begins in its piece and ends beyond", 0, 1, BLOCK_SIZE + 1],
    ["beyond the short last piece", 1, 1, BLOCK_SIZE],
    ["of no bytes", 0, 2, 0],
  ] as const
) {
  Deno.test(`a block ${what} closes the connection`, () => {
    const kit = new Kit({ have: "..", blocks: 2, short: 1 });
    const peer = kit.connect("##");
    assertEquals(kit.block(peer, piece, block, length), "violation");
    assertEquals(kit.closed(peer), "protocol-violation");
    assertEquals(kit.reports("peer-violated").length, 1);
  });
}

Deno.test("a block from a connection that we closed is unwanted", () => {
  const kit = new Kit({ have: ".", blocks: 1 });
  assertEquals(kit.block(99, 0, 0), "unwanted");
});
