/**
 * Commands and events of a torrent's life, all of it plain data: adapters (the command line, the
 * daemon, tests) show it in their own words.
 */
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { ShareRule } from "../../core/cli/values.ts";
import type { TorrentFacts } from "../../core/torrent/facts.ts";
import type { FilePriorities } from "../../core/transfer/file_priorities.ts";
import type { Places } from "../disk/storage.ts";
import type { Failure } from "../failure.ts";
import type { RateLimits } from "../net/rate_limiter.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { TraceOptions } from "../trace/recorder.ts";

/** A torrent to take care of. */
export interface AddOptions {
  readonly loaded: LoadedTorrent;
  /** Where its content is, or goes. */
  readonly dir: string;
  readonly role: Role;
  /** Dialled besides those that the trackers name. */
  readonly peers?: readonly PeerAddress[];
  readonly goals?: Goals;
  readonly limits?: TorrentLimits;
  /** Kept beside its state for later runs, as it is. */
  readonly remember?: Uint8Array | undefined;
  /** What is wanted of its files: PRIORITY_SKIP to PRIORITY_MAX each; all alike unless given. */
  readonly filePriorities?: FilePriorities | undefined;
  readonly order?: DownloadOrder | undefined;
  /** Where its content goes once it is complete. */
  readonly moveTo?: string | undefined;
  /** Taken in without being checked or joined; `resume` starts it. */
  readonly paused?: boolean;
  readonly trace?: Pick<TraceOptions, "path" | "keepsAddresses"> | undefined;
}

/** In which order pieces are asked for; rarest first within a priority where nothing is said. */
export interface DownloadOrder {
  /** From the beginning to the end. */
  readonly isSequential?: boolean;
  /** The first and the last piece of each file before the others of its priority. */
  readonly firstLast?: boolean;
}

export type Role = DownloadRole | SeedRole;

/** Writes content and state, so it locks the torrent in its folder while it is active. */
export interface DownloadRole {
  readonly kind: "download";
  /** Trust the saved state where sizes and times agree; otherwise everything is hashed once. */
  readonly resume: boolean;
  /** As of a seed, where everything is here when it joins. */
  readonly superSeed?: boolean;
}

/** Reads only: incomplete content is a failure, and nothing is kept for a later run. */
export interface SeedRole {
  readonly kind: "seed";
  /** The content was hashed a moment ago. */
  readonly isChecked: boolean;
  /** Where its files are, unless they are where the torrent's paths lead. */
  readonly places?: Places | undefined;
  /** Show peers pieces one by one until others have them all. Spec: BEP 16. */
  readonly superSeed?: boolean;
}

/** When a torrent has seeded enough. An undefined field is not a goal. */
export interface Goals {
  /** Leave the swarm once complete. */
  readonly stopsWhenComplete?: boolean;
  readonly shareRule?: ShareRule;
  /** Leave once uploaded / size reaches this. */
  readonly seedRatio?: number | undefined;
  /** Leave this long after completion. */
  readonly seedTimeMs?: number | undefined;
}

/** Bytes a second of one torrent, below the limits of the process; undefined is no limit. */
export interface TorrentLimits {
  readonly downLimit?: number | undefined;
  readonly upLimit?: number | undefined;
  /** What limits it, too; the session's rates unless given. */
  readonly parent?: RateLimits | undefined;
}

export type LifeState =
  /** In no swarm, by the user's will or because it was added so. */
  | "paused"
  /** Waits until the session lets it start. */
  | "queued"
  /** Looks at what is on disk and makes the files. */
  | "checking"
  /** In its swarm, with pieces missing or complete. */
  | "downloading"
  | "seeding"
  /** A goal is reached, and it left its swarm by itself. */
  | "finished"
  /** It stopped by itself; `failure` says why. `resume` tries again. */
  | "failed"
  /** Gone from its session for good. */
  | "left";

/** One torrent at one moment. */
export interface LifeFacts {
  readonly state: LifeState;
  readonly dir: string;
  readonly failure: Failure | undefined;
  /** Bytes hashed by the check under way or the last one, out of `checkBytesTotal`. */
  readonly checkedBytes: number;
  readonly checkBytesTotal: number;
  /** Bytes on disk and checked, as far as it is known: 0 before the first check. */
  readonly bytesHave: number;
  readonly bytesTotal: number;
  /** Bytes of wanted pieces, and of those of them that are not on disk as far as it is known. */
  readonly bytesWanted: number;
  readonly bytesWantedMissing: number;
  /** Payload of all runs. */
  readonly uploaded: number;
  readonly downloaded: number;
  /** Of its swarm: while it is there, and the last ones afterwards. */
  readonly swarm: TorrentFacts | undefined;
  /** Whether it is in its swarm now. */
  readonly isJoined: boolean;
  /** The failure of the last announce, if it failed. */
  readonly trackerError: string | undefined;
  /** When a tracker last answered, or when it joined; monotonic ms. */
  readonly trackerAnsweredMs: number;
}

/** News of one torrent, in the order in which they happen. */
export type TorrentEvent =
  /** The saved state was used. */
  | {
    readonly kind: "resumed";
    readonly piecesKept: number;
    readonly pieces: number;
    /** Of other pieces, in v2 torrents. */
    readonly blocksKept?: number;
  }
  /** Files with the root hash of files of other torrents were copied from there. A check follows. */
  | { readonly kind: "reused"; readonly files: readonly string[]; readonly bytes: number }
  /** Content on disk was hashed. */
  | { readonly kind: "checked"; readonly piecesGood: number; readonly pieces: number }
  /** It goes to its swarm now. */
  | { readonly kind: "joined" }
  /** A tracker answered, or failed to; reported when it differs from the last one. */
  | {
    readonly kind: "tracker";
    readonly url: string;
    readonly peers: number | undefined;
    readonly seeders: number | undefined;
    readonly leechers: number | undefined;
    readonly error: string | undefined;
  }
  | {
    readonly kind: "share";
    readonly owedBytes: number;
    readonly sharedBytes: number;
    readonly state: "owing" | "paid" | "waived";
  }
  /** Files that the saved state knows are gone, so these bytes are fetched again. */
  | {
    readonly kind: "missing-files";
    readonly files: readonly string[];
    readonly bytes: number;
  }
  /** A file is not as it was; it is not shared until it was checked again, which follows. */
  | { readonly kind: "changed"; readonly path: string }
  /** The torrent names a symbolic link, which is not created; reported before the first check. */
  | { readonly kind: "left-out"; readonly path: string }
  | { readonly kind: "piece-failed"; readonly piece: number; readonly peers: readonly string[] }
  | { readonly kind: "peer-banned"; readonly peer: string; readonly reason: string }
  | {
    readonly kind: "web-seed-failed";
    readonly url: string;
    /** It is not asked again. */
    readonly isDropped: boolean;
    readonly reason: string;
  }
  | { readonly kind: "super-seeding-done"; readonly why: "seeds" | "stalled" }
  | { readonly kind: "complete"; readonly bytes: number; readonly seconds: number }
  /** A file can't be read while seeding; once for each file. */
  | { readonly kind: "unreadable"; readonly failure: Failure }
  | { readonly kind: "trace-failed"; readonly failure: Failure }
  /** It left its swarm, the state is saved. */
  | { readonly kind: "stopped"; readonly uploaded: number; readonly downloaded: number }
  /** A goal is reached; "stopped" came before if it was in a swarm. */
  | { readonly kind: "finished" }
  /** It stopped by itself. */
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "moved"; readonly dir: string }
  /** The last one: it is gone from its session. */
  | { readonly kind: "left" };
