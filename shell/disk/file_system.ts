/**
 * The few calls of the operating system that this module uses, as promises. It is the seam where tests
 * put a disk that is full, slow or broken; everything else uses real_file_system.ts.
 */
import { constants } from "node:fs";

/**
 * How every thread opens a file to read it: a link in its place is not followed, and a fifo must not
 * block the open. Windows has neither flag.
 */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

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

/** Held until it is released, or its process ends. */
export interface FileLock {
  /** A short text in the file; empty in one that was made just now. */
  read(): Promise<string>;
  write(note: string): Promise<void>;
  release(): void;
}

export interface FileSystem {
  openReader(path: string): Promise<Reader>;
  /** `permissions` of a file that is created; those that the system gives by default otherwise. */
  openWriter(path: string, mode: OpenMode, permissions?: number): Promise<Writer>;
  /** Returns once the content of a file or folder is on the medium, whichever process wrote it. */
  sync(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Undefined when nothing is there. */
  stats(path: string): Promise<FileStats | undefined>;
  makeFolder(path: string): Promise<void>;
  /** Whether a folder is at `path`, or a link leads to one. */
  isFolder(path: string): Promise<boolean>;
  /** Fails unless the folder is empty. */
  removeFolder(path: string): Promise<void>;
  /** Whole milliseconds since 1970. */
  setMtime(path: string, mtimeMs: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** Copies a file, sharing its blocks where the system can. Fails where something is at `to`. */
  copyFile(from: string, to: string): Promise<void>;
  /** The path with all links followed; fails when nothing is there. */
  realPath(path: string): Promise<string>;
  /** Locks a file for this process, making it if need be; undefined when it is locked already. */
  lock(path: string): Promise<FileLock | undefined>;
  /** Whether the lock of a file is held; false when nothing is there. */
  isLocked(path: string): Promise<boolean>;
  /** Removes a file unless its lock is held; nobody can take the lock meanwhile. */
  removeUnlocked(path: string): Promise<void>;
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

/** "ENOENT" and the like, or undefined when `error` did not come from the system. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
