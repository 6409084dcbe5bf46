/** Errors of content on disk that are not system errors. */
import { formatBytes } from "../../core/cli/format.ts";
import { DiskError } from "./disk_error.ts";

export function missing(path: string): DiskError {
  return new DiskError("missing", path, `Cannot open ${path}: it does not exist; check --dir`);
}

export function tooShort(path: string, at: number, length: number): DiskError {
  const message = `Cannot read ${path}: it ends at or before byte ${at} of ${length}; ` +
    "restore it or download it again";
  return new DiskError("file-short", path, message);
}

export function tooLong(path: string, size: number, length: number): DiskError {
  const message = `Will not change ${path}: it has ${size} bytes where the torrent's file has ` +
    `${length}; move it away or choose another --dir`;
  return new DiskError("occupied", path, message);
}

export function noSpace(dir: string, needed: number, available: number): DiskError {
  const message = `Cannot reserve space in ${dir}: ${formatBytes(needed)} more is needed and ` +
    `${formatBytes(available)} is free; free some space or choose another --dir`;
  return new DiskError("disk-full", dir, message, { space: { needed, available } });
}

export function changed(path: string): DiskError {
  const message = `Does not share ${path}: it changed on disk and must be rechecked first`;
  return new DiskError("changed", path, message);
}
