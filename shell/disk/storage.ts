/**
 * The content of one torrent as files below a folder. Offsets count from the torrent's first byte;
 * padding has no file: it reads as zeros and is not written.
 *
 * What belongs to the user is not destroyed: files grow to their size and never shrink, a longer file
 * in the place is an error, and nothing is created before the space for everything was seen to be
 * there. Whether bytes are right is the caller's matter; only checked pieces may be written.
 */
import { basename, dirname, join } from "node:path";
import { assert } from "../../core/bytes/result.ts";
import { formatBytes } from "../../core/cli/format.ts";
import { rangesOf } from "../../core/metainfo/file_map.ts";
import { contentEnd } from "../../core/metainfo/geometry.ts";
import type { Metainfo, TorrentFile } from "../../core/metainfo/types.ts";
import type { FileOnDisk } from "../../core/transfer/resume.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import {
  type FileStats,
  type FileSystem,
  readAll,
  type Reader,
  writeAll,
  type Writer,
} from "./file_system.ts";
import { createHandle, type Handle, HandleCache } from "./handles.ts";
import { createFileSystem } from "./real_file_system.ts";
import {
  assertSafeComponents,
  fileStats,
  KnownFolders,
  makeFolders,
  makeRoot,
} from "./safe_path.ts";

/** Calls under way at once when every file is visited; more do not make a disk faster. */
const VISITS_MAX = 8;

export interface StorageOptions {
  /** Nothing is created, changed or written; false unless given. */
  readonly readOnly?: boolean;
  /** For tests. */
  readonly fileSystem?: FileSystem;
  /**
   * Where files are that are not below the folder under their own names, by file index: absolute, and
   * with no link in them that the user did not allow. For reading only.
   */
  readonly places?: Places | undefined;
  /** To share one limit between torrents; a cache of its own unless given. */
  readonly handles?: HandleCache;
}

/** Undefined for a file that is where it belongs, and for padding. */
export type Places = readonly (string | undefined)[];

/** All methods that answer with a promise reject with a `DiskError` when the disk fails. */
export interface Storage {
  /**
   * Makes all folders and files at their full size; empty files too. Call it only while something is
   * missing. Errors: `disk-full` (with `space`, nothing was created), `occupied`, `symlink`,
   * `not-permitted`, `io`.
   */
  reserve(): Promise<void>;
  /** Fills `target` from `offset` on. Errors: `missing`, `file-short`, `symlink`, `io`. */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  /** Writes at `offset`; `bytes` must not change before the promise settles. */
  writePiece(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Puts every write that was complete at the call on the medium. After one failure every further
   * call fails: what a disk lost once is not known to be there by asking again.
   */
  flush(): Promise<void>;
  /**
   * Sizes and mtimes as `trustResume` wants them. A file is looked at again only after this storage
   * wrote to it, so a change by somebody else shows as a stamp that disagrees.
   */
  stamps(): Promise<(FileOnDisk | undefined)[]>;
  /** Where a file is that is not padding; whoever opens it by itself must not follow links. */
  pathOf(file: number): string;
  /** Whether the file system holds any block of the file; a file without can only read as zeros. */
  hasData(file: number): Promise<boolean>;
  /** Waits for what is under way, then closes all files. Does not flush. */
  close(): Promise<void>;
}

/** Opens nothing yet: files are opened when they are needed. */
export function openStorage(
  dir: string,
  metainfo: Pick<Metainfo, "files" | "geometry">,
  options: StorageOptions = {},
): Storage {
  return new FileStorage(dir, metainfo, options);
}

/** A file of the torrent that is on disk, so never padding. */
interface Slot {
  readonly file: TorrentFile;
  readonly index: number;
  /** A folder that is trusted; `components` lead from there to the file, and may hold no link. */
  readonly root: string;
  readonly components: readonly string[];
  readonly path: string;
  readonly reader: Handle<Reader>;
  readonly writer: Handle<Writer>;
}

class FileStorage implements Storage {
  readonly #dir: string;
  readonly #files: readonly TorrentFile[];
  readonly #contentEnd: number;
  readonly #readOnly: boolean;
  readonly #fs: FileSystem;
  readonly #handles: HandleCache;
  readonly #folders = new KnownFolders();
  /** By file index; padding has none. */
  readonly #slots: (Slot | undefined)[];
  /** The file of the last access, which most often is that of the next one. */
  #recent: Slot | undefined;
  /** Written since the last flush. */
  #unflushed = new Set<Slot>();
  #flushing: Promise<void> = Promise.resolve();
  #flushFailure: unknown;
  #stamps: (FileOnDisk | undefined)[];
  /** Not looked at since they changed. */
  #unstamped: Set<Slot>;
  #runningCount = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(
    dir: string,
    metainfo: Pick<Metainfo, "files" | "geometry">,
    options: StorageOptions,
  ) {
    this.#dir = dir;
    this.#files = metainfo.files;
    this.#contentEnd = contentEnd(metainfo.geometry);
    this.#readOnly = options.readOnly ?? false;
    assert(options.places === undefined || this.#readOnly, "elsewhere nothing is written");
    this.#fs = options.fileSystem ?? createFileSystem();
    this.#handles = options.handles ?? new HandleCache();
    this.#slots = metainfo.files.map((file, index) =>
      file.pad ? undefined : this.#createSlot(file, index, options.places?.[index])
    );
    this.#stamps = metainfo.files.map(() => undefined);
    this.#unstamped = new Set(this.#realSlots());
  }

