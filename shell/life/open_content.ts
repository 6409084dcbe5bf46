/** What an active torrent holds of the disk: its lock, if it writes, and its files. */
import type { HandleCache } from "../disk/handles.ts";
import { lockTorrent, type TorrentLock } from "../disk/lock.ts";
import { openStorage, type Storage } from "../disk/storage.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { placeForReading, placeForWriting } from "./place_files.ts";
import type { Role } from "./types.ts";

export interface Content {
  /** Its files have the names that the folder can hold. */
  readonly loaded: LoadedTorrent;
  readonly storage: Storage;
  readonly lock: TorrentLock | undefined;
}

/** `onChanged` is told the path of a file that somebody else changed. Throws a DiskError. */
export async function openContent(
  asLoaded: LoadedTorrent,
  dir: string,
  role: Role,
  handles: HandleCache,
  onChanged: (path: string) => void,
): Promise<Content> {
  const { infoHash, name } = asLoaded.metainfo;
  const isSeed = role.kind === "seed";
  const lock = isSeed ? undefined : await lockTorrent(dir, infoHash, name);
  try {
    const loaded = await (isSeed ? placeForReading : placeForWriting)(asLoaded, dir);
    const storage = openStorage(dir, loaded.metainfo, {
      readOnly: isSeed,
      places: isSeed ? role.places : undefined,
      ...{ infoHash, handles },
      onChanged: (file) => onChanged(storage.pathOf(file)),
    });
    return { loaded, storage, lock };
  } catch (error) {
    lock?.release();
    throw error;
  }
}
