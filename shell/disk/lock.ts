/**
 * One process for a torrent in a folder: an exclusive lock on `DIR/.tt/<infohash>.lock`, which the
 * system lets go of when the process ends, however it ends.
 *
 * The file stays when the lock goes: whoever removed it could take it away from under a process that
 * has it open and is about to lock it.
 */
import { join } from "node:path";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

/** A free lock is had in microseconds; only a runtime without `tryLock` ever waits this long. */
const LOCK_WAIT_MS = 1000;

/** Some network file systems have no locks; that is no reason to refuse them. */
const NO_LOCKS_HERE = new Set(["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

export interface TorrentLock {
  release(): void;
}

/**
 * Locks the torrent for this process; `name` is for the message. Errors: `in-use` when another
 * process, or this one, has the lock; `not-permitted` in a folder that cannot be written.
 */
export async function lockTorrent(
  dir: string,
  infoHash: InfoHash,
  name: string = infoHash,
): Promise<TorrentLock> {
  try {
    await makeRoot(realFileSystem, dir);
    await makeFolders(realFileSystem, dir, [STATE_FOLDER]);
  } catch (error) {
    throw isReadOnly(error) ? readOnlyFolder(dir, error) : error;
  }
  const file = `${infoHash}.lock`;
  await fileStats(realFileSystem, dir, [STATE_FOLDER, file]);
  const path = join(dir, STATE_FOLDER, file);
  let handle: Deno.FsFile;
  try {
    handle = await Deno.open(path, { create: true, read: true, write: true });
    if (await tryLock(handle)) return { release: () => handle.close() };
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

/** Whether the file is locked now; closes it if not. */
async function tryLock(file: Deno.FsFile): Promise<boolean> {
  try {
    if (typeof file.tryLock !== "function") return await lockWithin(file, LOCK_WAIT_MS);
    const isLocked = await file.tryLock(true);
    if (!isLocked) file.close();
    return isLocked;
  } catch (error) {
    if (NO_LOCKS_HERE.has(errorCode(error) ?? "")) return true;
    file.close();
    throw error;
  }
}

/**
 * For Deno before 2.9, which can only wait for a lock. After `waitMs` the answer is no, and the file
 * is closed as soon as the lock comes; until then the wait keeps the process alive unless it exits.
 */
export async function lockWithin(
  file: Pick<Deno.FsFile, "lock" | "close">,
  waitMs: number,
): Promise<boolean> {
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const locked = file.lock(true).then(() => {
    if (isLate) file.close();
    return true;
  });
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      isLate = true;
      resolve(false);
    }, waitMs);
  });
  try {
    return await Promise.race([locked, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
