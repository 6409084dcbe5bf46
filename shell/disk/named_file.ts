/** What goes wrong with a file that the user named: a torrent, a trace, a config, a picture, a log. */
import { causeOf, DiskError } from "./disk_error.ts";

/**
 * One sentence such as "Cannot write the plot a/b.svg: its folder does not exist; name another file with
 * --plot". `file` is the path with what it is; `advice` says what to do.
 */
export function namedFileError(
  error: unknown,
  action: "read" | "write",
  file: string,
  advice: string,
): DiskError {
  const [code, what] = causeOf(error);
  const cause = code === "missing" && action === "write" ? "its folder does not exist" : what;
  const message = `Cannot ${action} ${file}: ${cause}; ${advice}`;
  return new DiskError(code, file, message, { cause: error });
}
