import { assertEquals } from "@std/assert";
import {
  canFetchLeaves,
  createHashFetch,
  dropLayer,
  dropLeaves,
  expireHashRequests,
  forgetHashPeer,
  HASH_REQUESTS_MAX,
  HASH_RETRY_MS,
  HASH_TIMEOUT_MS,
  isFetchingHashes,
  isHashRangeAsked,
  onHashesProven,
  onHashesRefused,
  pickHashRanges,
  wantLeaves,
} from "../../../core/hash_exchange/fetch.ts";
import { plannedTrees } from "../../../core/metainfo/piece_trees.ts";

const KIB = 1024;
/** Files of 3,000 pieces (six parts), one piece, and two pieces. */
const trees = plannedTrees([3_000 * 16 * KIB, 5, 20 * KIB], 16 * KIB);
const all = () => true;

Deno.test("layers are fetched from several peers, a few requests each", () => {
  const fetch = createHashFetch(trees, [0, 1, 2]);
  const first = pickHashRanges(fetch, 1, all, 0);
  const second = pickHashRanges(fetch, 2, all, 0);
  assertEquals(first.map(({ index }) => index), [0, 512, 1024, 1536]);
  assertEquals(second.map(({ tree, index }) => [tree, index]), [[0, 2048], [0, 2560], [2, 0]]);
  assertEquals(pickHashRanges(fetch, 1, all, 0), []);
  assertEquals(isHashRangeAsked(fetch, 1, first[0]!), true);
  assertEquals(isHashRangeAsked(fetch, 2, first[0]!), false);
  assertEquals(isHashRangeAsked(fetch, 1, { ...first[0]!, length: 256 }), false);
  for (const range of [...first, ...second.slice(0, 1)]) {
    assertEquals(onHashesProven(fetch, range), undefined);
  }
  assertEquals(onHashesProven(fetch, second[2]!), { kind: "layer", tree: 2 });
  assertEquals(onHashesProven(fetch, second[2]!), undefined);
  assertEquals(onHashesProven(fetch, second[1]!), { kind: "layer", tree: 0 });
  assertEquals(isFetchingHashes(fetch), false);
});

Deno.test("a peer is asked for hashes of pieces that it has", () => {
  const fetch = createHashFetch(trees, [0]);
  const ranges = pickHashRanges(fetch, 1, (piece) => piece === 700, 0);
  assertEquals(ranges.map(({ index }) => index), [512]);
  assertEquals(pickHashRanges(fetch, 2, () => false, 0), []);
});

Deno.test("after a reject or a timeout another peer is asked, the first one again later", () => {
  const fetch = createHashFetch(trees, [2]);
  const [range] = pickHashRanges(fetch, 1, all, 0);
  onHashesRefused(fetch, 2, range!, 0);
  assertEquals(isHashRangeAsked(fetch, 1, range!), true);
  onHashesRefused(fetch, 1, range!, 10);
  assertEquals(pickHashRanges(fetch, 1, all, 10), []);
  assertEquals(pickHashRanges(fetch, 2, all, 10).length, 1);
  expireHashRequests(fetch, 10 + HASH_TIMEOUT_MS - 1);
  assertEquals(isHashRangeAsked(fetch, 2, range!), true);
  expireHashRequests(fetch, 10 + HASH_TIMEOUT_MS);
  assertEquals(isHashRangeAsked(fetch, 2, range!), false);
  assertEquals(pickHashRanges(fetch, 1, all, 10 + HASH_RETRY_MS).length, 1);
});

Deno.test("hash requests of a peer that left go to other peers", () => {
  const fetch = createHashFetch(trees, [0]);
  assertEquals(pickHashRanges(fetch, 1, all, 0).length, HASH_REQUESTS_MAX);
  forgetHashPeer(fetch, 1);
  const indices = [2, 3].flatMap((peer) => pickHashRanges(fetch, peer, all, 0))
    .map(({ index }) => index);
  assertEquals(indices.sort((a, b) => a - b), [0, 512, 1024, 1536, 2048, 2560]);
});

