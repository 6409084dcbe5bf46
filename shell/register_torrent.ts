/** Puts a torrent that is being seeded into the catalogs of its trackers, and says so. */
import type { RegisteredEvent } from "../core/cli/events.ts";
import { CatalogClient } from "./catalog_client.ts";
import type { LoadedTorrent } from "./load_torrent.ts";

/** Torrents name dozens of strangers' trackers at times; a catalog of one's own is among the first. */
const TRACKERS_ASKED_MAX = 8;

/**
 * Asks all trackers at once; those without a catalog are passed over in silence. Never throws: a
 * torrent is seeded whether a catalog has it or not.
 */
export async function registerTorrent(
  loaded: LoadedTorrent,
  token: string | undefined,
  onEvent: (event: RegisteredEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { infoHash, name, announceTiers } = loaded.metainfo;
  const trackers = [...new Set(announceTiers.flat())].slice(0, TRACKERS_ASKED_MAX);
  await Promise.all(trackers.map(async (tracker) => {
    try {
      const registered = await new CatalogClient(tracker, signal).register(loaded, token);
      if (registered === undefined) return;
      onEvent({ event: "registered", infoHash, name, ...registered });
    } catch {
      // Aborted: whoever aborted it says why.
    }
  }));
}
