/**
 * Lists the files that a torrent of a path would hold, sorted, so that the same content always gives
 * the same torrent. Left out, each with its reason: symbolic links below the path unless they are to be
 * followed, devices and sockets, our own `.tt` folders and output, what desktops put into every folder,
 * and names that other systems cannot store. Hidden files are content like any other.
 */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { LeftOutReason } from "../core/cli/left_out.ts";
import { compareFilePaths, type ContentFile } from "../core/metainfo/create.ts";
import { FILES_MAX, fitsPathLimits } from "../core/metainfo/file_list.ts";
import { type Glob, matchesGlob } from "../core/metainfo/glob.ts";
import {
  assignPath,
  createPathAssigner,
  safeComponent,
  safePath,
} from "../core/metainfo/path_rules.ts";
import { isSystemFile } from "../core/metainfo/system_files.ts";
import { ContentError } from "./content_error.ts";
import { NATIVE_PATH_RULES } from "./read_metainfo.ts";
import { isOutputRest } from "./torrent_output.ts";

export interface FoundFile extends ContentFile {
  /** Where it is on this machine; no link is on the way below the folder that was named. */
  readonly place: string;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
}

export interface FoundContent {
  readonly name: string;
  readonly isFolder: boolean;
  /** Sorted by path. */
  readonly files: readonly FoundFile[];
}

export interface ListOptions {
  /** What is not part of the content, by its path below the folder. */
  readonly exclude?: readonly Glob[];
  /** Desktops' own files are content, too. */
  readonly keepSystemFiles?: boolean;
  /** Links below the path stand for what they point to. */
  readonly followSymlinks?: boolean;
  /** An absolute path that is never content: where the `.torrent` goes. */
  readonly outputPath?: string | undefined;
  /** Called for what is skipped without the user's request, with the reason. */
  readonly onLeftOut?: (path: string, reason: LeftOutReason) => void;
}

/** The name that a torrent of `path` gets. */
export function contentName(path: string): string {
  return basename(resolve(path));
}

/** What is at `path`. Throws `ContentError`. */
export async function listContent(path: string, options: ListOptions = {}): Promise<FoundContent> {
  const root = resolve(path);
  const name = contentName(path);
  // A link that the user names is followed; links found below it are not unless that is asked for.
  const info = await attempt(root, () => stat(root));
  if (name === "" || (!info.isFile() && !info.isDirectory())) {
    throw new ContentError("no-content", `${path} is not a file or folder; choose one to share`);
  }
  if (safePath([name], NATIVE_PATH_RULES)[0] !== name) throw unsupportedName(root);
  const place = await attempt(root, () => realpath(root));
  const isFolder = info.isDirectory();
  const files = isFolder
    ? await new FolderListing(root, place, options).list()
    : [foundFile([name], place, info)];
  if (files.every((file) => file.length === 0)) {
    throw new ContentError("no-content", `${path} contains no files to share; add a file to it`);
  }
  return { name, isFolder, files: isFolder ? distinctFiles(name, root, files, options) : files };
}

function foundFile(path: readonly string[], place: string, info: Stats): FoundFile {
  const executable = Deno.build.os !== "windows" && (info.mode & 0o111) !== 0;
  return { path, length: info.size, place, mtimeMs: info.mtimeMs, executable };
}

interface Folder {
  /** Below the folder that was named. */
  readonly path: readonly string[];
  readonly place: string;
  /** Real places of the folder and of those above it: a link to one of them never ends. */
  readonly above: readonly string[];
}

class FolderListing {
  readonly #root: string;
  readonly #options: ListOptions;
  readonly #files: FoundFile[] = [];
  readonly #folders: Folder[];

  constructor(root: string, place: string, options: ListOptions) {
    this.#root = root;
    this.#options = options;
    this.#folders = [{ path: [], place, above: [place] }];
  }

