import { assertEquals } from "@std/assert";
import { fromHex } from "../../../core/bytes/hex.ts";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import { leavesOf, parentLayer } from "../../../core/metainfo/merkle.ts";
import {
  createHybridCheck,
  createMerkleCheck,
  createSha1Check,
  differingBlocks,
} from "../../../core/metainfo/piece_check.ts";
import { createPieceTrees, isLayerOf } from "../../../core/metainfo/piece_trees.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { ROOTS, vectorContent } from "./merkle_vectors.ts";

const PIECE = 32_768;
const LARGE = 163_840;
const SMALL = 16_384;

function rootOf(size: number): Uint8Array {
  return fromHex(ROOTS.find((vector) => vector.size === size)!.root)!;
}

/** An empty file, one smaller than a piece, one of five pieces. */
function exampleTrees() {
  return createPieceTrees([
    { length: 0, root: undefined },
    { length: SMALL, root: rootOf(SMALL) },
    { length: LARGE, root: rootOf(LARGE) },
  ], PIECE);
}

const layer = parentLayer(MERKLE, leavesOf(sha256, vectorContent(LARGE)), 0);
const NONE = { sha1: undefined, leaves: undefined };

Deno.test("a piece is good if its leaves hash to the torrent's node", () => {
  const trees = exampleTrees();
  const check = createMerkleCheck(trees, MERKLE);
  const small = leavesOf(sha256, vectorContent(SMALL));
  assertEquals(check.judge(0, { ...NONE, leaves: small }), "good");
  const second = leavesOf(sha256, vectorContent(LARGE).subarray(PIECE, 2 * PIECE));
  assertEquals(check.judge(2, { ...NONE, leaves: second }), "unknown");
  assertEquals(isLayerOf(trees, MERKLE, trees.files[1]!, layer), true);
  trees.layers[1] = layer;
  assertEquals(check.judge(2, { ...NONE, leaves: second }), "good");
  assertEquals(check.judge(3, { ...NONE, leaves: second }), "bad");
  assertEquals([0, 1, 5].map((piece) => check.contentSize(piece)), [SMALL, PIECE, PIECE]);
});

Deno.test("a layer of wrong length or hash is refused", () => {
  const trees = exampleTrees();
  const file = trees.files[1]!;
  assertEquals(isLayerOf(trees, MERKLE, file, layer.subarray(32)), false);
  const wrong = layer.slice();
  wrong[40]! ^= 1;
  assertEquals(isLayerOf(trees, MERKLE, file, wrong), false);
});

Deno.test("a piece of a hybrid must pass both checks", () => {
  const content = vectorContent(SMALL);
  const padded = new Uint8Array(PIECE);
  padded.set(content);
  const trees = createPieceTrees([{ length: SMALL, root: rootOf(SMALL) }], PIECE);
  const v1 = createSha1Check(createGeometry(PIECE, PIECE), sha1(padded));
  const check = createHybridCheck(v1, createMerkleCheck(trees, MERKLE));
  const digest = { sha1: sha1(padded), leaves: leavesOf(sha256, content) };
  assertEquals(check.judge(0, digest), "good");
  const wrong = { sha1: sha1(content), leaves: sha256(padded) };
  assertEquals(check.judge(0, wrong), "bad");
  assertEquals(check.judge(0, { ...digest, sha1: wrong.sha1 }), "contradictory");
  assertEquals(check.judge(0, { ...digest, leaves: wrong.leaves }), "contradictory");
  assertEquals(check.contentSize(0), SMALL);
});

Deno.test("known leaves identify the bad blocks", () => {
  const content = vectorContent(5 * 16_384 + 3);
  const known = leavesOf(sha256, content);
  content[2 * 16_384] = 255;
  content[5 * 16_384] = 255;
  assertEquals(differingBlocks(leavesOf(sha256, content), known), [2, 5]);
});

Deno.test("each check says what must be hashed for it", () => {
  const v1 = createSha1Check(createGeometry(PIECE + 5, PIECE), new Uint8Array(40));
  const v2 = createMerkleCheck(exampleTrees(), MERKLE);
  const both = createHybridCheck(v1, v2);
  assertEquals([v1.plan, v2.plan, both.plan], [
    { sha1: true, leaves: false },
    { sha1: false, leaves: true },
    { sha1: true, leaves: true },
  ]);
  assertEquals([v1.contentSize(0), v1.contentSize(1), v1.nodeHeight(0)], [PIECE, 5, 0]);
  assertEquals([v2.contentSize(0), both.contentSize(1)], [SMALL, PIECE]);
  assertEquals(both.nodeHeight(1), v2.nodeHeight(1));
});

Deno.test("a v1 piece is compared with its own hash, and is bad without a digest", () => {
  const content = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
  const hashes = new Uint8Array(60);
  for (const [i, bytes] of content.entries()) hashes.set(sha1(bytes), 20 * i);
  const check = createSha1Check(createGeometry(3 * PIECE, PIECE), hashes);
  for (const [piece, bytes] of content.entries()) {
    assertEquals(check.judge(piece, { ...NONE, sha1: sha1(bytes) }), "good");
    assertEquals(check.judge((piece + 1) % 3, { ...NONE, sha1: sha1(bytes) }), "bad");
  }
  assertEquals(check.judge(0, NONE), "bad");
});

Deno.test("blocks that differ are named, from the first to the last", () => {
  const leaves = leavesOf(sha256, vectorContent(LARGE));
  const wrong = leaves.slice();
  wrong[0]! ^= 1;
  wrong[wrong.length - 1]! ^= 1;
  assertEquals(differingBlocks(wrong, leaves), [0, LARGE / SMALL - 1]);
  const padded = new Uint8Array(leaves.length + 32);
  padded.set(leaves);
  padded[leaves.length] = 1;
  assertEquals(differingBlocks(leaves, padded), []);
});
