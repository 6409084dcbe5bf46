/**
 * The content of one torrent as files below a folder. Offsets count from the torrent's first byte;
 * padding has no file: it reads as zeros and is not written.
 *
 * What belongs to the user is not destroyed: files grow to their size and never shrink, a longer file
 * in the place is an error, and nothing is created before the space for everything was seen to be
 * there. Whether bytes are right is the caller's matter; only checked pieces may be written.
 *
 * Files that are not wanted are not created. Bytes of them that come with a wanted file's first or last
 * piece are kept apart, in a part file, until the file is wanted.
 */
import { basename, dirname, join } from "node:path";
import { assert } from "../../core/bytes/result.ts";
import { rangesOf } from "../../core/metainfo/file_map.ts";
import { contentEnd } from "../../core/metainfo/geometry.ts";
import type { Metainfo, TorrentFile } from "../../core/metainfo/types.ts";
import type { FileOnDisk } from "../../core/transfer/resume.ts";
import { now } from "../clock.ts";
import { toDiskError } from "./disk_error.ts";
import {
  type FileStats,
  type FileSystem,
  readAll,
  type Reader,
  writeAll,
  type Writer,
} from "./file_system.ts";
import { forEachAtOnce } from "./for_each_at_once.ts";
import { createHandle, type Handle, HandleCache } from "./handles.ts";
import { growFile } from "./grow_file.ts";
import { PartFile, splitByPiece } from "./part_file.ts";
import { syncIfPossible } from "./patience.ts";
import { createFileSystem } from "./real_file_system.ts";
import {
  assertSafeComponents,
  fileStats,
  KnownFolders,
  makeFolders,
  makeRoot,
} from "./safe_path.ts";
import { changed, missing, noSpace, tooLong, tooShort } from "./storage_errors.ts";
import type { ReserveOptions, Storage, StorageOptions } from "./storage_types.ts";

export type { Places, Storage, StorageOptions } from "./storage_types.ts";

/** A file that is read is looked at this often, so that a change by another process is not served. */
const LOOK_MS = 200;

/** Opens nothing yet: files are opened when they are needed. */
export function openStorage(
  dir: string,
  metainfo: Pick<Metainfo, "files" | "geometry">,
  options: StorageOptions = {},
): Storage {
  return new FileStorage(dir, metainfo, options);
}

/** A file of the torrent that is not padding. */
interface Slot {
  readonly file: TorrentFile;
  readonly index: number;
  /** A folder that is trusted; `components` lead from there to the file, and may hold no link. */
  readonly root: string;
  readonly components: readonly string[];
  readonly path: string;
  readonly reader: Handle<Reader>;
  readonly writer: Handle<Writer>;
  isWanted: boolean;
  /** "apart": not on disk, so its bytes are in the part file. Undefined: not known yet. */
  kept: "file" | "apart" | undefined;
  /** Writes under way. */
  writes: number;
  nextLookMs: number;
  isChanged: boolean;
}

class FileStorage implements Storage {
  readonly #dir: string;
  readonly #files: readonly TorrentFile[];
  readonly #pieceLength: number;
  readonly #contentEnd: number;
  readonly #readOnly: boolean;
  readonly #fs: FileSystem;
  readonly #handles: HandleCache;
  readonly #parts: PartFile | undefined;
  readonly #onChanged: ((file: number) => void) | undefined;
  readonly #clock: () => number;
  readonly #folders: KnownFolders;
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
  /** Work that nothing else may run beside. */
  #alone: Promise<void> | undefined;
  #closed = false;
  #onIdle: (() => void)[] = [];

