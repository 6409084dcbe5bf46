import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex } from "../../../core/bytes/hex.ts";
import { createByteWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import {
  answerHashes,
  asksForLeaves,
  provenHashes,
  upperLayers,
} from "../../../core/hash_exchange/proofs.ts";
import {
  coversContent,
  type FileHashRange,
  HASHES_ANSWERED_MAX,
  HASHES_ASKED_MAX,
  layerPart,
  layerPartCount,
  leafPart,
  leafPartCount,
  piecesOfRange,
  requestProblem,
} from "../../../core/hash_exchange/ranges.ts";
import { fileTreeHeight, hashAt, leavesOf } from "../../../core/metainfo/merkle.ts";
import {
  nodeOfLeaves,
  type PieceTrees,
  plannedTrees,
  treesOfNodes,
} from "../../../core/metainfo/piece_trees.ts";
import { appendMessage, decodeMessage } from "../../../core/wire/codec.ts";
import { createFrameView, readFrame } from "../../../core/wire/frame.ts";
import { concatHashes } from "../../../shell/hash/digest.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";
import { vectorContent } from "../metainfo/merkle_vectors.ts";
import { leavesOfPiece, treesWith, withoutLayers } from "./kit.ts";
import { HASH_MESSAGES } from "./hash_message_vectors.ts";

const KIB = 1024;

function answer(trees: PieceTrees, range: FileHashRange): Uint8Array {
  const [first, last] = piecesOfRange(trees, range);
  const pieces = Array.from(
    { length: last - first + 1 },
    (_, i) => leavesOfPiece(trees, first + i),
  );
  const leaves = asksForLeaves(trees, range) ? concatHashes(pieces) : undefined;
  const upper = upperLayers(trees, MERKLE, range.tree);
  const hashes = answerHashes(trees, MERKLE, range, { upper, leaves });
  if (hashes === undefined) throw new Error("Nothing to answer");
  return hashes;
}

const torrents = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 900 * KIB }), { minLength: 1, maxLength: 4 })
    .filter((lengths) => lengths.some((length) => length > 0)),
  pieceLength: fc.constantFrom(16 * KIB, 32 * KIB, 128 * KIB),
});

Deno.test("layers fetched in parts equal those of the torrent", () => {
  fc.assert(
    fc.property(torrents, ({ lengths, pieceLength }) => {
      const trees = treesWith(lengths, pieceLength);
      const bare = withoutLayers(trees);
      for (const [tree, file] of trees.files.entries()) {
        for (let part = 0; part < layerPartCount(file); part++) {
          const range = layerPart(bare, tree, part);
          assertEquals(requestProblem(trees, range), undefined);
          const hashes = provenHashes(bare, MERKLE, range, answer(trees, range));
          const from = range.index * 32;
          assertEquals(hashes, trees.layers[tree]!.slice(from, from + hashes!.length));
          assertEquals(piecesOfRange(trees, range), [
            file.firstPiece,
            file.firstPiece + file.pieceCount - 1,
          ]);
        }
      }
    }),
    fuzzRuns(60),
  );
});

Deno.test("leaves of every piece can be requested and proven", () => {
  fc.assert(
    fc.property(torrents, fc.nat(), ({ lengths, pieceLength }, at) => {
      const trees = treesWith(lengths, pieceLength);
      const piece = at % trees.content.pieceCount;
      const tree = trees.files.findLastIndex((file) => file.firstPiece <= piece);
      for (let part = 0; part < leafPartCount(trees, piece); part++) {
        const range = leafPart(trees, tree, piece, part);
        assertEquals(requestProblem(trees, range), undefined);
        assertEquals(piecesOfRange(trees, range), [piece, piece]);
        assertEquals(
          provenHashes(trees, MERKLE, range, answer(trees, range)),
          leavesOfPiece(trees, piece),
        );
      }
    }),
    fuzzRuns(60),
  );
});

