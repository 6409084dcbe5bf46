/** Pieces that are kept apart, in their file: what is in it, what a later run finds, what is left of damage. */
import { assert, assertEquals } from "@std/assert";
import { PartFile, splitByPiece } from "../../../shell/disk/part_file.ts";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  fileSystemWith,
  HASH,
  inTempDir,
  systemError,
} from "./support.ts";

const GEOMETRY = { pieceLength: 16, pieceCount: 2_000 };
/** The table of 2,000 pieces takes 8,020 bytes. */
const SLOTS_START = 8_192;

function openParts(dir: string, fs: FileSystem = realFileSystem, geometry = GEOMETRY): PartFile {
  return new PartFile(fs, dir, HASH, geometry);
}

/** The first bytes of a piece, or undefined. */
async function readPiece(parts: PartFile, piece: number, offset = 0, length = 4) {
  const target = new Uint8Array(length);
  return await parts.read(piece, offset, target) ? [...target] : undefined;
}

const sizeOf = (path: string) => Deno.statSync(path).size;

/** Whether a slot is entered for the piece. */
function entryOf(path: string, piece: number): number {
  const bytes = Deno.readFileSync(path);
  return new DataView(bytes.buffer).getUint32(20 + 4 * piece);
}

Deno.test("parts are written into slots, in the order in which pieces come", async () => {
  await inTempDir(async (dir) => {
    const parts = openParts(dir);
    assertEquals([await parts.pieces(), await readPiece(parts, 7)], [[], undefined]);
    await parts.write(7, 4, bytesFrom(1, 12));
    await parts.write(1_999, 0, bytesFrom(9, 4));
    await parts.write(7, 0, bytesFrom(50, 4));
    assertEquals((await parts.pieces()).toSorted((a, b) => a - b), [7, 1_999]);
    assertEquals(await readPiece(parts, 7, 0, 16), [...bytesFrom(50, 4), ...bytesFrom(1, 12)]);
    assertEquals(await readPiece(parts, 1_999), [...bytesFrom(9, 4)]);
    // The file ends where the last part was written.
    assertEquals(await readPiece(parts, 1_999, 0, 5), undefined);
    assertEquals(sizeOf(parts.path), SLOTS_START + 16 + 4);
    assertEquals([entryOf(parts.path, 7), entryOf(parts.path, 1_999)], [1, 2]);
    assertEquals(Deno.statSync(parts.path).mode! & 0o777, 0o600);
    const head = Deno.readFileSync(parts.path).subarray(0, 20);
    assertEquals(new TextDecoder().decode(head.subarray(0, 8)), "tt-parts");
    assertEquals([...head.subarray(8)], [0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 7, 208]);
    await parts.close();
    // A later run finds them, and goes on behind them.
    const later = openParts(dir);
    assertEquals(await readPiece(later, 7, 4), [...bytesFrom(1, 4)]);
    await later.write(8, 0, bytesFrom(3, 16));
    assertEquals(entryOf(later.path, 8), 3);
    assertEquals(await readPiece(later, 1_999), [...bytesFrom(9, 4)]);
    await later.close();
  });
});

Deno.test("freed slots are used again, and the file goes with its last piece", async () => {
  await inTempDir(async (dir) => {
    const parts = openParts(dir);
    for (const piece of [1, 2, 3]) await parts.write(piece, 0, bytesFrom(piece, 16));
    await parts.free([]);
    await parts.free([2, 99]);
    assertEquals([entryOf(parts.path, 2), await readPiece(parts, 2)], [0, undefined]);
    assertEquals(await readPiece(parts, 3), [...bytesFrom(3, 4)]);
    await parts.write(5, 0, bytesFrom(5, 16));
    assertEquals([entryOf(parts.path, 5), sizeOf(parts.path)], [2, SLOTS_START + 3 * 16]);
    await parts.close();
    // A run that begins with a gap fills it.
    const later = openParts(dir);
    await later.free([1]);
    await later.close();
    const last = openParts(dir);
    await last.write(6, 0, bytesFrom(6, 16));
    await last.write(7, 0, bytesFrom(7, 16));
    assertEquals([entryOf(last.path, 6), entryOf(last.path, 7)], [1, 4]);
    assertEquals(await readPiece(last, 5), [...bytesFrom(5, 4)]);
    await last.free([6, 7]);
    await last.free([3, 5]);
    assertEquals(await exists(last.path), false);
    await last.remove();
    // It begins anew.
    await last.write(9, 0, bytesFrom(9, 16));
    assertEquals([entryOf(last.path, 9), await last.pieces()], [1, [9]]);
    await last.close();
  });
});

