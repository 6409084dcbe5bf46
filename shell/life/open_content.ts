/** What an active torrent holds of the disk: its lock, if it writes, and its files. */
import type { TorrentLock } from "../disk/lock.ts";
import { openStorage, type Storage } from "../disk/storage.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { placeForReading, placeForWriting } from "./place_files.ts";
import type { LifeHost } from "./host.ts";
import type { Role } from "./types.ts";

export interface Content {
  /** Its files have the names that the folder can hold. */
  readonly loaded: LoadedTorrent;
  readonly storage: Storage;
  readonly lock: TorrentLock | undefined;
}

/** `onChanged` gets the path of a file that another process changed. Throws a DiskError. */
export async function openContent(
  asLoaded: LoadedTorrent,
  dir: string,
  role: Role,
  { handles, locks, system }: Pick<LifeHost, "handles" | "locks" | "system">,
  onChanged: (path: string) => void,
): Promise<Content> {
  const { infoHash, name } = asLoaded.metainfo;
  const isSeed = role.kind === "seed";
  const { fileSystem, clock } = system;
  const lock = isSeed ? undefined : await locks.lock(dir, infoHash, name);
  try {
    const loaded = isSeed
      ? await placeForReading(asLoaded, dir, fileSystem)
      : await placeForWriting(asLoaded, dir, fileSystem, clock);
    const storage = openStorage(dir, loaded.metainfo, {
      readOnly: isSeed,
      places: isSeed ? role.places : undefined,
      ...{ infoHash, handles },
      fileSystem: system.contentFileSystem(),
      clock: () => clock.now(),
      onChanged: (file) => onChanged(storage.pathOf(file)),
    });
    return { loaded, storage, lock };
  } catch (error) {
    await lock?.release();
    throw error;
  }
}
