/** What goes wrong with a file that the user named: a torrent, a trace, a config, a picture, a log. */
import { DiskError, type DiskErrorCode, toDiskError } from "./disk_error.ts";

const CAUSES: Partial<Record<DiskErrorCode, string>> = {
  "disk-full": "the disk is full",
  "not-permitted": "permission denied",
  occupied: "it is no regular file",
};

/**
 * One sentence such as "Cannot write the plot a/b.svg: its folder is not there; name another file with
 * --plot". `file` is the path with what it is; `advice` says what to do.
 */
export function namedFileError(
  error: unknown,
  action: "read" | "write",
  file: string,
  advice: string,
): DiskError {
  const { code, path } = toDiskError(error, action, file);
  const missing = action === "read" ? "it is not there" : "its folder is not there";
  const raw = error instanceof Error ? error.message : String(error);
  const cause = code === "missing" ? missing : CAUSES[code] ?? raw;
  const message = `Cannot ${action} ${file}: ${cause}; ${advice}`;
  return new DiskError(code, path, message, { cause: error });
}