Deno.test("any layer can be requested, across pieces too, and is proven by the root", () => {
  fc.assert(
    fc.property(torrents, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (torrent, ...random) => {
      const trees = treesWith(torrent.lengths, torrent.pieceLength);
      const tree = random[0] % trees.files.length;
      const height = fileTreeHeight(trees.files[tree]!.length);
      if (height === 0) return;
      const baseLayer = random[1] % height;
      const own = 1 + random[2] % (height - baseLayer);
      const length = 2 ** own;
      const index = length * (random[3] % 2 ** (height - baseLayer - own));
      const range = { tree, baseLayer, index, length, proofLayers: height - baseLayer - 1 };
      if (!coversContent(trees, range)) return;
      assertEquals(requestProblem(trees, range), undefined);
      const bare = withoutLayers(trees);
      const given = answer(trees, range);
      assert(provenHashes(bare, MERKLE, range, given) !== undefined, JSON.stringify(range));
      given[given.length - 1]! ^= 1;
      assertEquals(provenHashes(bare, MERKLE, range, given), undefined);
    }),
    fuzzRuns(300),
  );
});

Deno.test("what must be read for one request is bounded: a piece, or 512 leaves", () => {
  const trees = treesWith([64 * 1024 * KIB], 1024 * KIB);
  const ask = (baseLayer: number, length: number) =>
    requestProblem(trees, { tree: 0, baseLayer, index: 0, length, proofLayers: 0 });
  assertEquals(ask(0, 512), undefined);
  assertEquals(ask(0, 1024), "content of many pieces");
  assertEquals(ask(3, 64), undefined);
  assertEquals(ask(3, 128), "content of many pieces");
  assertEquals(ask(6, 64), undefined);
  assertEquals(ask(9, 8), undefined);
});

Deno.test("large layers and pieces are split into several requests", () => {
  const trees = treesWith([1_300 * 16 * KIB], 16 * KIB);
  assertEquals(layerPartCount(trees.files[0]!), 3);
  const last = layerPart(trees, 0, 2);
  assertEquals([last.index, last.length], [1024, HASHES_ASKED_MAX]);
  const proven = provenHashes(withoutLayers(trees), MERKLE, last, answer(trees, last));
  assertEquals(proven, trees.layers[0]!.slice(1024 * 32));

  const pieces = treesWith([40 * 1024 * KIB], 16 * 1024 * KIB);
  assertEquals([0, 1, 2].map((piece) => leafPartCount(pieces, piece)), [2, 2, 2]);
  const range = leafPart(pieces, 0, 1, 1);
  assertEquals(
    provenHashes(pieces, MERKLE, range, answer(pieces, range)),
    leavesOfPiece(pieces, 1).slice(512 * 32),
  );
  // The second half of the last piece is padding only.
  assert(requestProblem(pieces, leafPart(pieces, 0, 2, 1)) !== undefined);
  // libtorrent requests all leaves of a piece at once.
  const whole = { tree: 0, baseLayer: 0, index: 1024, length: 1024, proofLayers: 9 };
  assertEquals(requestProblem(pieces, whole), undefined);
  assertEquals(
    provenHashes(pieces, MERKLE, whole, answer(pieces, whole)),
    leavesOfPiece(pieces, 1),
  );
});

Deno.test("a wrong, missing or extra hash is rejected", () => {
  const trees = treesWith([900 * KIB, 5], 32 * KIB);
  const bare = withoutLayers(trees);
  const cases: [PieceTrees, FileHashRange][] = [
    [bare, layerPart(bare, 0, 0)],
    [trees, leafPart(trees, 0, 3, 0)],
    [bare, { tree: 0, baseLayer: 1, index: 4, length: 4, proofLayers: 4 }],
  ];
  for (const [asker, range] of cases) {
    const right = answer(trees, range);
    assert(provenHashes(asker, MERKLE, range, right) !== undefined);
    for (let at = 0; at < right.length; at += 32) {
      const wrong = right.slice();
      wrong[at]! ^= 1;
      assertEquals(provenHashes(asker, MERKLE, range, wrong), undefined);
    }
    assertEquals(provenHashes(asker, MERKLE, range, right.subarray(32)), undefined);
    assertEquals(provenHashes(asker, MERKLE, range, new Uint8Array(right.length + 32)), undefined);
    assertEquals(provenHashes(asker, MERKLE, range, new Uint8Array(0)), undefined);
  }
  // Leaves of a piece whose own hash is not known yet cannot be verified.
  const range = leafPart(trees, 0, 3, 0);
  assertEquals(provenHashes(bare, MERKLE, range, answer(trees, range)), undefined);
});

