/** Piece layers that peers gave, or content, are kept in the `.torrent` of the state folder. */
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import type { PieceTrees } from "../../core/metainfo/piece_trees.ts";
import { encodeResume, type ResumeState } from "../../core/transfer/resume.ts";
import { saveState, saveTorrent } from "../disk/state_file.ts";
import type { LoadedTorrent } from "../load_torrent.ts";

/** How many layers of a torrent its `.torrent` has. */
const kept = new WeakMap<PieceTrees, number>();

/** To be called before layers are learned, which saves nothing, and whenever the state is saved. */
export async function keepLayers(dir: string, { metainfo, bytes }: LoadedTorrent): Promise<void> {
  const { trees, infoHash } = metainfo;
  if (trees === undefined) return;
  const known = trees.layers.filter((layer) => layer !== undefined).length;
  if (known === (kept.get(trees) ?? known)) {
    kept.set(trees, known);
    return;
  }
  await saveTorrent(dir, infoHash, withPieceLayers(bytes, trees));
  kept.set(trees, known);
}

/** Makes the state of a download durable, and the layers that it learned. */
export async function saveDownload(
  dir: string,
  loaded: LoadedTorrent,
  state: ResumeState,
): Promise<void> {
  await saveState(dir, loaded.metainfo.infoHash, encodeResume(state));
  await keepLayers(dir, loaded);
}
