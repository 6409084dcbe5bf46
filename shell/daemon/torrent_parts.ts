/** Small parts of torrents.ts. */
import { join } from "node:path";
import type { Magnet } from "../../core/metainfo/magnet.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { safeComponent } from "../../core/metainfo/path_rules.ts";
import type { TorrentSettings } from "../../core/rpc/torrent_settings.ts";
import { Failure } from "../failure.ts";
import type { TorrentLimits } from "../life/types.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { TorrentEntry } from "./entry.ts";
import type { TorrentRecord } from "./record.ts";

/** What was added, and whether it was there before. */
export interface Added {
  readonly entry: TorrentEntry;
  readonly isNew: boolean;
}

export interface AddTorrent {
  /** The torrent, or a magnet link. */
  readonly torrent: LoadedTorrent | { readonly link: string; readonly magnet: Magnet };
  readonly dir: string;
  readonly isPaused: boolean;
  /** Where its content is until it is complete; undefined: in `dir`. */
  readonly incompleteDir?: string | undefined;
  readonly change: (record: TorrentRecord) => void;
}

/** Bytes a second out of kB/s. */
export function limitsOf(settings: TorrentSettings): TorrentLimits {
  return {
    downLimit: settings.download_limited ? bytesASecond(settings.download_limit) : undefined,
    upLimit: settings.upload_limited ? bytesASecond(settings.upload_limit) : undefined,
  };
}

/** A limit of 0 lets next to nothing through. */
export function bytesASecond(rateKb: number): number {
  return Math.max(1, rateKb * 1000);
}

/** Whole seconds since 1970. */
export function unixSeconds(): number {
  return Math.round(Date.now() / 1000);
}

/** Torrents of v2 are kept under the first 40 digits of their hash. */
export function hashKey(hash: string): InfoHash {
  return hash.slice(0, 40) as InfoHash;
}

/**
 * Where a file or folder of the torrent is on the disk, and where it goes when it is renamed: below
 * `dir`, in which names may be others than in the torrent.
 */
export function renamedPaths(
  { metainfo, handle }: TorrentEntry,
  dir: string,
  path: string,
  name: string,
): { readonly from: string; readonly to: string } {
  const parts = path.split("/");
  const placed = handle?.loaded.metainfo.files ?? metainfo.files;
  const at = metainfo.files.findIndex((file) => parts.every((part, i) => file.path[i] === part));
  const from = placed[at]?.path.slice(0, parts.length) ?? parts;
  const isPortable = placed.some((file, i) =>
    file.path.join("/") !== metainfo.files[i]!.path.join("/")
  );
  const newName = isPortable ? safeComponent(name, "portable") : name;
  return { from: join(dir, ...from), to: join(dir, ...from.slice(0, -1), newName) };
}

/** Throws a Failure. */
export async function renameOnDisk(from: string, to: string): Promise<void> {
  const isTaken = await Deno.lstat(to).then(() => true, () => false);
  if (isTaken) throw new Failure("disk", "occupied", `Will not overwrite ${to}; move it away`);
  try {
    await Deno.rename(from, to);
  } catch (error) {
    // Nothing of it was made yet.
    if (error instanceof Deno.errors.NotFound) return;
    throw new Failure("disk", "rename", `Cannot rename ${from}: ${(error as Error).message}`);
  }
}

/** What made a stored torrent unreadable. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("input", "unreadable", message, { cause: error });
}
