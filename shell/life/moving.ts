/** A torrent's way to another folder, under its lock and by the names that its folder holds. */
import type { FileSystem } from "../disk/file_system.ts";
import type { TorrentLocks } from "../disk/lock.ts";
import { moveContent, moveUnderWay } from "../disk/move_content.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { loadState } from "../disk/state_file.ts";
import { removeMarker } from "../disk/unfinished_marker.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { placeForReading } from "./place_files.ts";

/** Moves content and state. Throws a DiskError, or the signal's reason. */
export async function relocate(
  loaded: LoadedTorrent,
  from: string,
  to: string,
  locks: TorrentLocks,
  signal?: AbortSignal,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const { infoHash, name } = loaded.metainfo;
  const lock = await locks.lock(from, infoHash, name);
  try {
    const { metainfo } = await placeForReading(loaded, from, fs);
    await moveContent(metainfo, from, to, { fileSystem: fs, signal });
    await removeMarker(from, metainfo, fs);
  } finally {
    await lock.release();
  }
}

/** Finishes a move that was interrupted. Where the content is then; undefined if none was. */
export async function finishMove(
  loaded: LoadedTorrent,
  dir: string,
  locks: TorrentLocks,
  signal: AbortSignal,
  fs: FileSystem = realFileSystem,
): Promise<string | undefined> {
  const to = await moveUnderWay(dir, loaded.metainfo.infoHash, fs);
  if (to !== undefined) await relocate(loaded, dir, to, locks, signal, fs);
  return to;
}

/** `moveTo` when the content went there before, else `dir`. */
export async function currentFolder(
  { metainfo: { infoHash } }: LoadedTorrent,
  dir: string,
  moveTo: string | undefined,
  fs: FileSystem = realFileSystem,
): Promise<string> {
  if (moveTo === undefined || await loadState(dir, infoHash, fs) !== undefined) return dir;
  if (await moveUnderWay(dir, infoHash, fs) !== undefined) return dir;
  return await loadState(moveTo, infoHash, fs) === undefined ? dir : moveTo;
}
