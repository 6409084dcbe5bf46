import { assertEquals, assertRejects } from "@std/assert";
import { renamePatiently, syncIfPossible } from "../../../shell/disk/patience.ts";
import { loadState, saveState } from "../../../shell/disk/state_file.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { openStorage } from "../../../shell/disk/storage.ts";
import {
  bytesFrom,
  failsWith,
  fileSystemWith,
  HASH,
  inTempDir,
  systemError,
  torrentOf,
} from "./support.ts";

/** A rename that fails this many times, and the waits in between. */
async function renameRefused(times: number, code: string) {
  const waits: number[] = [];
  let calls = 0;
  const rename = () => calls++ < times ? Promise.reject(systemError(code)) : Promise.resolve();
  const wait = (ms: number) => {
    waits.push(ms);
    return Promise.resolve();
  };
  await renamePatiently({ rename }, "a", "b", wait);
  return waits;
}

Deno.test("a rename that is refused temporarily is retried for about two seconds", async () => {
  for (const code of ["EPERM", "EACCES", "EBUSY"]) {
    assertEquals((await renameRefused(0, code)).length, 0);
    const waits = await renameRefused(6, code);
    const total = waits.reduce((sum, ms) => sum + ms);
    assertEquals(total >= 1000 && total <= 2500, true, `${total} ms`);
    await assertRejects(() => renameRefused(7, code));
  }
});

Deno.test("a rename that fails permanently is not retried", async () => {
  for (const code of ["ENOENT", "EXDEV", "ENOSPC", "EROFS"]) {
    await assertRejects(() => renameRefused(1, code), Error, code);
  }
});

Deno.test("a state is saved even if another program holds the old one for a moment", async () => {
  await inTempDir(async (dir) => {
    let refusals = 2;
    const fileSystem = fileSystemWith({
      rename: (from, to) =>
        refusals-- > 0 ? Promise.reject(systemError("EPERM")) : realFileSystem.rename(from, to),
    });
    await saveState(dir, HASH, bytesFrom(1, 50), fileSystem);
    assertEquals(await loadState(dir, HASH), bytesFrom(1, 50));
  });
});

Deno.test("a file system without sync is not treated as a failed disk", async () => {
  for (const code of ["ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS"]) {
    const sync = () => Promise.reject(systemError(code));
    await syncIfPossible({ sync }, "a");
    await inTempDir(async (dir) => {
      const fileSystem = fileSystemWith({ sync });
      const storage = openStorage(dir, torrentOf({ path: "a", length: 16 }), { fileSystem });
      await storage.reserve();
      await storage.writePiece(0, bytesFrom(1, 16));
      await storage.flush();
      await storage.flush();
      await storage.close();
      await saveState(dir, HASH, bytesFrom(1, 50), fileSystem);
    });
  }
  const broken = { sync: () => Promise.reject(systemError("EIO")) };
  await assertRejects(() => syncIfPossible(broken, "a"), Error, "EIO");
});

Deno.test("reserving a large file can be aborted, and a later run continues", async () => {
  await inTempDir(async (dir) => {
    const torrent = torrentOf({ path: "large", length: 300 * 1024 * 1024 });
    const stop = new AbortController();
    let steps = 0;
    const fileSystem = {
      ...realFileSystem,
      openWriter: async (path: string, mode: "existing" | "create" | "replace") => {
        const writer = await realFileSystem.openWriter(path, mode);
        return {
          write: (source: Uint8Array, position: number) => writer.write(source, position),
          truncate: (size: number) => {
            if (++steps === 2) stop.abort(new Error("enough"));
            return writer.truncate(size);
          },
          close: () => writer.close(),
        };
      },
    };
    const storage = openStorage(dir, torrent, { fileSystem });
    await assertRejects(() => storage.reserve({ signal: stop.signal }), Error, "enough");
    assertEquals(steps, 2);
    await storage.reserve();
    assertEquals((await Deno.stat(`${dir}/large`)).size, 300 * 1024 * 1024);
    await storage.close();
  });
});

Deno.test("on a compressing file system the free space check counts missing bytes only", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(0, 32));
    const fileSystem = fileSystemWith({
      // 32 bytes of content take none, and four are free.
      stats: async (path) => {
        const stats = await realFileSystem.stats(path);
        return stats && { ...stats, allocated: 0 };
      },
      freeBytes: () => Promise.resolve(4),
    });
    const storage = openStorage(dir, torrentOf({ path: "a", length: 32 }), { fileSystem });
    await storage.reserve({ missingBytes: 4 });
    await failsWith(storage.reserve({ missingBytes: 5 }), "disk-full");
    await storage.close();
  });
});
