/**
 * Files that are not wanted: not created, and their bytes of shared pieces stored in a part file.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import { trustResume } from "../../../core/transfer/resume.ts";
import { createFullBitfield, hasBit } from "../../../core/bytes/bitfield.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { openStorage } from "../../../shell/disk/storage.ts";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  fileSystemWith,
  HASH,
  inTempDir,
  onTinyDisk,
  systemError,
  torrentOf,
} from "./support.ts";

/** Pieces of 16 bytes: a has 0 and half of 1, b the rest of 1, 2 and 3, c 4 to 7. */
const TORRENT = torrentOf(
  { path: "set/a", length: 24 },
  { path: "set/deep/b", length: 40 },
  { path: "set/c", length: 64 },
);
const CONTENT = bytesFrom(5, 128);
const PARTS = `.tt/${HASH}.parts`;

function open(dir: string, wanted: readonly number[], fileSystem?: FileSystem) {
  const storage = openStorage(dir, TORRENT, { infoHash: HASH, ...(fileSystem && { fileSystem }) });
  storage.setWanted((file) => wanted.includes(file));
  return storage;
}

async function write(storage: ReturnType<typeof open>, pieces: readonly number[]): Promise<void> {
  for (const piece of pieces) {
    const at = pieceOffset(TORRENT.geometry, piece);
    await storage.writePiece(at, CONTENT.subarray(at, at + 16));
  }
}

async function read(storage: ReturnType<typeof open>, piece: number): Promise<void> {
  const target = new Uint8Array(16);
  await storage.readInto(pieceOffset(TORRENT.geometry, piece), target);
  const at = pieceOffset(TORRENT.geometry, piece);
  assertEquals(target, CONTENT.slice(at, at + 16), `piece ${piece}`);
}

Deno.test("only wanted files are created, and boundary pieces can be read", async () => {
  await inTempDir(async (dir) => {
    const storage = open(dir, [0]);
    await storage.reserve();
    await write(storage, [0, 1]);
    await storage.flush();
    await read(storage, 0);
    await read(storage, 1);
    await failsWith(storage.readInto(32, new Uint8Array(16)), "missing");
    await storage.close();
    assertEquals([...Deno.readDirSync(`${dir}/set`)].map(({ name }) => name), ["a"]);
    assertEquals(await Deno.readFile(`${dir}/set/a`), CONTENT.slice(0, 24));
    // One piece, after the table.
    assertEquals((await Deno.stat(`${dir}/${PARTS}`)).size, 4096 + 16);
    assertEquals((await Deno.stat(`${dir}/${PARTS}`)).mode! & 0o777, 0o600);
  });
});

Deno.test("a later run finds the part file, and moves its bytes into wanted files", async () => {
  await inTempDir(async (dir) => {
    const first = open(dir, [0]);
    await first.reserve();
    await write(first, [0, 1]);
    await first.flush();
    await first.close();
    const second = open(dir, [0, 1]);
    await read(second, 1);
    await second.reserve();
    await read(second, 1);
    assertEquals((await Deno.readFile(`${dir}/set/deep/b`)).subarray(0, 8), CONTENT.slice(24, 32));
    assert(!await exists(`${dir}/${PARTS}`));
    await write(second, [2, 3]);
    assert(!await exists(`${dir}/${PARTS}`));
    await second.flush();
    await second.close();
    assertEquals(await Deno.readFile(`${dir}/set/deep/b`), CONTENT.slice(24, 64));
  });
});

Deno.test("more files can be wanted while the storage is in use", async () => {
  await inTempDir(async (dir) => {
    const storage = open(dir, [1]);
    await storage.reserve();
    await write(storage, [1, 2]);
    storage.setWanted(() => true);
    // Still in the part file: nothing was reserved.
    await write(storage, [0]);
    assert(!await exists(`${dir}/set/a`));
    const reads = [0, 1, 2].map((piece) => read(storage, piece));
    await Promise.all([storage.reserve(), ...reads, write(storage, [4])]);
    for (const piece of [0, 1, 2, 4]) await read(storage, piece);
    assertEquals(await Deno.readFile(`${dir}/set/a`), CONTENT.slice(0, 24));
    await storage.close();
  });
});