  constructor(
    dir: string,
    metainfo: Pick<Metainfo, "files" | "geometry">,
    options: StorageOptions,
  ) {
    this.#dir = dir;
    this.#files = metainfo.files;
    this.#pieceLength = metainfo.geometry.pieceLength;
    this.#contentEnd = contentEnd(metainfo.geometry);
    this.#readOnly = options.readOnly ?? false;
    assert(options.places === undefined || this.#readOnly, "elsewhere nothing is written");
    this.#fs = options.fileSystem ?? createFileSystem();
    this.#handles = options.handles ?? new HandleCache();
    this.#parts = options.infoHash &&
      new PartFile(this.#fs, dir, options.infoHash, metainfo.geometry);
    this.#onChanged = options.onChanged;
    this.#clock = options.clock ?? now;
    this.#folders = new KnownFolders(this.#clock);
    this.#slots = metainfo.files.map((file, index) =>
      file.pad ? undefined : this.#createSlot(file, index, options.places?.[index])
    );
    this.#stamps = metainfo.files.map(() => undefined);
    this.#unstamped = new Set(this.#realSlots());
  }

  setWanted(isWanted: (file: number) => boolean): void {
    for (const slot of this.#realSlots()) {
      slot.isWanted = isWanted(slot.index);
      assert(slot.isWanted || this.#parts !== undefined, "unwanted bytes have a part file");
    }
  }

  async reserve(options: ReserveOptions = {}): Promise<void> {
    assert(!this.#readOnly, "a read-only storage reserves nothing");
    const wanted = this.#realSlots().filter((slot) => slot.isWanted);
    await this.#run(async () => {
      const incomplete = await this.#findIncomplete(wanted, options.missingBytes ?? Infinity);
      await makeRoot(this.#fs, this.#dir);
      const folders = new Map(incomplete.map(({ slot: { file } }) => {
        const folder = file.path.slice(0, -1);
        return [folder.join("/"), folder];
      }));
      for (const folder of folders.values()) await makeFolders(this.#fs, this.#dir, folder);
      const { signal } = options;
      await forEachAtOnce(incomplete, ({ slot, stats }) => this.#grow(slot, stats, signal));
      this.#folders.clear();
    });
    if (this.#parts !== undefined) await this.#runAlone(() => this.#unite(new Set(wanted)));
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
    return this.#run(async () => {
      let isApart = false;
      await this.#forEachRange(offset, bytes, async (slot, fileOffset, part) => {
        if (slot === undefined) return;
        if (slot.kept !== "file" && await this.#isApart(slot)) isApart = true;
        else await this.#writeFile(slot, fileOffset, part);
      });
      if (!isApart) return;
      // The whole piece, so that any file of it can be made from there.
      for (const part of splitByPiece(this.#pieceLength, offset, bytes)) {
        await this.#parts!.write(part.piece, part.offset, part.bytes);
      }
    });
  }

  expectUnflushed(): void {
    const there = this.#realSlots().filter(({ index }) => this.#stamps[index] !== undefined);
    for (const slot of there) this.#unflushed.add(slot);
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
        slot.kept ??= this.#keptAs(stats);
        this.#stamps[slot.index] = stats &&
          { length: stats.size, mtimeMs: stats.mtimeMs, hasData: stats.allocated > 0 };
      }).catch((error) => {
        for (const slot of changed) this.#unstamped.add(slot);
        throw error;
      });
      const stamps = this.#stamps.slice();
      const apart = this.#realSlots().filter(({ kept }) => kept === "apart");
      if (apart.length > 0) await this.#parts!.stamp(apart, stamps);
      return stamps;
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
    await this.#alone;
    await this.#untilIdle();
    for (const { reader, writer } of this.#realSlots()) {
      await this.#handles.close(reader);
      await this.#handles.close(writer);
    }
    await this.#parts?.close();
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
      isWanted: true,
      kept: this.#parts === undefined ? "file" : undefined,
      ...{ writes: 0, nextLookMs: -Infinity, isChanged: false },
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

  #keptAs(stats: FileStats | undefined): Slot["kept"] {
    return stats === undefined && this.#parts !== undefined ? "apart" : "file";
  }

  async #isApart(slot: Slot): Promise<boolean> {
    const found = this.#keptAs(await this.#statsOf(slot));
    return (slot.kept ??= found) === "apart";
  }

