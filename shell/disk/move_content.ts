/**
 * Moves a torrent's content and what is kept of it to another folder, on the same disk or on another.
 *
 * A note in the old folder says where to before anything moves, and goes last; a process killed in
 * between leaves every file whole in one of the two folders, and `moveContent` finishes what a note
 * says. In order: files are renamed, or copied and synced under a temporary name that becomes theirs
 * when they are whole; then copied files go from the old folder; then the state follows.
 */
import { dirname, join, resolve } from "node:path";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileStats, type FileSystem, readAll, writeAll } from "./file_system.ts";
import { renamePatiently, syncIfPossible } from "./patience.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";
import { noSpace } from "./storage_errors.ts";

const COPY_BYTES = 1024 * 1024;
/** No path is longer. */
const NOTE_BYTES_MAX = 64 * 1024;
const OWNER_ONLY = 0o600;
/** What is kept of a torrent beside its content. */
const KEPT_KINDS = ["parts", "leaves", "options", "torrent", "resume"];

export interface MoveOptions {
  readonly fileSystem?: FileSystem;
  /** Ends a copy under way; the next call goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** The folder that content was about to move to when a process died. Throws a DiskError. */
export async function moveUnderWay(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<string | undefined> {
  const note = [STATE_FOLDER, noteName(infoHash)];
  const stats = await fileStats(fs, dir, note);
  if (stats === undefined || stats.size > NOTE_BYTES_MAX) return undefined;
  const bytes = new Uint8Array(stats.size);
  const path = join(dir, ...note);
  try {
    const reader = await fs.openReader(path);
    try {
      await readAll(reader, bytes, 0);
    } finally {
      await reader.close();
    }
  } catch (error) {
    throw toDiskError(error, "read", path);
  }
  return new TextDecoder().decode(bytes) || undefined;
}

/**
 * Files that are missing are passed over; a file that is there already is not replaced. When something
 * fails, what moved so far comes back, if that is possible. The storage must be closed, and the torrent
 * locked in the old folder. Throws a DiskError, or the signal's reason.
 */
export async function moveContent(
  metainfo: Pick<Metainfo, "files" | "infoHash">,
  from: string,
  to: string,
  options: MoveOptions = {},
): Promise<void> {
  await new Move(metainfo, from, resolve(to), options).run();
}

type Path = readonly string[];

class Move {
  readonly #fs: FileSystem;
  readonly #signal: AbortSignal | undefined;
  readonly #infoHash: InfoHash;
  readonly #from: string;
  readonly #to: string;
  readonly #content: readonly Path[];
  readonly #note: Path;
  /** Where a copy grows; on the disk of the new folder. */
  readonly #growing: Path;
  #renamed: Path[] = [];
  #copied: Path[] = [];

  constructor(
    { files, infoHash }: Pick<Metainfo, "files" | "infoHash">,
    from: string,
    to: string,
    { fileSystem = realFileSystem, signal }: MoveOptions,
  ) {
    this.#fs = fileSystem;
    this.#signal = signal;
    this.#infoHash = infoHash;
    this.#from = from;
    this.#to = to;
    this.#content = files.filter(({ pad }) => !pad).map(({ path }) => path);
    this.#note = [STATE_FOLDER, noteName(infoHash)];
    this.#growing = [STATE_FOLDER, `${infoHash}.moving`];
  }

  async run(): Promise<void> {
    if (await this.#realPath(this.#from) === await this.#realPath(this.#to)) return;
    const isContinued = await moveUnderWay(this.#from, this.#infoHash, this.#fs) === this.#to;
    try {
      if (!isContinued) await this.#assertFree();
      await makeRoot(this.#fs, this.#to);
      await makeFolders(this.#fs, this.#to, [STATE_FOLDER]);
      if (!isContinued) await this.#writeNote();
      for (const path of this.#content) await this.#bring(path);
    } catch (error) {
      // Interrupted by the user: the next run goes on.
      if (!this.#signal?.aborted && !isContinued) await this.#takeBack();
      throw error;
    }
    for (const path of this.#copied) await this.#remove(this.#from, path);
    this.#copied = [];
    for (const kind of KEPT_KINDS) {
      await this.#bring([STATE_FOLDER, `${this.#infoHash}.${kind}`]);
    }
    for (const path of this.#copied) await this.#remove(this.#from, path);
    await this.#remove(this.#from, this.#note);
    await this.#syncFolder(join(this.#from, STATE_FOLDER));
    await this.#removeEmptyFolders();
  }

  /** A path that is not there yet is taken as it is. */
  #realPath(path: string): Promise<string> {
    return this.#fs.realPath(path).catch(() => resolve(path));
  }

  async #assertFree(): Promise<void> {
    for (const path of this.#content) {
      if (await fileStats(this.#fs, this.#from, path) === undefined) continue;
      if (await fileStats(this.#fs, this.#to, path) === undefined) continue;
      const place = join(this.#to, ...path);
      const message = `Will not overwrite ${place}: move it away or choose another folder`;
      throw new DiskError("occupied", place, message);
    }
  }

  async #writeNote(): Promise<void> {
    await makeFolders(this.#fs, this.#from, [STATE_FOLDER]);
    const path = join(this.#from, ...this.#note);
    const temporary = [STATE_FOLDER, `${noteName(this.#infoHash)}.tmp`];
    await fileStats(this.#fs, this.#from, temporary);
    const growing = join(this.#from, ...temporary);
    await this.#write(growing, new TextEncoder().encode(this.#to), growing);
    try {
      await renamePatiently(this.#fs, growing, path);
    } catch (error) {
      throw toDiskError(error, "replace", path);
    }
    await this.#syncFolder(dirname(path));
  }

  /** Sees to it that the file, if it is in either folder, is whole in the new one. */
  async #bring(path: Path): Promise<void> {
    this.#signal?.throwIfAborted();
    const stats = await fileStats(this.#fs, this.#from, path);
    if (stats === undefined) return;
    const isState = path[0] === STATE_FOLDER;
    // A file gets its name there when it is whole. An older state is replaced.
    if (!isState && await fileStats(this.#fs, this.#to, path) !== undefined) {
      this.#copied.push(path);
      return;
    }
    await makeFolders(this.#fs, this.#to, path.slice(0, -1));
    const [source, target] = [join(this.#from, ...path), join(this.#to, ...path)];
    try {
      await renamePatiently(this.#fs, source, target);
      this.#renamed.push(path);
    } catch (error) {
      if (errorCode(error) !== "EXDEV") throw toDiskError(error, "replace", target);
      await this.#copy(source, target, stats);
      this.#copied.push(path);
    }
  }

  async #copy(source: string, target: string, stats: FileStats): Promise<void> {
    const available = await this.#fs.freeBytes(this.#to);
    if (available !== undefined && stats.allocated > available) {
      throw noSpace(this.#to, stats.allocated, available);
    }
    await fileStats(this.#fs, this.#to, this.#growing);
    const growing = join(this.#to, ...this.#growing);
    const reader = await this.#fs.openReader(source).catch((error) => {
      throw toDiskError(error, "read", source);
    });
    try {
      await this.#write(growing, reader, source, stats);
    } finally {
      await reader.close();
    }
    try {
      await renamePatiently(this.#fs, growing, target);
    } catch (error) {
      throw toDiskError(error, "replace", target);
    }
    await this.#syncFolder(dirname(target));
  }

  /** Fills a new file, gives it the times that the state remembers, and syncs it. */
  async #write(
    path: string,
    content: Uint8Array | { read(target: Uint8Array, position: number): Promise<number> },
    source: string,
    stats?: FileStats,
  ): Promise<void> {
    try {
      const writer = await this.#fs.openWriter(path, "replace", OWNER_ONLY);
      try {
        if (content instanceof Uint8Array) await writeAll(writer, content, 0);
        else {
          const buffer = new Uint8Array(COPY_BYTES);
          for (let at = 0;;) {
            this.#signal?.throwIfAborted();
            const count = await content.read(buffer, at).catch((error) => {
              throw toDiskError(error, "read", source);
            });
            if (count === 0) break;
            await writeAll(writer, buffer.subarray(0, count), at);
            at += count;
          }
        }
      } finally {
        await writer.close();
      }
      if (stats !== undefined) {
        await this.#fs.chmod(path, stats.mode).catch(() => {});
        await this.#fs.setMtime(path, stats.mtimeMs);
      }
      await syncIfPossible(this.#fs, path);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw toDiskError(error, "write", path);
    }
  }

  /** After a failure. What cannot come back stays where it is, and the note with it. */
  async #takeBack(): Promise<void> {
    try {
      for (const path of this.#renamed) {
        await this.#fs.rename(join(this.#to, ...path), join(this.#from, ...path));
      }
      for (const path of [...this.#copied, this.#growing]) await this.#remove(this.#to, path);
      await this.#remove(this.#from, this.#note);
    } catch {
      // The next run goes on with the move.
    }
  }

  async #remove(root: string, path: Path): Promise<void> {
    if (await fileStats(this.#fs, root, path) === undefined) return;
    const place = join(root, ...path);
    try {
      await this.#fs.remove(place);
    } catch (error) {
      throw toDiskError(error, "replace", place);
    }
  }

  async #syncFolder(folder: string): Promise<void> {
    // Not every system can; the files are whole all the same.
    await this.#fs.sync(folder).catch(() => {});
  }

  async #removeEmptyFolders(): Promise<void> {
    const folders = new Set<string>();
    for (const path of this.#content) {
      for (let depth = path.length - 1; depth > 0; depth--) {
        folders.add(join(this.#from, ...path.slice(0, depth)));
      }
    }
    const innermostFirst = [...folders].sort((a, b) => b.length - a.length);
    // One that holds something else stays.
    for (const folder of innermostFirst) await this.#fs.removeFolder(folder).catch(() => {});
  }
}

function noteName(infoHash: InfoHash): string {
  return `${infoHash}.move`;
}
