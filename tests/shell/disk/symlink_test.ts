/** No link below the download folder leads out of it. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadState, saveState } from "../../../shell/disk/state_file.ts";
import { followLinks } from "../../../shell/disk/places.ts";
import { TorrentLocks } from "../../../shell/disk/lock.ts";
import { openStorage } from "../../../shell/disk/storage.ts";
import { HandleCache } from "../../../shell/disk/handles.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  fileSystemWith,
  HASH,
  inTempDir,
  torrentOf,
} from "./support.ts";

const SECRET = bytesFrom(1, 32);

/** A download folder beside a folder that must not be changed. */
function besideSecret(run: (dir: string, outside: string) => Promise<void>): Promise<void> {
  return inTempDir(async (temp) => {
    const [dir, outside] = [`${temp}/downloads`, `${temp}/outside`];
    await Deno.mkdir(dir);
    await Deno.mkdir(outside);
    await Deno.writeFile(`${outside}/file`, SECRET);
    await run(dir, outside);
    assertEquals(await Deno.readFile(`${outside}/file`), SECRET);
    assertEquals([...Deno.readDirSync(outside)].length, 1);
  });
}

Deno.test("a link at the path of a file is neither read nor written", async () => {
  await besideSecret(async (dir, outside) => {
    await Deno.symlink(`${outside}/file`, `${dir}/file`);
    const storage = openStorage(dir, torrentOf({ path: "file", length: 32 }));
    await failsWith(storage.reserve(), "symlink");
    await failsWith(storage.writePiece(0, new Uint8Array(32)), "symlink");
    await failsWith(storage.readInto(0, new Uint8Array(32)), "symlink");
    await failsWith(storage.stamps(), "symlink");
  });
});

Deno.test("a link at the path of a folder is not followed", async () => {
  await besideSecret(async (dir, outside) => {
    await Deno.symlink(outside, `${dir}/set`);
    const torrent = torrentOf({ path: "set/file", length: 32 }, { path: "set/new", length: 3 });
    const storage = openStorage(dir, torrent);
    await failsWith(storage.reserve(), "symlink");
    await failsWith(storage.writePiece(0, new Uint8Array(32)), "symlink");
    await failsWith(storage.readInto(0, new Uint8Array(32)), "symlink");
  });
});

Deno.test("a dangling link creates no file at its target", async () => {
  await besideSecret(async (dir, outside) => {
    await Deno.symlink(`${outside}/made`, `${dir}/file`);
    const storage = openStorage(dir, torrentOf({ path: "file", length: 32 }));
    await failsWith(storage.reserve(), "symlink");
    assert(!await exists(`${outside}/made`));
  });
});

Deno.test("a link that stays inside is refused as well", async () => {
  await besideSecret(async (dir) => {
    await Deno.writeFile(`${dir}/real`, SECRET);
    await Deno.symlink(`${dir}/real`, `${dir}/file`);
    const storage = openStorage(dir, torrentOf({ path: "file", length: 32 }));
    await failsWith(storage.writePiece(0, new Uint8Array(32)), "symlink");
    assertEquals(await Deno.readFile(`${dir}/real`), SECRET);
  });
});

Deno.test("a folder replaced by a link after the reservation is detected", async () => {
  await besideSecret(async (dir, outside) => {
    const storage = openStorage(dir, torrentOf({ path: "set/file", length: 32 }));
    await storage.reserve();
    await Deno.rename(`${dir}/set`, `${dir}/moved`);
    await Deno.symlink(outside, `${dir}/set`);
    await failsWith(storage.writePiece(0, new Uint8Array(32)), "symlink");
  });
});

Deno.test("the download folder itself may be a link", async () => {
  await inTempDir(async (temp) => {
    await Deno.mkdir(`${temp}/real`);
    await Deno.symlink(`${temp}/real`, `${temp}/link`);
    const storage = openStorage(`${temp}/link`, torrentOf({ path: "set/file", length: 32 }));
    await storage.reserve();
    await storage.writePiece(0, SECRET);
    await storage.close();
    assertEquals(await Deno.readFile(`${temp}/real/set/file`), SECRET);
  });
});