Deno.test("an existing file stays in use when it is no longer wanted", async () => {
  await inTempDir(async (dir) => {
    const storage = open(dir, [0, 1, 2]);
    await storage.reserve();
    await write(storage, [0, 1, 2, 3]);
    await storage.flush();
    await storage.close();
    const narrower = open(dir, [2]);
    await narrower.reserve();
    await write(narrower, [0, 1, 4]);
    for (const piece of [0, 1, 2, 3, 4]) await read(narrower, piece);
    await narrower.close();
    assert(!await exists(`${dir}/${PARTS}`));
  });
});

Deno.test("only the space of wanted files is requested", async () => {
  await inTempDir(async (dir) => {
    const fileSystem = fileSystemWith({ freeBytes: () => Promise.resolve(30) });
    const storage = open(dir, [0], fileSystem);
    await storage.reserve();
    storage.setWanted((file) => file < 2);
    await failsWith(storage.reserve(), "disk-full");
    assert(!await exists(`${dir}/set/deep`));
    await storage.close();
  });
});

Deno.test("stamps keep claims for boundary pieces until the part file changes", async () => {
  await inTempDir(async (dir) => {
    const metainfo = { ...TORRENT, infoHash: HASH };
    const storage = open(dir, [0]);
    await storage.reserve();
    await write(storage, [0, 1]);
    await storage.flush();
    const files = await storage.stamps();
    await storage.close();
    const pieces = createFullBitfield(8).bytes;
    const state = { infoHash: HASH, pieces, uploaded: 0, downloaded: 0, waived: false };
    const claim = { ...state, files, torrent: undefined };

    const again = open(dir, [0]);
    const kept = trustResume(claim, metainfo, await again.stamps());
    assertEquals([0, 1, 4].map((piece) => hasBit(kept.trusted, piece)), [true, true, false]);
    assertEquals([0, 1, 2, 4].map((piece) => hasBit(kept.toCheck, piece)), Array(4).fill(false));
    await again.close();

    await Deno.utime(`${dir}/${PARTS}`, 1, 1);
    const later = open(dir, [0]);
    const changed = trustResume(claim, metainfo, await later.stamps());
    assertEquals([0, 1].map((piece) => hasBit(changed.trusted, piece)), [true, false]);
    assertEquals([0, 1, 4].map((piece) => hasBit(changed.toCheck, piece)), [false, true, false]);
    await later.close();
  });
});

Deno.test("a process killed while bytes move into place loses none of them", async () => {
  // Each call that changes something may be the last one.
  let callsMax = 0;
  for (let callsLeft = 0;; callsLeft++) {
    let isOver = false;
    await inTempDir(async (dir) => {
      const first = open(dir, [1]);
      await first.reserve();
      await write(first, [1, 2, 3]);
      await first.flush();
      await first.close();
      let calls = 0;
      const killed = () => {
        if (calls++ >= callsLeft) throw systemError("EIO");
      };
      const fileSystem = fileSystemWith({
        write(writer, source, position) {
          killed();
          return writer.write(source, position);
        },
        sync(path) {
          killed();
          return realFileSystem.sync(path);
        },
        remove(path) {
          killed();
          return realFileSystem.remove(path);
        },
      });
      const second = open(dir, [0, 1], fileSystem);
      isOver = await second.reserve().then(() => true, () => false);
      callsMax = Math.max(callsMax, calls);
      const third = open(dir, [0, 1]);
      await third.reserve();
      for (const piece of [1, 2, 3]) await read(third, piece);
      assert(!await exists(`${dir}/${PARTS}`));
      await third.close();
      await second.close().catch(() => {});
    });
    if (isOver) break;
  }
  assert(callsMax >= 3, `${callsMax} calls were cut short`);
});

