/**
 * Finds out what names a folder can hold, by trying: the name of the system does not tell. Linux mounts
 * exFAT sticks and shares of Windows, and macOS has file systems that tell case apart.
 */
import { join } from "node:path";
import { toHex } from "../../core/bytes/hex.ts";
import type { PathRules } from "../../core/metainfo/path_rules.ts";
import type { FileSystem } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

/** Characters and an end that FAT, NTFS or SMB refuse, map to others, or take for something else. */
const ODD_CHARACTERS = ':?*"<>|';
const ODD_END = " .";
/** Stored in another form by HFS+. */
const COMPOSED = "\u00e9";

/**
 * "portable" when some of these are true in the folder, which is made if need be: names that differ only
 * in case or normalisation share a file; names with odd characters or ends are refused or come out
 * different. "posix" otherwise, and where nothing can be tried.
 */
export async function probePathRules(
  dir: string,
  fs: FileSystem = realFileSystem,
): Promise<PathRules> {
  const folder = join(dir, STATE_FOLDER);
  const name = `Probe-${COMPOSED}-${toHex(crypto.getRandomValues(new Uint8Array(6)))}`;
  try {
    await makeRoot(fs, dir);
    await makeFolders(fs, dir, [STATE_FOLDER]);
    await touch(fs, join(folder, name));
  } catch {
    // A folder that cannot be written is not written to; the attempt reports why.
    return "posix";
  }
  const odd = `${name}${ODD_CHARACTERS}${ODD_END}`;
  try {
    if (await isThere(fs, join(folder, name.toLowerCase()))) return "portable";
    if (await isThere(fs, join(folder, name.normalize("NFD")))) return "portable";
    const isMade = await touch(fs, join(folder, odd)).then(() => true, () => false);
    return isMade && (await fs.list(folder)).includes(odd) ? "posix" : "portable";
  } finally {
    await fs.remove(join(folder, odd)).catch(() => {});
    await fs.remove(join(folder, name)).catch(() => {});
  }
}

async function touch(fs: FileSystem, path: string): Promise<void> {
  await (await fs.openWriter(path, "create")).close();
}

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  return await fs.stats(path).then((stats) => stats !== undefined, () => false);
}
