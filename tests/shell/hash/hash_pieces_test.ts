import { assert, assertEquals, assertRejects } from "@std/assert";
import { createGeometry, pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { rangesOf } from "../../../core/metainfo/file_map.ts";
import { hashPieces } from "../../../shell/hash/hash_pieces.ts";
import { sha1, sha1OffThread } from "../../../shell/hash/sha1.ts";
import { readMetainfo } from "../../../shell/read_metainfo.ts";

const FIXTURES = new URL("../../../../shared/vectors/fixtures/", import.meta.url);

const content = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7) & 0xff);
const geometry = createGeometry(content.length, 20_000);

function copyPiece(piece: number, target: Uint8Array): Promise<boolean> {
  const offset = pieceOffset(geometry, piece);
  target.set(content.subarray(offset, offset + target.length));
  return Promise.resolve(true);
}

Deno.test("every way of hashing gives the same digest", async () => {
  const bytes = new TextEncoder().encode("abc");
  const digest = "a9993e364706816aba3e25717850c26c9cd0d89d";
  assertEquals(toHex(sha1(bytes)), digest);
  assertEquals(toHex(await sha1OffThread(bytes)), digest);
});

Deno.test("bytes may change once a digest was asked for", async () => {
  const bytes = content.slice();
  const pending = sha1OffThread(bytes);
  bytes.fill(0);
  assertEquals(await pending, sha1(content));
});

Deno.test("each piece is told once with its digest, the short last one too", async () => {
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

Deno.test("only the pieces asked for are read, and missing ones have no digest", async () => {
  const told: [number, boolean][] = [];
  await hashPieces({
    geometry,
    pieces: [4, 1],
    readPiece: (piece) => Promise.resolve(piece === 4),
    onPiece: (piece, digest) => told.push([piece, digest !== undefined]),
  });
  assertEquals(told.sort(), [[1, false], [4, true]]);
});

Deno.test("a failing read ends the job with its error, once no read is under way", async () => {
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

Deno.test({
  name: "published contents match the hashes of their torrents",
  ignore: !exists(FIXTURES),
  fn: async () => {
    const withContent = ["alice", "folder", "leaves", "lots-of-numbers", "numbers"];
    for (const name of withContent) {
      const metainfo = readMetainfo(Deno.readFileSync(new URL(`${name}.torrent`, FIXTURES)));
      if (!metainfo.ok) throw new Error(metainfo.error.code);
      const { files, geometry, pieceHashes } = metainfo.value;
      const contents = files.map((file) =>
        Deno.readFileSync(new URL(file.path.map(encodeURIComponent).join("/"), FIXTURES))
      );
      await hashPieces({
        geometry,
        readPiece: (piece, target) => {
          let filled = 0;
          for (const range of rangesOf(files, pieceOffset(geometry, piece), target.length)) {
            const { fileOffset, length } = range;
            target.set(contents[range.file]!.subarray(fileOffset, fileOffset + length), filled);
            filled += length;
          }
          return Promise.resolve(true);
        },
        onPiece: (piece, digest) => {
          assertEquals(
            digest!.sha1,
            pieceHashes.slice(20 * piece, 20 * piece + 20),
            `${name} ${piece}`,
          );
        },
      });
    }
  },
});

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isDirectory;
  } catch {
    return false;
  }
}
