import { assertEquals } from "@std/assert";
import { toHex } from "../../../core/bytes/hex.ts";
import { fileTreeHeight, hashAt, leavesOf, merkleRoot } from "../../../core/metainfo/merkle.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { ROOTS, vectorContent } from "./merkle_vectors.ts";

Deno.test("roots equal those of other implementations", () => {
  for (const { size, root } of ROOTS) {
    const leaves = leavesOf(sha256, vectorContent(size));
    assertEquals(toHex(merkleRoot(MERKLE, leaves, 0, fileTreeHeight(size))), root, `${size}`);
  }
});

Deno.test("padding leaves are zeros, padding nodes are hashes of their children", () => {
  assertEquals(hashAt(MERKLE.padding, 0), new Uint8Array(32));
  const known = "536d98837f2dd165a55d5eeae91485954472d56f246df256bf3cae19352a123c";
  assertEquals(toHex(hashAt(MERKLE.padding, 4)), known);
});
