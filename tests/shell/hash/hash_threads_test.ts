import { assertEquals, assertRejects } from "@std/assert";
import { toHex } from "../../../core/bytes/hex.ts";
import { createGeometry, pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import { type HashJob, hashPieces } from "../../../shell/hash/hash_pieces.ts";
import type { FilePart } from "../../../shell/hash/hash_tasks.ts";
import { leavesOf } from "../../../core/metainfo/merkle.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { sha256 } from "../../../shell/hash/sha256.ts";

const PIECE = 20_000;
const content = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
const geometry = createGeometry(content.length, PIECE);

/** The content in two files; the cut is in the middle of a piece. */
const CUT = 10 * PIECE + 3_333;

async function withFiles(test: (partsOf: NonNullable<HashJob["partsOf"]>) => Promise<void>) {
  const dir = await Deno.makeTempDir();
  const first = `${dir}/first`, second = `${dir}/second`;
  try {
    await Deno.writeFile(first, content.subarray(0, CUT));
    await Deno.writeFile(second, content.subarray(CUT));
    await test((piece) => {
      const offset = pieceOffset(geometry, piece), end = offset + pieceSize(geometry, piece);
      const parts: FilePart[] = [];
      if (offset < CUT) parts.push({ path: first, offset, length: Math.min(end, CUT) - offset });
      if (end > CUT) {
        const from = Math.max(offset, CUT);
        parts.push({ path: second, offset: from - CUT, length: end - from });
      }
      return parts;
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function bytesOf(piece: number): Uint8Array {
  const offset = pieceOffset(geometry, piece);
  return content.subarray(offset, offset + pieceSize(geometry, piece));
}

Deno.test("threads report each piece's digest, across files", async () => {
  await withFiles(async (partsOf) => {
    const told = new Map<number, string>();
    await hashPieces({
      geometry,
      partsOf,
      readPiece: () => Promise.reject(new Error("the threads can read everything")),
      onPiece: (piece, digest) => told.set(piece, toHex(digest!.sha1!)),
    }, true);
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      assertEquals(told.get(piece), toHex(sha1(bytesOf(piece))), `piece ${piece}`);
    }
    assertEquals(told.size, geometry.pieceCount);
  });
});

Deno.test("what the threads cannot read is read on the main thread", async () => {
  await withFiles(async (partsOf) => {
    const nowhere = (piece: number): FilePart[] => [{ ...partsOf(piece)![0]!, path: "/no/where" }];
    const tooFar = (piece: number): FilePart[] => [
      ...partsOf(piece)!,
      { ...partsOf(piece)![0]!, offset: 2 * content.length },
    ];
    const asked: number[] = [];
    const told = new Map<number, string | undefined>();
    await hashPieces({
      geometry,
      partsOf: (piece) =>
        piece === 3
          ? undefined
          : piece === 5
          ? nowhere(5)
          : piece === 8
          ? tooFar(8)
          : partsOf(piece),
      readPiece: (piece, target) => {
        asked.push(piece);
        target.set(bytesOf(piece));
        return Promise.resolve(piece !== 5);
      },
      onPiece: (piece, digest) => told.set(piece, digest && toHex(digest.sha1!)),
    }, true);
    assertEquals(asked.sort(), [3, 5, 8]);
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      const expected = piece === 5 ? undefined : toHex(sha1(bytesOf(piece)));
      assertEquals(told.get(piece), expected, `piece ${piece}`);
    }
  });
});

Deno.test("an aborted job ends its threads", async () => {
  await withFiles(async (partsOf) => {
    const controller = new AbortController();
    const job = hashPieces({
      geometry,
      partsOf,
      readPiece: () => Promise.resolve(false),
      onPiece: () => controller.abort(new Error("stopped")),
      signal: controller.signal,
    }, true);
    await assertRejects(() => job, Error, "stopped");
  });
});

Deno.test("threads hash leaves and padding in the same pass", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/file`;
    const bytes = content.subarray(0, 40_000);
    await Deno.writeFile(path, bytes);
    const size = 65_536;
    const padded = new Uint8Array(size);
    padded.set(bytes);
    const job: HashJob = {
      geometry: createGeometry(size, size),
      plan: { sha1: true, leaves: true },
      contentSize: () => bytes.length,
      partsOf: () => [
        { path, offset: 0, length: bytes.length },
        { path: undefined, offset: 0, length: size - bytes.length },
      ],
      readPiece: (_piece, target) => {
        target.set(padded);
        return Promise.resolve(true);
      },
      onPiece: (_piece, digest) => {
        assertEquals(digest, { sha1: sha1(padded), leaves: leavesOf(sha256, bytes) });
      },
    };
    await hashPieces(job, true);
    await hashPieces(job, false);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
