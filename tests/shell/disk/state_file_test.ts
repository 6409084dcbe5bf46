import { assert, assertEquals } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import {
  listStates,
  loadState,
  loadTorrentBytes,
  saveState,
  saveTorrent,
  sweepState,
} from "../../../shell/disk/state_file.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  fileSystemWith,
  HASH,
  inTempDir,
  systemError,
} from "./support.ts";

const OLD = bytesFrom(1, 300);
const NEW = bytesFrom(2, 200);

Deno.test("a saved state is read back, the latest one", async () => {
  await inTempDir(async (dir) => {
    assertEquals(await loadState(`${dir}/new`, HASH), undefined);
    await saveState(`${dir}/new`, HASH, OLD);
    assertEquals(await loadState(`${dir}/new`, HASH), OLD);
    await saveState(`${dir}/new`, HASH, NEW);
    assertEquals(await loadState(`${dir}/new`, HASH), NEW);
    assertEquals([...Deno.readDirSync(`${dir}/new/.tt`)].map(({ name }) => name), [
      `${HASH}.resume`,
    ]);
  });
});

Deno.test("concurrent saves run one after another", async () => {
  await inTempDir(async (dir) => {
    const states = Array.from({ length: 20 }, (_, i) => bytesFrom(i, 1000 - i));
    await Promise.all(states.map((state) => saveState(dir, HASH, state)));
    assertEquals(await loadState(dir, HASH), states.at(-1));
  });
});

Deno.test("a process killed before the rename keeps the old state; the temporary file is removed", async () => {
  await inTempDir(async (dir) => {
    await saveState(dir, HASH, OLD);
    const killed = fileSystemWith({
      rename: () => Promise.reject(systemError("EIO")),
      remove: () => Promise.reject(systemError("EIO")),
    });
    await failsWith(saveState(dir, HASH, NEW, killed), "io");
    assert(await exists(`${dir}/.tt/${HASH}.resume.tmp`));
    assertEquals(await loadState(dir, HASH), OLD);
    assertEquals(await listStates(dir), [HASH]);
    await sweepState(dir, HASH);
    assert(!await exists(`${dir}/.tt/${HASH}.resume.tmp`));
    await sweepState(dir, HASH);
    assertEquals(await loadState(dir, HASH), OLD);
  });
});

Deno.test("a temporary file of an earlier process is not used for the next state", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/.tt`);
    await Deno.writeFile(`${dir}/.tt/${HASH}.resume.tmp`, OLD);
    await saveState(dir, HASH, NEW);
    assertEquals(await loadState(dir, HASH), NEW);
  });
});

Deno.test("a full disk keeps the old state and leaves no temporary file", async () => {
  await inTempDir(async (dir) => {
    await saveState(dir, HASH, OLD);
    let left = 100;
    const full = fileSystemWith({
      async write(writer, source, position) {
        if (left === 0) throw systemError("ENOSPC");
        const count = await writer.write(source.subarray(0, left), position);
        left -= count;
        return count;
      },
    });
    await failsWith(saveState(dir, HASH, NEW, full), "disk-full");
    assertEquals(await loadState(dir, HASH), OLD);
    assert(!await exists(`${dir}/.tt/${HASH}.resume.tmp`));
    await saveState(dir, HASH, NEW);
    assertEquals(await loadState(dir, HASH), NEW);
  });
});

Deno.test("a state is flushed before it replaces the old one, and the folder afterwards", async () => {
  await inTempDir(async (dir) => {
    const calls: string[] = [];
    const fileSystem = fileSystemWith({
      sync(path) {
        calls.push(`sync ${path.slice(dir.length)}`);
        return realFileSystem.sync(path);
      },
      rename(from, to) {
        calls.push("rename");
        return realFileSystem.rename(from, to);
      },
    });
    await saveState(dir, HASH, NEW, fileSystem);
    assertEquals(calls, [`sync /.tt/${HASH}.resume.tmp`, "rename", "sync /.tt"]);
  });
});

Deno.test("a state is saved even if the system cannot flush a folder", async () => {
  await inTempDir(async (dir) => {
    const fileSystem = fileSystemWith({
      sync: (path) =>
        path.endsWith(".tt") ? Promise.reject(systemError("EISDIR")) : realFileSystem.sync(path),
    });
    await saveState(dir, HASH, NEW, fileSystem);
    assertEquals(await loadState(dir, HASH), NEW);
  });
});

Deno.test("an unwritable folder is reported, and its states can be read", async () => {
  await inTempDir(async (dir) => {
    await saveState(dir, HASH, OLD);
    const readOnly = fileSystemWith({ openWriter: () => Promise.reject(systemError("EROFS")) });
    await failsWith(saveState(dir, HASH, NEW, readOnly), "not-permitted");
    assertEquals(await loadState(dir, HASH, readOnly), OLD);
  });
});

Deno.test("only states are listed, in order", async () => {
  await inTempDir(async (dir) => {
    assertEquals(await listStates(dir), []);
    const hashes = ["b", "a", "c"].map((digit) => digit.repeat(40) as InfoHash);
    for (const hash of hashes) await saveState(dir, hash, NEW);
    for (const name of [`${HASH}.lock`, `${HASH}.resume.tmp`, "x.resume"]) {
      await Deno.writeFile(`${dir}/.tt/${name}`, NEW);
    }
    assertEquals(await listStates(dir), hashes.sort());
    await Deno.writeFile(`${dir}/file`, NEW);
    await failsWith(listStates(`${dir}/file`), "occupied");
  });
});

Deno.test("an oversized state is not read into memory", async () => {
  await inTempDir(async (dir) => {
    await saveState(dir, HASH, NEW);
    await Deno.truncate(`${dir}/.tt/${HASH}.resume`, 1e10);
    await failsWith(loadState(dir, HASH), "occupied");
  });
});

Deno.test("states and torrents are readable by their owner only, whatever existed before", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/.tt`);
    for (const kind of ["resume", "torrent"]) {
      await Deno.writeFile(`${dir}/.tt/${HASH}.${kind}.tmp`, OLD, { mode: 0o644 });
    }
    await saveState(dir, HASH, NEW);
    await saveTorrent(dir, HASH, NEW);
    for (const kind of ["resume", "torrent"]) {
      const { mode } = await Deno.stat(`${dir}/.tt/${HASH}.${kind}`);
      assertEquals(mode! & 0o777, 0o600);
    }
  });
});

Deno.test("a torrent is written once, and again only when its bytes differ", async () => {
  await inTempDir(async (dir) => {
    let writes = 0;
    const fileSystem = fileSystemWith({
      write(writer, source, position) {
        writes++;
        return writer.write(source, position);
      },
    });
    assertEquals(await loadTorrentBytes(dir, HASH), undefined);
    await saveTorrent(dir, HASH, OLD, fileSystem);
    await saveTorrent(dir, HASH, OLD, fileSystem);
    assertEquals([writes, await loadTorrentBytes(dir, HASH)], [1, OLD]);
    const other = OLD.toReversed();
    await saveTorrent(dir, HASH, other, fileSystem);
    assertEquals([writes, await loadTorrentBytes(dir, HASH)], [2, other]);
    assertEquals(await listStates(dir), []);
  });
});
