/** What the content of a torrent on disk can do, and what it is opened with. */
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { FileOnDisk } from "../../core/transfer/resume.ts";
import type { FileSystem } from "./file_system.ts";
import type { HandleCache } from "./handles.ts";

export interface StorageOptions {
  /** Nothing is created, changed or written; false unless given. */
  readonly readOnly?: boolean;
  /** For tests. */
  readonly fileSystem?: FileSystem;
  /**
   * Where files are that are not below the folder under their own names, by file index: absolute,
   * and with no link in them that the user did not allow. For reading only.
   */
  readonly places?: Places | undefined;
  /** Names the part file; without it every file must be wanted. */
  readonly infoHash?: InfoHash | undefined;
  /**
   * Reported once for a file that changed after its stamp was taken. It is not read any more.
   * Without it nothing is looked at.
   */
  readonly onChanged?: ((file: number) => void) | undefined;
  /** To share one limit between torrents; its own cache unless given. */
  readonly handles?: HandleCache;
  /** Monotonic milliseconds; for tests. */
  readonly clock?: () => number;
}

/** Undefined for a file that is where it belongs, and for padding. */
export type Places = readonly (string | undefined)[];

export interface ReserveOptions {
  /**
   * Bytes that are still to come. Where the file system compresses, files take less than their
   * size, and only this tells what is needed.
   */
  readonly missingBytes?: number;
  /** Ends it; what was made so far stays. */
  readonly signal?: AbortSignal;
}

/** All methods that answer with a promise reject with a `DiskError` when the disk fails. */
export interface Storage {
  /**
   * Says which files are wanted; all of them are unless this was called. `reserve` makes those that
   * are wanted and not there; until it has, their bytes are kept apart. A file that is there stays.
   */
  setWanted(isWanted: (file: number) => boolean): void;
  /**
   * Makes all folders and files that are wanted at their full size; empty files too. Bytes of them
   * that were kept apart move into place. Call it only while something is missing, and again when
   * more is wanted; reading and writing may go on meanwhile. Errors: `disk-full` (with `space`,
   * nothing was created), `occupied`, `symlink`, `not-permitted`, `io`; the signal's reason.
   */
  reserve(options?: ReserveOptions): Promise<void>;
  /**
   * Fills `target` from `offset` on. Errors: `missing`, `file-short`, `symlink`, `changed`, `io`.
   */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  /** Writes at `offset`; `bytes` must not change before the promise settles. */
  writePiece(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Puts every write that was complete at the call on the medium. After one failure every further
   * call fails: what a disk lost once is not known to be there by asking again.
   */
  flush(): Promise<void>;
  /**
   * What is in the files came from an earlier run, which may have been killed before its writes
   * were on the medium: the next flush covers these, too. Call it after `stamps`.
   */
  expectUnflushed(): void;
  /**
   * Sizes and mtimes as `trustResume` wants them. A file is looked at again only after this storage
   * wrote to it, so a change by another process shows as a stamp that disagrees. A file of which
   * bytes are kept apart has the mtime of the part file.
   */
  stamps(): Promise<(FileOnDisk | undefined)[]>;
  /** Where a file is that is not padding; a caller that opens it must not follow links. */
  pathOf(file: number): string;
  /** Whether the file system holds any block of the file; a file without can only read as zeros. */
  hasData(file: number): Promise<boolean>;
  /** Waits for what is under way, then closes all files. Does not flush. */
  close(): Promise<void>;
}
