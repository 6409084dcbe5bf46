/** Moves a torrent's files and its saved state to another folder. */
import { dirname, join } from "node:path";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { DiskError, toDiskError } from "../disk/disk_error.ts";
import { errorCode } from "../disk/file_system.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "../disk/safe_path.ts";
import { removeEmptyFolders } from "./remove_content.ts";

/**
 * Files that are missing are left out; a file that is there already is not replaced. Either all files
 * move or none. The storage must be closed. Throws a DiskError.
 */
export async function moveContent(
  metainfo: Pick<Metainfo, "files" | "infoHash">,
  from: string,
  to: string,
): Promise<void> {
  if (await realPath(from) === await realPath(to)) return;
  const paths = metainfo.files.filter(({ pad }) => !pad).map(({ path }) => path);
  for (const kind of ["resume", "torrent"]) {
    paths.push([STATE_FOLDER, `${metainfo.infoHash}.${kind}`]);
  }
  const there: (readonly string[])[] = [];
  for (const path of paths) {
    if (await fileStats(realFileSystem, from, path) === undefined) continue;
    there.push(path);
    if (path[0] !== STATE_FOLDER) await assertFree(to, path);
  }
  const moved: (readonly string[])[] = [];
  try {
    await makeRoot(realFileSystem, to);
    for (const path of there) {
      await makeFolders(realFileSystem, to, path.slice(0, -1));
      await moveFile(join(from, ...path), join(to, ...path));
      moved.push(path);
    }
  } catch (error) {
    for (const path of moved) {
      await moveFile(join(to, ...path), join(from, ...path)).catch(() => {});
    }
    throw error;
  }
  await removeEmptyFolders(from, there);
}

async function assertFree(root: string, path: readonly string[]): Promise<void> {
  if (await fileStats(realFileSystem, root, path) === undefined) return;
  const place = join(root, ...path);
  const message = `Will not overwrite ${place}: move it away or choose another folder`;
  throw new DiskError("occupied", place, message);
}

/** A path that is not there yet is taken as it is. */
async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => path);
}

async function moveFile(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (errorCode(error) !== "EXDEV") throw toDiskError(error, "replace", to);
    await copyFile(from, to);
  }
}

/** To another file system. The times of the file go along, so that its saved state is still believed. */
async function copyFile(from: string, to: string): Promise<void> {
  try {
    const { mtime } = await Deno.stat(from);
    await Deno.copyFile(from, to);
    if (mtime !== null) await Deno.utime(to, mtime, mtime);
    await Deno.remove(from);
  } catch (error) {
    await Deno.remove(to).catch(() => {});
    throw toDiskError(error, "write", dirname(to));
  }
}
