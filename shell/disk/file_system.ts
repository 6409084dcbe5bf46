/**
 * The few calls of the operating system that this room uses, as promises. It is the seam where tests
 * put a disk that is full, slow or broken; everything else uses `realFileSystem`.
 *
 * `node:fs` instead of `Deno.FsFile`: it reads and writes at a position in one call, several at once.
 */
import fs from "node:fs";
import { dirname } from "node:path";

/** What is at a path, a symbolic link itself rather than its target. */
export interface FileStats {
  readonly kind: "file" | "folder" | "symlink" | "other";
  /** Bytes. */
  readonly size: number;
  /** Bytes the file system set aside; less than `size` for a file with holes. */
  readonly allocated: number;
  /** Whole milliseconds since 1970. */
  readonly mtimeMs: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface FileSystem {
  open(path: string, flags: number): Promise<number>;
  close(fd: number): Promise<void>;
  /** Bytes read into the start of `target`; 0 at the end of the file. */
  read(fd: number, target: Uint8Array, position: number): Promise<number>;
  /** Bytes written of the start of `source`; may be fewer than given. */
  write(fd: number, source: Uint8Array, position: number): Promise<number>;
  truncate(fd: number, size: number): Promise<void>;
  chmod(fd: number, mode: number): Promise<void>;
  /** Returns once the content is on the medium. */
  sync(fd: number): Promise<void>;
  /** Undefined when nothing is there. */
  stats(path: string): Promise<FileStats | undefined>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** Free bytes where `path` is or will be; undefined where the system cannot tell. */
  freeBytes(path: string): Promise<number | undefined>;
}

type Done<T> = (error: Error | null, value?: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => error ? reject(error) : resolve(value as T));
  });
}

const { constants } = fs;
// A fifo in the place of a file must not block the open; Windows has neither flag.
const SAFE_OPEN = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Flags for `open`; none of them goes through a symbolic link at the end of the path. */
export const OPEN_READ = constants.O_RDONLY | SAFE_OPEN;
export const OPEN_WRITE = constants.O_RDWR | SAFE_OPEN;
export const OPEN_CREATE = constants.O_RDWR | constants.O_CREAT | SAFE_OPEN;
export const OPEN_REPLACE = OPEN_CREATE | constants.O_TRUNC;

/** `stat.blocks` counts these, whatever the file system's own block size is. */
const STAT_BLOCK_BYTES = 512;

export const realFileSystem: FileSystem = {
  open: (path, flags) => call((done) => fs.open(path, flags, 0o666, done)),
  close: (fd) => call<void>((done) => fs.close(fd, done)),
  read: (fd, target, position) =>
    call((done) => fs.read(fd, target, 0, target.length, position, done)),
  write: (fd, source, position) =>
    call((done) => fs.write(fd, source, 0, source.length, position, done)),
  truncate: (fd, size) => call<void>((done) => fs.ftruncate(fd, size, done)),
  chmod: (fd, mode) => call<void>((done) => fs.fchmod(fd, mode, done)),
  sync: (fd) => call<void>((done) => fs.fdatasync(fd, done)),
  stats: readStats,
  makeFolder: (path) => call<void>((done) => fs.mkdir(path, done)),
  rename: (from, to) => call<void>((done) => fs.rename(from, to, done)),
  remove: (path) => call<void>((done) => fs.unlink(path, done)),
  list: (folder) => call((done) => fs.readdir(folder, done)),
  freeBytes: readFreeBytes,
};

async function readStats(path: string): Promise<FileStats | undefined> {
  let stats: fs.Stats;
  try {
    stats = await call((done) => fs.lstat(path, done));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return {
    kind: stats.isSymbolicLink()
      ? "symlink"
      : stats.isFile()
      ? "file"
      : stats.isDirectory()
      ? "folder"
      : "other",
    size: stats.size,
    // Windows counts no blocks.
    allocated: typeof stats.blocks === "number" && Deno.build.os !== "windows"
      ? stats.blocks * STAT_BLOCK_BYTES
      : stats.size,
    mtimeMs: Math.floor(stats.mtimeMs),
    mode: stats.mode & 0o7777,
  };
}

async function readFreeBytes(path: string): Promise<number | undefined> {
  try {
    const stats = await call<fs.StatsFs>((done) => fs.statfs(path, done));
    return stats.bavail * stats.bsize;
  } catch (error) {
    const parent = dirname(path);
    // Some file systems cannot tell; that is no reason to refuse them.
    return errorCode(error) === "ENOENT" && parent !== path ? readFreeBytes(parent) : undefined;
  }
}

/** "ENOENT" and the like, or undefined when `error` did not come from the system. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
