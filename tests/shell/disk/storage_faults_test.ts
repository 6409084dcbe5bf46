/** Disks that are full, broken, read-only or slow. */
import { assert, assertEquals } from "@std/assert";
import { errorCode } from "../../../shell/disk/file_system.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { openStorage } from "../../../shell/disk/storage.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  fileSystemWith,
  inTempDir,
  mountTmpfs,
  onTinyDisk,
  systemError,
  torrentOf,
} from "./support.ts";

const ONE = torrentOf({ path: "a", length: 32 });

onTinyDisk("a disk too small is found out before anything is made", async (dir) => {
  const storage = openStorage(`${dir}/new`, torrentOf({ path: "set/a", length: 100_000 }));
  const error = await failsWith(storage.reserve(), "disk-full");
  assertEquals(error.space, { needed: 100_000, available: 65_536 });
  assert(error.message.includes("100.0 kB") && error.message.includes("65.5 kB"));
  assert(!await exists(`${dir}/new`));
});

onTinyDisk("what is on the disk already needs no space again", async (dir) => {
  await Deno.writeFile(`${dir}/a`, bytesFrom(0, 50_000));
  const storage = openStorage(dir, torrentOf({ path: "a", length: 60_000 }));
  await storage.reserve();
  assertEquals((await Deno.readFile(`${dir}/a`)).subarray(0, 50_000), bytesFrom(0, 50_000));
  await storage.close();
});

onTinyDisk(
  "a disk that fills up later fails the write and nothing else",
  async (dir) => {
    const storage = openStorage(dir, torrentOf({ path: "a", length: 60_000 }));
    await storage.reserve();
    await storage.writePiece(0, bytesFrom(1, 20_000));
    await Deno.writeFile(`${dir}/other`, bytesFrom(0, 40_000));
    const error = await failsWith(storage.writePiece(20_000, bytesFrom(2, 40_000)), "disk-full");
    assertEquals(error.path, `${dir}/a`);
    const target = new Uint8Array(20_000);
    await storage.readInto(0, target);
    assertEquals(target, bytesFrom(1, 20_000));
    await Deno.remove(`${dir}/other`);
    await storage.writePiece(20_000, bytesFrom(2, 40_000));
    await storage.flush();
    await storage.close();
  },
);

onTinyDisk("a read-only disk can be read and not reserved", async (dir) => {
  await Deno.writeFile(`${dir}/a`, bytesFrom(0, 32));
  assert(await mountTmpfs("remount,ro", dir));
  const reading = openStorage(dir, ONE, { readOnly: true });
  const target = new Uint8Array(32);
  await reading.readInto(0, target);
  assertEquals(target, bytesFrom(0, 32));
  await reading.close();
  const writing = openStorage(dir, torrentOf({ path: "b", length: 32 }));
  await failsWith(writing.reserve(), "not-permitted");
});

Deno.test("complete content is not opened for writing by reserve", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(0, 32));
    const storage = openStorage(dir, ONE, {
      fileSystem: fileSystemWith({ openWriter: () => Promise.reject(systemError("EROFS")) }),
    });
    await storage.reserve();
  });
});

Deno.test("a file system that does not report free space is still used", async () => {
  await inTempDir(async (dir) => {
    const fileSystem = fileSystemWith({ freeBytes: () => Promise.resolve(undefined) });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    assertEquals((await Deno.stat(`${dir}/a`)).size, 32);
  });
});

Deno.test("free space is queried at the nearest existing folder", async () => {
  await inTempDir(async (dir) => {
    const here = await realFileSystem.freeBytes(dir);
    const below = await realFileSystem.freeBytes(`${dir}/not/yet`);
    assert(here !== undefined && below !== undefined && Math.abs(here - below) < here / 2);
  });
});

Deno.test("each system error has its code and its sentence", async () => {
  const codes = {
    ENOSPC: "disk-full",
    EDQUOT: "disk-full",
    EACCES: "not-permitted",
    EPERM: "not-permitted",
    EROFS: "not-permitted",
    EFBIG: "io",
    EIO: "io",
    EWHATEVER: "io",
  } as const;
  for (const [code, expected] of Object.entries(codes)) {
    await inTempDir(async (dir) => {
      const fileSystem = fileSystemWith({ write: () => Promise.reject(systemError(code)) });
      const storage = openStorage(dir, ONE, { fileSystem });
      await storage.reserve();
      const error = await failsWith(storage.writePiece(0, bytesFrom(0, 16)), expected);
      assert(error.message.includes(`${dir}/a`));
      assertEquals(errorCode(error.cause), code);
      await storage.close();
    });
  }
});

Deno.test("short writes and reads are continued", async () => {
  await inTempDir(async (dir) => {
    const fileSystem = fileSystemWith({
      write: (writer, source, at) => writer.write(source.subarray(0, 5), at),
      read: (reader, target, at) => reader.read(target.subarray(0, 3), at),
    });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    await storage.writePiece(0, bytesFrom(3, 32));
    const target = new Uint8Array(32);
    await storage.readInto(0, target);
    assertEquals(target, bytesFrom(3, 32));
    await storage.close();
  });
});

