/** An exclusive lock on a file, which the system lets go of when the process ends, however it ends. */
import { errorCode, type FileLock } from "./file_system.ts";

/** A free lock is had in microseconds; only a runtime without `tryLock` ever waits this long. */
const LOCK_WAIT_MS = 1000;

/** Some network file systems have no locks; they are used nevertheless. */
const NO_LOCKS_HERE = new Set(["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** Makes the file if need be; undefined when another process, or this one, has the lock. */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  const handle = await Deno.open(path, { create: true, read: true, write: true });
  return await tryLock(handle) ? { release: () => handle.close() } : undefined;
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
