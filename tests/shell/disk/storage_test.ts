import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { HandleCache } from "../../../shell/disk/handles.ts";
import { createFileSystem } from "../../../shell/disk/real_file_system.ts";
import { SyncGate } from "../../../shell/disk/sync_gate.ts";
import { openStorage } from "../../../shell/disk/storage.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  type FileSpec,
  fileSystemWith,
  inTempDir,
  systemError,
  torrentOf,
} from "./support.ts";

const TREE: FileSpec[] = [
  { path: "set/a", length: 10 },
  { path: "set/empty", length: 0 },
  { path: "set/.pad/6", length: 6, pad: true },
  { path: "set/deep/er/b", length: 40 },
  { path: "set/deep/c", length: 3 },
];

Deno.test("reserving creates all folders and files at full size, without padding", async () => {
  await inTempDir(async (dir) => {
    const storage = openStorage(`${dir}/new/downloads`, torrentOf(...TREE));
    await storage.reserve();
    await storage.close();
    for (const { path, length, pad } of TREE) {
      const at = `${dir}/new/downloads/${path}`;
      if (pad) assert(!await exists(at));
      else assertEquals((await Deno.stat(at)).size, length);
    }
    assert(!await exists(`${dir}/new/downloads/set/.pad`));
  });
});

Deno.test("reserving allocates no blocks, writing does", async () => {
  await inTempDir(async (dir) => {
    const storage = openStorage(dir, torrentOf({ path: "big", length: 1 << 24 }));
    await storage.reserve();
    assertEquals(await storage.hasData(0), false);
    await storage.writePiece(1 << 23, bytesFrom(1, 16));
    await storage.flush();
    assertEquals(await storage.hasData(0), true);
    await storage.close();
  });
});

Deno.test("reserving keeps existing data and adds what is missing", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/half`, bytesFrom(3, 20));
    await Deno.writeFile(`${dir}/whole`, bytesFrom(4, 30));
    const before = await Deno.stat(`${dir}/whole`);
    const torrent = torrentOf({ path: "half", length: 40 }, { path: "whole", length: 30 });
    const storage = openStorage(dir, torrent);
    await storage.reserve();
    await storage.close();
    const half = await Deno.readFile(`${dir}/half`);
    assertEquals(half, Uint8Array.from([...bytesFrom(3, 20), ...new Uint8Array(20)]));
    assertEquals(await Deno.readFile(`${dir}/whole`), bytesFrom(4, 30));
    assertEquals((await Deno.stat(`${dir}/whole`)).mtime, before.mtime);
  });
});

Deno.test("a longer file at the path is refused and not changed", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/b`, bytesFrom(0, 50));
    const torrent = torrentOf({ path: "a", length: 10 }, { path: "b", length: 49 });
    const storage = openStorage(dir, torrent);
    const error = await failsWith(storage.reserve(), "occupied");
    assert(error.message.includes(`${dir}/b`) && error.message.includes("50"));
    assertEquals((await Deno.stat(`${dir}/b`)).size, 50);
    assert(!await exists(`${dir}/a`));
    await storage.close();
  });
});

