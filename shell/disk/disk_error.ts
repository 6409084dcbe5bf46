/** What can go wrong on a disk, each as one sentence that says what to do. */
import { errorCode } from "./file_system.ts";

export type DiskErrorCode =
  | "disk-full"
  | "not-permitted"
  /** A file ends before the bytes that are asked for. */
  | "file-short"
  | "missing"
  /** Not as it was when it was checked. */
  | "changed"
  | "symlink"
  /** Something else has the place of the torrent's file: a longer file, a folder, a device. */
  | "occupied"
  /** Another process works on the same torrent in the same folder. */
  | "in-use"
  | "io";

export interface DiskErrorOptions extends ErrorOptions {
  readonly space?: Space;
}

/** In bytes. */
export interface Space {
  readonly needed: number;
  readonly available: number;
}

/** Every failure of this module; `message` is ready for the user. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  /** Set when a "disk-full" was seen before anything was written. */
  readonly space: Space | undefined;

  constructor(
    readonly code: DiskErrorCode,
    /** The file or folder concerned. */
    readonly path: string,
    message: string,
    options?: DiskErrorOptions,
  ) {
    super(message, options);
    this.space = options?.space;
  }
}

export type DiskAction = "read" | "write" | "create" | "open" | "lock" | "replace" | "list";

/** Ours, what is wrong, and what to do. */
export type Cause = readonly [code: DiskErrorCode, what: string, advice: string];

/** By the system's error code. */
const CAUSES: Readonly<Record<string, Cause>> = {
  ENOSPC: ["disk-full", "the disk is full", "free some space and start again with --resume"],
  EDQUOT: ["disk-full", "your quota is used up", "free some space and start again with --resume"],
  EACCES: ["not-permitted", "permission denied", "change its permissions or choose another --dir"],
  EPERM: ["not-permitted", "operation not permitted", "choose another --dir"],
  EROFS: ["not-permitted", "the file system is read-only", "choose another --dir"],
  ENOENT: ["missing", "it does not exist", "check --dir, or download it again"],
  ENOTDIR: ["occupied", "a file is in the place of a folder", "move it or choose another --dir"],
  EISDIR: ["occupied", "a folder is in the place of the file", "move it or choose another --dir"],
  ENXIO: ["occupied", "it is not a regular file", "move it or choose another --dir"],
  ELOOP: ["symlink", "it is a symbolic link", "replace it by the file or choose another --dir"],
  EBUSY: ["in-use", "another program is using it", "close that and start again"],
  EMFILE: ["io", "too many files are open", "raise the limit with ulimit -n"],
  ENFILE: ["io", "too many files are open on this machine", "close some programs"],
  EFBIG: ["io", "the file system does not support files of this size", "choose another --dir"],
  ENAMETOOLONG: ["io", "the path is too long for the system", "choose a shorter --dir"],
  EIO: ["io", "the disk reported an error", "check it, then run tt verify"],
};

/** Turns whatever a file system call threw into a `DiskError`; one that is one already stays. */
export function toDiskError(error: unknown, action: DiskAction, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const [code, what, advice] = causeOf(error);
  return new DiskError(code, path, `Cannot ${action} ${path}: ${what}; ${advice}`, {
    cause: error,
  });
}

/** Why a file system call failed. */
export function causeOf(error: unknown): Cause {
  const what = error instanceof Error ? error.message : String(error);
  return CAUSES[errorCode(error) ?? codeOfClass(error)] ??
    ["io", what, "check the disk and start again"];
}

// Deno's own calls and its permission checks give a class instead of a code.
function codeOfClass(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  if (error instanceof Deno.errors.NotCapable) return "EPERM";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return "";
}
