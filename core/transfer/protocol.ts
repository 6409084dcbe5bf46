/** What a transfer asks of the shell, and what it answers to a block. */
import type { JobId } from "../bytes/jobs.ts";
import type { Sink } from "../bytes/sink.ts";
import type { FileHashRange } from "../hash_exchange/ranges.ts";
import type { Message } from "../wire/message.ts";
import type { PeerKey } from "../wire/peer_key.ts";

export type TransferEffect =
  | { readonly kind: "send"; readonly peer: PeerKey; readonly message: Message }
  /** Blocks to ask for: triples of piece, begin, length. */
  | { readonly kind: "request"; readonly peer: PeerKey; readonly blocks: readonly number[] }
  /** Blocks to read and send: triples of piece, begin, length. Answered by `blocks-sent`. */
  | { readonly kind: "upload"; readonly peer: PeerKey; readonly blocks: readonly number[] }
  /**
   * Blocks of `upload` effects that must not be sent any more, undefined: all of the peer. Those that
   * were not read yet come back with `uploads-taken-back`, if there are any.
   */
  | {
    readonly kind: "take-back-uploads";
    readonly peer: PeerKey;
    readonly blocks: readonly number[] | undefined;
  }
  | { readonly kind: "pause-reading"; readonly peer: PeerKey }
  | { readonly kind: "resume-reading"; readonly peer: PeerKey }
  /** Every block of the piece is in its buffer: compare its digest. */
  | { readonly kind: "check-piece"; readonly job: JobId; readonly piece: number }
  /** The digest matched: write the buffer, then release it. */
  | { readonly kind: "write-piece"; readonly job: JobId; readonly piece: number }
  /** Release the piece's buffer unwritten. */
  | { readonly kind: "drop-piece"; readonly piece: number }
  /** Send a hash request for the range. Answered by `hashes-proven`, `hashes-wrong` or `hashes-refused`. */
  | { readonly kind: "ask-hashes"; readonly peer: PeerKey; readonly range: FileHashRange }
  /** Send the hashes of the range, or a reject if they can't be had. Answered by `hashes-answered`. */
  | { readonly kind: "answer-hashes"; readonly peer: PeerKey; readonly range: FileHashRange }
  | { readonly kind: "reject-hashes"; readonly peer: PeerKey; readonly range: FileHashRange }
  /** All leaves of the piece are proven: tell which blocks of its buffer differ. */
  | { readonly kind: "compare-leaves"; readonly job: JobId; readonly piece: number }
  /** Flush content, then replace the state file. */
  | { readonly kind: "save-state"; readonly job: JobId; readonly state: SavedState }
  | { readonly kind: "report"; readonly report: TransferReport };

export type TransferEffects = Sink<TransferEffect>;

/** What must survive a restart. A copy: later steps do not change it. */
export interface SavedState {
  /** Wire-order bitfield of pieces whose writes were answered. */
  readonly pieces: Uint8Array;
  /** Payload bytes, all runs together. */
  readonly uploaded: number;
  readonly downloaded: number;
  /** The share debt was waived. */
  readonly waived: boolean;
  /** Pieces whose blocks are to be written as well. */
  readonly started: readonly StartedPiece[];
}

/** A piece of which some blocks are here. */
export interface StartedPiece {
  readonly piece: number;
  /** Wire-order bitfield of these blocks: some, not all. */
  readonly blocks: Uint8Array;
}

export type ShareState = "owing" | "paid" | "waived";

/** News for people. */
export type TransferReport =
  | { readonly kind: "piece-failed"; readonly piece: number; readonly senders: readonly string[] }
  | {
    readonly kind: "share";
    readonly state: ShareState;
    readonly owedBytes: number;
    readonly sharedBytes: number;
  }
  | { readonly kind: "complete" }
  /** Pieces are announced as usual from now on: other peers have them all, or peers pass nothing on. */
  | { readonly kind: "super-seeding-done"; readonly why: "seeds" | "stalled" }
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
