/** Paths as texts: the core knows nothing of the disk. */

/** "/x" or, on Windows, "C:\x" and "\\host\x". */
export function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path) || path.startsWith("\\\\");
}
