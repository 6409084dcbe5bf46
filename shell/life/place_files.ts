/**
 * Gives a torrent's files the names that their folder can hold. A torrent is read with the rules of the
 * system; where its folder is stricter, the files are placed again by the portable rules.
 */
import { join } from "node:path";
import type { FileSystem } from "../disk/file_system.ts";
import { probePathRules } from "../disk/probe_folder.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { NATIVE_PATH_RULES, readMetainfo } from "../read_metainfo.ts";

/** For a download: tries what the folder can hold. */
export async function placeForWriting(
  loaded: LoadedTorrent,
  dir: string,
  fs: FileSystem = realFileSystem,
): Promise<LoadedTorrent> {
  if (NATIVE_PATH_RULES === "portable") return loaded;
  return await probePathRules(dir, fs) === "portable" ? placePortably(loaded) : loaded;
}

/** For content that is there: the portable names count when they lead to it and the others do not. */
export async function placeForReading(
  loaded: LoadedTorrent,
  dir: string,
  fs: FileSystem = realFileSystem,
): Promise<LoadedTorrent> {
  if (NATIVE_PATH_RULES === "portable") return loaded;
  let portable: LoadedTorrent | undefined;
  for (const [index, { path, pad }] of loaded.metainfo.files.entries()) {
    if (pad || await isThere(fs, join(dir, ...path))) continue;
    portable ??= placePortably(loaded);
    const other = portable.metainfo.files[index]!.path;
    if (other.join("/") === path.join("/")) continue;
    if (await isThere(fs, join(dir, ...other))) return portable;
  }
  return loaded;
}

function placePortably(loaded: LoadedTorrent): LoadedTorrent {
  const read = readMetainfo(loaded.bytes, "portable", true);
  if (!read.ok) return loaded;
  const { files, symlinks } = read.value;
  return { ...loaded, metainfo: { ...loaded.metainfo, files, symlinks } };
}

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  return await fs.stats(path).then((stats) => stats !== undefined, () => false);
}
