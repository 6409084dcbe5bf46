/**
 * Keeps every access below one folder. The folder itself is the user's choice and may be a symbolic
 * link; below it no component may be one, not even a link that stays inside. The links are looked for
 * here, component by component, because the runtime resolves paths before it passes O_NOFOLLOW on.
 */
import { dirname, join } from "node:path";
import { assert } from "../../core/bytes/result.ts";
import { now } from "../clock.ts";
import { DiskError, toDiskError } from "./disk_error.ts";
import { errorCode, type FileStats, type FileSystem } from "./file_system.ts";

/**
 * How long a folder that was seen to be one is taken for one. Opening thousands of small files would
 * else ask about the same few folders thousands of times; a link put there within this time is missed,
 * as one put there between the look and the opening always is.
 */
const FOLDER_KNOWN_MS = 100;

/** Folders seen a moment ago. */
export class KnownFolders {
  readonly #clock: () => number;
  readonly #until = new Map<string, number>();

  /** `clock` in monotonic milliseconds. */
  constructor(clock: () => number = now) {
    this.#clock = clock;
  }

  has(path: string): boolean {
    return (this.#until.get(path) ?? -Infinity) > this.#clock();
  }

  add(path: string): void {
    this.#until.set(path, this.#clock() + FOLDER_KNOWN_MS);
  }

  clear(): void {
    this.#until.clear();
  }
}

/** Holds resume states and locks below the download folder. */
export const STATE_FOLDER = ".tt";

/** Throws when path rules of the core let through what they must not. */
export function assertSafeComponents(components: readonly string[]): void {
  assert(components.length > 0, "a file has a name");
  for (const component of components) {
    assert(
      component !== "" && component !== "." && component !== ".." && !/[/\0]/.test(component) &&
        (Deno.build.os !== "windows" || !/[\\:]/.test(component)),
      `${JSON.stringify(component)} is one safe component`,
    );
  }
  assert(components[0]!.toLowerCase() !== STATE_FOLDER, "no content in the state folder");
}

/** Makes the folder and those above it; links on the way are followed. */
export async function makeRoot(
  fs: FileSystem,
  folder: string,
  isParentThere = false,
): Promise<void> {
  try {
    await fs.makeFolder(folder);
  } catch (error) {
    // The root of a drive, a share or a mount is refused with all kinds of errors.
    if (errorCode(error) === "EEXIST" || await fs.isFolder(folder)) return;
    const parent = dirname(folder);
    if (errorCode(error) !== "ENOENT" || parent === folder || isParentThere) {
      throw cannotMake(folder, error);
    }
    await makeRoot(fs, parent);
    await makeRoot(fs, folder, true);
  }
}

/** Asserts that the components lead to a folder through folders only, and makes those that lack. */
export async function makeFolders(
  fs: FileSystem,
  root: string,
  components: readonly string[],
): Promise<void> {
  let path = root;
  for (const component of components) {
    path = join(path, component);
    if (await isFolder(fs, path)) continue;
    try {
      await fs.makeFolder(path);
    } catch (error) {
      // Another process may have made it in between.
      if (!await isFolder(fs, path)) throw cannotMake(path, error);
    }
  }
}

/**
 * What is at the end of the components: a regular file, or undefined when nothing is there. Errors:
 * `symlink` for a link anywhere below `root`, `occupied` for a file on the way or anything but a
 * regular file at the end.
 */
export async function fileStats(
  fs: FileSystem,
  root: string,
  components: readonly string[],
  known?: KnownFolders,
): Promise<FileStats | undefined> {
  let path = root;
  for (let i = 0; i < components.length - 1; i++) {
    path = join(path, components[i]!);
    if (known?.has(path)) continue;
    if (!await isFolder(fs, path)) return undefined;
    known?.add(path);
  }
  path = join(path, components.at(-1)!);
  const stats = await statsOf(fs, path);
  if (stats === undefined || stats.kind === "file") return stats;
  throw occupied(path, stats.kind === "folder" ? "a folder is" : "something else is", "file");
}

/** False when nothing is there. */
async function isFolder(fs: FileSystem, path: string): Promise<boolean> {
  const stats = await statsOf(fs, path);
  if (stats === undefined) return false;
  if (stats.kind === "folder") return true;
  throw occupied(path, stats.kind === "file" ? "a file is" : "something else is", "folder");
}

async function statsOf(fs: FileSystem, path: string): Promise<FileStats | undefined> {
  let stats: FileStats | undefined;
  try {
    stats = await fs.stats(path);
  } catch (error) {
    throw toDiskError(error, "open", path);
  }
  if (stats?.kind !== "symlink") return stats;
  throw new DiskError(
    "symlink",
    path,
    `Refuses to follow the symbolic link ${path}: replace it by the file or folder, or choose another ` +
      "--dir; tt seed follows it with --follow-symlinks",
  );
}

/** A parent that was found and takes no folder is a link to nothing, or no place for folders. */
function cannotMake(folder: string, error: unknown): DiskError {
  if (errorCode(error) !== "ENOENT") return toDiskError(error, "create", folder);
  const message = `Cannot create ${folder}: ${
    dirname(folder)
  } is a broken symbolic link; check --dir`;
  return new DiskError("missing", folder, message, { cause: error });
}

function occupied(path: string, what: string, where: string): DiskError {
  const message = `Cannot use ${path}: ${what} in the place of the torrent's ${where}; ` +
    "move it away or choose another --dir";
  return new DiskError("occupied", path, message);
}
