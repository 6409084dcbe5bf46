/** What a torrent's life and its session are to each other. */
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { HandleCache } from "../disk/handles.ts";
import type { TorrentLock, TorrentLocks } from "../disk/lock.ts";
import type { Storage } from "../disk/storage.ts";
import type { Driver } from "../driver.ts";
import type { DriverOptions } from "../driver_options.ts";
import type { System } from "../system.ts";
import type { TraceRecorder } from "../trace/recorder.ts";
import type { TorrentLimits } from "./types.ts";

/** What a torrent needs of its session. */
export interface LifeHost {
  readonly system: System;
  /** Where peers are accepted now. */
  readonly port: number;
  readonly handles: HandleCache;
  readonly locks: TorrentLocks;
  start(
    options: SwarmOptions,
    peers: readonly PeerAddress[],
    limits: TorrentLimits,
  ): Driver;
  /** Other limits of a driver that runs. */
  setLimits(driver: Driver, limits: TorrentLimits): void;
  stop(driver: Driver): Promise<void>;
  /** The torrent is gone. */
  onLeft(infoHash: InfoHash): void;
}

/** What the session adds to a driver's options by itself is missing here. */
export type SwarmOptions = Omit<
  DriverOptions,
  | "limits"
  | "sendBuffers"
  | "pieceMemory"
  | "nextPeerKey"
  | "announce"
  | "network"
  | "clock"
  | "hashesHere"
  | "onTurn"
>;

/** What an active torrent holds. */
export interface Active {
  readonly storage: Storage;
  readonly lock: TorrentLock | undefined;
  trace: TraceRecorder | undefined;
  driver: Driver | undefined;
}
