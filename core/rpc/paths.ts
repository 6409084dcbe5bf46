/** Paths as text: the core has no access to the disk. */

/** "/x" or, on Windows, "C:\x" and "\\host\x". */
export function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path) || path.startsWith("\\\\");
}
