/** A torrent's way to another folder, under its lock and by the names that its folder holds. */
import { lockTorrent } from "../disk/lock.ts";
import { moveContent, moveUnderWay } from "../disk/move_content.ts";
import { loadState } from "../disk/state_file.ts";
import { removeMarker } from "../disk/unfinished_marker.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { placeForReading } from "./place_files.ts";

/** Moves content and state. Throws a DiskError, or the signal's reason. */
export async function relocate(
  loaded: LoadedTorrent,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const { infoHash, name } = loaded.metainfo;
  const lock = await lockTorrent(from, infoHash, name);
  try {
    const { metainfo } = await placeForReading(loaded, from);
    await moveContent(metainfo, from, to, { signal });
    await removeMarker(from, metainfo);
  } finally {
    lock.release();
  }
}

/** Finishes a move that was interrupted. Where the content is then; undefined if none was. */
export async function finishMove(
  loaded: LoadedTorrent,
  dir: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const to = await moveUnderWay(dir, loaded.metainfo.infoHash);
  if (to !== undefined) await relocate(loaded, dir, to, signal);
  return to;
}

/** `moveTo` when the content went there before, else `dir`. */
export async function currentFolder(
  { metainfo: { infoHash } }: LoadedTorrent,
  dir: string,
  moveTo: string | undefined,
): Promise<string> {
  if (moveTo === undefined || await loadState(dir, infoHash) !== undefined) return dir;
  if (await moveUnderWay(dir, infoHash) !== undefined) return dir;
  return await loadState(moveTo, infoHash) === undefined ? dir : moveTo;
}
