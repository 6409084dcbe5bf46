/**
 * The lines of a trace while a run goes on: what the core is fed, in disguise, and a hash of what it
 * decides, in the same disguise. Whoever drives the core calls these beside `step`, `receiveBlock` and
 * `settle`, with the same arguments, and appends the lines to a file.
 */
import type { Sha1 } from "../metainfo/types.ts";
import type { Effect, Event } from "../torrent/protocol.ts";
import type { TorrentOptions } from "../torrent/state.ts";
import { peerPriority } from "../swarm/peer_priority.ts";
import { createDisguise, type Disguise, disguiseAddress, disguiseSha1 } from "./disguise.ts";
import { disguiseEffect, disguiseEvent, disguiseOptions } from "./disguise_protocol.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../bytes/value_hash.ts";
import { encodeHeader, encodeRow } from "./format.ts";

export interface Recording {
  readonly disguise: Disguise;
  /** Of the last line, monotonic milliseconds. */
  at: number;
  hash: number;
}

export interface Started {
  readonly recording: Recording;
  /** The header. */
  readonly line: string;
  /** The hash function that the recorded core must be made with: see disguise.ts. */
  readonly sha1: Sha1;
  /** As `sha1`: the connections' priorities are hashes of addresses. */
  readonly priorityOf: NonNullable<TorrentOptions["priorityOf"]>;
}

/** Starts the trace of a torrent that is created at `at` with these options, `sha1` apart. */
export function startRecording(
  { sha1, infoBytes: _, priorityOf: __, ...options }: TorrentOptions,
  at: number,
  keepsAddresses: boolean,
): Started {
  const disguise = createDisguise(options.peerId, keepsAddresses);
  const line = encodeHeader({ at, options: disguiseOptions(disguise, options) }) + "\n";
  const recording = { disguise, at, hash: NO_EFFECTS };
  return {
    recording,
    line,
    sha1: disguiseSha1(disguise, sha1),
    priorityOf: (ours, theirs) =>
      peerPriority(disguiseAddress(disguise, ours), disguiseAddress(disguise, theirs)),
  };
}

/** To be called before `step`, so that an event that the core fails at is in the trace. */
export function recordEvent(recording: Recording, event: Event, at: number): string {
  const row = encodeRow({ kind: "event", event: disguiseEvent(recording.disguise, event) });
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
    recording.hash = hashValue(recording.hash, disguiseEffect(recording.disguise, effect));
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
