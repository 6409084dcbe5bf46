/** Hashes between two exchanges of one torrent: one has the content, the other only its roots. */
import { assert, assertEquals } from "@std/assert";
import { type FileHashRange, layerPart, leafPart } from "../../../core/hash_exchange/ranges.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { leavesOf, MERKLE_HASH_SIZE, merkleRoot } from "../../../core/metainfo/merkle.ts";
import {
  createPieceTrees,
  isLayerOf,
  pieceContentSize,
  type PieceTrees,
} from "../../../core/metainfo/piece_trees.ts";
import type { Event } from "../../../core/torrent/protocol.ts";
import type { HashMessage, WireMessage } from "../../../core/wire/message.ts";
import { HashExchange } from "../../../shell/hash/hash_exchange.ts";
import { LayerLearner } from "../../../shell/hash/learn_layers.ts";
import { noteLeaves, takeLeaves } from "../../../shell/hash/noted_leaves.ts";
import { MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { makeBytes } from "../../support/cli_kit.ts";

const MIB = 1024 * 1024;
const PIECE = 2 * MIB;
/** Five pieces, the last of two and a half blocks; a copy of them; and a piece by itself. */
const FILES = [
  makeBytes(4 * PIECE + 2.5 * BLOCK_SIZE, 1),
  makeBytes(4 * PIECE + 2.5 * BLOCK_SIZE, 1),
  makeBytes(3 * BLOCK_SIZE, 2),
];
const HEIGHT = 7;

function rootOf(bytes: Uint8Array): Uint8Array {
  const leaves = leavesOf(sha256, bytes);
  const height = Math.ceil(Math.log2(leaves.length / MERKLE_HASH_SIZE));
  return merkleRoot(MERKLE, leaves, 0, height);
}

const SOURCES = FILES.map((bytes) => ({ length: bytes.length, root: rootOf(bytes) }));

function treesOf(): PieceTrees {
  return createPieceTrees(SOURCES, PIECE);
}

/** Where a piece's content is. */
function contentOf(trees: PieceTrees, piece: number): Uint8Array {
  const tree = trees.files.findLast(({ firstPiece }) => firstPiece <= piece)!;
  const from = (piece - tree.firstPiece) * PIECE;
  return FILES[tree.file]!.subarray(from, from + pieceContentSize(trees, piece));
}

/** What the pieces of a tree hash to. */
function learn(trees: PieceTrees, tree: number): (number[] | undefined)[] {
  const learner = new LayerLearner(trees);
  const { firstPiece, pieceCount } = trees.files[tree]!;
  return Array.from({ length: pieceCount }, (_, i) => {
    const leaves = leavesOf(sha256, contentOf(trees, firstPiece + i));
    return learner.note(firstPiece + i, merkleRoot(MERKLE, leaves, 0, HEIGHT));
  });
}

interface Side {
  readonly exchange: HashExchange;
  readonly sent: WireMessage[];
  readonly fed: Event[];
  /** Pieces that were read, once a call. */
  readonly reads: number[];
  /** Resolves with what it sends next. */
  next(): Promise<WireMessage>;
}

function sideOf(
  trees: PieceTrees,
  { isAsked = () => true, leaves = new Map<number, Uint8Array>(), failsOn = -1, hashesHere = true }:
    {
      isAsked?: (peer: number, range: FileHashRange) => boolean;
      leaves?: Map<number, Uint8Array>;
      failsOn?: number;
      hashesHere?: boolean;
    } = {},
): Side {
  const sent: WireMessage[] = [], fed: Event[] = [], reads: number[] = [];
  let waiting = Promise.withResolvers<WireMessage>();
  const exchange = new HashExchange({
    ...{ trees, isAsked, hashesHere },
    send: (_, message) => {
      sent.push(message);
      waiting.resolve(message);
      waiting = Promise.withResolvers();
    },
    feed: (event) => fed.push(event),
    leavesOf: (piece) => Promise.resolve(leaves.get(piece)!),
    readPiece: (piece, begin, target) => {
      if (piece === failsOn) return Promise.reject(new Error("unreadable"));
      reads.push(piece);
      target.set(contentOf(trees, piece).subarray(begin, begin + target.length));
      return Promise.resolve();
    },
  });
  return { exchange, sent, fed, reads, next: () => waiting.promise };
}

/** What `range` is answered with. */
async function answerTo(side: Side, range: FileHashRange): Promise<HashMessage> {
  const { root } = treesOf().files[range.tree]!;
  const { tree: _, ...numbers } = range;
  const event = side.exchange.receive(1, { kind: "hash-request", range: { root, ...numbers } });
  if (event?.kind !== "hash-request") throw new Error("The request was refused");
  const next = side.next();
  side.exchange.run({ kind: "answer-hashes", peer: 1, range: event.range });
  return await next as HashMessage;
}

Deno.test("a layer is learned from the nodes of all pieces of a file, if they lead to its root", () => {
  const trees = treesOf();
  assertEquals(learn(trees, 0), [[], [], [], [], [0, 1, 2, 3, 4]]);
  assert(isLayerOf(trees, MERKLE, trees.files[0]!, trees.layers[0]!));
  // It is known now, and a file of one piece needs none.
  assertEquals(learn(trees, 0), [[], [], [], [], []]);
  assertEquals(learn(trees, 2), [[]]);
  assertEquals(learn(trees, 1).at(-1), [5, 6, 7, 8, 9]);
  const other = treesOf();
  const learner = new LayerLearner(other);
  const noteAll = (from: number) => {
    for (let piece = 0; piece < 4; piece++) {
      learner.note(piece, new Uint8Array(32).fill(from + piece));
    }
    return learner.note(4, new Uint8Array(32));
  };
  // A wrong one is forgotten: the next begins anew.
  assertEquals([noteAll(1), noteAll(2)], [undefined, undefined]);
  assertEquals(other.layers[0], undefined);
});

Deno.test("the layer of a file is answered, proven, and kept", async () => {
  const trees = treesOf();
  learn(trees, 0);
  const [has, wants] = [sideOf(trees), sideOf(treesOf())];
  const range = layerPart(trees, 0, 0);
  const answer = await answerTo(has, range);
  if (answer.kind !== "hashes") throw new Error("No answer");
  assertEquals(has.fed, [{ kind: "hashes-answered", peer: 1 }]);
  assertEquals(has.reads, []);
  const other = treesOf();
  const taker = sideOf(other);
  assertEquals(taker.exchange.receive(7, answer), { kind: "hashes-proven", peer: 7, range });
  assertEquals(other.layers[0], trees.layers[0]);
  // Changed hashes prove nothing.
  const wrong = { ...answer, hashes: answer.hashes.map((byte, i) => i === 40 ? byte ^ 1 : byte) };
  assertEquals(wants.exchange.receive(7, wrong), { kind: "hashes-wrong", peer: 7, range });
  // Without the layer there is no answer, but the peer is told.
  const poor = sideOf(treesOf());
  assertEquals((await answerTo(poor, range)).kind, "hash-reject");
  assertEquals(poor.fed, [{ kind: "hashes-answered", peer: 1 }]);
});

Deno.test("leaves of a piece are computed from its content, and tell which blocks are bad", async () => {
  const trees = treesOf();
  learn(trees, 0);
  for (const [piece, hashesHere] of [[1, true], [4, true], [1, false]] as const) {
    const has = sideOf(trees, { hashesHere });
    const range = leafPart(trees, 0, piece, 0);
    const answer = await answerTo(has, range);
    assertEquals(answer.kind, "hashes");
    const ours = treesOf();
    ours.layers[0] = trees.layers[0];
    const leaves = leavesOf(sha256, contentOf(trees, piece));
    const bad = leaves.slice();
    bad[MERKLE_HASH_SIZE * 2]! ^= 1;
    const taker = sideOf(ours, { leaves: new Map([[piece, bad]]) });
    assertEquals(taker.exchange.receive(7, answer), { kind: "hashes-proven", peer: 7, range });
    const compared = Promise.withResolvers<void>();
    taker.exchange.run({ kind: "compare-leaves", job: 3, piece });
    queueMicrotask(() => setTimeout(compared.resolve, 0));
    await compared.promise;
    taker.exchange.run({ kind: "compare-leaves", job: 4, piece });
    await new Promise((resolve) => setTimeout(resolve, 0));
    // What was compared is dropped.
    assertEquals(taker.fed, [
      { kind: "leaves-compared", job: 3, blocks: [2] },
      { kind: "leaves-compared", job: 4, blocks: [] },
    ]);
    // Asked again, it is not read again.
    const reads = has.reads.length;
    assertEquals(reads, piece === 1 ? 2 : 1);
    assertEquals(await answerTo(has, range), answer);
    assertEquals(has.reads.length, reads);
  }
});

Deno.test("content that cannot be read is refused, and later answered", async () => {
  const trees = treesOf();
  learn(trees, 0);
  const has = sideOf(trees, { failsOn: 1 });
  assertEquals((await answerTo(has, leafPart(trees, 0, 1, 0))).kind, "hash-reject");
  assertEquals((await answerTo(has, leafPart(trees, 0, 2, 0))).kind, "hashes");
});

Deno.test("a request beyond the tree is refused at once; answers that nobody asked for end a peer", () => {
  const trees = treesOf();
  const side = sideOf(trees, { isAsked: (peer, { tree }) => peer === 1 && tree === 1 });
  const { root } = trees.files[0]!;
  const rest = { baseLayer: 0, index: 0, length: 3, proofLayers: 0 };
  const range = { root, ...rest };
  assertEquals(side.exchange.receive(1, { kind: "hash-request", range }), undefined);
  assertEquals(side.sent, [{ kind: "hash-reject", range }]);
  // Two files have that root: the one that was asked for is meant.
  const refused = side.exchange.receive(1, { kind: "hash-reject", range });
  assertEquals(refused, { kind: "hashes-refused", peer: 1, range: { ...rest, tree: 1 } });
  assertEquals(side.exchange.receive(2, { kind: "hash-reject", range }), undefined);
  const unasked = () =>
    side.exchange.receive(2, { kind: "hashes", range, hashes: new Uint8Array() });
  for (let i = 0; i < 16; i++) assertEquals(unasked(), undefined);
  assertEquals(unasked()?.kind, "violated");
  side.exchange.forget(2);
  assertEquals(unasked(), undefined);
  // What the core asks and refuses goes out under the root.
  const own = layerPart(trees, 0, 0);
  side.exchange.run({ kind: "ask-hashes", peer: 1, range: own });
  side.exchange.run({ kind: "reject-hashes", peer: 1, range: own });
  const { tree: _, ...numbers } = own;
  assertEquals(side.sent.slice(1), [
    { kind: "hash-request", range: { root, ...numbers } },
    { kind: "hash-reject", range: { root, ...numbers } },
  ]);
});

Deno.test("noted leaves are taken once, up to 8 MiB of them", () => {
  const trees = treesOf();
  assertEquals(takeLeaves(trees).size, 0);
  const leaves = new Uint8Array(4 * MIB);
  noteLeaves(trees, 1, leaves);
  noteLeaves(trees, 1, new Uint8Array(5 * MIB));
  noteLeaves(trees, 2, leaves);
  noteLeaves(trees, 3, new Uint8Array(1));
  const taken = takeLeaves(trees);
  assertEquals([[...taken.keys()], taken.get(1) === leaves], [[1, 2], true]);
  assertEquals(takeLeaves(trees).size, 0);
  noteLeaves(trees, 3, new Uint8Array(1));
  assertEquals([...takeLeaves(trees).keys()], [3]);
});
