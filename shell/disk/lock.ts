/**
 * One process for a torrent in a folder, with one open file for all torrents of a process there.
 *
 * A process that works in a folder is an owner: it holds a lock on a file of its own, `.tt/owner-ID.lock`.
 * It claims a torrent by writing that file's name into `.tt/<infohash>.lock`, which it locks only while it
 * reads and writes it. A claim counts as long as the file that it names is locked, so that the claims of a
 * process end with it, however it ends.
 *
 * The file of a claim stays when the claim goes: removing it could affect a process that has it open
 * and is about to lock it.
 */
import { join, resolve } from "node:path";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { randomSeed } from "../entropy.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileLock, type FileSystem } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

const OWNER_NAME = /^owner-[0-9a-f]{8}\.lock$/;

/** A name is taken, or its file removed before it was locked, next to never. */
const OWNER_ATTEMPTS = 8;

/** A torrent that is claimed. */
export interface TorrentLock {
  /** Never rejects. */
  release(): Promise<void>;
}

/** What a process holds in one folder. */
interface Owner {
  readonly name: string;
  readonly lock: FileLock;
  readonly held: Set<InfoHash>;
}

interface Folder {
  readonly owner: Promise<Owner>;
  /** Claims held and under way; with the last one, the owner goes. */
  users: number;
}

/** The torrents that one process, or one session of it, works on. */
export class TorrentLocks {
  readonly #fs: FileSystem;
  readonly #random: () => number;
  readonly #folders = new Map<string, Folder>();

  /** `random`: 32 bits. */
  constructor(fs: FileSystem = realFileSystem, random: () => number = randomSeed) {
    this.#fs = fs;
    this.#random = random;
  }

  /**
   * Claims the torrent; `name` is for the message. Errors: `in-use` when another process, or this one,
   * works on it; `not-permitted` in a folder that cannot be written.
   */
  async lock(dir: string, infoHash: InfoHash, name: string = infoHash): Promise<TorrentLock> {
    const fs = this.#fs;
    try {
      await makeRoot(fs, dir);
      await makeFolders(fs, dir, [STATE_FOLDER]);
    } catch (error) {
      throw isReadOnly(error) ? readOnlyFolder(dir, error) : error;
    }
    const file = `${infoHash}.lock`;
    await fileStats(fs, dir, [STATE_FOLDER, file]);
    const path = join(dir, STATE_FOLDER, file);
    const key = resolve(dir);
    const folder = this.#folders.get(key) ?? { owner: this.#becomeOwner(dir), users: 0 };
    this.#folders.set(key, folder);
    folder.users++;
    try {
      const owner = await folder.owner;
      const claim = await this.#claim(owner, dir, path, infoHash);
      if (claim === undefined) throw inUse(path, dir, name);
      return {
        release: async () => {
          await claim();
          await this.#leave(key, folder);
        },
      };
    } catch (error) {
      await this.#leave(key, folder);
      if (isReadOnly(error)) throw readOnlyFolder(dir, error);
      throw error instanceof DiskError ? error : toDiskError(error, "lock", path);
    }
  }

  /** Ends the claim when called; undefined when someone else has one. */
  async #claim(
    { name, held }: Owner,
    dir: string,
    path: string,
    infoHash: InfoHash,
  ): Promise<(() => Promise<void>) | undefined> {
    // Who has it locked now is about to claim it.
    const file = await this.#fs.lock(path);
    if (file === undefined) return undefined;
    let isKept = false;
    try {
      if (held.has(infoHash)) return undefined;
      const claimant = await file.read();
      const isOther = OWNER_NAME.test(claimant) && claimant !== name;
      if (isOther && await this.#fs.isLocked(join(dir, STATE_FOLDER, claimant))) return undefined;
      // A full disk may take no name: then the file stays locked instead, which is as good.
      isKept = !await file.write(name).then(() => true, () => false);
      held.add(infoHash);
      return async () => {
        if (isKept) file.release();
        else await this.#clear(path);
        held.delete(infoHash);
      };
    } finally {
      if (!isKept) file.release();
    }
  }

  /** A claim that can't be taken back ends with this owner. */
  async #clear(path: string): Promise<void> {
    try {
      const file = await this.#fs.openWriter(path, "existing");
      await file.truncate(0).finally(() => file.close());
    } catch {
      // Said above.
    }
  }

  async #becomeOwner(dir: string): Promise<Owner> {
    const stateFolder = join(dir, STATE_FOLDER);
    const fs = this.#fs;
    await this.#sweep(stateFolder);
    for (let attempt = 0; attempt < OWNER_ATTEMPTS; attempt++) {
      const name = `owner-${(this.#random() >>> 0).toString(16).padStart(8, "0")}.lock`;
      const path = join(stateFolder, name);
      const lock = await fs.lock(path);
      if (lock === undefined) continue;
      // Another owner may have swept it away before it was locked.
      if (await fs.stats(path) !== undefined) return { name, lock, held: new Set() };
      lock.release();
    }
    throw new Error(`No file can be locked in ${stateFolder}`);
  }

  /** Removes what owners left that were killed. */
  async #sweep(stateFolder: string): Promise<void> {
    for (const name of await this.#fs.list(stateFolder)) {
      if (OWNER_NAME.test(name)) await this.#fs.removeUnlocked(join(stateFolder, name));
    }
  }

  async #leave(key: string, folder: Folder): Promise<void> {
    if (--folder.users > 0) return;
    this.#folders.delete(key);
    try {
      const { name, lock } = await folder.owner;
      await this.#fs.remove(join(key, STATE_FOLDER, name)).catch(() => {});
      lock.release();
    } catch {
      // It never became one.
    }
  }
}

function inUse(path: string, dir: string, name: string): DiskError {
  const message =
    `Another tt is already using ${name} in ${dir}; stop it first or choose another ` +
    "--dir";
  return new DiskError("in-use", path, message);
}

function isReadOnly(error: unknown): boolean {
  const cause = error instanceof DiskError ? error.cause : error;
  return errorCode(cause) === "EROFS";
}

function readOnlyFolder(dir: string, cause: unknown): DiskError {
  const message =
    `Cannot download to ${dir}: the file system is read-only; share content that is ` +
    `there with tt seed X.torrent --dir ${dir}, or choose another --dir`;
  return new DiskError("not-permitted", dir, message, { cause });
}
