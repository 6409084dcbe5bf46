import { assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { HASH_TIMEOUT_MS } from "../../../core/hash_exchange/fetch.ts";
import { LEAVES_WAIT_MS } from "../../../core/transfer/block_blame.ts";
import { HASH_QUEUE_MAX, LEAF_BYTES_PER_SECOND } from "../../../core/transfer/hash_trees.ts";
import type { PeerKey } from "../../../core/torrent/protocol.ts";
import { EAGER_ENDGAME, type FakePeer, Kit, type Picture } from "../torrent/kit.ts";

const V2: FakePeer = { v2: true };

/** A torrent of one file. */
function v2Kit(picture: Picture, options: { missing?: boolean; hybrid?: boolean } = {}): Kit {
  const { have, blocks = 2 } = picture;
  return new Kit({
    ...picture,
    hashTrees: {
      fileLengths: [have.length * blocks * BLOCK_SIZE],
      missingLayers: options.missing ? [0] : [],
      layersRequired: !options.hybrid,
    },
  });
}

function asked(kit: Kit, peer: PeerKey) {
  return kit.all("ask-hashes").filter((effect) => effect.peer === peer).map(({ range }) => range);
}

Deno.test("pieces are requested once their layer is known", () => {
  const kit = v2Kit({ have: "...." }, { missing: true });
  const seed = kit.connect("####", V2);
  assertEquals(kit.owed(seed), []);
  const [range] = asked(kit, seed);
  assertEquals([range!.baseLayer, range!.index, range!.length], [1, 0, 4]);
  kit.feed({ kind: "hashes-proven", peer: seed, range: range! });
  assertEquals(kit.owed(seed).length, 8);
  kit.complete(seed);
  assertEquals(kit.have, "####");
});

Deno.test("a hybrid does not wait for its layers", () => {
  const kit = v2Kit({ have: ".." }, { missing: true, hybrid: true });
  const seed = kit.connect("##", V2);
  assertEquals(kit.owed(seed).length, 4);
  assertEquals(asked(kit, seed).length, 1);
});

Deno.test("peers without v2 support are not asked for hashes", () => {
  const kit = v2Kit({ have: ".." }, { missing: true });
  const seed = kit.connect("##");
  assertEquals(asked(kit, seed), []);
});

Deno.test("a layer that a peer rejects, withholds or falsifies is fetched from another", () => {
  const kit = v2Kit({ have: "..", tuning: EAGER_ENDGAME }, { missing: true });
  const first = kit.connect("##", V2);
  const [range] = asked(kit, first);
  kit.feed({ kind: "hashes-refused", peer: first, range: range! });
  const silent = kit.connect("##", V2);
  assertEquals(asked(kit, silent).length, 1);
  kit.waitWith([first, silent], HASH_TIMEOUT_MS + 1_000);
  const liar = kit.connect("##", V2);
  assertEquals(asked(kit, liar).length, 1);
  kit.feed({ kind: "hashes-wrong", peer: liar, range: range! });
  assertEquals(kit.closed(liar), "banned");
  const honest = kit.connect("##", V2);
  kit.feed({ kind: "hashes-proven", peer: honest, range: asked(kit, honest)[0]! });
  kit.complete(honest);
  assertEquals(kit.have, "##");
});

/** A piece of four blocks that two peers sent alternately fails its check. */
function failingPiece() {
  const kit = v2Kit({ have: ".", blocks: 4, tuning: EAGER_ENDGAME });
  const peers = [1, 2].map(() => kit.connect("#", V2));
  for (let block = 0; block < 4; block++) kit.block(peers[block % 2]!, 0, block);
  const [check] = kit.all("check-piece");
  kit.forget();
  kit.feed({ kind: "piece-checked", job: check!.job, matches: false });
  return { kit, peers };
}

Deno.test("leaves identify the bad block: only its sender is banned, only it is refetched", () => {
  const { kit, peers } = failingPiece();
  assertEquals(kit.all("drop-piece"), []);
  const { peer, range } = kit.all("ask-hashes")[0]!;
  kit.feed({ kind: "hashes-proven", peer, range });
  const [compare] = kit.all("compare-leaves");
  const downloaded = kit.transfer.downloaded;
  kit.feed({ kind: "leaves-compared", job: compare!.job, blocks: [3] });
  assertEquals(peers.map((peer) => kit.closed(peer)), [undefined, "banned"]);
  assertEquals(kit.transfer.downloaded, downloaded - BLOCK_SIZE);
  assertEquals(kit.transfer.wasted, BLOCK_SIZE);
  assertEquals(kit.reports("piece-failed").map(({ senders }) => senders.length), [1]);
  const requested = kit.all("request").flatMap(({ blocks }) => blocks);
  assertEquals(new Set(requested.filter((_, i) => i % 3 === 1)), new Set([3 * BLOCK_SIZE]));
  const giver = peers.find((peer) => kit.isConnected(peer) && kit.owed(peer).length > 0)!;
  kit.deliver(giver);
  kit.finish();
  assertEquals(kit.have, "#");
});

Deno.test("without leaves the whole piece is blamed, after a bounded time", () => {
  const { kit, peers } = failingPiece();
  for (const { peer, range } of kit.all("ask-hashes")) {
    kit.feed({ kind: "hashes-refused", peer, range });
  }
  kit.waitWith(peers, LEAVES_WAIT_MS + HASH_TIMEOUT_MS + 1_000);
  assertEquals(kit.all("drop-piece").map(({ piece }) => piece), [0]);
  assertEquals(kit.reports("piece-failed").map(({ senders }) => senders.length), [2]);
  assertEquals(peers.map((peer) => kit.closed(peer)), [undefined, undefined]);
});

Deno.test("a layer that the content of a hybrid tells is served and no longer requested", () => {
  const kit = v2Kit({ have: "..", blocks: 2 }, { missing: true, hybrid: true });
  const seed = kit.connect("##", V2);
  const layer = { tree: 0, baseLayer: 1, index: 0, length: 2, proofLayers: 0 };
  const asker = kit.connect("..", V2);
  kit.feed({ kind: "hash-request", peer: asker, range: layer });
  assertEquals(kit.all("reject-hashes").length, 1);
  kit.deliver(seed);
  for (const { job, piece } of kit.all("check-piece")) {
    kit.feed({ kind: "piece-checked", job, matches: true, layer: piece === 1 ? 0 : undefined });
  }
  kit.forget();
  kit.feed({ kind: "hash-request", peer: asker, range: layer });
  assertEquals(kit.all("answer-hashes").length, 1);
  kit.connect("##", V2);
  assertEquals(kit.all("ask-hashes"), []);
});

Deno.test("leaves are not requested before the layer that proves them is known", () => {
  const kit = v2Kit({ have: "..", blocks: 4 }, { missing: true, hybrid: true });
  const peer = kit.connect("#.", V2);
  kit.deliver(peer);
  kit.forget();
  kit.feed({ kind: "piece-checked", job: [...kit.jobs].at(-1)![0], matches: false });
  assertEquals(kit.all("ask-hashes"), []);
  assertEquals(kit.reports("piece-failed").length, 1);
});

Deno.test("if the leaves match but the piece fails, the whole piece is blamed", () => {
  const { kit } = failingPiece();
  const { peer, range } = kit.all("ask-hashes")[0]!;
  kit.feed({ kind: "hashes-proven", peer, range });
  kit.feed({ kind: "leaves-compared", job: kit.all("compare-leaves")[0]!.job, blocks: [] });
  assertEquals(kit.all("drop-piece").map(({ piece }) => piece), [0]);
});

Deno.test("hash requests are answered in order, leaves only of pieces that we have", () => {
  const kit = v2Kit({ have: "##..", blocks: 4 });
  const peer = kit.connect("....", V2);
  const layer = { tree: 0, baseLayer: 2, index: 0, length: 4, proofLayers: 1 };
  const leaves = { tree: 0, baseLayer: 0, index: 4, length: 4, proofLayers: 1 };
  kit.feed({ kind: "hash-request", peer, range: layer });
  kit.feed({ kind: "hash-request", peer, range: leaves });
  assertEquals(kit.all("answer-hashes").map(({ range }) => range), [layer]);
  kit.feed({ kind: "hashes-answered", peer });
  assertEquals(kit.all("answer-hashes").map(({ range }) => range), [layer, leaves]);
  kit.feed({ kind: "hashes-answered", peer });
  kit.feed({ kind: "hash-request", peer, range: { ...leaves, index: 8 } });
  assertEquals(kit.all("reject-hashes").map(({ range }) => range.index), [8]);
});

Deno.test("requests beyond the queue are rejected, and reads per second are limited", () => {
  const kit = v2Kit({ have: "##", blocks: 1024 });
  const peer = kit.connect("..", V2);
  const layer = { tree: 0, baseLayer: 10, index: 0, length: 2, proofLayers: 0 };
  for (let i = 0; i < HASH_QUEUE_MAX + 5; i++) {
    kit.feed({ kind: "hash-request", peer, range: layer });
  }
  assertEquals(kit.all("reject-hashes").length, 5);
  for (let i = 0; i < HASH_QUEUE_MAX; i++) kit.feed({ kind: "hashes-answered", peer });
  kit.forget();
  const leaves = { tree: 0, baseLayer: 0, index: 0, length: 512, proofLayers: 9 };
  const allowed = LEAF_BYTES_PER_SECOND / (1024 * BLOCK_SIZE);
  for (let i = 0; i < allowed + 2; i++) kit.feed({ kind: "hash-request", peer, range: leaves });
  assertEquals(kit.all("reject-hashes").length, 2);
});

Deno.test("hash requests that we cannot answer are rejected", () => {
  const kit = v2Kit({ have: "..", blocks: 4 }, { missing: true });
  const peer = kit.connect("..", V2);
  const range = { tree: 0, baseLayer: 2, index: 0, length: 2, proofLayers: 0 };
  kit.feed({ kind: "hash-request", peer, range });
  assertEquals(kit.all("reject-hashes").length, 1);
  const v1 = new Kit({ have: "##" });
  const other = v1.connect("..", V2);
  v1.feed({ kind: "hash-request", peer: other, range });
  assertEquals(v1.all("reject-hashes").length, 1);
});

Deno.test("a request may end in the padding after a short piece, but not start there", () => {
  const kit = v2Kit({ have: "##", blocks: 2, short: 2 * BLOCK_SIZE - 100 });
  const peer = kit.connect("..", V2);
  kit.say(peer, { kind: "interested" });
  kit.say(peer, { kind: "request", piece: 1, begin: 0, length: BLOCK_SIZE });
  assertEquals(kit.closed(peer), undefined);
  kit.say(peer, { kind: "request", piece: 1, begin: BLOCK_SIZE, length: BLOCK_SIZE });
  assertEquals(kit.closed(peer), "protocol-violation");
  const v1 = new Kit({ have: "##", short: 100 });
  const other = v1.connect("..");
  v1.say(other, { kind: "request", piece: 1, begin: BLOCK_SIZE, length: BLOCK_SIZE });
  assertEquals(v1.closed(other), "protocol-violation");
});