Deno.test("requests with absurd numbers are refused without reading any hash", () => {
  const trees = treesWith([900 * KIB, 5, 64 * KIB], 64 * KIB);
  const good = { tree: 0, baseLayer: 2, index: 0, length: 4, proofLayers: 3 };
  assertEquals(requestProblem(trees, good), undefined);
  const cases: Partial<FileHashRange>[] = [
    { tree: -1 },
    { tree: 3 },
    { length: 0 },
    { length: 1 },
    { length: 3 },
    { length: 2 ** 31 },
    { length: 2 ** 32 - 1 },
    { length: 2 * HASHES_ANSWERED_MAX },
    { index: 2 },
    { index: 16 },
    { index: 2 ** 32 - 4 },
    { baseLayer: 3 },
    { baseLayer: 6 },
    { baseLayer: 2 ** 32 - 1 },
    { proofLayers: 4 },
    { proofLayers: 2 ** 32 - 1 },
    { baseLayer: 0, length: 4, index: 60 },
    { baseLayer: 0, length: 128 },
    { tree: 1 },
    { tree: 1, baseLayer: 0, length: 2 },
    { tree: 2, baseLayer: 0, length: 8 },
  ];
  for (const change of cases) {
    assert(requestProblem(trees, { ...good, ...change }) !== undefined, JSON.stringify(change));
  }
});

Deno.test("the published requests get the published responses", () => {
  for (const { size, pieceLength, request, hashes } of HASH_MESSAGES) {
    const content = vectorContent(size);
    const planned = plannedTrees([size], pieceLength);
    const leavesAt = (piece: number) =>
      leavesOf(sha256, content.subarray(piece * pieceLength, (piece + 1) * pieceLength));
    const nodes = new Uint8Array(planned.content.pieceCount * 32);
    for (let piece = 0; piece < planned.content.pieceCount; piece++) {
      nodes.set(nodeOfLeaves(planned, MERKLE, piece, leavesAt(piece)), piece * 32);
    }
    const trees = treesOfNodes(planned, MERKLE, nodes);
    const bytes = fromHex(request)!;
    const frame = createFrameView();
    assertEquals(readFrame(bytes, 0, bytes.length, 1000, frame), "frame");
    const message = decodeMessage(bytes, frame);
    if (!message.ok || message.value.kind !== "hash-request") throw new Error("no request");
    const { root, ...numbers } = message.value.range;
    assertEquals(root, trees.files[0]!.root);
    const range = { tree: 0, ...numbers };
    assertEquals(requestProblem(trees, range), undefined);
    const [first, last] = piecesOfRange(trees, range);
    const pieces = Array.from({ length: last - first + 1 }, (_, i) => leavesAt(first + i));
    const upper = upperLayers(trees, MERKLE, 0);
    const leaves = concatHashes(pieces);
    const answer = answerHashes(trees, MERKLE, range, { upper, leaves });
    const writer = createByteWriter();
    appendMessage(writer, { kind: "hashes", range: message.value.range, hashes: answer! });
    assertEquals(writtenBytes(writer), fromHex(hashes));
    assertEquals(hashAt(trees.layers[0]!, 0).length, 32);
  }
});

Deno.test("a request for hashes at the end of a tree is answered, and for one beyond is not", () => {
  const trees = treesWith([64 * 16 * KIB], 16 * KIB);
  const ask = (baseLayer: number, index: number, length: number) =>
    requestProblem(trees, { tree: 0, baseLayer, index, length, proofLayers: 0 });
  assertEquals(ask(0, 62, 2), undefined);
  assertEquals(ask(0, 64, 2), "hashes beyond the tree");
  assertEquals(ask(5, 0, 2), undefined);
  assertEquals(ask(5, 2, 2), "hashes beyond the tree");
  assertEquals(ask(6, 0, 2), "hashes beyond the tree", "the root itself");
  assertEquals(ask(7, 0, 2), "hashes beyond the tree");
});

