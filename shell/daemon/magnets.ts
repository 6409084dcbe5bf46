/** Torrents of which the daemon has only a magnet link: their metadata is fetched from peers. */
import { createGeometry } from "../../core/metainfo/geometry.ts";
import type { Magnet } from "../../core/metainfo/magnet.ts";
import { type Failure, toFailure } from "../failure.ts";
import type { Goals } from "../life/types.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { type MetadataStage, placeholderOf } from "../magnet/metadata_stage.ts";
import type { Session } from "../session.ts";
import type { TorrentEntry } from "./entry.ts";

export interface MagnetsOptions {
  readonly session: Session;
  readonly goals: () => Goals;
  readonly onLoaded: (entry: TorrentEntry, loaded: LoadedTorrent) => void;
  readonly onFailed: (entry: TorrentEntry, failure: Failure) => void;
}

interface Fetch {
  readonly stop: AbortController;
  stage: MetadataStage | undefined;
}

export class Magnets {
  readonly #options: MagnetsOptions;
  readonly #fetches = new Map<TorrentEntry, Fetch>();

  constructor(options: MagnetsOptions) {
    this.#options = options;
  }

  /** Goes to the swarm for the metadata, unless it does already. */
  start(entry: TorrentEntry, magnet: Magnet): void {
    if (this.#fetches.has(entry)) return;
    const fetch: Fetch = { stop: new AbortController(), stage: undefined };
    this.#fetches.set(entry, fetch);
    void this.#run(entry, magnet, fetch);
  }

  /** Leaves the swarm, if it is there. */
  async stop(entry: TorrentEntry): Promise<void> {
    const fetch = this.#fetches.get(entry);
    if (fetch === undefined) return;
    this.#fetches.delete(entry);
    fetch.stop.abort();
    entry.metadata = undefined;
    await fetch.stage?.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#fetches.keys()].map((entry) => this.stop(entry)));
  }

  async #run(entry: TorrentEntry, magnet: Magnet, fetch: Fetch): Promise<void> {
    const { signal } = fetch.stop;
    try {
      const { session, goals } = this.#options;
      const dir = entry.record.dir;
      const stage = await session.fetch({ magnet, dir, goals: goals() });
      fetch.stage = stage;
      entry.metadata = stage;
      if (signal.aborted) return await stage.stop();
      const loaded = await stage.loaded(signal);
      this.#fetches.delete(entry);
      entry.metadata = undefined;
      // Not stopped: the torrent goes on with its peers.
      this.#options.onLoaded(entry, loaded);
    } catch (error) {
      if (signal.aborted) return;
      this.#fetches.delete(entry);
      entry.metadata = undefined;
      await fetch.stage?.stop();
      this.#options.onFailed(entry, toFailure(error));
    }
  }
}

/** A torrent with nothing in it, until its metadata is here. */
export function withoutMetadata(magnet: Magnet): LoadedTorrent {
  const infoHash = magnet.identity.v1 ?? magnet.identity.v2!.slice(0, 40);
  const metainfo = placeholderOf(magnet, magnet.name ?? infoHash);
  return { bytes: new Uint8Array(), metainfo: { ...metainfo, geometry: createGeometry(1, 1) } };
}