Deno.test("a write without progress fails instead of looping", async () => {
  await inTempDir(async (dir) => {
    const fileSystem = fileSystemWith({ write: () => Promise.resolve(0) });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    await failsWith(storage.writePiece(0, bytesFrom(3, 32)), "io");
    await storage.close();
  });
});

Deno.test("a flush syncs each file written since the last one, once", async () => {
  await inTempDir(async (dir) => {
    let syncCount = 0;
    const fileSystem = fileSystemWith({
      sync(path) {
        syncCount++;
        return realFileSystem.sync(path);
      },
    });
    const torrent = torrentOf(
      { path: "a", length: 16 },
      { path: "b", length: 16 },
      { path: "c", length: 16 },
    );
    const storage = openStorage(dir, torrent, { fileSystem });
    await storage.reserve();
    await storage.writePiece(0, bytesFrom(0, 16));
    await storage.writePiece(8, bytesFrom(0, 16));
    await storage.flush();
    assertEquals(syncCount, 2);
    await storage.flush();
    assertEquals(syncCount, 2);
    await storage.writePiece(32, bytesFrom(0, 16));
    await storage.flush();
    assertEquals(syncCount, 3);
    await storage.close();
  });
});

Deno.test("a second flush also waits for the writes of the first", async () => {
  await inTempDir(async (dir) => {
    let goOn = () => {};
    const slow = new Promise<void>((resolve) => goOn = resolve);
    const fileSystem = fileSystemWith({ sync: () => slow });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    await storage.writePiece(0, bytesFrom(0, 16));
    const done: string[] = [];
    const first = storage.flush().then(() => done.push("first"));
    const second = storage.flush().then(() => done.push("second"));
    await storage.stamps();
    assertEquals(done, []);
    goOn();
    await Promise.all([first, second]);
    assertEquals(done, ["first", "second"]);
    await storage.close();
  });
});

Deno.test("after a failed flush all later ones fail", async () => {
  await inTempDir(async (dir) => {
    let isBroken = true;
    const fileSystem = fileSystemWith({
      sync: (path) => isBroken ? Promise.reject(systemError("EIO")) : realFileSystem.sync(path),
    });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    await storage.writePiece(0, bytesFrom(0, 16));
    await failsWith(storage.flush(), "io");
    isBroken = false;
    await storage.writePiece(16, bytesFrom(0, 16));
    await failsWith(storage.flush(), "io");
    await storage.close();
  });
});

Deno.test("a file deleted during a download is reported, not recreated", async () => {
  await inTempDir(async (dir) => {
    const storage = openStorage(dir, ONE);
    await storage.reserve();
    await Deno.remove(`${dir}/a`);
    await failsWith(storage.writePiece(0, bytesFrom(0, 16)), "missing");
    assert(!await exists(`${dir}/a`));
    await storage.close();
  });
});

Deno.test("a missing stamp is retaken the next time", async () => {
  await inTempDir(async (dir) => {
    let isBroken = false;
    const fileSystem = fileSystemWith({
      stats: (path) => isBroken ? Promise.reject(systemError("EIO")) : realFileSystem.stats(path),
    });
    const storage = openStorage(dir, ONE, { fileSystem });
    await storage.reserve();
    isBroken = true;
    await failsWith(storage.stamps(), "io");
    isBroken = false;
    assertEquals((await storage.stamps())[0]!.length, 32);
    await storage.close();
  });
});

Deno.test("errors of mkdir are ignored where a folder exists, as on the root of a share", async () => {
  await inTempDir(async (dir) => {
    for (const code of ["EPERM", "EACCES", "EISDIR", "EINVAL", "EROFS"]) {
      const fileSystem = fileSystemWith({
        makeFolder: (path) =>
          path === dir ? Promise.reject(systemError(code)) : realFileSystem.makeFolder(path),
      });
      const storage = openStorage(dir, torrentOf({ path: `${code}/a`, length: 16 }), {
        fileSystem,
      });
      await storage.reserve();
      assert(await exists(`${dir}/${code}/a`));
      await storage.close();
    }
    const fileSystem = fileSystemWith({ makeFolder: () => Promise.reject(systemError("EACCES")) });
    const storage = openStorage(`${dir}/new`, ONE, { fileSystem });
    await failsWith(storage.reserve(), "not-permitted");
  });
});

Deno.test("content of an earlier run is flushed before a state claims it", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/there`, bytesFrom(1, 20));
    const synced: string[] = [];
    const fileSystem = fileSystemWith({
      sync(path) {
        synced.push(path);
        return Promise.resolve();
      },
    });
    const torrent = torrentOf({ path: "there", length: 20 }, { path: "missing", length: 20 });
    const storage = openStorage(dir, torrent, { fileSystem });
    await storage.stamps();
    await storage.flush();
    assertEquals(synced, [], "nothing was written by this run");
    storage.expectUnflushed();
    await storage.flush();
    assertEquals(synced, [`${dir}/there`]);
    await storage.close();
  });
});
