/**
 * Shows in the download folder which content is not complete: a small text file `NAME.unfinished` beside
 * it. The content itself has its final name from the start, since names that change at the end would
 * break what is open (a player, a reader of another kind, and on Windows the rename itself), and a
 * process that is killed in between would leave a folder half renamed.
 */
import { join } from "node:path";
import { type PathRules, safeComponent } from "../../core/metainfo/path_rules.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { type FileSystem, readAll, writeAll } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";

const ENDING = ".unfinished";
const RULES: PathRules = "portable";

type Marked = Pick<Metainfo, "name" | "files" | "infoHash">;

/** Its name below the download folder. */
export function markerName({ files }: Pick<Metainfo, "files">): string {
  return safeComponent(`${files[0]!.path[0]!}${ENDING}`, RULES);
}

/** Puts the marker there, unless something else has its name. Never throws: it is a courtesy. */
export async function placeMarker(
  dir: string,
  metainfo: Marked,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const path = join(dir, markerName(metainfo));
  try {
    if (await fs.stats(path) !== undefined) return;
    const writer = await fs.openWriter(path, "create");
    try {
      await writeAll(writer, markerText(metainfo), 0);
    } finally {
      await writer.close();
    }
  } catch {
    // Content comes all the same.
  }
}

/** Takes the marker away, if it is there and ours. Never throws. */
export async function removeMarker(
  dir: string,
  metainfo: Marked,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const path = join(dir, markerName(metainfo));
  try {
    const stats = await fs.stats(path);
    const wanted = markerText(metainfo);
    if (stats?.kind !== "file" || stats.size !== wanted.length) return;
    const bytes = new Uint8Array(wanted.length);
    const reader = await fs.openReader(path);
    try {
      await readAll(reader, bytes, 0);
    } finally {
      await reader.close();
    }
    if (bytes.every((byte, i) => byte === wanted[i])) await fs.remove(path);
  } catch {
    // One that stays is removed when the torrent is looked at again.
  }
}

function markerText({ name, infoHash }: { name: string; infoHash: InfoHash }): Uint8Array {
  // A control character in a name is no more than that here.
  return new TextEncoder().encode(
    `${JSON.stringify(name)} is being downloaded and not complete yet.\n` +
      "tt get --resume goes on with it and removes this file at the end.\n" +
      `Info hash: ${infoHash}\n`,
  );
}
