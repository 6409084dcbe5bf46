/** An exclusive lock on a file, which the system lets go of when the process ends, however it ends. */
import { errorCode, type FileLock } from "./file_system.ts";

/** A free lock is had in microseconds; only a runtime without `tryLock` ever waits this long. */
const LOCK_WAIT_MS = 1000;

/** What is written in a file that is locked. */
const NOTE_BYTES_MAX = 256;

/** Some network file systems have no locks; they are used nevertheless. */
const NO_LOCKS_HERE = new Set(["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** Makes the file if need be; undefined when another process, or this one, has the lock. */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  const file = await Deno.open(path, { create: true, read: true, write: true });
  if (await tryLock(file, true) === "taken") return undefined;
  let isEmpty = false;
  return {
    async read() {
      const bytes = new Uint8Array(NOTE_BYTES_MAX);
      await file.seek(0, Deno.SeekMode.Start);
      const count = await file.read(bytes) ?? 0;
      isEmpty = count === 0;
      return new TextDecoder().decode(bytes.subarray(0, count));
    },
    async write(note) {
      const bytes = new TextEncoder().encode(note);
      // Each call is a turn of another thread, and thousands of torrents may be locked at once.
      if (!isEmpty) {
        await file.truncate(0);
        await file.seek(0, Deno.SeekMode.Start);
      }
      isEmpty = false;
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    },
    release: () => file.close(),
  };
}

/** Whether a process has the lock; where there are no locks, nobody has. */
export async function isFileLocked(path: string): Promise<boolean> {
  const file = await openShared(path);
  if (file === undefined) return false;
  // Several may look at the same time.
  const state = await tryLock(file, false);
  if (state !== "taken") file.close();
  return state === "taken";
}

/** Removes a file that nobody has locked, and that nobody can lock meanwhile. */
export async function removeUnlockedFile(path: string): Promise<void> {
  const file = await openShared(path);
  if (file === undefined) return;
  const state = await tryLock(file, false);
  if (state === "taken") return;
  try {
    if (state === "locked") await Deno.remove(path);
  } finally {
    file.close();
  }
}

async function openShared(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Closes the file if the lock is taken, or on an error. */
async function tryLock(
  file: Deno.FsFile,
  isExclusive: boolean,
): Promise<"locked" | "taken" | "unsupported"> {
  try {
    if (typeof file.tryLock !== "function") {
      return await lockWithin(file, LOCK_WAIT_MS, isExclusive) ? "locked" : "taken";
    }
    if (await file.tryLock(isExclusive)) return "locked";
    file.close();
    return "taken";
  } catch (error) {
    if (NO_LOCKS_HERE.has(errorCode(error) ?? "")) return "unsupported";
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
  isExclusive = true,
): Promise<boolean> {
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const locked = file.lock(isExclusive).then(() => {
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
