/**
 * A disk in memory, on a virtual clock. What was not synced is lost when its host is killed, in
 * whole or in part, by the seed; the seed also determines how long calls take and which of them
 * fail.
 */
import { randomBelow, type Rng } from "../../../core/bytes/random.ts";
import { dirname } from "node:path";
import type {
  FileStats,
  FileSystem,
  OpenMode,
  Reader,
  Writer,
} from "../../../shell/disk/file_system.ts";
import type { VirtualClock } from "./virtual_clock.ts";

interface MemoryFile {
  bytes: Uint8Array;
  /** Contents of the medium. */
  synced: Uint8Array;
  mtimeMs: number;
  syncedMtimeMs: number;
  /** Not only extended: its blocks are allocated. */
  isWritten: boolean;
}

/** Longest time of a write. */
const DELAY_MS = 20;

export class MemoryDisk {
  readonly #clock: VirtualClock;
  readonly #rng: Rng;
  readonly #files = new Map<string, MemoryFile>();
  readonly #folders = new Set<string>(["/"]);
  #life = {};
  /** Held by the running program. */
  readonly #locks = new Set<string>();
  #openCount = 0;
  /** One write in this many fails; 0 is none. */
  failsOneIn = 0;

  constructor(clock: VirtualClock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
  }

  /** A file that existed before anything ran. */
  put(path: string, bytes: Uint8Array): void {
    const mtimeMs = Math.floor(this.#clock.now());
    for (let at = dirname(path); at !== "/"; at = dirname(at)) this.#folders.add(at);
    this.#files.set(path, {
      bytes,
      synced: bytes.slice(),
      mtimeMs,
      syncedMtimeMs: mtimeMs,
      isWritten: true,
    });
  }

  /** Another program deletes a file. */
  take(path: string): void {
    this.#files.delete(path);
  }

  /** Files that a program has open now, and locks that it holds. */
  get heldCount(): number {
    return this.#openCount + this.#locks.size;
  }

  bytesOf(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.bytes;
  }

  /** The running program loses the disk; of what was not synced, some is lost. */
  kill(): void {
    this.#life = {};
    this.#locks.clear();
    this.#openCount = 0;
    for (const file of this.#files.values()) {
      if (randomBelow(this.#rng, 2) === 0) continue;
      const { bytes, synced } = file;
      const size = Math.max(bytes.length, synced.length);
      const torn = new Uint8Array(randomBelow(this.#rng, 2) === 0 ? size : synced.length);
      torn.set(synced.subarray(0, torn.length));
      const kept = randomBelow(this.#rng, 1 + Math.min(torn.length, bytes.length));
      torn.set(bytes.subarray(0, kept));
      file.bytes = torn;
      file.synced = torn.slice();
      // A lost write may or may not have changed the modification time.
      if (randomBelow(this.#rng, 2) === 0) file.mtimeMs = file.syncedMtimeMs;
    }
  }

  /** The disk for one run of a program. */
  mount(): FileSystem {
    const life = this.#life;
    const call = <T>(work: () => T, delayMs = 0): Promise<T> =>
      new Promise((resolve, reject) => {
        const finish = () => {
          if (life !== this.#life) return;
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        };
        if (delayMs > 0) this.#clock.setTimeout(finish, delayMs);
        else if (life === this.#life) finish();
      });
    const delay = () => 1 + randomBelow(this.#rng, DELAY_MS);
    const fileAt = (path: string): MemoryFile => {
      const file = this.#files.get(path);
      if (file === undefined) throw systemError("ENOENT");
      return file;
    };
    return {
      openReader: (path) => call(() => this.#reader(fileAt(path), call)),
      openWriter: (path, mode) => call(() => this.#writer(this.#open(path, mode), call, delay)),
      sync: (path) =>
        call(() => {
          const file = this.#files.get(path);
          if (file === undefined) return;
          file.synced = file.bytes.slice();
          file.syncedMtimeMs = file.mtimeMs;
        }, delay()),
      chmod: () => call(() => {}),
      stats: (path) => call(() => this.#stats(path)),
      makeFolder: (path) =>
        call(() => {
          if (this.#folders.has(path)) throw systemError("EEXIST");
          if (!this.#folders.has(dirname(path))) throw systemError("ENOENT");
          this.#folders.add(path);
        }),
      isFolder: (path) => call(() => this.#folders.has(path)),
      rename: (from, to) =>
        call(() => {
          this.#files.set(to, fileAt(from));
          this.#files.delete(from);
        }),
      remove: (path) =>
        call(() => {
          fileAt(path);
          this.#files.delete(path);
        }),
      list: (folder) =>
        call(() => {
          if (!this.#folders.has(folder)) throw systemError("ENOENT");
          return this.#entries(folder);
        }),
      removeFolder: (path) =>
        call(() => {
          if (!this.#folders.has(path)) throw systemError("ENOENT");
          if (this.#entries(path).length > 0) throw systemError("ENOTEMPTY");
          this.#folders.delete(path);
        }),
      setMtime: (path, mtimeMs) => call(() => void (fileAt(path).mtimeMs = mtimeMs)),
      copyFile: (from, to) =>
        call(() => {
          if (this.#files.has(to)) throw systemError("EEXIST");
          const { bytes, mtimeMs } = fileAt(from);
          const copy = { bytes: bytes.slice(), synced: new Uint8Array() };
          this.#files.set(to, {
            ...copy,
            mtimeMs: mtimeMs + 1,
            syncedMtimeMs: mtimeMs,
            isWritten: true,
          });
        }, delay()),
      realPath: (path) =>
        call(() => {
          if (!this.#folders.has(path)) fileAt(path);
          return path;
        }),
      lock: (path) =>
        call(() => {
          if (this.#locks.has(path)) return undefined;
          const file = this.#open(path, "create");
          this.#locks.add(path);
          return {
            read: () => call(() => new TextDecoder().decode(file.bytes)),
            write: (note: string) => call(() => void (file.bytes = new TextEncoder().encode(note))),
            release: () => life === this.#life && this.#locks.delete(path),
          };
        }),
      isLocked: (path) => call(() => this.#locks.has(path)),
      removeUnlocked: (path) =>
        call(() => void (this.#locks.has(path) || this.#files.delete(path))),
      freeBytes: () => call(() => 1e12),
    };
  }

  /** Names of the entries of a folder. */
  #entries(folder: string): string[] {
    const prefix = folder === "/" ? "/" : `${folder}/`;
    return [...this.#files.keys(), ...this.#folders].filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length)).filter((name) => !name.includes("/"));
  }

  #open(path: string, mode: OpenMode): MemoryFile {
    if (!this.#folders.has(dirname(path))) throw systemError("ENOENT");
    const file = this.#files.get(path);
    if (file === undefined && mode === "existing") throw systemError("ENOENT");
    if (file !== undefined && mode !== "replace") return file;
    const mtimeMs = Math.floor(this.#clock.now());
    const made = {
      ...{ bytes: new Uint8Array(), synced: new Uint8Array(), mtimeMs, syncedMtimeMs: mtimeMs },
      isWritten: false,
    };
    this.#files.set(path, made);
    return made;
  }

  #reader(file: MemoryFile, call: Call): Reader {
    this.#openCount++;
    return {
      read: (target, position) =>
        call(() => {
          const part = file.bytes.subarray(position, position + target.length);
          target.set(part);
          return part.length;
        }),
      close: () => call(() => void this.#openCount--),
    };
  }

  #writer(file: MemoryFile, call: Call, delay: () => number): Writer {
    this.#openCount++;
    const grow = (size: number) => {
      const grown = new Uint8Array(size);
      grown.set(file.bytes.subarray(0, size));
      file.bytes = grown;
      file.mtimeMs = Math.floor(this.#clock.now()) + 1;
    };
    return {
      write: (source, position) =>
        call(() => {
          if (this.failsOneIn > 0 && randomBelow(this.#rng, this.failsOneIn) === 0) {
            throw systemError("EIO");
          }
          const end = position + source.length;
          grow(Math.max(file.bytes.length, end));
          file.bytes.set(source, position);
          file.isWritten = true;
          return source.length;
        }, delay()),
      truncate: (size) => call(() => grow(size)),
      close: () => call(() => void this.#openCount--),
    };
  }

  #stats(path: string): FileStats | undefined {
    const file = this.#files.get(path);
    if (file !== undefined) {
      const { bytes: { length: size }, mtimeMs, isWritten } = file;
      return { kind: "file", size, allocated: isWritten ? size : 0, mtimeMs, mode: 0o644 };
    }
    if (!this.#folders.has(path)) return undefined;
    return { kind: "folder", size: 0, allocated: 0, mtimeMs: 0, mode: 0o755 };
  }
}

type Call = <T>(work: () => T, delayMs?: number) => Promise<T>;

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}
