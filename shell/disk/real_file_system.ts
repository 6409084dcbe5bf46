/**
 * The operating system's files. No call may hold up the main thread for long, on any runtime we run
 * on. While the disk is fast, which a sync gate decides, calls are made on this thread; otherwise by
 * another thread. There, files are read through `node:fs`, which takes a position and allows several
 * reads at once, and written through `Deno.FsFile`: `node:fs` writes on the main thread since Deno 2.8,
 * and before that several of its writes at once got into each other's place.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { isFileLocked, lockFile, removeUnlockedFile } from "./file_lock.ts";
import {
  errorCode,
  type FileStats,
  type FileSystem,
  type OpenMode,
  READ_FLAGS,
  type Reader,
  type Writer,
} from "./file_system.ts";
import { SyncGate } from "./sync_gate.ts";

type Done<T> = (error: Error | null, value?: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => error ? reject(error) : resolve(value as T));
  });
}

// Windows flushes only what is open for writing.
const SYNC_FLAGS = Deno.build.os === "windows" ? fs.constants.O_RDWR : fs.constants.O_RDONLY;

const COPY_MODE = fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE;

/** Zeros up to here are written within a millisecond. */
const TRUNCATE_HERE_BYTES = 1024 * 1024;

/** `stat.blocks` counts these, whatever the file system's own block size is. */
const STAT_BLOCK_BYTES = 512;

/** One disk: its measured speed applies to all files that are reached through it. */
export function createFileSystem(makeGate: () => SyncGate = () => new SyncGate()): FileSystem {
  const lookups = makeGate(), reads = makeGate(), writes = makeGate();
  return {
    async openReader(path) {
      const fd = lookups.isQuick
        ? lookups.time(0, () => fs.openSync(path, READ_FLAGS))
        : await openFd(path, READ_FLAGS);
      return new RealReader(fd, reads);
    },
    async openWriter(path, mode, permissions) {
      const options = writeOptions(mode, permissions);
      const file = lookups.isQuick
        ? lookups.time(0, () => Deno.openSync(path, options))
        : await Deno.open(path, options);
      return new RealWriter(file, writes);
    },
    async sync(path) {
      const fd = await openFd(path, SYNC_FLAGS);
      try {
        await call<void>((done) => fs.fdatasync(fd, done));
      } finally {
        await closeFd(fd);
      }
    },
    async stats(path) {
      try {
        const info = lookups.isQuick
          ? lookups.time(0, () => Deno.lstatSync(path))
          : await Deno.lstat(path);
        return statsOf(info);
      } catch (error) {
        if (errorCode(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    chmod: (path, mode) => call<void>((done) => fs.chmod(path, mode, done)),
    isFolder: (path) => Deno.stat(path).then((info) => info.isDirectory, () => false),
    makeFolder: (path) => call<void>((done) => fs.mkdir(path, done)),
    removeFolder: (path) => call<void>((done) => fs.rmdir(path, done)),
    setMtime: (path, mtimeMs) => Deno.utime(path, new Date(mtimeMs), new Date(mtimeMs)),
    rename: (from, to) => call<void>((done) => fs.rename(from, to, done)),
    remove: (path) => call<void>((done) => fs.unlink(path, done)),
    list: (folder) => call((done) => fs.readdir(folder, done)),
    copyFile: (from, to) => call<void>((done) => fs.copyFile(from, to, COPY_MODE, done)),
    realPath: (path) => Deno.realPath(path),
    lock: lockFile,
    isLocked: isFileLocked,
    removeUnlocked: removeUnlockedFile,
    freeBytes: readFreeBytes,
  };
}

/** For what is rarely used. */
export const realFileSystem: FileSystem = createFileSystem();

class RealReader implements Reader {
  readonly #fd: number;
  readonly #gate: SyncGate;

  constructor(fd: number, gate: SyncGate) {
    this.#fd = fd;
    this.#gate = gate;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const { length } = target;
    const fd = this.#fd;
    return this.#gate.isQuick
      ? this.#gate.time(length, () => fs.readSync(fd, target, 0, length, position))
      : await call<number>((done) => fs.read(fd, target, 0, length, position, done));
  }

  close(): Promise<void> {
    return closeFd(this.#fd);
  }
}

class RealWriter implements Writer {
  readonly #file: Deno.FsFile;
  readonly #gate: SyncGate;
  /** Seeking and writing are two calls on one position, so writes take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(file: Deno.FsFile, gate: SyncGate) {
    this.#file = file;
    this.#gate = gate;
  }

  async write(source: Uint8Array, position: number): Promise<number> {
    return this.#isFree
      ? this.#gate.time(source.length, () => this.#writeNow(source, position))
      : await this.#writeInTurn(source, position);
  }

  async truncate(size: number): Promise<void> {
    // Some file systems fill a file with zeros up to its new size.
    if (size <= TRUNCATE_HERE_BYTES && this.#isFree) {
      this.#gate.time(0, () => this.#file.truncateSync(size));
    } else await this.#file.truncate(size);
  }

  // Asynchronous only because other file systems may need time.
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#file.close();
  }

  get #isFree(): boolean {
    return this.#waiting === 0 && this.#gate.isQuick;
  }

  #writeNow(source: Uint8Array, position: number): number {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return this.#file.writeSync(source);
  }

  #writeInTurn(source: Uint8Array, position: number): Promise<number> {
    this.#waiting++;
    const written = this.#turn.then(() => {
      this.#file.seekSync(position, Deno.SeekMode.Start);
      return this.#file.write(source);
    }).finally(() => this.#waiting--);
    this.#turn = written.catch(() => {});
    return written;
  }
}

function writeOptions(mode: OpenMode, permissions: number | undefined): Deno.OpenOptions {
  const options = { write: true, create: mode !== "existing", truncate: mode === "replace" };
  return permissions === undefined ? options : { ...options, mode: permissions };
}

function openFd(path: string, flags: number): Promise<number> {
  return call((done) => fs.open(path, flags, done));
}

function closeFd(fd: number): Promise<void> {
  return call<void>((done) => fs.close(fd, done));
}

function statsOf(info: Deno.FileInfo): FileStats {
  return {
    kind: info.isSymlink ? "symlink" : info.isFile ? "file" : info.isDirectory ? "folder" : "other",
    size: info.size,
    // Windows counts no blocks.
    allocated: info.blocks === null ? info.size : info.blocks * STAT_BLOCK_BYTES,
    mtimeMs: Math.floor(info.mtime?.getTime() ?? 0),
    mode: (info.mode ?? 0) & 0o7777,
  };
}

async function readFreeBytes(path: string): Promise<number | undefined> {
  try {
    const stats = await call<fs.StatsFs>((done) => fs.statfs(path, done));
    return stats.bavail * stats.bsize;
  } catch (error) {
    const parent = dirname(path);
    // Some file systems cannot report it; they are used nevertheless.
    return errorCode(error) === "ENOENT" && parent !== path ? readFreeBytes(parent) : undefined;
  }
}
