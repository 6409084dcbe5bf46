/** Takes a torrent's files and its saved state off the disk. */
import { join } from "node:path";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { toDiskError } from "../disk/disk_error.ts";
import { errorCode, type FileSystem } from "../disk/file_system.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { fileStats, STATE_FOLDER } from "../disk/safe_path.ts";
import { removeMarker } from "../disk/unfinished_marker.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { placeForReading } from "./place_files.ts";

/** Removes the state and, `withData`, the torrent's files. Throws a DiskError. */
export async function removeTorrent(
  loaded: LoadedTorrent,
  dir: string,
  withData: boolean,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const { metainfo } = await placeForReading(loaded, dir, fs);
  await removeState(fs, dir, metainfo.infoHash);
  if (withData) await removeContent(fs, metainfo, dir);
  await removeMarker(dir, metainfo, fs);
}

/** Removes the torrent's own files, and the folders that are empty then. Throws a DiskError. */
async function removeContent(
  fs: FileSystem,
  { files }: Pick<Metainfo, "files">,
  dir: string,
): Promise<void> {
  const paths = files.filter(({ pad }) => !pad).map(({ path }) => path);
  for (const path of paths) await removeFile(fs, dir, path);
  await removeEmptyFolders(fs, dir, paths);
}

/** Removes what a later run would take up. Throws a DiskError. */
async function removeState(fs: FileSystem, dir: string, infoHash: InfoHash): Promise<void> {
  for (const kind of ["resume", "torrent", "options", "parts", "leaves"]) {
    await removeFile(fs, dir, [STATE_FOLDER, `${infoHash}.${kind}`]);
  }
}

/** Removes the folders of `paths` below `dir` that are empty, the innermost first. */
async function removeEmptyFolders(
  fs: FileSystem,
  dir: string,
  paths: readonly (readonly string[])[],
): Promise<void> {
  const folders = new Set<string>();
  for (const path of paths) {
    if (path[0] === STATE_FOLDER) continue;
    for (let depth = path.length - 1; depth > 0; depth--) {
      folders.add(join(dir, ...path.slice(0, depth)));
    }
  }
  const innermostFirst = [...folders].sort((a, b) => b.length - a.length);
  // One that holds something else stays.
  for (const folder of innermostFirst) await fs.removeFolder(folder).catch(() => {});
}

/** Links are refused, what is missing is passed over. */
async function removeFile(fs: FileSystem, dir: string, path: readonly string[]): Promise<void> {
  if (await fileStats(fs, dir, path) === undefined) return;
  const place = join(dir, ...path);
  try {
    await fs.remove(place);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw toDiskError(error, "replace", place);
  }
}
