/**
 * Content that another torrent in the same folder has under the same root hash is copied instead of being
 * downloaded again. The check that follows decides what of it is kept. Copies, not links: two torrents
 * never write to one file.
 *
 * Spec: BEP 52, pieces root: "identical files always result in the same root hash".
 */
import { join } from "node:path";
import { byteText } from "../../core/bencode/node.ts";
import { hasBit, parseBitfield } from "../../core/bytes/bitfield.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { errorCode, type FileSystem } from "../disk/file_system.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { fileStats, makeFolders, makeRoot } from "../disk/safe_path.ts";
import { listStates, loadState, loadTorrentBytes } from "../disk/state_file.ts";
import { readMetainfo } from "../read_metainfo.ts";

/** Torrents of the folder that are looked at: reading them must not hold up the start. */
const TORRENTS_MAX = 200;
/** A larger `.torrent` takes too long to read for a hope. */
const TORRENT_BYTES_MAX = 4 * 1024 * 1024;

type Path = readonly string[];

/** Files of one content. */
interface Missing {
  readonly paths: readonly Path[];
  readonly length: number;
}

/** What was copied: paths, and their bytes together. */
export interface Reused {
  readonly files: readonly string[];
  readonly bytes: number;
}

/** Never throws: whatever fails is downloaded. */
export async function reuseKnownFiles(
  dir: string,
  metainfo: Metainfo,
  signal: AbortSignal,
  fs: FileSystem = realFileSystem,
): Promise<Reused> {
  const missing = await missingFiles(dir, metainfo, fs);
  // A folder of thousands of torrents takes long to list: not for each that has all its files.
  if (missing.size === 0) return { files: [], bytes: 0 };
  const copied: Path[] = [];
  let bytes = 0;
  for (const infoHash of (await listStates(dir, fs).catch(() => [])).slice(0, TORRENTS_MAX)) {
    if (missing.size === 0 || signal.aborted) break;
    if (infoHash === metainfo.infoHash) continue;
    for (const [key, from] of await finishedFiles(dir, infoHash, fs).catch(() => [])) {
      const { paths, length } = missing.get(key) ?? { paths: [], length: 0 };
      missing.delete(key);
      for (const path of paths) {
        if (signal.aborted || !await copy(dir, from, path, fs)) continue;
        copied.push(path);
        bytes += length;
      }
    }
  }
  return { files: copied.map((path) => path.join("/")), bytes };
}

/** Files of the torrent that are not there, by root and length. */
async function missingFiles(
  dir: string,
  { trees, files }: Metainfo,
  fs: FileSystem,
): Promise<Map<string, Missing>> {
  const missing = new Map<string, Missing>();
  for (const { file, root, length } of trees?.files ?? []) {
    const { path, pad } = files[file]!;
    if (pad) continue;
    const isThere = await fileStats(fs, dir, path).then((stats) => stats !== undefined, () => true);
    if (isThere) continue;
    const key = keyOf(root, length);
    missing.set(key, { paths: [...missing.get(key)?.paths ?? [], path], length });
  }
  return missing;
}

/** Files of another torrent whose pieces are all there. */
async function finishedFiles(
  dir: string,
  infoHash: InfoHash,
  fs: FileSystem,
): Promise<[string, Path][]> {
  const bytes = await loadTorrentBytes(dir, infoHash, fs);
  if (bytes === undefined || bytes.length > TORRENT_BYTES_MAX) return [];
  const state = decodeResume(await loadState(dir, infoHash, fs) ?? new Uint8Array());
  const read = readMetainfo(bytes, undefined, true);
  if (!read.ok || !state.ok || read.value.trees === undefined) return [];
  const { trees, files, geometry } = read.value;
  const pieces = parseBitfield(state.value.pieces, geometry.pieceCount);
  if (!pieces.ok) return [];
  const finished: [string, Path][] = [];
  for (const { file, root, length, firstPiece, pieceCount } of trees.files) {
    let piece = firstPiece;
    while (piece < firstPiece + pieceCount && hasBit(pieces.value, piece)) piece++;
    if (piece < firstPiece + pieceCount) continue;
    const stats = await fileStats(fs, dir, files[file]!.path);
    // One that changed since is not worth the copy.
    const then = state.value.files[file]?.mtimeMs ?? stats?.mtimeMs;
    if (stats?.size === length && stats.mtimeMs === then) {
      finished.push([keyOf(root, length), files[file]!.path]);
    }
  }
  return finished;
}

/** Whether it succeeded; part of a file is not left behind. */
async function copy(dir: string, from: Path, to: Path, fs: FileSystem): Promise<boolean> {
  const target = join(dir, ...to);
  try {
    await makeRoot(fs, dir);
    await makeFolders(fs, dir, to.slice(0, -1));
    await fs.copyFile(join(dir, ...from), target);
    return true;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") await fs.remove(target).catch(() => {});
    return false;
  }
}

function keyOf(root: Uint8Array, length: number): string {
  return `${length} ${byteText(root)}`;
}
