/**
 * Hashes that a download learns are kept in its state folder: piece layers in the `.torrent`, leaves in a
 * file of their own.
 */
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import { hasAllLayers, type PieceTrees } from "../../core/metainfo/piece_trees.ts";
import { encodeResume, type ResumeState } from "../../core/transfer/resume.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { keepsLeaves, saveLeaves } from "../disk/leaves_file.ts";
import { loadTorrentBytes, saveState, saveTorrent } from "../disk/state_file.ts";
import { takeLeaves } from "../hash/noted_leaves.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { readMetainfo } from "../read_metainfo.ts";

/** How many layers a torrent's bytes have. */
const given = new WeakMap<PieceTrees, number>();
/** How many the `.torrent` of the state folder has. */
const kept = new WeakMap<PieceTrees, number>();

/** To be called before layers are learned. */
export function noteLayers({ metainfo: { trees } }: LoadedTorrent): void {
  if (trees === undefined || given.has(trees)) return;
  given.set(trees, countLayers(trees));
}

/** Takes the layers that the `.torrent` kept by an earlier run has and these metadata lack. */
export async function recallLayers(
  dir: string,
  { metainfo: { infoHash, identity, trees } }: LoadedTorrent,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  if (trees === undefined || hasAllLayers(trees)) return;
  const bytes = await loadTorrentBytes(dir, infoHash, fs).catch(() => undefined);
  const read = bytes && readMetainfo(bytes, undefined, true);
  if (!read?.ok || read.value.identity.v2 !== identity.v2) return;
  for (const [tree, layer] of read.value.trees!.layers.entries()) trees.layers[tree] ??= layer;
}

/** Keeps the `.torrent` with the layers that are known now. */
export async function keepTorrent(
  dir: string,
  loaded: LoadedTorrent,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  const { metainfo: { infoHash, trees }, bytes, onLayers } = loaded;
  if (trees === undefined) return await saveTorrent(dir, infoHash, bytes, fs);
  const known = countLayers(trees);
  const current = known === given.get(trees) ? bytes : withPieceLayers(bytes, trees);
  await saveTorrent(dir, infoHash, current, fs);
  kept.set(trees, known);
  if (hasAllLayers(trees)) await onLayers?.(current);
}

/** Makes the state of a download durable, and the hashes that it learned. */
export async function saveDownload(
  dir: string,
  loaded: LoadedTorrent,
  state: ResumeState,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  await saveState(dir, loaded.metainfo.infoHash, encodeResume(state), fs);
  const { trees } = loaded.metainfo;
  if (trees === undefined) return;
  const leaves = takeLeaves(trees);
  if (keepsLeaves(loaded.metainfo)) await saveLeaves(dir, loaded.metainfo, leaves, fs);
  if (kept.get(trees) === countLayers(trees)) return;
  await keepTorrent(dir, loaded, fs);
}

function countLayers({ layers }: PieceTrees): number {
  return layers.filter((layer) => layer !== undefined).length;
}