  /** Keeps `close` waiting while `work` runs. */
  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    assert(!this.#closed, "the storage is open");
    while (this.#alone !== undefined) await this.#alone;
    this.#runningCount++;
    try {
      return await work();
    } finally {
      if (--this.#runningCount === 0) { for (const resolve of this.#onIdle.splice(0)) resolve(); }
    }
  }

  async #runAlone(work: () => Promise<void>): Promise<void> {
    assert(!this.#closed, "the storage is open");
    while (this.#alone !== undefined) await this.#alone;
    const over = Promise.withResolvers<void>();
    this.#alone = over.promise;
    try {
      await this.#untilIdle();
      await work();
    } finally {
      this.#alone = undefined;
      over.resolve();
    }
  }

  async #untilIdle(): Promise<void> {
    if (this.#runningCount === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Files that are missing or short. Throws when a file is too long or the disk too small. */
  async #findIncomplete(
    slots: readonly Slot[],
    missingBytes: number,
  ): Promise<{ slot: Slot; stats: FileStats | undefined }[]> {
    const incomplete: { slot: Slot; stats: FileStats | undefined }[] = [];
    let unallocated = 0;
    await forEachAtOnce(slots, async (slot) => {
      const { length } = slot.file;
      const stats = await this.#statsOf(slot);
      if (stats !== undefined && stats.size > length) throw tooLong(slot.path, stats.size, length);
      unallocated += Math.max(0, length - (stats?.allocated ?? 0));
      if (stats === undefined || stats.size < length) incomplete.push({ slot, stats });
      else slot.kept ??= "file";
    });
    const needed = Math.min(unallocated, missingBytes);
    const available = needed > 0 ? await this.#fs.freeBytes(this.#dir) : undefined;
    if (available !== undefined && needed > available) {
      throw noSpace(this.#dir, needed, available);
    }
    return incomplete;
  }

  async #grow(
    slot: Slot,
    stats: FileStats | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await growFile(this.#fs, slot.path, slot.file, stats, signal);
    } finally {
      this.#unstamped.add(slot);
    }
  }

  /**
   * Moves bytes that were kept apart into these files, which are there now. They are on the medium
   * before the part file forgets them, and it has forgotten them before anything else is written: no
   * later run can put older bytes over newer ones. A run that was killed here is made up for by the
   * next one.
   */
  async #unite(wanted: ReadonlySet<Slot>): Promise<void> {
    const late = new Set([...wanted].filter(({ kept }) => kept !== "file"));
    for (const slot of late) slot.kept = "file";
    const freed: number[] = [];
    for (const piece of await this.#parts!.pieces()) {
      const slots = rangesOf(this.#files, piece * this.#pieceLength, this.#pieceLength)
        .map(({ file }) => this.#slots[file]).filter((slot) => slot !== undefined);
      let isNeeded = false;
      for (const slot of slots) if (await this.#isApart(slot)) isNeeded = true;
      const isRest = !isNeeded && !slots.some((slot) => late.has(slot));
      for (const slot of slots) {
        if (late.has(slot) || (isRest && wanted.has(slot))) {
          await this.#copyFromParts(piece, slot);
        }
      }
      if (!isNeeded) freed.push(piece);
    }
    if (freed.length === 0) return;
    await this.#flushNow();
    await this.#parts!.free(freed);
  }

  async #copyFromParts(piece: number, slot: Slot): Promise<void> {
    const start = piece * this.#pieceLength;
    const from = Math.max(start, slot.file.offset);
    const to = Math.min(start + this.#pieceLength, slot.file.offset + slot.file.length);
    const bytes = new Uint8Array(to - from);
    if (!await this.#parts!.read(piece, from - start, bytes)) return;
    await this.#writeFile(slot, from - slot.file.offset, bytes);
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
    if (slot.kept !== "file" && await this.#isApart(slot)) {
      return await this.#readApart(slot, fileOffset, target);
    }
    const look = this.#lookAgain(slot);
    if (look !== undefined) await look;
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

  async #readApart(slot: Slot, fileOffset: number, target: Uint8Array): Promise<void> {
    for (const part of splitByPiece(this.#pieceLength, slot.file.offset + fileOffset, target)) {
      const isThere = await this.#parts!.read(part.piece, part.offset, part.bytes);
      if (!isThere) throw missing(slot.path);
    }
  }

  /** Refuses a file that another process changed since its stamp was taken. */
  #lookAgain(slot: Slot): Promise<void> | undefined {
    if (slot.isChanged) throw changed(slot.path);
    if (this.#onChanged === undefined) return undefined;
    const at = this.#clock();
    if (at < slot.nextLookMs) return undefined;
    slot.nextLookMs = at + LOOK_MS;
    const known = this.#stamps[slot.index];
    // Our own writes change it, too.
    if (known === undefined || slot.writes > 0 || this.#unstamped.has(slot)) return undefined;
    return this.#compare(slot, known);
  }

  async #compare(slot: Slot, known: FileOnDisk): Promise<void> {
    const stats = await this.#statsOf(slot);
    if (slot.writes > 0 || this.#unstamped.has(slot) || this.#stamps[slot.index] !== known) return;
    if (stats?.size === known.length && stats.mtimeMs === known.mtimeMs) return;
    if (!slot.isChanged) this.#onChanged?.(slot.index);
    slot.isChanged = true;
    throw changed(slot.path);
  }

  async #writeFile(slot: Slot, fileOffset: number, bytes: Uint8Array): Promise<void> {
    const { writer, path } = slot;
    slot.writes++;
    let isOpen = false;
    try {
      const target = this.#handles.tryAcquire(writer) ?? await this.#handles.acquire(writer);
      isOpen = true;
      await writeAll(target, bytes, fileOffset);
    } catch (error) {
      throw toDiskError(error, "write", path);
    } finally {
      if (isOpen) this.#handles.release(writer);
      slot.writes--;
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
          await syncIfPossible(this.#fs, path);
        } catch (error) {
          throw toDiskError(error, "write", path);
        }
      });
      await this.#parts?.flush();
    } catch (error) {
      this.#flushFailure = error;
      throw error;
    }
  }
}