Deno.test("a file of another torrent, or a damaged one, holds nothing and is replaced", async () => {
  await inTempDir(async (dir) => {
    const parts = openParts(dir);
    await parts.write(1, 0, bytesFrom(1, 16));
    await parts.close();
    for (const geometry of [{ ...GEOMETRY, pieceLength: 32 }, { ...GEOMETRY, pieceCount: 1_999 }]) {
      assertEquals(await openParts(dir, realFileSystem, geometry).pieces(), []);
    }
    // Two pieces that claim one slot, and slots behind the end.
    const file = Deno.openSync(parts.path, { write: true });
    const enter = (piece: number, entry: number) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, entry);
      file.seekSync(20 + 4 * piece, Deno.SeekMode.Start);
      file.writeSync(bytes);
    };
    file.truncateSync(SLOTS_START + 3 * 16);
    enter(2, 1);
    enter(3, 2);
    enter(4, 4);
    enter(5, 3);
    file.close();
    const odd = openParts(dir);
    // Of two owners the later one is kept out too, unless it has a slot of its own.
    assertEquals((await odd.pieces()).toSorted(), [3, 5]);
    await odd.write(8, 0, bytesFrom(8, 16));
    assertEquals(entryOf(odd.path, 8), 1);
    await odd.close();
    await Deno.writeFile(parts.path, bytesFrom(0, 9_000));
    const foreign = openParts(dir);
    assertEquals(await foreign.pieces(), []);
    await foreign.write(1, 0, bytesFrom(1, 16));
    assertEquals([await readPiece(foreign, 1), entryOf(foreign.path, 2)], [
      [...bytesFrom(1, 4)],
      0,
    ]);
    await foreign.close();
    await Deno.truncate(parts.path, 100);
    assertEquals(await openParts(dir).pieces(), []);
  });
});

Deno.test("a write that fails takes no slot", async () => {
  await inTempDir(async (dir) => {
    let isFull = false;
    const parts = openParts(
      dir,
      fileSystemWith({
        write: (writer, source, position) =>
          isFull ? Promise.reject(systemError("ENOSPC")) : writer.write(source, position),
      }),
    );
    await parts.write(1, 0, bytesFrom(1, 16));
    isFull = true;
    await failsWith(parts.write(2, 0, bytesFrom(2, 16)), "disk-full");
    await failsWith(parts.write(3, 0, bytesFrom(3, 16)), "disk-full");
    isFull = false;
    assertEquals(await readPiece(parts, 2), undefined);
    await parts.write(4, 0, bytesFrom(4, 16));
    assertEquals(entryOf(parts.path, 4), 2);
    await parts.close();
  });
});

Deno.test("files have the stamp of the part file where it holds something of them", async () => {
  await inTempDir(async (dir) => {
    const parts = openParts(dir);
    await parts.write(2, 0, bytesFrom(2, 16));
    await parts.write(10, 0, bytesFrom(2, 16));
    // Pieces 0 to 1, 1 to 2, 2, none, 3 to 9, 10 to 11.
    const files = [[0, 32], [31, 2], [47, 1], [40, 0], [48, 112], [175, 2]].map((
      [offset, length],
      index,
    ) => ({
      file: { path: ["f"], pad: false, executable: false, offset, length } as never,
      index,
    }));
    const stamps: unknown[] = files.map(() => "old");
    await parts.stamp(files, stamps as never);
    const { mtime } = Deno.statSync(parts.path);
    const stampOf = (length: number) => ({ length, mtimeMs: mtime!.getTime(), hasData: true });
    assertEquals(stamps, [undefined, stampOf(2), stampOf(1), undefined, undefined, stampOf(2)]);
    await parts.close();
  });
});

Deno.test("only what was written is flushed, and a failed flush is an error", async () => {
  await inTempDir(async (dir) => {
    const synced: string[] = [];
    let fails = false;
    const fs = fileSystemWith({
      sync(path) {
        synced.push(path);
        return fails ? Promise.reject(systemError("EIO")) : Promise.resolve();
      },
    });
    const parts = openParts(dir, fs);
    await parts.flush();
    await parts.pieces();
    await parts.flush();
    const before = synced.length;
    await parts.write(1, 0, bytesFrom(1, 16));
    await parts.flush();
    assertEquals([before, synced.at(-1)], [0, parts.path]);
    await parts.write(2, 0, bytesFrom(1, 16));
    const { length } = synced;
    await parts.free([2]);
    assert(synced.length > length, "a freed entry is flushed at once");
    fails = true;
    await failsWith(parts.flush(), "io");
    await parts.close();
  });
});

Deno.test("bytes are split where pieces end", () => {
  const split = (offset: number, length: number) =>
    [...splitByPiece(16, offset, bytesFrom(0, length))]
      .map(({ piece, offset, bytes }) => [piece, offset, bytes[0], bytes.length]);
  assertEquals(split(0, 16), [[0, 0, 0, 16]]);
  assertEquals(split(15, 18), [[0, 15, 0, 1], [1, 0, 7, 16], [2, 0, 17 * 7, 1]]);
  assertEquals(split(33, 0), []);
});
