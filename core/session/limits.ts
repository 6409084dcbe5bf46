/** What one process shares among its torrents, with the reasons; see grants.ts. */
import type { Resources } from "../limits/resources.ts";

/** What one torrent may have at most; alone it gets all of it. */
export const TORRENT_CAP: Resources = {
  /** More peers bring a torrent nothing. */
  connections: 300,
  dials: 30,
  /** More split an uplink so far that no piece is soon whole. */
  uploadSlots: 24,
  /** 64 MiB hide a slow disk from a fast link. */
  bufferBytes: 64 * 1024 * 1024,
};

/** Twice what one torrent may have: 20 kB of memory and a descriptor each. */
const CONNECTIONS_TOTAL = 600;
/** What routers at home can follow. */
const DIALS_TOTAL = 30;
const UPLOAD_SLOTS_TOTAL = 120;
/** Pieces of 4 MiB for thirty torrents. */
const BUFFER_BYTES_TOTAL = 128 * 1024 * 1024;

/** Descriptors for content: more open files make no disk faster. */
const FILES_MAX = 256;
/** A few, however few descriptors there are, or every block would open its file. */
const FILES_MIN = 16;
/** Of the descriptors, for files. */
const FILES_PART = 1 / 4;
/** Listeners, announces, the resolver, the store, logs, locks, threads, handshakes under way. */
const DESCRIPTORS_RESERVED = 64;
/**
 * For a torrent that has no peers and looks for none, so that those that dial it are let in,
 * however many such torrents there are. They count from the next review on.
 */
export const IDLE_CONNECTIONS = 2;
/** Fewer connections are of no use to any torrent. */
const CONNECTIONS_MIN = 8;

/** Files that may be open at once in a process that may have `descriptors` open. */
export function fileHandlesMax(descriptors: number): number {
  return Math.max(FILES_MIN, Math.min(FILES_MAX, Math.floor(descriptors * FILES_PART)));
}

/** Connections whose handshake may be under way in a process that may have `descriptors` open. */
export function pendingHandshakesMax(descriptors: number): number {
  return Math.max(8, Math.min(128, Math.floor(descriptors / 16)));
}

/** What the torrents share in a process that may have `descriptors` open. */
export function processTotals(descriptors: number): Resources {
  const free = descriptors - fileHandlesMax(descriptors) - DESCRIPTORS_RESERVED;
  return {
    connections: Math.max(CONNECTIONS_MIN, Math.min(CONNECTIONS_TOTAL, free)),
    dials: DIALS_TOTAL,
    uploadSlots: UPLOAD_SLOTS_TOTAL,
    bufferBytes: BUFFER_BYTES_TOTAL,
  };
}
