/**
 * The few calls of the operating system that this room uses, as promises. It is the seam where tests
 * put a disk that is full, slow or broken; everything else uses `realFileSystem`.
 *
 * No call here may hold up the main thread while the disk is slow, on any runtime we run on. So files
 * are read through `node:fs`, which takes a position and allows several reads at once, and written
 * through `Deno.FsFile`: `node:fs` writes on the main thread since Deno 2.8, and before that several
 * of its writes at once got into each other's place. Only where a tempo says that the disk answers at
 * once, the main thread reads and writes by itself.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import type { Tempo } from "./tempo.ts";

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

export interface Closable {
  close(): Promise<void>;
}

/** A file open for reading; several reads may be under way. */
export interface Reader extends Closable {
  /** Bytes read into the start of `target`; 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
}

/** A file open for writing; several writes may be asked for at once. */
export interface Writer extends Closable {
  /** Bytes written of the start of `source`; may be fewer than given. */
  write(source: Uint8Array, position: number): Promise<number>;
  truncate(size: number): Promise<void>;
}

/** What opening does when nothing is there, or something. */
export type OpenMode = "existing" | "create" | "replace";

export interface FileSystem {
  /** Without a tempo no read is made on this thread. */
  openReader(path: string, tempo?: Tempo): Promise<Reader>;
  /** Without a tempo no write is made on this thread. */
  openWriter(path: string, mode: OpenMode, tempo?: Tempo): Promise<Writer>;
  /** Returns once the content of a file or folder is on the medium, whoever wrote it. */
  sync(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Undefined when nothing is there. */
  stats(path: string): Promise<FileStats | undefined>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** Free bytes where `path` is or will be; undefined where the system cannot tell. */
  freeBytes(path: string): Promise<number | undefined>;
}

/** Reads until `target` is full or the file ends; how many bytes were there. */
export async function readAll(
  reader: Reader,
  target: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const rest = done === 0 ? target : target.subarray(done);
    const count = await reader.read(rest, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Writes all of `source`, in as many calls as the system asks for. */
export async function writeAll(
  writer: Writer,
  source: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < source.length;) {
    const rest = done === 0 ? source : source.subarray(done);
    const count = await writer.write(rest, position + done);
    if (count === 0) throw new Error("the system wrote nothing");
    done += count;
  }
}

type Done<T> = (error: Error | null, value?: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => error ? reject(error) : resolve(value as T));
  });
}

const { constants } = fs;
// A fifo in the place of a file must not block the open; Windows has neither flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
// Windows flushes only what is open for writing.
const SYNC_FLAGS = Deno.build.os === "windows" ? constants.O_RDWR : constants.O_RDONLY;

/** `stat.blocks` counts these, whatever the file system's own block size is. */
const STAT_BLOCK_BYTES = 512;

export const realFileSystem: FileSystem = {
  openReader: async (path, tempo) => new RealReader(await openFd(path, READ_FLAGS), tempo),
  openWriter: async (path, mode, tempo) =>
    new RealWriter(
      await Deno.open(path, {
        write: true,
        create: mode !== "existing",
        truncate: mode === "replace",
      }),
      tempo,
    ),
  async sync(path) {
    const fd = await openFd(path, SYNC_FLAGS);
    try {
      await call<void>((done) => fs.fdatasync(fd, done));
    } finally {
      await closeFd(fd);
    }
  },
  chmod: (path, mode) => call<void>((done) => fs.chmod(path, mode, done)),
  stats: readStats,
  makeFolder: (path) => call<void>((done) => fs.mkdir(path, done)),
  rename: (from, to) => call<void>((done) => fs.rename(from, to, done)),
  remove: (path) => call<void>((done) => fs.unlink(path, done)),
  list: (folder) => call((done) => fs.readdir(folder, done)),
  freeBytes: readFreeBytes,
};

class RealReader implements Reader {
  readonly #fd: number;
  readonly #tempo: Tempo | undefined;

  constructor(fd: number, tempo: Tempo | undefined) {
    this.#fd = fd;
    this.#tempo = tempo;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const { length } = target;
    const fd = this.#fd;
    return this.#tempo?.try(length, () => fs.readSync(fd, target, 0, length, position)) ??
      await call((done) => fs.read(fd, target, 0, length, position, done));
  }

  close(): Promise<void> {
    return closeFd(this.#fd);
  }
}

class RealWriter implements Writer {
  readonly #file: Deno.FsFile;
  readonly #tempo: Tempo | undefined;
  /** Seeking and writing are two calls on one position, so writes take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(file: Deno.FsFile, tempo: Tempo | undefined) {
    this.#file = file;
    this.#tempo = tempo;
  }

  async write(source: Uint8Array, position: number): Promise<number> {
    const tempo = this.#waiting === 0 ? this.#tempo : undefined;
    return tempo?.try(source.length, () => this.#writeNow(source, position)) ??
      await this.#writeInTurn(source, position);
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  // Asynchronous only because other file systems may need time.
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#file.close();
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

function openFd(path: string, flags: number): Promise<number> {
  return call((done) => fs.open(path, flags, done));
}

function closeFd(fd: number): Promise<void> {
  return call<void>((done) => fs.close(fd, done));
}

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
