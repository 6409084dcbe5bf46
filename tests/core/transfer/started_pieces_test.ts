import { assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { SAVE_INTERVAL_MS } from "../../../core/transfer/limits.ts";
import { STARTED_BLOCKS_MAX, startedPieces } from "../../../core/transfer/started_pieces.ts";
import type { HashTreeOptions } from "../../../core/transfer/hash_trees.ts";
import { type FakePeer, Kit, type Picture } from "../torrent/kit.ts";

const V2: FakePeer = { v2: true };

function v2Kit(picture: Picture, missingLayers: readonly number[] = []): Kit {
  const hashTrees: HashTreeOptions = {
    fileLengths: [picture.have.length * picture.blocks! * BLOCK_SIZE],
    missingLayers,
    layersRequired: true,
  };
  return new Kit({ ...picture, hashTrees });
}

function requested(kit: Kit): number[] {
  return kit.all("request").flatMap(({ blocks }) => blocks).filter((_, i) => i % 3 === 1)
    .map((begin) => begin / BLOCK_SIZE).sort((a, b) => a - b);
}

Deno.test("received blocks of v2 pieces are saved before the piece is whole", () => {
  const kit = v2Kit({ have: ".", blocks: 10 });
  const peer = kit.connect("#", V2);
  kit.saved();
  kit.forget();
  for (const block of [0, 2, 9]) kit.block(peer, 0, block);
  kit.waitWith([peer], SAVE_INTERVAL_MS + 1_000);
  const started = kit.all("save-state").at(-1)!.state.started;
  assertEquals(started, [{ piece: 0, blocks: Uint8Array.of(0b1010_0000, 0b0100_0000) }]);
});

Deno.test("blocks of v1 pieces are not saved: nothing tells a bad one", () => {
  const kit = new Kit({ have: ".", blocks: 4 });
  const peer = kit.connect("#");
  kit.block(peer, 0, 1);
  assertEquals(startedPieces(kit.transfer), []);
});

Deno.test("kept blocks are not requested again, and their piece completes", () => {
  const kit = v2Kit({ have: "..", blocks: 4 });
  kit.feed({ kind: "blocks-kept", piece: 1, blocks: Uint8Array.of(0b1011_0000) });
  const peer = kit.connect(".#", V2);
  assertEquals(requested(kit), [1]);
  kit.complete(peer);
  assertEquals(kit.have, ".#");
});

Deno.test("a bad block that was kept is fetched again, and nobody is blamed for it", () => {
  const kit = v2Kit({ have: ".", blocks: 4 });
  kit.feed({ kind: "blocks-kept", piece: 0, blocks: Uint8Array.of(0b0111_0000) });
  const peer = kit.connect("#", V2);
  kit.block(peer, 0, 0);
  const job = kit.all("check-piece")[0]!.job;
  kit.forget();
  kit.feed({ kind: "piece-checked", job, matches: false });
  const asked = kit.all("ask-hashes")[0]!;
  kit.feed({ kind: "hashes-proven", peer: asked.peer, range: asked.range });
  kit.feed({ kind: "leaves-compared", job: kit.all("compare-leaves")[0]!.job, blocks: [2] });
  assertEquals(requested(kit), [2]);
  assertEquals(kit.closed(peer), undefined);
});

Deno.test("claims that fit nothing are ignored", () => {
  const cases: Record<string, { kit: Kit; piece?: number; blocks?: number[] }> = {
    "a piece that is here": { kit: v2Kit({ have: "#.", blocks: 4 }) },
    "a piece beyond the end": { kit: v2Kit({ have: "..", blocks: 4 }), piece: 2 },
    "all blocks": { kit: v2Kit({ have: "..", blocks: 4 }), blocks: [0xf0] },
    "no block": { kit: v2Kit({ have: "..", blocks: 4 }), blocks: [0] },
    "blocks beyond the piece": { kit: v2Kit({ have: "..", blocks: 4 }), blocks: [0x88] },
    "another number of bytes": { kit: v2Kit({ have: "..", blocks: 4 }), blocks: [0x80, 0] },
    "a piece without a layer": { kit: v2Kit({ have: "..", blocks: 4 }, [0]) },
    "a v1 torrent": { kit: new Kit({ have: "..", blocks: 4 }) },
  };
  for (const [name, { kit, piece = 0, blocks = [0x80] }] of Object.entries(cases)) {
    kit.feed({ kind: "blocks-kept", piece, blocks: Uint8Array.from(blocks) });
    assertEquals(kit.transfer.partials.size, 0, name);
  }
});

Deno.test("what is saved is bounded", () => {
  const blocks = 1024;
  const kit = v2Kit({ have: "......", blocks });
  const room = STARTED_BLOCKS_MAX / blocks;
  for (let piece = 0; piece < room + 1; piece++) {
    const kept = new Uint8Array(blocks / 8).fill(255);
    kept[0] = 0x7f;
    kit.feed({ kind: "blocks-kept", piece, blocks: kept });
  }
  // The buffers have no room for more.
  assertEquals(kit.transfer.partials.size, room);
  assertEquals(startedPieces(kit.transfer).length, room);
});
