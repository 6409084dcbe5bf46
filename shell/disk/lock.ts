/**
 * One process for a torrent in a folder: an exclusive lock on `DIR/.tt/<infohash>.lock`.
 *
 * The file stays when the lock goes: removing it could affect a process that
 * has it open and is about to lock it.
 */
import { join } from "node:path";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileLock, type FileSystem } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

/**
 * Locks the torrent for this process; `name` is for the message. Errors: `in-use` when another
 * process, or this one, has the lock; `not-permitted` in a folder that cannot be written.
 */
export async function lockTorrent(
  dir: string,
  infoHash: InfoHash,
  name: string = infoHash,
  fs: FileSystem = realFileSystem,
): Promise<FileLock> {
  try {
    await makeRoot(fs, dir);
    await makeFolders(fs, dir, [STATE_FOLDER]);
  } catch (error) {
    throw isReadOnly(error) ? readOnlyFolder(dir, error) : error;
  }
  const file = `${infoHash}.lock`;
  await fileStats(fs, dir, [STATE_FOLDER, file]);
  const path = join(dir, STATE_FOLDER, file);
  try {
    const lock = await fs.lock(path);
    if (lock !== undefined) return lock;
  } catch (error) {
    throw isReadOnly(error) ? readOnlyFolder(dir, error) : toDiskError(error, "lock", path);
  }
  const message =
    `Another tt is already using ${name} in ${dir}; stop it first or choose another ` +
    "--dir";
  throw new DiskError("in-use", path, message);
}

function isReadOnly(error: unknown): boolean {
  const cause = error instanceof DiskError ? error.cause : error;
  return errorCode(cause) === "EROFS";
}

function readOnlyFolder(dir: string, cause: unknown): DiskError {
  const message =
    `Cannot download to ${dir}: the file system is read-only; share content that is ` +
    `there with tt seed X.torrent --dir ${dir}, or choose another --dir`;
  return new DiskError("not-permitted", dir, message, { cause });
}