  async list(): Promise<FoundFile[]> {
    for (let folder; (folder = this.#folders.pop()) !== undefined;) {
      const { place } = folder;
      for (const name of await attempt(place, () => readdir(place))) {
        await this.#visit(folder, name);
      }
      if (this.#files.length > FILES_MAX) {
        const advice = "share an archive, or several parts";
        const message = `${this.#root} contains more than ${FILES_MAX} files; ${advice}`;
        throw new ContentError("too-many-files", message);
      }
    }
    return this.#files.sort((a, b) => compareFilePaths(a.path, b.path));
  }

  async #visit(folder: Folder, name: string): Promise<void> {
    const path = [...folder.path, name];
    const { exclude = [], followSymlinks = false } = this.#options;
    if (exclude.some((glob) => matchesGlob(glob, path))) return;
    const reason = this.#reasonOfName(folder, name);
    if (reason !== undefined) return this.#leaveOut(path, reason);
    let place = join(folder.place, name);
    let info = await attempt(place, () => lstat(place));
    const isLink = info.isSymbolicLink();
    if (isLink) {
      if (!followSymlinks) return this.#leaveOut(path, "symlink");
      const target = await realpath(place).catch(() => undefined);
      if (target === undefined) return this.#leaveOut(path, "broken-symlink");
      place = target;
      info = await attempt(place, () => stat(place));
    }
    if (info.isDirectory() && name.toLowerCase() === ".tt") {
      return this.#leaveOut(path, "state-folder");
    }
    if (!fitsPathLimits(path)) throw pathTooLong(join(this.#root, ...path));
    if (info.isFile()) this.#files.push(foundFile(path, place, info));
    else if (!info.isDirectory()) this.#leaveOut(path, "not-a-file");
    else if (isLink && folder.above.includes(place)) this.#leaveOut(path, "symlink-loop");
    else this.#folders.push({ path, place, above: [...folder.above, place] });
  }

  #reasonOfName(folder: Folder, name: string): LeftOutReason | undefined {
    // How a name that is not UTF-8 shows; the file cannot be opened under it.
    if (name.includes("\ufffd")) return "unsupported-name";
    if (safeComponent(name, NATIVE_PATH_RULES) !== name) return "unsupported-name";
    if (isSystemFile(name) && !(this.#options.keepSystemFiles ?? false)) return "system-file";
    const isOutput = join(folder.place, name) === this.#options.outputPath;
    return isOutput || isOutputRest(name) ? "output" : undefined;
  }

  #leaveOut(path: readonly string[], reason: LeftOutReason): void {
    this.#options.onLeftOut?.(join(this.#root, ...path), reason);
  }
}

/** Without names that are one and the same for other systems: they could not store both. */
function distinctFiles(
  name: string,
  root: string,
  files: readonly FoundFile[],
  { onLeftOut }: ListOptions,
): FoundFile[] {
  const assigner = createPathAssigner(NATIVE_PATH_RULES);
  return files.filter(({ path }) => {
    const wanted = [name, ...path];
    if (assignPath(assigner, wanted).join("/") === wanted.join("/")) return true;
    onLeftOut?.(join(root, ...path), "unsupported-name");
    return false;
  });
}

function unsupportedName(place: string): ContentError {
  return new ContentError(
    "unsupported-name",
    `${place} has a name that other systems cannot store; rename it and try again`,
  );
}

function pathTooLong(place: string): ContentError {
  return new ContentError(
    "path-too-long",
    `${place} is nested too deeply, or has too long a path, for a torrent; share an ` +
      "archive, or a folder nearer to it",
  );
}

/** Runs one call of the file system and says in a sentence why it failed. */
export async function attempt<T>(place: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof ContentError) throw cause;
    const code = (cause as { code?: string }).code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new ContentError("missing", `${place} does not exist; check the path`, { cause });
    }
    if (code === "EACCES" || code === "EPERM" || cause instanceof Deno.errors.NotCapable) {
      throw new ContentError(
        "not-permitted",
        `${place} cannot be read: permission denied; change its permissions`,
        { cause },
      );
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ContentError("io", `${place} cannot be read: ${why}; check the disk`, { cause });
  }
}
