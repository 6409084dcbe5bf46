/**
 * The lines of a trace while a run goes on: what the core is fed, anonymized, and a hash of what it
 * decides, anonymized alike. The driver of the core calls these beside `step`, `receiveBlock` and
 * `settle`, with the same arguments, and appends the lines to a file.
 */
import type { Sha1 } from "../metainfo/digests.ts";
import type { Effect, Event } from "../torrent/protocol.ts";
import type { TorrentOptions } from "../torrent/state.ts";
import { peerPriority } from "../swarm/peer_priority.ts";
import {
  anonymizeAddress,
  anonymizeSha1,
  createPseudonyms,
  type Pseudonyms,
} from "./pseudonyms.ts";
import { anonymizeEffect, anonymizeEvent, anonymizeOptions } from "./protocol_shapes.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../bytes/value_hash.ts";
import { encodeHeader, encodeRow } from "./format.ts";

export interface Recording {
  readonly names: Pseudonyms;
  /** Of the last line, monotonic milliseconds. */
  at: number;
  hash: number;
}

export interface Started {
  readonly recording: Recording;
  /** The header. */
  readonly line: string;
  /** The hash function that the recorded core must be made with: see pseudonyms.ts. */
  readonly sha1: Sha1;
  /** As `sha1`: the connections' priorities are hashes of addresses. */
  readonly priorityOf: NonNullable<TorrentOptions["priorityOf"]>;
}

/** Starts the trace of a torrent that is created at `at` with these options, `sha1` apart. */
export function startRecording(
  { sha1, priorityOf: _, ...options }: TorrentOptions,
  at: number,
  keepsAddresses: boolean,
): Started {
  const names = createPseudonyms(options.peerId, keepsAddresses);
  const line = encodeHeader({ at, options: anonymizeOptions(names, options) }) + "\n";
  const recording = { names, at, hash: NO_EFFECTS };
  return {
    recording,
    line,
    sha1: anonymizeSha1(names, sha1),
    priorityOf: (ours, theirs) =>
      peerPriority(anonymizeAddress(names, ours), anonymizeAddress(names, theirs)),
  };
}

/** To be called before `step`, so that an event that the core fails at is in the trace. */
export function recordEvent(recording: Recording, event: Event, at: number): string {
  const row = encodeRow({ kind: "event", event: anonymizeEvent(recording.names, event) });
  return `${timeLine(recording, at)}${row}\n`;
}

/** To be called before `receiveBlock`. */
export function recordBlock(
  recording: Recording,
  peer: number,
  piece: number,
  begin: number,
  length: number,
  at: number,
): string {
  const row = encodeRow({ kind: "block", peer, piece, begin, length });
  return `${timeLine(recording, at)}${row}\n`;
}

/** To be called after `settle`, with all effects since the one before. */
export function recordSettle(recording: Recording, effects: readonly Effect[], at: number): string {
  for (const effect of effects) {
    recording.hash = hashValue(recording.hash, anonymizeEffect(recording.names, effect));
  }
  const row = encodeRow({ kind: "settle", hash: formatHash(recording.hash) });
  return `${timeLine(recording, at)}${row}\n`;
}

/** The last line of a run that ended in order. */
export function recordEnd(): string {
  return encodeRow({ kind: "end" }) + "\n";
}

function timeLine(recording: Recording, at: number): string {
  if (at === recording.at) return "";
  recording.at = at;
  return `${encodeRow({ kind: "time", at })}\n`;
}