  reserve(): Promise<void> {
    assert(!this.#readOnly, "a read-only storage reserves nothing");
    return this.#run(async () => {
      const incomplete = await this.#findIncomplete();
      await makeRoot(this.#fs, this.#dir);
      const folders = new Map(incomplete.map(({ slot: { file } }) => {
        const folder = file.path.slice(0, -1);
        return [folder.join("/"), folder];
      }));
      for (const folder of folders.values()) await makeFolders(this.#fs, this.#dir, folder);
      await forEachAtOnce(incomplete, ({ slot, stats }) => this.#grow(slot, stats));
      this.#folders.clear();
    });
  }

  readInto(offset: number, target: Uint8Array): Promise<void> {
    assert(offset + target.length <= this.#contentEnd, "a read ends within the torrent");
    return this.#run(() => {
      const slot = this.#recentHolding(offset, target.length);
      if (slot !== undefined) return this.#readFile(slot, offset - slot.file.offset, target);
      return this.#forEachRange(offset, target, (slot, fileOffset, part) => {
        if (slot === undefined) part.fill(0);
        else return this.#readFile(slot, fileOffset, part);
      });
    });
  }

  writePiece(offset: number, bytes: Uint8Array): Promise<void> {
    assert(!this.#readOnly, "a read-only storage is not written");
    assert(offset + bytes.length <= this.#contentEnd, "a write ends within the torrent");
    return this.#run(() =>
      this.#forEachRange(offset, bytes, (slot, fileOffset, part) => {
        if (slot !== undefined) return this.#writeFile(slot, fileOffset, part);
      })
    );
  }

  flush(): Promise<void> {
    return this.#run(() => {
      const before = this.#flushing.catch(() => {});
      this.#flushing = before.then(() => this.#flushNow());
      return this.#flushing;
    });
  }

  stamps(): Promise<(FileOnDisk | undefined)[]> {
    return this.#run(async () => {
      const changed = [...this.#unstamped];
      // Cleared first: a write that ends meanwhile asks for another look.
      this.#unstamped.clear();
      await forEachAtOnce(changed, async (slot) => {
        const stats = await this.#statsOf(slot);
        this.#stamps[slot.index] = stats &&
          { length: stats.size, mtimeMs: stats.mtimeMs, hasData: stats.allocated > 0 };
      }).catch((error) => {
        for (const slot of changed) this.#unstamped.add(slot);
        throw error;
      });
      return this.#stamps.slice();
    });
  }

  pathOf(file: number): string {
    const slot = this.#slots[file];
    assert(slot !== undefined, "padding is nowhere");
    return slot.path;
  }

  hasData(file: number): Promise<boolean> {
    return this.#run(async () => {
      const slot = this.#slots[file];
      return slot !== undefined && ((await this.#statsOf(slot))?.allocated ?? 0) > 0;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#runningCount > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
    for (const { reader, writer } of this.#realSlots()) {
      await this.#handles.close(reader);
      await this.#handles.close(writer);
    }
  }

  #createSlot(file: TorrentFile, index: number, place: string | undefined): Slot {
    assertSafeComponents(file.path);
    const root = place === undefined ? this.#dir : dirname(place);
    const components = place === undefined ? file.path : [basename(place)];
    const path = join(root, ...components);
    const open = <File>(open: () => Promise<File>) => async () => {
      await this.#assertThere(slot);
      return await open();
    };
    const slot: Slot = {
      ...{ file, index, root, components, path },
      reader: createHandle(path, open(() => this.#fs.openReader(path))),
      writer: createHandle(path, open(() => this.#fs.openWriter(path, "existing"))),
    };
    return slot;
  }

  async #assertThere(slot: Slot): Promise<void> {
    if (await this.#statsOf(slot) === undefined) throw missing(slot.path);
  }

  #realSlots(): Slot[] {
    return this.#slots.filter((slot) => slot !== undefined);
  }

  #statsOf({ root, components }: Slot): Promise<FileStats | undefined> {
    return fileStats(this.#fs, root, components, this.#folders);
  }

  /** Keeps `close` waiting while `work` runs. */
  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    assert(!this.#closed, "the storage is open");
    this.#runningCount++;
    try {
      return await work();
    } finally {
      if (--this.#runningCount === 0) this.#onIdle?.();
    }
  }

  /** Files that are missing or short. Throws when a file is too long or the disk too small. */
  async #findIncomplete(): Promise<{ slot: Slot; stats: FileStats | undefined }[]> {
    const incomplete: { slot: Slot; stats: FileStats | undefined }[] = [];
    let needed = 0;
    await forEachAtOnce(this.#realSlots(), async (slot) => {
      const { length } = slot.file;
      const stats = await this.#statsOf(slot);
      if (stats !== undefined && stats.size > length) throw tooLong(slot.path, stats.size, length);
      needed += Math.max(0, length - (stats?.allocated ?? 0));
      if (stats === undefined || stats.size < length) {
        incomplete.push({ slot, stats });
      }
    });
    const available = needed > 0 ? await this.#fs.freeBytes(this.#dir) : undefined;
    if (available !== undefined && needed > available) {
      throw noSpace(this.#dir, needed, available);
    }
    return incomplete;
  }

  async #grow(slot: Slot, stats: FileStats | undefined): Promise<void> {
    const { path, file } = slot;
    let writer: Writer | undefined;
    try {
      writer = await this.#fs.openWriter(path, "create");
      if ((stats?.size ?? 0) < file.length) await writer.truncate(file.length);
      if (file.executable && stats === undefined) await this.#makeExecutable(slot);
    } catch (error) {
      throw toDiskError(error, "create", path);
    } finally {
      this.#unstamped.add(slot);
      await writer?.close();
    }
  }

  /** Whoever may read may execute. A file system without such bits is no reason to fail. */
  async #makeExecutable(slot: Slot): Promise<void> {
    const mode = (await this.#statsOf(slot))?.mode ?? 0;
    await this.#fs.chmod(slot.path, mode | ((mode & 0o444) >> 2)).catch(() => {});
  }

  #recentHolding(offset: number, length: number): Slot | undefined {
    const file = this.#recent?.file;
    return file !== undefined && file.offset <= offset &&
        offset + length <= file.offset + file.length
      ? this.#recent
      : undefined;
  }

  /** Visits the parts of `bytes` one after the other, without a slot for padding. */
  async #forEachRange(
    offset: number,
    bytes: Uint8Array,
    visit: (slot: Slot | undefined, fileOffset: number, part: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    let at = 0;
    for (const { file, fileOffset, length } of rangesOf(this.#files, offset, bytes.length)) {
      const slot = this.#slots[file];
      this.#recent = slot;
      await visit(slot, fileOffset, bytes.subarray(at, at + length));
      at += length;
    }
  }

  async #readFile(slot: Slot, fileOffset: number, target: Uint8Array): Promise<void> {
    const { reader, path, file } = slot;
    const source = this.#handles.tryAcquire(reader) ?? await this.#handles.acquire(reader);
    try {
      const count = await readAll(source, target, fileOffset);
      if (count < target.length) throw tooShort(path, fileOffset + count, file.length);
    } catch (error) {
      throw toDiskError(error, "read", path);
    } finally {
      this.#handles.release(reader);
    }
  }

  async #writeFile(slot: Slot, fileOffset: number, bytes: Uint8Array): Promise<void> {
    const { writer, path } = slot;
    const target = this.#handles.tryAcquire(writer) ?? await this.#handles.acquire(writer);
    try {
      await writeAll(target, bytes, fileOffset);
    } catch (error) {
      throw toDiskError(error, "write", path);
    } finally {
      this.#handles.release(writer);
      // Only now: a flush covers complete writes, and a failed one may have written a part.
      this.#unflushed.add(slot);
      this.#unstamped.add(slot);
    }
  }

  async #flushNow(): Promise<void> {
    if (this.#flushFailure !== undefined) throw this.#flushFailure;
    const written = [...this.#unflushed];
    this.#unflushed.clear();
    try {
      await forEachAtOnce(written, async (slot) => {
        const { path } = slot;
        try {
          await this.#assertThere(slot);
          await this.#fs.sync(path);
        } catch (error) {
          throw toDiskError(error, "write", path);
        }
      });
    } catch (error) {
      this.#flushFailure = error;
      throw error;
    }
  }
}

/** Visits all items, some of them at once; after a failure no further visit starts. */
async function forEachAtOnce<T>(
  items: readonly T[],
  visit: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const walk = async () => {
    while (next < items.length) {
      try {
        await visit(items[next++]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const walks = await Promise.allSettled(Array.from({ length: VISITS_MAX }, walk));
  for (const outcome of walks) if (outcome.status === "rejected") throw outcome.reason;
}

function missing(path: string): DiskError {
  return new DiskError("missing", path, `Cannot open ${path}: it is not there; check --dir`);
}

function tooShort(path: string, at: number, length: number): DiskError {
  const message = `Cannot read ${path}: it ends at or before byte ${at} of ${length}; ` +
    "restore it or download it again";
  return new DiskError("file-short", path, message);
}

function tooLong(path: string, size: number, length: number): DiskError {
  const message = `Will not touch ${path}: it has ${size} bytes where the torrent's file has ` +
    `${length}; move it away or choose another --dir`;
  return new DiskError("occupied", path, message);
}

function noSpace(dir: string, needed: number, available: number): DiskError {
  const message = `Cannot reserve space in ${dir}: ${formatBytes(needed)} more are needed and ` +
    `${formatBytes(available)} are free; free some space or choose another --dir`;
  return new DiskError("disk-full", dir, message, { space: { needed, available } });
}
