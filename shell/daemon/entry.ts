/** One torrent of the daemon: what is kept of it, and its life in the session. */
import type { Magnet } from "../../core/metainfo/magnet.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { MetadataStage } from "../magnet/metadata_stage.ts";
import type { LifeFacts } from "../life/types.ts";
import type { TorrentHandle } from "../session.ts";
import type { TorrentRecord } from "./record.ts";

export class TorrentEntry {
  /** The `.torrent` as it is run: with other names and trackers where the record says so. */
  loaded: LoadedTorrent;
  /** Undefined until it was started for the first time in this run. */
  handle: TorrentHandle | undefined;
  /** Fetches its metadata now. */
  metadata: MetadataStage | undefined;
  /** Changed since it was stored. */
  isDirty = false;
  /** It may run: by the user's will and by its place in the queue. */
  isAdmitted = false;
  /** Started past the queue. */
  isForced = false;
  /** It runs, but nothing has moved for long. */
  isStalled = false;
  /** Monotonic ms: when the view last changed, for those who ask for recent ones. */
  changedMs = 0;
  /** It is not the daemon's any more. */
  isRemoved = false;
  /** It was in its swarm in this run. */
  wasJoined = false;
  /** Payload of all runs when it was last looked at. */
  seenUploaded = 0;
  seenDownloaded = 0;

  constructor(
    readonly id: number,
    /** The bytes that were added; none for a magnet link. */
    public torrent: Uint8Array,
    loaded: LoadedTorrent,
    readonly record: TorrentRecord,
    /** Undefined once the metadata is here. */
    public magnet: Magnet | undefined,
  ) {
    this.loaded = loaded;
  }

  get infoHash(): InfoHash {
    return this.loaded.metainfo.infoHash;
  }

  get metainfo(): Metainfo {
    return this.loaded.metainfo;
  }

  get name(): string {
    return this.loaded.metainfo.name;
  }

  facts(): LifeFacts | undefined {
    return this.handle?.facts();
  }

  get isComplete(): boolean {
    return this.record.doneAt > 0;
  }
}
