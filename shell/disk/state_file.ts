/**
 * What is kept of each torrent: its resume state in `DIR/.tt/<infohash>.resume`, which is written again
 * and again, and beside it its `.torrent`, which is written once. Either is replaced whole or not at
 * all: its bytes are on the medium under a temporary name before they take the place of the older
 * ones. Only their owner can read them, since trackers' URLs hold passkeys.
 *
 * So that a state never claims what a power cut can take away, a caller copies the set of written
 * pieces, flushes the storage, takes its stamps, and saves these; in this order.
 */
import { join } from "node:path";
import { MESSAGE_BYTES_MAX } from "../../core/bencode/decode.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileSystem, readAll, writeAll } from "./file_system.ts";
import { renamePatiently, syncIfPossible } from "./patience.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

const STATE_NAME = /^([0-9a-f]{40})\.resume$/;
const OWNER_ONLY = 0o600;

/** The save under way for each path of a file system; the next one of that path waits for it. */
const savesOf = new WeakMap<FileSystem, Map<string, Promise<void>>>();

/** What is kept of a torrent, by the end of its file's name. */
type Kind = "resume" | "torrent" | "options";

/**
 * Replaces the state of a torrent, making the folders if need be. Saves of one torrent follow each
 * other. Errors: `DiskError`; the older state is then still there.
 */
export function saveState(
  dir: string,
  infoHash: InfoHash,
  bytes: Uint8Array,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  return replaceInTurn(fs, dir, infoHash, "resume", bytes);
}

/**
 * Keeps a `.torrent`, so that its download can go on without it. Writes nothing when these bytes are
 * kept already. Errors: `DiskError`.
 */
export async function saveTorrent(
  dir: string,
  infoHash: InfoHash,
  bytes: Uint8Array,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const stats = await fileStats(fs, dir, [STATE_FOLDER, fileName(infoHash, "torrent")]);
  if (stats?.size === bytes.length) {
    const kept = await loadTorrentBytes(dir, infoHash, fs);
    if (kept !== undefined && equals(kept, bytes)) return;
  }
  await replaceInTurn(fs, dir, infoHash, "torrent", bytes);
}

/** The bytes of the `.torrent` that is kept, or undefined when there is none. Errors: `DiskError`. */
export function loadTorrentBytes(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<Uint8Array | undefined> {
  return load(fs, dir, infoHash, "torrent");
}

/** Keeps the options of a download for its later runs. Errors: `DiskError`. */
export function saveOptions(
  dir: string,
  infoHash: InfoHash,
  bytes: Uint8Array,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  return replaceInTurn(fs, dir, infoHash, "options", bytes);
}

/** The options kept last, or undefined. Errors: `DiskError`. */
export function loadOptions(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<Uint8Array | undefined> {
  return load(fs, dir, infoHash, "options");
}

function replaceInTurn(
  fs: FileSystem,
  dir: string,
  infoHash: InfoHash,
  kind: Kind,
  bytes: Uint8Array,
): Promise<void> {
  const path = pathOf(dir, infoHash, kind);
  const saves = savesOf.get(fs) ?? new Map<string, Promise<void>>();
  savesOf.set(fs, saves);
  const before = saves.get(path) ?? Promise.resolve();
  const save = before.catch(() => {}).then(() => replace(fs, dir, infoHash, kind, bytes))
    .finally(() => {
      if (saves.get(path) === save) saves.delete(path);
    });
  saves.set(path, save);
  return save;
}

/** The bytes last saved, or undefined when there are none. Errors: `DiskError`. */
export function loadState(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<Uint8Array | undefined> {
  return load(fs, dir, infoHash, "resume");
}

async function load(
  fs: FileSystem,
  dir: string,
  infoHash: InfoHash,
  kind: Kind,
): Promise<Uint8Array | undefined> {
  const path = pathOf(dir, infoHash, kind);
  const stats = await fileStats(fs, dir, [STATE_FOLDER, fileName(infoHash, kind)]);
  if (stats === undefined) return undefined;
  if (stats.size > MESSAGE_BYTES_MAX) {
    const message = `Cannot use ${path}: it is too large for what tt keeps there; delete it`;
    throw new DiskError("occupied", path, message);
  }
  const bytes = new Uint8Array(stats.size);
  try {
    const reader = await fs.openReader(path);
    try {
      return bytes.subarray(0, await readAll(reader, bytes, 0));
    } finally {
      await reader.close();
    }
  } catch (error) {
    throw toDiskError(error, "read", path);
  }
}

/** Info hashes of all states in `dir`, in order. */
export async function listStates(
  dir: string,
  fs: FileSystem = realFileSystem,
): Promise<InfoHash[]> {
  const folder = join(dir, STATE_FOLDER);
  try {
    const names = await fs.list(folder);
    return names.flatMap((name) => STATE_NAME.exec(name)?.[1] as InfoHash ?? []).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw toDiskError(error, "list", folder);
  }
}

/**
 * Removes what a process that died while saving left behind. Call it while holding the torrent's
 * lock, or it takes away the file that another process is about to rename.
 */
export async function sweepState(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  for (const kind of ["resume", "torrent", "options"] as const) {
    const name = temporaryName(infoHash, kind);
    if (await fileStats(fs, dir, [STATE_FOLDER, name]) === undefined) continue;
    const path = join(dir, STATE_FOLDER, name);
    try {
      await fs.remove(path);
    } catch (error) {
      throw toDiskError(error, "replace", path);
    }
  }
}

function fileName(infoHash: InfoHash, kind: Kind): string {
  return `${infoHash}.${kind}`;
}

function temporaryName(infoHash: InfoHash, kind: Kind): string {
  return `${fileName(infoHash, kind)}.tmp`;
}

function pathOf(dir: string, infoHash: InfoHash, kind: Kind): string {
  return join(dir, STATE_FOLDER, fileName(infoHash, kind));
}

async function replace(
  fs: FileSystem,
  dir: string,
  infoHash: InfoHash,
  kind: Kind,
  bytes: Uint8Array,
): Promise<void> {
  await makeRoot(fs, dir);
  await makeFolders(fs, dir, [STATE_FOLDER]);
  // Looks that no link is in the place of the file that is about to be opened.
  const rest = await fileStats(fs, dir, [STATE_FOLDER, temporaryName(infoHash, kind)]);
  const folder = join(dir, STATE_FOLDER);
  const path = pathOf(dir, infoHash, kind);
  const temporary = join(folder, temporaryName(infoHash, kind));
  try {
    // One of an earlier version may be readable by all users.
    if (rest !== undefined) await fs.remove(temporary);
    await writeFlushed(fs, temporary, bytes);
    await renamePatiently(fs, temporary, path);
  } catch (error) {
    await fs.remove(temporary).catch(() => {});
    throw toDiskError(error, "replace", path);
  }
  // Makes the rename itself last. Not every system can; the state is whole all the same.
  await fs.sync(folder).catch(() => {});
}

async function writeFlushed(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const writer = await fs.openWriter(path, "replace", OWNER_ONLY);
  try {
    await writeAll(writer, bytes, 0);
  } finally {
    await writer.close();
  }
  await syncIfPossible(fs, path);
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
