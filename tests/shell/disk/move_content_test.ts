/** Content that moves to another folder or another disk, with failures and kills. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import { moveContent, moveUnderWay } from "../../../shell/disk/move_content.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import {
  bytesFrom,
  exists,
  failsWith,
  type Faults,
  fileSystemWith,
  HASH,
  inTempDir,
  onTinyDisk,
  systemError,
  torrentOf,
} from "./support.ts";

const PATHS = ["set/a", "set/deep/b", "set/empty", "set/run"];
const TORRENT = {
  ...torrentOf(...PATHS.map((path, i) => ({ path, length: i === 2 ? 0 : 3_000 + i }))),
  infoHash: HASH,
};
const STATE = bytesFrom(4, 200);

async function makeContent(dir: string): Promise<void> {
  await Deno.mkdir(`${dir}/set/deep`, { recursive: true });
  await Deno.mkdir(`${dir}/.tt`, { recursive: true });
  for (const [i, { path, length }] of TORRENT.files.entries()) {
    await Deno.writeFile(`${dir}/${path.join("/")}`, bytesFrom(i, length));
    await Deno.utime(`${dir}/${path.join("/")}`, new Date(i * 1001), new Date(i * 1001));
  }
  await Deno.chmod(`${dir}/set/run`, 0o755);
  await Deno.writeFile(`${dir}/.tt/${HASH}.resume`, STATE);
}

/** The folder in which a file is complete; fails if there is none. */
async function placeOf(index: number, dirs: readonly string[]): Promise<string> {
  const { path, length } = TORRENT.files[index]!;
  for (const dir of dirs) {
    const bytes = await Deno.readFile(`${dir}/${path.join("/")}`).catch(() => undefined);
    if (bytes?.length === length && bytes.every((byte, i) => byte === ((index + i * 7) & 0xff))) {
      return dir;
    }
  }
  throw new Error(`${path.join("/")} is whole nowhere`);
}

async function assertMoved(from: string, to: string): Promise<void> {
  for (const [i, { path }] of TORRENT.files.entries()) {
    assertEquals(await placeOf(i, [to]), to);
    const { mtime } = await Deno.stat(`${to}/${path.join("/")}`);
    assertEquals(mtime!.getTime(), i * 1001);
    assert(!await exists(`${from}/${path.join("/")}`));
  }
  assertEquals((await Deno.stat(`${to}/set/run`)).mode! & 0o777, 0o755);
  assertEquals(await Deno.readFile(`${to}/.tt/${HASH}.resume`), STATE);
  assertEquals([...Deno.readDirSync(`${from}/.tt`)].map(({ name }) => name), []);
  assertEquals([...Deno.readDirSync(`${to}/.tt`)].map(({ name }) => name), [`${HASH}.resume`]);
  assert(!await exists(`${from}/set`));
}

/** As if the new folder were on another disk. */
function acrossDisks(calls: Faults, isSame: (from: string, to: string) => boolean): FileSystem {
  const rename = calls.rename ?? realFileSystem.rename;
  return fileSystemWith({
    ...calls,
    rename: (from, to) =>
      isSame(from, to) ? rename(from, to) : Promise.reject(systemError("EXDEV")),
  });
}

for (const disks of ["the same disk", "another disk"]) {
  const fileSystemFor = (dir: string, calls: Faults = {}) =>
    disks === "the same disk"
      ? fileSystemWith(calls)
      : acrossDisks(calls, (from, to) => from.startsWith(`${dir}/A`) === to.startsWith(`${dir}/A`));

  Deno.test(`content and state move to ${disks}, with times and permissions`, async () => {
    await inTempDir(async (dir) => {
      await makeContent(`${dir}/A`);
      const fileSystem = fileSystemFor(dir);
      await moveContent(TORRENT, `${dir}/A`, `${dir}/B/new`, { fileSystem });
      await assertMoved(`${dir}/A`, `${dir}/B/new`);
      assertEquals(await moveUnderWay(`${dir}/A`, HASH), undefined);
    });
  });

  Deno.test(`a move to ${disks} killed at any call loses nothing, and the next one continues`, async () => {
    for (let callsLeft = 0, isOver = false; !isOver; callsLeft++) {
      await inTempDir(async (dir) => {
        await makeContent(`${dir}/A`);
        let calls = 0;
        const mayCall = () => {
          if (calls++ >= callsLeft) throw systemError("EIO");
        };
        const guarded =
          <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A) => {
            mayCall();
            return await call(...args);
          };
        const fileSystem = fileSystemFor(dir, {
          write: guarded((writer, source, at) => writer.write(source.subarray(0, 900), at)),
          rename: guarded(realFileSystem.rename),
          remove: guarded(realFileSystem.remove),
          makeFolder: guarded(realFileSystem.makeFolder),
          setMtime: guarded(realFileSystem.setMtime),
        });
        isOver = await moveContent(TORRENT, `${dir}/A`, `${dir}/B`, { fileSystem })
          .then(() => true, () => false);
        for (const i of TORRENT.files.keys()) await placeOf(i, [`${dir}/A`, `${dir}/B`]);
        const to = await moveUnderWay(`${dir}/A`, HASH);
        if (!isOver) assert(to === undefined || to === `${dir}/B`);
        await moveContent(TORRENT, `${dir}/A`, to ?? `${dir}/B`);
        await Deno.remove(`${dir}/A/.tt/${HASH}.move.tmp`).catch(() => {});
        await Deno.remove(`${dir}/B/.tt/${HASH}.moving`).catch(() => {});
        await assertMoved(`${dir}/A`, `${dir}/B`);
      });
    }
  });
}