Deno.test("as many hashes as a request may ask for are answered, from whole pieces", () => {
  const trees = treesWith([16_384 * 16 * KIB], 16 * KIB);
  const ask = (length: number) =>
    requestProblem(trees, { tree: 0, baseLayer: 0, index: 0, length, proofLayers: 0 });
  assertEquals(ask(HASHES_ANSWERED_MAX), undefined);
  assertEquals(ask(2 * HASHES_ANSWERED_MAX), "16384 hashes at once");
});

Deno.test("what an answer is made of must be there: leaves below the pieces, layers above", () => {
  const trees = treesWith([40 * 16 * KIB, 64 * KIB], 64 * KIB);
  const range = (
    baseLayer: number,
    index: number,
    length: number,
    proofLayers: number,
    tree = 0,
  ) => ({
    ...{ tree, baseLayer, index, length, proofLayers },
  });
  const upper = upperLayers(trees, MERKLE, 0);
  const leaves = leavesOfPiece(trees, 0);
  const none = { upper: undefined, leaves: undefined };
  const isAnswered = (asked: FileHashRange, sources: Partial<typeof none> | object) =>
    answerHashes(trees, MERKLE, asked, { ...none, ...sources }) !== undefined;
  // The four leaves of a piece lead to its hash without any layer.
  assertEquals(isAnswered(range(0, 0, 4, 0), { leaves }), true);
  assertEquals(isAnswered(range(0, 0, 4, 0), { upper }), false);
  assertEquals(isAnswered(range(0, 0, 4, 2), { leaves }), false);
  assertEquals(isAnswered(range(0, 0, 4, 2), { leaves, upper }), true);
  assertEquals(isAnswered(range(2, 0, 4, 0), { upper }), true);
  assertEquals(isAnswered(range(2, 0, 4, 0), { leaves }), false);
  // A file of one piece has no layer: its leaves lead to the root.
  assertEquals(isAnswered(range(0, 0, 4, 1, 1), { leaves: leavesOfPiece(trees, 10) }), true);
});

Deno.test("layers of a file that has none, or whose layer is unknown, are not built", () => {
  const trees = treesWith([40 * 16 * KIB, 64 * KIB], 64 * KIB);
  assertEquals(upperLayers(trees, MERKLE, 1), undefined);
  assertEquals(upperLayers(withoutLayers(trees), MERKLE, 0), undefined);
});

Deno.test("hashes of a piece beyond the file lead to nothing that is known", () => {
  const trees = treesWith([5 * 64 * KIB], 64 * KIB);
  // Eight nodes in the piece layer, five of them with content.
  const beyond = { tree: 0, baseLayer: 0, index: 20, length: 4, proofLayers: 0 };
  assertEquals(provenHashes(trees, MERKLE, beyond, new Uint8Array(4 * 32)), undefined);
  const last = leafPart(trees, 0, 4, 0);
  assertEquals(provenHashes(trees, MERKLE, last, answer(trees, last)), leavesOfPiece(trees, 4));
});

Deno.test("a request for more than a large piece, or for padding above the leaves, is refused", () => {
  const large = plannedTrees([64 * 1024 * KIB], 16 * 1024 * KIB);
  const ask = (trees: PieceTrees, baseLayer: number, index: number, length: number) =>
    requestProblem(trees, { tree: 0, baseLayer, index, length, proofLayers: 0 });
  assertEquals(ask(large, 0, 0, 1_024), undefined);
  assertEquals(ask(large, 0, 0, 2_048), "content of many pieces");
  // Nine blocks: the last two of eight pairs have none.
  const small = plannedTrees([9 * 16 * KIB], 16 * KIB);
  assertEquals([ask(small, 1, 4, 2), ask(small, 1, 6, 2)], [undefined, "padding alone"]);
});

Deno.test("hashes between the leaves and the pieces are proven by the piece that they are of", () => {
  const trees = treesWith([40 * 16 * KIB], 64 * KIB);
  for (const index of [0, 4, 18]) {
    const range = { tree: 0, baseLayer: 1, index, length: 2, proofLayers: 0 };
    const hashes = answer(trees, range);
    assertEquals(provenHashes(trees, MERKLE, range, hashes), hashes, `at ${index}`);
    hashes[0]! ^= 1;
    assertEquals(provenHashes(trees, MERKLE, range, hashes), undefined);
  }
});
