/**
 * Lists the files that a torrent of a path would hold, sorted, so that the same content always gives
 * the same torrent. Symbolic links below the path are skipped, and so are devices, sockets and our
 * own `.tt` folders; hidden files are content like any other.
 */
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { compareFilePaths, type ContentFile } from "../core/metainfo/create.ts";
import { FILES_MAX } from "../core/metainfo/file_list.ts";
import { assignPath, createPathAssigner } from "../core/metainfo/path_rules.ts";
import { NATIVE_PATH_RULES } from "./read_metainfo.ts";

export type ContentErrorCode =
  | "missing"
  | "not-permitted"
  | "io"
  | "no-content"
  /** Other systems would not find the file under its name, so nobody could share it. */
  | "unsupported-name"
  | "too-many-files"
  | "bad-piece-length"
  /** A file changed while it was read. */
  | "changed";

/** Why content cannot be made a torrent; `message` is ready for the user. */
export class ContentError extends Error {
  override readonly name = "ContentError";
  constructor(readonly code: ContentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface FoundFile extends ContentFile {
  /** Where it is on this machine. */
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

/** What is at `path`; throws `ContentError`. `onNotice` is told what is left out, in a sentence. */
export async function listContent(
  path: string,
  onNotice: (sentence: string) => void = () => {},
): Promise<FoundContent> {
  const root = resolve(path);
  const name = basename(root);
  // A link that the user names is followed; links found below it are not.
  const info = await attempt(root, () => stat(root));
  if (name === "" || (!info.isFile() && !info.isDirectory())) {
    throw new ContentError("no-content", `${path} is no file or folder; choose one to share`);
  }
  const files: FoundFile[] = [];
  if (info.isFile()) {
    files.push({ path: [name], length: info.size, place: root, mtimeMs: info.mtimeMs });
  } else {
    await listFolder(root, files, onNotice);
    files.sort((a, b) => compareFilePaths(a.path, b.path));
  }
  if (files.every((file) => file.length === 0)) {
    throw new ContentError("no-content", `${path} holds no content to share; add a file to it`);
  }
  refuseUnsupportedNames(name, info.isDirectory(), files);
  return { name, isFolder: info.isDirectory(), files };
}

async function listFolder(
  root: string,
  files: FoundFile[],
  onNotice: (sentence: string) => void,
): Promise<void> {
  const folders: string[][] = [[]];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const place = join(root, ...folder);
    for (const name of await attempt(place, () => readdir(place))) {
      const path = [...folder, name];
      const filePlace = join(root, ...path);
      // How a name that is not UTF-8 shows; the file cannot be opened under it.
      if (name.includes("\ufffd")) throw unsupportedName(filePlace);
      const info = await attempt(filePlace, () => lstat(filePlace));
      if (info.isDirectory() && name.toLowerCase() === ".tt") {
        onNotice(`Left out ${filePlace}, the state folder of tt`);
      } else if (info.isDirectory()) {
        folders.push(path);
      } else if (info.isFile()) {
        files.push({ path, length: info.size, place: filePlace, mtimeMs: info.mtimeMs });
      } else {
        const kind = info.isSymbolicLink() ? "a symbolic link" : "no regular file";
        onNotice(`Left out ${filePlace}, which is ${kind}`);
      }
    }
    if (files.length > FILES_MAX) {
      const advice = "share an archive, or several parts";
      throw new ContentError(
        "too-many-files",
        `${root} holds more than ${FILES_MAX} files; ${advice}`,
      );
    }
  }
}

/** Our own path rules must leave every name as it is, or nobody would find the content again. */
function refuseUnsupportedNames(
  name: string,
  isFolder: boolean,
  files: readonly FoundFile[],
): void {
  const assigner = createPathAssigner(NATIVE_PATH_RULES);
  for (const { path, place } of files) {
    const wanted = isFolder ? [name, ...path] : path;
    const kept = assignPath(assigner, wanted);
    if (kept.join("/") !== wanted.join("/")) throw unsupportedName(place);
  }
}

function unsupportedName(place: string): ContentError {
  return new ContentError(
    "unsupported-name",
    `${place} has a name that other systems cannot store; rename it and try again`,
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
      throw new ContentError("missing", `${place} is not there; check the path`, { cause });
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