Deno.test("a failed move is rolled back", async () => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    let renames = 0;
    const fileSystem = fileSystemWith({
      rename: (from, to) =>
        to === `${dir}/B/set/empty` && ++renames > 0
          ? Promise.reject(systemError("ENOSPC"))
          : realFileSystem.rename(from, to),
    });
    await failsWith(moveContent(TORRENT, `${dir}/A`, `${dir}/B`, { fileSystem }), "disk-full");
    for (const i of TORRENT.files.keys()) assertEquals(await placeOf(i, [`${dir}/A`]), `${dir}/A`);
    assertEquals(await moveUnderWay(`${dir}/A`, HASH), undefined);
    assertEquals(await Deno.readFile(`${dir}/A/.tt/${HASH}.resume`), STATE);
  });
});

Deno.test("existing files at the destination are not replaced, and nothing moves", async () => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    await Deno.mkdir(`${dir}/B/set`, { recursive: true });
    await Deno.writeFile(`${dir}/B/set/run`, STATE);
    await failsWith(moveContent(TORRENT, `${dir}/A`, `${dir}/B`), "occupied");
    assertEquals(await Deno.readFile(`${dir}/B/set/run`), STATE);
    for (const i of TORRENT.files.keys()) await placeOf(i, [`${dir}/A`]);
    await Deno.remove(`${dir}/B/set`, { recursive: true });
    await Deno.symlink(`${dir}/A`, `${dir}/B/set`);
    await failsWith(moveContent(TORRENT, `${dir}/A`, `${dir}/B`), "symlink");
    for (const i of TORRENT.files.keys()) await placeOf(i, [`${dir}/A`]);
  });
});

Deno.test("an interrupted copy is continued by the next call", async () => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    const stop = new AbortController();
    let writes = 0;
    const fileSystem = acrossDisks({
      write(writer, source, at) {
        if (++writes === 6) stop.abort(new Error("enough"));
        return writer.write(source.subarray(0, 900), at);
      },
    }, (from, to) => from.startsWith(`${dir}/A`) === to.startsWith(`${dir}/A`));
    const options = { fileSystem, signal: stop.signal };
    await assertRejects(
      () => moveContent(TORRENT, `${dir}/A`, `${dir}/B`, options),
      Error,
      "enough",
    );
    assertEquals(await moveUnderWay(`${dir}/A`, HASH), `${dir}/B`);
    assertEquals(await placeOf(0, [`${dir}/B`]), `${dir}/B`);
    await moveContent(TORRENT, `${dir}/A`, `${dir}/B`, { fileSystem });
    await Deno.remove(`${dir}/B/.tt/${HASH}.moving`).catch(() => {});
    await assertMoved(`${dir}/A`, `${dir}/B`);
  });
});

Deno.test("moving to the same folder does nothing", async () => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    await Deno.symlink("A", `${dir}/B`);
    await moveContent(TORRENT, `${dir}/A`, `${dir}/B`);
    for (const i of TORRENT.files.keys()) await placeOf(i, [`${dir}/A`]);
  });
});

onTinyDisk("a real disk that is too small keeps nothing of the move", async (disk) => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    await Deno.writeFile(`${disk}/hog`, new Uint8Array(57_000));
    await failsWith(moveContent(TORRENT, `${dir}/A`, disk), "disk-full");
    for (const i of TORRENT.files.keys()) await placeOf(i, [`${dir}/A`]);
    assert(!await exists(`${disk}/set/a`));
    assertEquals(await moveUnderWay(`${dir}/A`, "0".repeat(40) as InfoHash), undefined);
  });
});

onTinyDisk("content moves to a real other disk", async (disk) => {
  await inTempDir(async (dir) => {
    await makeContent(`${dir}/A`);
    await moveContent(TORRENT, `${dir}/A`, `${disk}/B`);
    await assertMoved(`${dir}/A`, `${disk}/B`);
  });
});
