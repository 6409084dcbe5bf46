import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { BUFFERED_BYTES_MAX, SNUB_MS } from "../../../core/transfer/limits.ts";
import { Kit } from "../torrent/kit.ts";

/**
 * Four peers with a piece each that fill the buffers and sent one block; then one with other
 * pieces.
 */
function crowd() {
  const blocks = BUFFERED_BYTES_MAX / BLOCK_SIZE / 4;
  const kit = new Kit({ have: "......", blocks });
  const hoarders = ["#.....", ".#....", "..#...", "...#.."].map((have) => kit.connect(have));
  hoarders.forEach((peer, piece) => assertEquals(kit.block(peer, piece, 0), "accepted"));
  assertEquals(kit.transfer.bufferedBytes, BUFFERED_BYTES_MAX);
  return { kit, hoarders };
}

/** Whether the new peer gets a request within `ms`, with all peers connected. */
function isAsked(kit: Kit, newcomer: number, alive: readonly number[], ms: number): boolean {
  for (let at = 0; at < ms && kit.owed(newcomer).length === 0; at += 1_000) {
    if (at % 30_000 === 0) { for (const peer of alive) kit.say(peer, { kind: "keep-alive" }); }
    kit.wait(1_000);
  }
  return kit.owed(newcomer).length > 0;
}

Deno.test("pieces of peers that left make room at once", () => {
  const { kit, hoarders } = crowd();
  for (const peer of hoarders) kit.disconnect(peer);
  const newcomer = kit.connect("....##");
  assert(isAsked(kit, newcomer, [newcomer], 2_000));
});

for (const how of ["choke us", "deliver nothing"]) {
  Deno.test(`pieces of peers that stay and ${how} make room for a peer without work`, () => {
    const { kit, hoarders } = crowd();
    if (how === "choke us") { for (const peer of hoarders) kit.say(peer, { kind: "choke" }); }
    const newcomer = kit.connect("....##");
    assert(isAsked(kit, newcomer, [...hoarders, newcomer], SNUB_MS + 2_000));
    const started = [...kit.transfer.partials.keys()];
    assertEquals(started.filter((piece) => piece < 4).length, 3, "no more than is needed");
  });
}

Deno.test("pieces of peers that deliver nothing are kept while nobody else has work to do", () => {
  const { kit, hoarders } = crowd();
  kit.waitWith(hoarders, 2 * SNUB_MS);
  assertEquals(kit.transfer.partials.size, 4);
  assertEquals(kit.all("drop-piece").length, 0);
});

Deno.test("a crowd that drips blocks keeps the buffers for a minute, not for hours", () => {
  const { kit, hoarders } = crowd();
  const newcomer = kit.connect("....##");
  const all = [...hoarders, newcomer];
  let sent = 0;
  for (let second = 1; second <= 600 && sent < 2 * blocksOf(kit); second++) {
    if (second % 30 === 0) { for (const peer of all) kit.say(peer, { kind: "keep-alive" }); }
    // Just under the time after which a peer is snubbed.
    if (second % 55 === 0) { for (const peer of hoarders) kit.deliver(peer, 1); }
    const owed = kit.owed(newcomer).length;
    kit.deliver(newcomer);
    sent += owed;
    kit.wait(1_000);
  }
  assertEquals(sent, 2 * blocksOf(kit), "the newcomer has sent both of its pieces");
});

Deno.test("a piece that comes slowly is kept while nobody has another to send", () => {
  const { kit, hoarders } = crowd();
  const twin = kit.connect("####..");
  for (let second = 1; second <= 240; second++) {
    for (const name of kit.owed(twin)) {
      const [piece, block] = name.split(".").map(Number);
      const begin = block! * BLOCK_SIZE;
      kit.say(twin, { kind: "reject", piece: piece!, begin, length: BLOCK_SIZE });
    }
    if (second % 55 === 0) { for (const peer of hoarders) kit.deliver(peer, 1); }
    kit.waitWith([...hoarders, twin], 1_000);
  }
  assertEquals(kit.all("drop-piece").length, 0);
});

Deno.test("a piece that one peer sends alone, and slowly, goes to one without work", () => {
  const kit = new Kit({ have: ".", blocks: blocksOf(crowd().kit) });
  const slow = kit.connect("#");
  kit.block(slow, 0, 0);
  Object.assign(kit.transfer.partials.get(0)!, { alone: true, owner: slow });
  const other = kit.connect("#");
  for (let second = 1; second <= 150 && kit.owed(other).length === 0; second++) {
    if (second % 55 === 0) kit.deliver(slow, 1);
    kit.waitWith([slow, other], 1_000);
  }
  assert(kit.owed(other).length > 0);
  assertEquals([kit.owed(slow).length, kit.transfer.partials.get(0)!.owner], [0, other]);
});

function blocksOf(kit: Kit): number {
  return kit.transfer.blocksPerPiece;
}