Deno.test("bytes are flushed at their place before the part file drops them", async () => {
  await inTempDir(async (dir) => {
    const first = open(dir, [1]);
    await first.reserve();
    await write(first, [1, 2, 3, 4]);
    await first.flush();
    await first.close();
    const calls: string[] = [];
    const note = (call: string, path: string) =>
      calls.push(`${call} ${path.slice(dir.length + 1)}`);
    const fileSystem = fileSystemWith({
      sync(path) {
        note("sync", path);
        return realFileSystem.sync(path);
      },
      remove(path) {
        note("remove", path);
        return realFileSystem.remove(path);
      },
    });
    const second = open(dir, [0, 1], fileSystem);
    await second.stamps();
    await second.reserve();
    // c is still in the part file, which stays and drops one piece.
    assertEquals(calls, ["sync set/a", `sync ${PARTS}`]);
    calls.length = 0;
    second.setWanted(() => true);
    await second.reserve();
    assertEquals(calls, ["sync set/c", `sync ${PARTS}`, `remove ${PARTS}`, "sync .tt"]);
    for (const piece of [1, 2, 3, 4]) await read(second, piece);
    await second.close();
  });
});

Deno.test("a foreign part file is replaced, a damaged one yields nothing wrong", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/.tt`);
    await Deno.writeFile(`${dir}/${PARTS}`, bytesFrom(9, 10_000));
    const storage = open(dir, [0]);
    await storage.reserve();
    await failsWith(storage.readInto(32, new Uint8Array(16)), "missing");
    await write(storage, [0, 1]);
    await storage.close();
    const bytes = await Deno.readFile(`${dir}/${PARTS}`);
    // Two pieces with the same slot, and one whose slot is beyond the end.
    const table = new DataView(bytes.buffer, 20);
    table.setUint32(2 * 4, 1);
    table.setUint32(3 * 4, 77);
    await Deno.writeFile(`${dir}/${PARTS}`, bytes);
    const damaged = open(dir, [0]);
    for (const piece of [1, 2, 3]) {
      const at = pieceOffset(TORRENT.geometry, piece);
      await failsWith(damaged.readInto(at, new Uint8Array(16)), "missing");
    }
    await damaged.close();
  });
});

onTinyDisk("a full disk does not lose the place of a piece kept apart", async (dir) => {
  const storage = open(dir, [0]);
  await storage.reserve();
  await Deno.writeFile(`${dir}/hog`, new Uint8Array(60_000));
  await Deno.writeFile(`${dir}/hog`, new Uint8Array(60_000), { append: true }).catch(() => {});
  await failsWith(write(storage, [1]), "disk-full");
  await Deno.remove(`${dir}/hog`);
  await write(storage, [0, 1]);
  await read(storage, 1);
  await storage.close();
});

Deno.test("any sequence of selections keeps every byte that was written", async () => {
  const files = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 })
    .filter((lengths) => lengths.some((length) => length > 0));
  const steps = fc.array(
    fc.record({ wanted: fc.nat(63), pieces: fc.nat(0xffff), reopen: fc.boolean() }),
    { minLength: 1, maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(files, steps, async (lengths, steps) => {
      await inTempDir(async (dir) => {
        const torrent = torrentOf(...lengths.map((length, i) => ({ path: `f/${i}`, length })));
        const { geometry } = torrent;
        const content = bytesFrom(3, geometry.totalSize);
        const held = new Set<number>();
        let storage = openStorage(dir, torrent, { infoHash: HASH });
        for (const { wanted, pieces, reopen } of steps) {
          if (reopen) {
            await storage.flush();
            await storage.close();
            storage = openStorage(dir, torrent, { infoHash: HASH });
          }
          storage.setWanted((file) => (wanted >> file & 1) === 1);
          await storage.reserve();
          for (let piece = 0; piece < geometry.pieceCount; piece++) {
            if ((pieces >> piece & 1) === 0) continue;
            const at = pieceOffset(geometry, piece), size = pieceSize(geometry, piece);
            await storage.writePiece(at, content.subarray(at, at + size));
            held.add(piece);
          }
          for (const piece of held) {
            const at = pieceOffset(geometry, piece), size = pieceSize(geometry, piece);
            const target = new Uint8Array(size);
            await storage.readInto(at, target);
            assertEquals(target, content.slice(at, at + size));
          }
        }
        await storage.close();
      });
    }),
    { seed: 1121, numRuns: 60 },
  );
});
