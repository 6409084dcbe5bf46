/** Adds a seeded torrent to the catalogs of its trackers, and reports it. */
import { refuseLocalRequest } from "../core/bytes/local_address.ts";
import type { RegisteredEvent } from "../core/cli/events.ts";
import { endpointOf, resolveHost, systemLookup } from "./announce/host.ts";
import { orAbort } from "./announce/wait.ts";
import { CatalogClient } from "./catalog_client.ts";
import type { LoadedTorrent } from "./load_torrent.ts";

/** Some torrents name dozens of public trackers; the user's own catalog is among the first. */
const TRACKERS_ASKED_MAX = 8;

/**
 * Asks all trackers at once; those without a catalog are passed over in silence. Never throws: a
 * torrent is seeded whether a catalog has it or not. The token is for the trackers that the user
 * given as options: those in a torrent are not trusted.
 */
export async function registerTorrent(
  loaded: LoadedTorrent,
  token: string | undefined,
  typedTrackers: readonly string[],
  onEvent: (event: RegisteredEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { infoHash, name, announceTiers } = loaded.metainfo;
  const trackers = [...new Set(announceTiers.flat())].slice(0, TRACKERS_ASKED_MAX);
  await Promise.all(trackers.map(async (tracker) => {
    try {
      const isTyped = typedTrackers.includes(tracker);
      if (!isTyped && !(await mayAskCatalog(tracker, signal))) return;
      const shown = isTyped ? token : undefined;
      const registered = await new CatalogClient(tracker, signal).register(loaded, shown);
      if (registered === undefined) return;
      onEvent({ event: "registered", infoHash, name, ...registered });
    } catch {
      // Aborted, which the caller reports; or a host without an address.
    }
  }));
}

/**
 * At a local address, only beside a path that the rule about such addresses allows for an
 * announce.
 */
async function mayAskCatalog(tracker: string, signal: AbortSignal): Promise<boolean> {
  const url = tracker.replace(/^udp:/i, "http:");
  const addresses = await orAbort(resolveHost(endpointOf(url).host, systemLookup), signal);
  return [...addresses.values()].flat().every((ip) =>
    refuseLocalRequest({ purpose: "tracker", url, ip, isRedirectFromOutside: false }) === undefined
  );
}
