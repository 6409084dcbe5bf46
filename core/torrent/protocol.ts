/**
 * The words between the torrent core and whoever drives it: events in, effects out, both plain data.
 *
 * The driver's contract:
 * 1. Feed every message of one socket read through `step` and `receiveBlock`, then call `settle` once.
 * 2. Run the effects once, in order, before awaiting anything; bytes accepted by `receiveBlock` are in
 *    their piece buffer before the effects run.
 * 3. Arm one timer for `nextDeadline`; when it rings, feed `{ kind: "timer" }`.
 * 4. Answer every effect that has a `job` with exactly one event that carries the same job. Answers to
 *    unknown jobs are ignored, so late ones do no harm.
 *
 * Deliberately absent: block payload (it stays in the shell), sockets, files, clocks.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Message } from "../wire/message.ts";
import type { Features } from "../wire/handshake.ts";
import type { AnnounceRequest, AnnounceResult } from "../tracker/types.ts";

/** One connection, numbered by the shell; never used twice in a run. 1 to 2^32-1. */
export type PeerKey = number;
/** Ties an effect to the event that answers it. */
export type JobId = number;

export type CloseReason =
  | "banned"
  | "both-complete"
  | "dead"
  | "duplicate"
  | "ourselves"
  | "protocol-violation"
  | "stopping"
  | "too-many-peers";

export type Event =
  | { readonly kind: "start" }
  /** Addresses from the command line; those of trackers arrive with `announced`. */
  | { readonly kind: "peers-found"; readonly addresses: readonly PeerAddress[] }
  | {
    readonly kind: "connected";
    readonly peer: PeerKey;
    /** The dial that this answers; undefined when they dialled us. */
    readonly job: JobId | undefined;
    readonly address: PeerAddress;
    /** 20 bytes from their handshake. */
    readonly peerId: Uint8Array;
    readonly features: Features;
  }
  | { readonly kind: "dial-failed"; readonly job: JobId; readonly why: string }
  | { readonly kind: "message"; readonly peer: PeerKey; readonly message: Message }
  | { readonly kind: "disconnected"; readonly peer: PeerKey; readonly why: string }
  /** Bytes that are no message: a frame over the limit, a payload of the wrong size. */
  | { readonly kind: "violated"; readonly peer: PeerKey; readonly why: string }
  | { readonly kind: "piece-checked"; readonly job: JobId; readonly matches: boolean }
  | { readonly kind: "piece-written"; readonly job: JobId }
  /** Writing a piece or saving the state failed; the torrent stops asking for more. */
  | { readonly kind: "disk-failed"; readonly job: JobId; readonly message: string }
  /** Payload of `upload` effects that left through the socket. */
  | { readonly kind: "blocks-sent"; readonly peer: PeerKey; readonly bytes: number }
  /** A block that we promised can't be read (file gone or shrunk). */
  | {
    readonly kind: "block-unreadable";
    readonly peer: PeerKey;
    readonly piece: number;
    readonly begin: number;
    readonly length: number;
  }
  | { readonly kind: "announced"; readonly job: JobId; readonly result: AnnounceResult }
  | { readonly kind: "state-saved"; readonly job: JobId }
  | { readonly kind: "timer" }
  | { readonly kind: "stop" };

export type Effect =
  | { readonly kind: "send"; readonly peer: PeerKey; readonly message: Message }
  /** Blocks to ask for: triples of piece, begin, length. */
  | { readonly kind: "request"; readonly peer: PeerKey; readonly blocks: readonly number[] }
  /** Blocks to read and send: triples of piece, begin, length. Answered by `blocks-sent`. */
  | { readonly kind: "upload"; readonly peer: PeerKey; readonly blocks: readonly number[] }
  | { readonly kind: "pause-reading"; readonly peer: PeerKey }
  | { readonly kind: "resume-reading"; readonly peer: PeerKey }
  | { readonly kind: "close"; readonly peer: PeerKey; readonly why: CloseReason }
  | { readonly kind: "dial"; readonly job: JobId; readonly address: PeerAddress }
  /** Every block of the piece is in its buffer: compare its digest. */
  | { readonly kind: "check-piece"; readonly job: JobId; readonly piece: number }
  /** The digest matched: write the buffer, then release it. */
  | { readonly kind: "write-piece"; readonly job: JobId; readonly piece: number }
  /** Release the piece's buffer unwritten. */
  | { readonly kind: "drop-piece"; readonly piece: number }
  | {
    readonly kind: "announce";
    readonly job: JobId;
    readonly url: string;
    readonly request: AnnounceRequest;
  }
  /** Flush content, then replace the state file. */
  | { readonly kind: "save-state"; readonly job: JobId; readonly state: SavedState }
  | { readonly kind: "report"; readonly report: Report };

/** What must survive a restart. A copy: later steps do not change it. */
export interface SavedState {
  /** Wire-order bitfield of pieces whose writes were answered. */
  readonly pieces: Uint8Array;
  /** Payload bytes, all runs together. */
  readonly uploaded: number;
  readonly downloaded: number;
  /** The share debt was waived. */
  readonly waived: boolean;
}

export type ShareState = "owing" | "paid" | "waived";

/** News for people. */
export type Report =
  | {
    readonly kind: "tracker";
    readonly url: string;
    readonly peers: number;
    readonly seeders: number | undefined;
    readonly leechers: number | undefined;
    readonly warning: string | undefined;
  }
  | { readonly kind: "tracker-failed"; readonly url: string; readonly message: string }
  | { readonly kind: "piece-failed"; readonly piece: number; readonly senders: readonly string[] }
  | { readonly kind: "peer-banned"; readonly address: string; readonly why: string }
  | { readonly kind: "peer-violated"; readonly address: string; readonly why: string }
  | {
    readonly kind: "share";
    readonly state: ShareState;
    readonly owedBytes: number;
    readonly sharedBytes: number;
  }
  | { readonly kind: "complete" }
  /** `--seed-ratio` or `--seed-time` is reached. */
  | { readonly kind: "seeding-done"; readonly why: "ratio" | "time" }
  | { readonly kind: "disk-failed"; readonly message: string };

/** What the pump does with a block's bytes. */
export type BlockVerdict =
  /** Copy them into the piece's buffer at `begin`. */
  | "accepted"
  /** Not asked for, or here already. */
  | "unwanted"
  /** The coordinates are impossible; the connection is being closed. */
  | "violation";
