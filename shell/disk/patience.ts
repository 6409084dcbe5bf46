/** Calls that some systems refuse though nothing is wrong. */
import { sleep } from "../clock.ts";
import { errorCode, type FileSystem } from "./file_system.ts";

/** What a virus scanner or an indexer that has the file open makes of a rename, on Windows above all. */
const REFUSED_FOR_NOW = new Set(["EPERM", "EACCES", "EBUSY"]);
/** Such a program is done within a second or two. */
const RENAME_WAITS_MS = [10, 30, 100, 300, 600, 900];

/** A network folder or a stick that cannot sync, rather than one that failed to. */
const CANNOT_SYNC = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "ENOTTY"]);

/** Renames, again for about two seconds while the system refuses it. */
export async function renamePatiently(
  fs: Pick<FileSystem, "rename">,
  from: string,
  to: string,
  wait: (ms: number) => Promise<void> = sleep,
): Promise<void> {
  for (const waitMs of RENAME_WAITS_MS) {
    try {
      return await fs.rename(from, to);
    } catch (error) {
      if (!REFUSED_FOR_NOW.has(errorCode(error) ?? "")) throw error;
    }
    await wait(waitMs);
  }
  await fs.rename(from, to);
}

/** Syncs where that is possible; one that is tried and fails is an error, as ever. */
export async function syncIfPossible(fs: Pick<FileSystem, "sync">, path: string): Promise<void> {
  try {
    await fs.sync(path);
  } catch (error) {
    if (!CANNOT_SYNC.has(errorCode(error) ?? "")) throw error;
  }
}