Deno.test("leaves of a bad piece are requested until they arrive or are given up", () => {
  const large = plannedTrees([40 * KIB * KIB, 16 * KIB], 16 * KIB * KIB);
  const fetch = createHashFetch(large, []);
  // One block: no leaves to request.
  assertEquals(wantLeaves(fetch, 3), false);
  // The second half of the last piece is padding.
  assertEquals(wantLeaves(fetch, 2), true);
  assertEquals(pickHashRanges(fetch, 1, all, 0).map(({ index }) => index), [2048]);
  assertEquals(wantLeaves(fetch, 0), true);
  assertEquals(canFetchLeaves(fetch, 0, [], 0), false);
  assertEquals(canFetchLeaves(fetch, 0, [{ key: 1, has: () => false }], 0), false);
  assertEquals(canFetchLeaves(fetch, 0, [{ key: 1, has: all }], 0), true);
  const [left, right] = pickHashRanges(fetch, 1, all, 0);
  assertEquals(canFetchLeaves(fetch, 0, [], 0), true);
  assertEquals(onHashesProven(fetch, left!), undefined);
  assertEquals(onHashesProven(fetch, right!), { kind: "leaves", piece: 0 });
  wantLeaves(fetch, 1);
  dropLeaves(fetch, 1);
  dropLeaves(fetch, 2);
  assertEquals(isFetchingHashes(fetch), false);
});

Deno.test("files that a peer lacks do not prevent requests for other files", () => {
  const many = plannedTrees(Array<number>(1_000).fill(20 * KIB), 16 * KIB);
  const fetch = createHashFetch(many, many.files.keys().toArray());
  const last = (piece: number) => piece >= 1_998;
  let picked = 0;
  for (let turn = 0; turn < 5; turn++) picked += pickHashRanges(fetch, 1, last, 0).length;
  assertEquals(picked, 1);
});

/** A file of three pieces of four blocks each: each piece has its own leaves. */
const leafy = plannedTrees([12 * 16 * KIB], 4 * 16 * KIB);

Deno.test("leaves are wanted once for each piece, and no longer when they are dropped", () => {
  const fetch = createHashFetch(leafy, []);
  assertEquals(isFetchingHashes(fetch), false);
  assertEquals([wantLeaves(fetch, 0), wantLeaves(fetch, 0), wantLeaves(fetch, 2)], [
    ...[true, true, true],
  ]);
  const count = fetch.wants.size;
  assertEquals(count, 2);
  dropLeaves(fetch, 1);
  assertEquals(fetch.wants.size, count, "nothing was wanted of it");
  dropLeaves(fetch, 0);
  assertEquals([...fetch.wants.values()].map((want) => (want as { piece?: number }).piece), [2]);
  const ranges = pickHashRanges(fetch, 1, all, 0);
  assertEquals(ranges.length, 1);
  assertEquals(onHashesProven(fetch, ranges[0]!), { kind: "leaves", piece: 2 });
  assertEquals([isFetchingHashes(fetch), wantLeaves(fetch, 2), fetch.wants.size], [false, true, 1]);
});

Deno.test("a proven answer that came late is not asked for again", () => {
  const fetch = createHashFetch(leafy, []);
  wantLeaves(fetch, 0);
  const [range] = pickHashRanges(fetch, 1, all, 0);
  onHashesRefused(fetch, 1, range!, 0);
  assertEquals(onHashesProven(fetch, range!), { kind: "leaves", piece: 0 });
  assertEquals(pickHashRanges(fetch, 2, all, 0), []);
});

