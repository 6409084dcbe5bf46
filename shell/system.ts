/**
 * What a session needs of the system that it runs on: time, network, disk, trackers, chance. Tests give
 * one in memory on a virtual clock, so that a whole session runs from a seed.
 */
import { announce } from "./announce/announce.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { createFileSystem, realFileSystem } from "./disk/real_file_system.ts";
import { createPeerId, randomSeed } from "./entropy.ts";
import type { Network } from "./net/byte_stream.ts";
import { tcpNetwork } from "./net/tcp.ts";

export interface System {
  readonly clock: Clock;
  readonly network: Network;
  /** For what is rarely used: states, locks, markers. */
  readonly fileSystem: FileSystem;
  /** For the content of one torrent: it learns by itself how fast its disk is. */
  contentFileSystem(): FileSystem;
  readonly announce: typeof announce;
  /** 32 random bits. */
  randomSeed(): number;
  /** 20 bytes that no other peer has. */
  createPeerId(): Uint8Array;
  /** Hash on this thread, however slow that is; as measured unless given. */
  readonly hashesHere?: boolean | undefined;
}

export const realSystem: System = {
  clock: systemClock,
  network: tcpNetwork,
  fileSystem: realFileSystem,
  contentFileSystem: () => createFileSystem(),
  ...{ announce, randomSeed, createPeerId },
};
