import { assert, assertEquals, assertRejects } from "@std/assert";
import { createGeometry, pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { hashPieces } from "../../../shell/hash/hash_pieces.ts";
import { sha1, sha1OffThread } from "../../../shell/hash/sha1.ts";

const content = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7) & 0xff);
const geometry = createGeometry(content.length, 20_000);

function copyPiece(piece: number, target: Uint8Array): Promise<boolean> {
  const offset = pieceOffset(geometry, piece);
  target.set(content.subarray(offset, offset + target.length));
  return Promise.resolve(true);
}

Deno.test("all ways of hashing give the same digest", async () => {
  const bytes = new TextEncoder().encode("abc");
  const digest = "a9993e364706816aba3e25717850c26c9cd0d89d";
  assertEquals(toHex(sha1(bytes)), digest);
  assertEquals(toHex(await sha1OffThread(bytes)), digest);
});

Deno.test("bytes may change once their digest was requested", async () => {
  const bytes = content.slice();
  const pending = sha1OffThread(bytes);
  bytes.fill(0);
  assertEquals(await pending, sha1(content));
});

Deno.test("each piece is reported once with its digest, including the short last one", async () => {
  const told = new Map<number, string>();
  await hashPieces({
    geometry,
    readPiece: copyPiece,
    onPiece: (piece, digest) => {
      assert(!told.has(piece));
      told.set(piece, toHex(digest!.sha1!));
    },
  });
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    const offset = pieceOffset(geometry, piece);
    const bytes = content.subarray(offset, offset + pieceSize(geometry, piece));
    assertEquals(told.get(piece), toHex(sha1(bytes)));
  }
  assertEquals(told.size, 6);
});

/** Digests of the pieces of `content`, computed by another program. */
const DIGESTS = [
  "296c9da95ea33aa1111906980c7edab6dabf0901",
  "465d423c9f75c796675642d6c958b3de50fe2a86",
  "cbb48d26c1830109a27901035f60319fb8980043",
  "59ebd88524f1f7c739f36f97c82ed907bd0dd1ba",
  "502b818e8766e83af6193941ab5afedeaa69a08c",
  "7e15bb5c01e7dd56499e37c634cf791d3a519aee",
];

Deno.test("the digests of pieces are those that other programs compute", async () => {
  const told: string[] = [];
  await hashPieces({
    geometry,
    readPiece: copyPiece,
    onPiece: (piece, digest) => told[piece] = toHex(digest!.sha1!),
  });
  assertEquals(told, DIGESTS);
});

Deno.test("only the requested pieces are read, and missing ones have no digest", async () => {
  const told: [number, boolean][] = [];
  await hashPieces({
    geometry,
    pieces: [4, 1],
    readPiece: (piece) => Promise.resolve(piece === 4),
    onPiece: (piece, digest) => told.push([piece, digest !== undefined]),
  });
  assertEquals(told.sort(), [[1, false], [4, true]]);
});

Deno.test("a failing read ends the job with its error, after outstanding reads", async () => {
  let underWay = 0;
  const job = hashPieces({
    geometry,
    readPiece: async (piece) => {
      underWay++;
      await Promise.resolve();
      underWay--;
      if (piece === 2) throw new Error("broken");
      return true;
    },
    onPiece: () => {},
  });
  await assertRejects(() => job, Error, "broken");
  assertEquals(underWay, 0);
});

Deno.test("an aborted job ends with the signal's reason", async () => {
  const controller = new AbortController();
  let told = 0;
  const job = hashPieces({
    geometry: createGeometry(1_000_000, 1000),
    readPiece: () => Promise.resolve(true),
    onPiece: () => {
      if (++told === 5) controller.abort(new Error("stopped"));
    },
    signal: controller.signal,
  });
  await assertRejects(() => job, Error, "stopped");
  assert(told < 1000);
});
