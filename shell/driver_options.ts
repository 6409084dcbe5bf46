/** What a driver needs to run one torrent's core. */
import type { Metainfo } from "../core/metainfo/types.ts";
import type { Report, SavedState } from "../core/torrent/protocol.ts";
import type { TorrentOptions } from "../core/torrent/state.ts";
import type { StartedHashes } from "../core/transfer/resume.ts";
import type { Announce } from "./announce/exchanges.ts";
import type { Clock } from "./clock.ts";
import type { Storage } from "./disk/storage.ts";
import type { PieceMemory } from "./hash/piece_memory.ts";
import type { KeptPiece } from "./hash/started_blocks.ts";
import type { Network } from "./net/byte_stream.ts";
import type { RateLimits } from "./net/rate_limiter.ts";
import type { SendBuffers } from "./net/send_buffers.ts";
import type { TraceRecorder } from "./trace/recorder.ts";

export interface DriverOptions {
  readonly metainfo: Metainfo;
  readonly torrent: TorrentOptions;
  readonly storage: Storage;
  readonly limits: RateLimits;
  readonly sendBuffers: SendBuffers;
  readonly pieceMemory: PieceMemory;
  /** The system's unless given. */
  readonly network?: Network;
  readonly clock?: Clock;
  /** Hash on this thread, however slow that is; as measured unless given. */
  readonly hashesHere?: boolean | undefined;
  /** A number for a new connection, never used before in this process. */
  readonly nextPeerKey: () => number;
  readonly announce: Announce;
  /** Something happened: what the torrent needs may have changed. */
  readonly onTurn?: () => void;
  /** Web servers at local addresses may be asked for anything. */
  readonly allowLocal?: boolean | undefined;
  /** Makes the state durable; the content was flushed before, `started` included. */
  readonly saveState: (state: SavedState, started: readonly StartedHashes[]) => Promise<void>;
  /** Blocks of unfinished pieces from an earlier run. */
  readonly kept?: readonly KeptPiece[];
  /** Gets every input of the core. */
  readonly trace?: TraceRecorder | undefined;
  readonly onReport: (report: Report) => void;
  /** A write or a save failed; the report follows. */
  readonly onDiskError: (error: unknown) => void;
  /** A file can't be read while seeding. */
  readonly onReadError: (error: unknown) => void;
  /** A mistake of ours: the torrent was stopped. */
  readonly onCrash: (error: unknown) => void;
}
