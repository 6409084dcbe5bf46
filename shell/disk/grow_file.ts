/** Gives a file its full size before anything is written to it. */
import type { TorrentFile } from "../../core/metainfo/types.ts";
import { toDiskError } from "./disk_error.ts";
import type { FileStats, FileSystem, Writer } from "./file_system.ts";

/** Between two such steps the user may end it: some file systems fill a file with zeros. */
const STEP_BYTES = 64 * 1024 * 1024;

/**
 * Makes the file if `stats` say that nothing is there, and lets it grow to its length. Nobody may have
 * put a link in its place. Throws a DiskError, or the signal's reason; what was made so far stays.
 */
export async function growFile(
  fs: FileSystem,
  path: string,
  file: Pick<TorrentFile, "length" | "executable">,
  stats: FileStats | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  let writer: Writer | undefined;
  try {
    writer = await fs.openWriter(path, "create");
    for (let size = stats?.size ?? 0; size < file.length;) {
      signal?.throwIfAborted();
      size = Math.min(file.length, size + STEP_BYTES);
      await writer.truncate(size);
    }
    if (file.executable && stats === undefined) await makeExecutable(fs, path);
  } catch (error) {
    signal?.throwIfAborted();
    throw toDiskError(error, "create", path);
  } finally {
    await writer?.close();
  }
}

/** Those who may read may execute. A file system without such bits is not an error. */
async function makeExecutable(fs: FileSystem, path: string): Promise<void> {
  const mode = (await fs.stats(path))?.mode ?? 0;
  await fs.chmod(path, mode | ((mode & 0o444) >> 2)).catch(() => {});
}
