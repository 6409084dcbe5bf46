/**
 * Open files, kept open between uses. A handle in use is never closed; among the others the one used
 * longest ago goes first when a new one needs room. Several storages may share one cache.
 */
import { assert } from "../../core/bytes/result.ts";
import { toDiskError } from "./disk_error.ts";
import { type Closable, errorCode } from "./file_system.ts";

/** A quarter of the 1,024 files that many systems allow a process; the rest is for sockets. */
export const FILE_HANDLES_MAX = 256;

/** One way to open one file; belongs to the storage that made it. */
export interface Handle<File extends Closable> {
  readonly path: string;
  readonly open: () => Promise<File>;
  /** Undefined while the file is closed. */
  file: File | undefined;
  users: number;
  lastUse: number;
  opening: Promise<File> | undefined;
}

export function createHandle<File extends Closable>(
  path: string,
  open: () => Promise<File>,
): Handle<File> {
  return { path, open, file: undefined, users: 0, lastUse: 0, opening: undefined };
}

export class HandleCache {
  readonly #open = new Set<Handle<Closable>>();
  #useCount = 0;

  /** `max`: files open at once, but for those in use. */
  constructor(public max = FILE_HANDLES_MAX) {}

  /** Files open now; may exceed the limit while more than that are in use at once. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Takes the handle if its file is open already. */
  tryAcquire<File extends Closable>(handle: Handle<File>): File | undefined {
    if (handle.file !== undefined) this.#use(handle);
    return handle.file;
  }

  /** Takes the handle, opening its file. Errors: `DiskError`; the handle is then not taken. */
  async acquire<File extends Closable>(handle: Handle<File>): Promise<File> {
    this.#use(handle);
    try {
      return handle.file ?? await (handle.opening ??= this.#openFile(handle));
    } catch (error) {
      handle.users--;
      throw toDiskError(error, "open", handle.path);
    }
  }

  release(handle: Handle<Closable>): void {
    assert(handle.users > 0, "a handle is released once for each time it was taken");
    handle.users--;
  }

  /** Closes the file of an unused handle; fails if the system lost something written. */
  async close(handle: Handle<Closable>): Promise<void> {
    assert(handle.users === 0, "a handle in use stays open");
    const file = handle.file;
    if (file === undefined) return;
    handle.file = undefined;
    this.#open.delete(handle);
    try {
      await file.close();
    } catch (error) {
      throw toDiskError(error, "write", handle.path);
    }
  }

  #use(handle: Handle<Closable>): void {
    handle.users++;
    handle.lastUse = ++this.#useCount;
  }

  async #openFile<File extends Closable>(handle: Handle<File>): Promise<File> {
    try {
      await this.#closeIdle(this.max - 1);
      const file = await this.#openWithRoom(handle);
      handle.file = file;
      this.#open.add(handle);
      return file;
    } finally {
      handle.opening = undefined;
    }
  }

  async #openWithRoom<File extends Closable>(handle: Handle<File>): Promise<File> {
    try {
      return await handle.open();
    } catch (error) {
      if (errorCode(error) !== "EMFILE") throw error;
      // Sockets took their share: do with fewer files rather than fail.
      await this.#closeIdle(0);
      return await handle.open();
    }
  }

  /** Closes idle files, least recently used first, until `countMax` are open. */
  async #closeIdle(countMax: number): Promise<void> {
    while (this.#open.size > countMax) {
      let oldest: Handle<Closable> | undefined;
      for (const handle of this.#open) {
        if (handle.users > 0) continue;
        if (oldest === undefined || handle.lastUse < oldest.lastUse) oldest = handle;
      }
      if (oldest === undefined) return;
      await this.close(oldest);
    }
  }
}