Deno.test("state and lock do not follow links", async () => {
  await besideSecret(async (dir, outside) => {
    await Deno.symlink(outside, `${dir}/.tt`);
    await failsWith(saveState(dir, HASH, SECRET), "symlink");
    await failsWith(loadState(dir, HASH), "symlink");
    await failsWith(new TorrentLocks().lock(dir, HASH), "symlink");
  });
  await besideSecret(async (dir, outside) => {
    await Deno.mkdir(`${dir}/.tt`);
    for (const name of ["resume.tmp", "resume", "lock"]) {
      await Deno.symlink(`${outside}/file`, `${dir}/.tt/${HASH}.${name}`);
    }
    await failsWith(saveState(dir, HASH, new Uint8Array(1)), "symlink");
    await failsWith(loadState(dir, HASH), "symlink");
    await failsWith(new TorrentLocks().lock(dir, HASH), "symlink");
  });
});

Deno.test("traversing and empty paths, and those of the state folder, fail at once", async () => {
  const bad = [[".."], ["a", "..", "b"], ["."], [""], ["a/b"], ["a\0b"], [".tt", "x"], [".TT"], []];
  for (const path of bad) {
    const torrent = torrentOf({ path: "a", length: 1 });
    const files = torrent.files.map((file) => ({ ...file, path }));
    assertThrows(() => openStorage("/nowhere", { ...torrent, files }), Error, "Invariant");
  }
  const storage = openStorage("/nowhere", torrentOf({ path: "a", length: 1 }));
  assertThrows(() => storage.readInto(1, new Uint8Array(1)), Error, "Invariant");
  assertThrows(() => storage.writePiece(0, new Uint8Array(2)), Error, "Invariant");
  await storage.close();
  await assertRejects(() => storage.flush(), Error, "Invariant");
});

Deno.test("a download folder that is, or is behind, a dangling link is refused at once", async () => {
  await inTempDir(async (temp) => {
    await Deno.symlink(`${temp}/unmounted`, `${temp}/link`);
    for (const dir of [`${temp}/link`, `${temp}/link/a/b`]) {
      await failsWith(new TorrentLocks().lock(dir, HASH), "missing");
    }
    assert(!await exists(`${temp}/unmounted`));
  });
});

Deno.test("links are followed for reading if the user allowed it, but no further links", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/real/deep`, { recursive: true });
    await Deno.writeFile(`${dir}/real/deep/a`, bytesFrom(1, 16));
    await Deno.writeFile(`${dir}/real/b`, bytesFrom(2, 16));
    await Deno.mkdir(`${dir}/shared`);
    await Deno.symlink("../real/deep", `${dir}/shared/deep`);
    await Deno.symlink("../real/b", `${dir}/shared/b`);
    const torrent = torrentOf({ path: "shared/b", length: 16 }, {
      path: "shared/deep/a",
      length: 16,
    });
    const places = await followLinks(dir, torrent);
    const storage = openStorage(dir, torrent, { readOnly: true, places });
    const target = new Uint8Array(32);
    await storage.readInto(0, target);
    assertEquals(target, Uint8Array.of(...bytesFrom(2, 16), ...bytesFrom(1, 16)));
    await storage.close();

    await Deno.rename(`${dir}/real/b`, `${dir}/real/c`);
    await Deno.symlink("c", `${dir}/real/b`);
    const later = openStorage(dir, torrent, { readOnly: true, places });
    await failsWith(later.readInto(0, target), "symlink");
    await later.close();
  });
});

Deno.test("a folder replaced by a link after the first write is neither written nor synced", async () => {
  await besideSecret(async (dir, outside) => {
    await Deno.writeFile(`${outside}/file`, SECRET);
    const torrent = torrentOf({ path: "set/file", length: 32 }, { path: "set/other", length: 32 });
    const synced: string[] = [];
    const fileSystem = fileSystemWith({
      sync: (path) => {
        synced.push(path);
        return realFileSystem.sync(path);
      },
    });
    // One open file at a time, so that each write reopens its file.
    const handles = new HandleCache(1);
    const storage = openStorage(dir, torrent, { fileSystem, handles });
    await storage.reserve();
    await storage.writePiece(0, new Uint8Array(32));
    await storage.writePiece(32, new Uint8Array(32));
    await Deno.rename(`${dir}/set`, `${dir}/moved`);
    await Deno.symlink(outside, `${dir}/set`);
    // Folders that were checked a moment ago are not checked again.
    await new Promise((resolve) => setTimeout(resolve, 150));
    await failsWith(storage.writePiece(0, new Uint8Array(32)), "symlink");
    await failsWith(storage.readInto(0, new Uint8Array(32)), "symlink");
    await failsWith(storage.flush(), "symlink");
    assertEquals(synced, []);
    await storage.close();
  });
});
