/**
 * Open files, kept open between uses. A handle in use is never closed; among the others the one used
 * longest ago goes first when a new one needs room. Several storages may share one cache.
 */
import { assert } from "../../core/bytes/result.ts";
import { toDiskError } from "./disk_error.ts";
import { errorCode, type FileSystem } from "./file_system.ts";

/** A quarter of the 1,024 files that many systems allow a process; the rest is for sockets. */
export const FILE_HANDLES_MAX = 256;

const CLOSED = -1;

/** One way to open one file; belongs to the storage that made it. */
export interface Handle {
  readonly path: string;
  readonly flags: number;
  /** Looks before every open whether the path may be opened at all. */
  readonly check: () => Promise<void>;
  /** Below 0 while the file is closed; valid only between `acquire` and `release`. */
  fd: number;
  users: number;
  lastUse: number;
  opening: Promise<void> | undefined;
}

export function createHandle(path: string, flags: number, check: Handle["check"]): Handle {
  return { path, flags, check, fd: CLOSED, users: 0, lastUse: 0, opening: undefined };
}

export class HandleCache {
  readonly #fs: FileSystem;
  readonly #max: number;
  readonly #open = new Set<Handle>();
  #useCount = 0;

  constructor(fs: FileSystem, max = FILE_HANDLES_MAX) {
    this.#fs = fs;
    this.#max = max;
  }

  /** Files open now; may exceed the limit while more than that are in use at once. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Takes the handle if its file is open already. */
  tryAcquire(handle: Handle): boolean {
    if (handle.fd === CLOSED) return false;
    this.#use(handle);
    return true;
  }

  /** Takes the handle, opening its file. Errors: `DiskError`; the handle is then not taken. */
  async acquire(handle: Handle): Promise<void> {
    this.#use(handle);
    try {
      if (handle.fd === CLOSED) await (handle.opening ??= this.#openFile(handle));
    } catch (error) {
      handle.users--;
      throw toDiskError(error, "open", handle.path);
    }
  }

  release(handle: Handle): void {
    assert(handle.users > 0, "a handle is released once for each time it was taken");
    handle.users--;
  }

  /** Closes the file of a handle that nobody uses; fails if the system lost something written. */
  async close(handle: Handle): Promise<void> {
    assert(handle.users === 0, "a handle in use stays open");
    if (handle.fd === CLOSED) return;
    const fd = handle.fd;
    handle.fd = CLOSED;
    this.#open.delete(handle);
    try {
      await this.#fs.close(fd);
    } catch (error) {
      throw toDiskError(error, "write", handle.path);
    }
  }

  #use(handle: Handle): void {
    handle.users++;
    handle.lastUse = ++this.#useCount;
  }

  async #openFile(handle: Handle): Promise<void> {
    try {
      await handle.check();
      await this.#closeIdle(this.#max - 1);
      handle.fd = await this.#openWithRoom(handle);
      this.#open.add(handle);
    } finally {
      handle.opening = undefined;
    }
  }

  async #openWithRoom(handle: Handle): Promise<number> {
    try {
      return await this.#fs.open(handle.path, handle.flags);
    } catch (error) {
      if (errorCode(error) !== "EMFILE") throw error;
      // Sockets took their share: do with fewer files rather than fail.
      await this.#closeIdle(0);
      return await this.#fs.open(handle.path, handle.flags);
    }
  }

  /** Closes idle files, least recently used first, until `countMax` are open. */
  async #closeIdle(countMax: number): Promise<void> {
    while (this.#open.size > countMax) {
      let oldest: Handle | undefined;
      for (const handle of this.#open) {
        if (handle.users > 0) continue;
        if (oldest === undefined || handle.lastUse < oldest.lastUse) oldest = handle;
      }
      if (oldest === undefined) return;
      await this.close(oldest);
    }
  }
}