Deno.test("a peer that is gone gives back what it was asked for, and its refusals are forgotten", () => {
  const fetch = createHashFetch(leafy, []);
  for (const piece of [0, 1, 2]) wantLeaves(fetch, piece);
  const asked = pickHashRanges(fetch, 1, all, 0);
  assertEquals(asked.length, 3);
  onHashesRefused(fetch, 1, asked[0]!, 0);
  assertEquals(pickHashRanges(fetch, 1, all, 1), [], "it refused, and waits for the others");
  forgetHashPeer(fetch, 1);
  assertEquals(isHashRangeAsked(fetch, 1, asked[1]!), false);
  // The same number now belongs to another peer.
  assertEquals(pickHashRanges(fetch, 1, all, 1).length, 3);
  forgetHashPeer(fetch, 99);
});

Deno.test("leaves can be fetched while somebody is asked, or may be asked, for those of the piece", () => {
  const fetch = createHashFetch(leafy, []);
  for (const piece of [0, 1]) wantLeaves(fetch, piece);
  const peer = (key: number, ...pieces: number[]) => ({
    key,
    has: (piece: number) => pieces.includes(piece),
  });
  assertEquals(canFetchLeaves(fetch, 0, [], 0), false);
  assertEquals(canFetchLeaves(fetch, 0, [peer(1, 1)], 0), false);
  assertEquals(canFetchLeaves(fetch, 0, [peer(1, 1), peer(2, 0)], 0), true);
  const [range] = pickHashRanges(fetch, 2, (piece) => piece === 0, 0);
  assertEquals(canFetchLeaves(fetch, 0, [], 0), true);
  assertEquals(canFetchLeaves(fetch, 1, [], 0), false, "another piece's");
  onHashesRefused(fetch, 2, range!, 5);
  assertEquals(canFetchLeaves(fetch, 0, [peer(2, 0)], 5 + HASH_RETRY_MS - 1), false);
  assertEquals(canFetchLeaves(fetch, 0, [peer(2, 0)], 5 + HASH_RETRY_MS), true);
});

Deno.test("a peer answers a bounded number at once, and its place is free after an answer", () => {
  const fetch = createHashFetch(trees, [0]);
  const first = pickHashRanges(fetch, 1, all, 0);
  assertEquals(first.length, HASH_REQUESTS_MAX);
  onHashesProven(fetch, first[0]!);
  assertEquals(pickHashRanges(fetch, 1, all, 0).length, 1);
});

Deno.test("layers that no file needs are not wanted, nor those of files that there are not", () => {
  const fetch = createHashFetch(trees, [1, 7]);
  assertEquals([isFetchingHashes(fetch), fetch.layersLeft.size], [false, 0]);
});

Deno.test("a peer that is asked for nothing more leaves no trace", () => {
  const fetch = createHashFetch(trees, [0]);
  pickHashRanges(fetch, 1, all, 0);
  forgetHashPeer(fetch, 1);
  assertEquals(fetch.byPeer.size, 0);
});

Deno.test("each look at the wants is bounded", () => {
  const many = plannedTrees(Array<number>(300).fill(20 * KIB), 16 * KIB);
  const fetch = createHashFetch(many, many.files.keys().toArray());
  let looks = 0;
  pickHashRanges(fetch, 1, () => {
    looks++;
    return false;
  }, 0);
  // Two pieces for each of 256 files.
  assertEquals(looks, 512);
});

Deno.test("a layer that is no longer wanted takes only its own parts along", () => {
  const fetch = createHashFetch(trees, [0, 2]);
  dropLayer(fetch, 1);
  assertEquals(fetch.wants.size, 7);
  dropLayer(fetch, 0);
  assertEquals([...fetch.wants.values()].map(({ range }) => range.tree), [2]);
  const both = createHashFetch(leafy, [0]);
  wantLeaves(both, 1);
  dropLayer(both, 0);
  assertEquals([...both.wants.values()].map(({ piece }) => piece), [1]);
  assertEquals(pickHashRanges(both, 1, all, 0).length, 1);
});