Deno.test("a folder at a file's path and a file at a folder's path are refused", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/name`);
    const file = openStorage(dir, torrentOf({ path: "name", length: 10 }));
    await failsWith(file.reserve(), "occupied");
    await failsWith(file.readInto(0, new Uint8Array(1)), "occupied");
    await Deno.writeFile(`${dir}/plain`, bytesFrom(0, 5));
    const folder = openStorage(dir, torrentOf({ path: "plain/name", length: 10 }));
    await failsWith(folder.reserve(), "occupied");
    assertEquals(await Deno.readFile(`${dir}/plain`), bytesFrom(0, 5));
  });
});

Deno.test({
  name: "a fifo at the path of a file is refused at once",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inTempDir(async (dir) => {
      const made = await new Deno.Command("mkfifo", { args: [`${dir}/pipe`] }).output();
      assert(made.success);
      const storage = openStorage(dir, torrentOf({ path: "pipe", length: 10 }));
      await failsWith(storage.readInto(0, new Uint8Array(1)), "occupied");
      await failsWith(storage.reserve(), "occupied");
    }),
});

Deno.test({
  name: "a file with attribute x becomes executable for those who may read it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inTempDir(async (dir) => {
      const plain = { path: "plain", length: 4 };
      const storage = openStorage(
        dir,
        torrentOf({ path: "run", length: 4, executable: true }, plain),
      );
      await storage.reserve();
      await storage.close();
      const bitsOf = async (name: string) => (await Deno.stat(`${dir}/${name}`)).mode! & 0o777;
      const readable = await bitsOf("plain");
      assertEquals(readable & 0o111, 0);
      assertEquals(await bitsOf("run"), readable | ((readable & 0o444) >> 2));
    }),
});

Deno.test("any range reads back as written, across files, empty files and padding", async () => {
  const spec = fc.array(
    fc.record({ length: fc.nat(40), pad: fc.boolean() }),
    { minLength: 1, maxLength: 8 },
  ).filter((files) => files.some(({ length }) => length > 0));
  await fc.assert(
    fc.asyncProperty(spec, fc.nat(), fc.nat(), (files, from, size) =>
      inTempDir(async (dir) => {
        const torrent = torrentOf(
          ...files.map((file, index) => ({ path: `set/d${index % 3}/f${index}`, ...file })),
        );
        const { totalSize } = torrent.geometry;
        const content = bytesFrom(9, totalSize);
        for (const { pad, offset, length } of torrent.files) {
          if (pad) content.fill(0, offset, offset + length);
        }
        const storage = openStorage(dir, torrent, {
          handles: new HandleCache(2),
        });
        await storage.reserve();
        const writes: Promise<void>[] = [];
        for (let at = 0; at < totalSize; at += 16) {
          writes.push(storage.writePiece(at, content.subarray(at, at + 16)));
        }
        await Promise.all(writes);
        await storage.flush();
        const offset = from % totalSize;
        const target = new Uint8Array(size % (totalSize - offset + 1)).fill(0xee);
        await storage.readInto(offset, target);
        assertEquals(target, content.subarray(offset, offset + target.length));
        await storage.close();
        for (const { pad, path, offset, length } of torrent.files) {
          if (pad) continue;
          const bytes = await Deno.readFile([dir, ...path].join("/"));
          assertEquals(bytes, content.subarray(offset, offset + length));
        }
      })),
    { numRuns: 30 },
  );
});

Deno.test("reading a missing file names it", async () => {
  await inTempDir(async (dir) => {
    const storage = openStorage(dir, torrentOf({ path: "a/b", length: 10 }), { readOnly: true });
    const error = await failsWith(storage.readInto(0, new Uint8Array(10)), "missing");
    assertEquals(error.path, `${dir}/a/b`);
    await storage.close();
  });
});

Deno.test("a file that shrinks while it is read is reported as short", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(0, 100));
    const storage = openStorage(dir, torrentOf({ path: "a", length: 100 }), { readOnly: true });
    const target = new Uint8Array(50);
    await storage.readInto(50, target);
    assertEquals(target, bytesFrom(0, 100).subarray(50));
    await Deno.truncate(`${dir}/a`, 70);
    const error = await failsWith(storage.readInto(50, target), "file-short");
    assert(error.message.includes("70"));
    await storage.readInto(0, target);
    await storage.close();
  });
});

Deno.test("a read-only storage opens nothing for writing", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(0, 10));
    await Deno.chmod(`${dir}/a`, 0o444);
    const fileSystem = fileSystemWith({ openWriter: () => Promise.reject(systemError("EROFS")) });
    const storage = openStorage(dir, torrentOf({ path: "a", length: 10 }), {
      readOnly: true,
      fileSystem,
    });
    await storage.readInto(0, new Uint8Array(10));
    await storage.flush();
    await storage.close();
  });
});

Deno.test("stamps contain sizes and mtimes, and nothing for missing files and padding", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(0, 10));
    const torrent = torrentOf(
      { path: "a", length: 10 },
      { path: "p", length: 6, pad: true },
      { path: "b", length: 16 },
    );
    const storage = openStorage(dir, torrent);
    const mtimeMs = (await Deno.stat(`${dir}/a`)).mtime!.getTime();
    const a = { length: 10, mtimeMs, hasData: true };
    assertEquals(await storage.stamps(), [a, undefined, undefined]);
    await storage.reserve();
    const reserved = await storage.stamps();
    assertEquals(reserved[0], a);
    assertEquals({ ...reserved[2], mtimeMs: 0 }, { length: 16, mtimeMs: 0, hasData: false });
    await storage.close();
  });
});

Deno.test("a stamp follows our own writes but not those of others", async () => {
  await inTempDir(async (dir) => {
    const torrent = torrentOf({ path: "ours", length: 16 }, { path: "theirs", length: 16 });
    const storage = openStorage(dir, torrent);
    await storage.reserve();
    const past = new Date(1_000_000_000_000);
    for (const name of ["ours", "theirs"]) await Deno.utime(`${dir}/${name}`, past, past);
    const before = await storage.stamps();
    await storage.writePiece(0, bytesFrom(1, 16));
    await Deno.writeFile(`${dir}/theirs`, bytesFrom(2, 16));
    const after = await storage.stamps();
    assert(after[0]!.mtimeMs > before[0]!.mtimeMs);
    assertEquals(after[1], before[1]);
    await storage.close();
  });
});

Deno.test("closing waits for outstanding writes", async () => {
  await inTempDir(async (dir) => {
    let goOn = () => {};
    const slow = new Promise<void>((resolve) => goOn = resolve);
    const fileSystem = fileSystemWith({
      async write(writer, source, position) {
        await slow;
        return writer.write(source, position);
      },
    });
    const storage = openStorage(dir, torrentOf({ path: "a", length: 16 }), { fileSystem });
    await storage.reserve();
    const write = storage.writePiece(0, bytesFrom(5, 16));
    let isClosed = false;
    const close = storage.close().then(() => isClosed = true);
    await storage.stamps().then(() => assert(false), () => {});
    assertEquals(isClosed, false);
    goOn();
    await write;
    await close;
    assertEquals(await Deno.readFile(`${dir}/a`), bytesFrom(5, 16));
  });
});

Deno.test("a slow file does not delay the others", async () => {
  await inTempDir(async (dir) => {
    let goOn = () => {};
    const slow = new Promise<void>((resolve) => goOn = resolve);
    const fileSystem = fileSystemWith({
      async read(reader, target, position) {
        if (target.length === 7) await slow;
        return reader.read(target, position);
      },
    });
    const torrent = torrentOf({ path: "slow", length: 7 }, { path: "fast", length: 9 });
    const storage = openStorage(dir, torrent, { fileSystem });
    await storage.reserve();
    const stuck = storage.readInto(0, new Uint8Array(7));
    await storage.readInto(7, new Uint8Array(9));
    goOn();
    await stuck;
    await storage.close();
  });
});

Deno.test("concurrent writes to one file each land at their offset", async () => {
  await inTempDir(async (dir) => {
    const content = bytesFrom(3, 200_000);
    const storage = openStorage(dir, torrentOf({ path: "a", length: content.length }));
    await storage.reserve();
    const work: Promise<void>[] = [];
    for (let at = 0; at < content.length; at += 1000) {
      work.push(storage.writePiece(at, content.subarray(at, at + 1000)));
      work.push(storage.readInto(content.length - at - 1000, new Uint8Array(1000)));
    }
    await Promise.all(work);
    await storage.close();
    assertEquals(await Deno.readFile(`${dir}/a`), content);
  });
});

Deno.test("writes to a slow disk are serialized; reads and sizes are correct there as well", async () => {
  await inTempDir(async (dir) => {
    // By the clock, every previous call was slow.
    let nowMs = 0;
    const fileSystem = createFileSystem(() => new SyncGate(() => nowMs += 20));
    const torrent = torrentOf({ path: "a", length: 16 * 64 }, { path: "b", length: 3_000_000 });
    const storage = openStorage(dir, torrent, { fileSystem });
    await storage.reserve();
    const pieces = Array.from({ length: 64 }, (_, piece) => piece);
    const content = bytesFrom(5, 16 * 64);
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        pieces.map((piece) =>
          storage.writePiece(16 * piece, content.subarray(16 * piece, 16 * piece + 16))
        ),
      );
    }
    assertEquals(await Deno.readFile(`${dir}/a`), content);
    await Promise.all(pieces.map(async (piece) => {
      const target = new Uint8Array(16);
      await storage.readInto(16 * piece, target);
      assertEquals(target, content.slice(16 * piece, 16 * piece + 16));
    }));
    assertEquals((await Deno.stat(`${dir}/b`)).size, 3_000_000);
    await storage.close();
  });
});
