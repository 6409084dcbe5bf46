/** A torrent with a tracker that the user typed beside those that it names. */
import type { LoadedTorrent } from "./load_torrent.ts";

/**
 * Adds `trackers`, each as a separate tier after the torrent's. A private torrent that names
 * trackers goes to those only. Spec: BEP 27.
 */
export function announcedTo(loaded: LoadedTorrent, trackers: readonly string[]): LoadedTorrent {
  const { announceTiers, isPrivate } = loaded.metainfo;
  const known = announceTiers.flat();
  const added = trackers.filter((tracker) => !known.includes(tracker));
  if (added.length === 0 || (isPrivate && known.length > 0)) return loaded;
  const tiers = [...announceTiers, ...added.map((tracker) => [tracker])];
  return { ...loaded, metainfo: { ...loaded.metainfo, announceTiers: tiers } };
}
