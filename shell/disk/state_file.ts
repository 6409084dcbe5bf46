/**
 * Resume states on disk: `DIR/.tt/<infohash>.resume`. A state is replaced whole or not at all: its
 * bytes are on the medium under a temporary name before they take the place of the older ones.
 *
 * So that a state never claims what a power cut can take away, a caller copies the set of written
 * pieces, flushes the storage, takes its stamps, and saves these; in this order.
 */
import { join } from "node:path";
import { MESSAGE_BYTES_MAX } from "../../core/bencode/decode.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileSystem, readAll, writeAll } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

const STATE_NAME = /^([0-9a-f]{40})\.resume$/;

/** The save under way for each path; the next one of that path waits for it. */
const saves = new Map<string, Promise<void>>();

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
  const path = statePath(dir, infoHash);
  const before = saves.get(path) ?? Promise.resolve();
  const save = before.catch(() => {}).then(() => replaceState(fs, dir, infoHash, bytes))
    .finally(() => {
      if (saves.get(path) === save) saves.delete(path);
    });
  saves.set(path, save);
  return save;
}

/** The bytes last saved, or undefined when there are none. Errors: `DiskError`. */
export async function loadState(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem = realFileSystem,
): Promise<Uint8Array | undefined> {
  const path = statePath(dir, infoHash);
  const stats = await fileStats(fs, dir, [STATE_FOLDER, stateName(infoHash)]);
  if (stats === undefined) return undefined;
  if (stats.size > MESSAGE_BYTES_MAX) {
    const message = `Cannot use ${path}: it is too large for a resume state; delete it`;
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
  const name = temporaryName(infoHash);
  if (await fileStats(fs, dir, [STATE_FOLDER, name]) === undefined) return;
  const path = join(dir, STATE_FOLDER, name);
  try {
    await fs.remove(path);
  } catch (error) {
    throw toDiskError(error, "replace", path);
  }
}

function stateName(infoHash: InfoHash): string {
  return `${infoHash}.resume`;
}

function temporaryName(infoHash: InfoHash): string {
  return `${stateName(infoHash)}.tmp`;
}

function statePath(dir: string, infoHash: InfoHash): string {
  return join(dir, STATE_FOLDER, stateName(infoHash));
}

async function replaceState(
  fs: FileSystem,
  dir: string,
  infoHash: InfoHash,
  bytes: Uint8Array,
): Promise<void> {
  await makeRoot(fs, dir);
  await makeFolders(fs, dir, [STATE_FOLDER]);
  // Looks that no link is in the place of the file that is about to be opened.
  await fileStats(fs, dir, [STATE_FOLDER, temporaryName(infoHash)]);
  const folder = join(dir, STATE_FOLDER);
  const path = join(folder, stateName(infoHash));
  const temporary = join(folder, temporaryName(infoHash));
  try {
    await writeFlushed(fs, temporary, bytes);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary).catch(() => {});
    throw toDiskError(error, "replace", path);
  }
  // Makes the rename itself last. Not every system can; the state is whole all the same.
  await fs.sync(folder).catch(() => {});
}

async function writeFlushed(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const writer = await fs.openWriter(path, "replace");
  try {
    await writeAll(writer, bytes, 0);
  } finally {
    await writer.close();
  }
  await fs.sync(path);
}
