import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { toHex } from "../../../core/bytes/hex.ts";
import {
  buildLayers,
  climb,
  countHashes,
  fileTreeHeight,
  hashAt,
  leavesOf,
  merkleRoot,
  nodeOf,
  proofOf,
  sameHash,
  uncleCount,
} from "../../../core/metainfo/merkle.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";
import { ROOTS, vectorContent } from "./merkle_vectors.ts";

Deno.test("roots are those of other implementations", () => {
  for (const { size, root } of ROOTS) {
    const leaves = leavesOf(sha256, vectorContent(size));
    assertEquals(toHex(merkleRoot(MERKLE, leaves, 0, fileTreeHeight(size))), root, `${size}`);
  }
});

Deno.test("padding nodes are zeros at first and then hashes of their children", () => {
  assertEquals(hashAt(MERKLE.padding, 0), new Uint8Array(32));
  const known = "536d98837f2dd165a55d5eeae91485954472d56f246df256bf3cae19352a123c";
  assertEquals(toHex(hashAt(MERKLE.padding, 4)), known);
});

/** A list of leaves, and a range of one of its layers. */
const ranges = fc.record({
  leaves: fc.integer({ min: 2, max: 70 }),
  height: fc.nat(3),
  own: fc.integer({ min: 1, max: 5 }),
  at: fc.nat(),
});

Deno.test("a proof leads from any range of any layer to the root", () => {
  fc.assert(
    fc.property(ranges, ({ leaves, height, own, at }) => {
      const hashes = leavesOf(sha256, vectorContent(leaves * 16_384 - 5));
      const top = fileTreeHeight(leaves * 16_384);
      fc.pre(height + own <= top);
      const layers = buildLayers(MERKLE, hashes, 0, top).slice(height);
      const length = 2 ** own;
      const index = at % (2 ** (top - height) / length) * length;
      const range = new Uint8Array(length * 32);
      for (let i = 0; i < length; i++) {
        range.set(nodeOf(MERKLE, layers[0]!, height, index + i), i * 32);
      }
      const proofLayers = top - height - 1;
      const proof = proofOf(MERKLE, layers, height, index, length, proofLayers);
      assertEquals(countHashes(proof), uncleCount(length, proofLayers));
      const root = layers.at(-1)!;
      assertEquals(climb(MERKLE, range, proof, height, index), root);
      // Any other hash, anywhere, leads elsewhere.
      range[(at % length) * 32]! ^= 1;
      assert(!sameHash(climb(MERKLE, range, proof, height, index), root));
    }),
    fuzzRuns(100),
  );
});
