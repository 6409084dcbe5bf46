/**
 * The protocol between the torrent core and its driver: events in, effects out, both plain data.
 *
 * The driver's contract:
 * 1. Feed every message of one socket read through `step` and `receiveBlock`, then call `settle`
 * once. 2. Run the effects once, in order, before awaiting anything; bytes accepted by
 * `receiveBlock` are in their piece buffer before the effects run. 3. Arm one timer for
 * `nextDeadline`; when it rings, feed `{ kind: "timer" }`. 4. Answer every effect that has a `job`
 * with exactly one event that carries the same job. Answers to unknown jobs are ignored, so late
 * ones do no harm.
 *
 * Deliberately absent: block payload (it stays in the shell), sockets, files, clocks.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Bitfield } from "../bytes/bitfield.ts";
import type { Resources } from "../limits/resources.ts";
import type { JobId } from "../bytes/jobs.ts";
import type { FileHashRange } from "../hash_exchange/ranges.ts";
import type { AddressSource } from "../swarm/address_book.ts";
import type { Connected } from "../swarm/connections.ts";
import type { SwarmEffect, SwarmReport } from "../swarm/protocol.ts";
import type { AnnounceResult } from "../tracker/types.ts";
import type { StartedPiece, TransferEffect, TransferReport } from "../transfer/protocol.ts";
import type { WebSeedKind } from "../web_seed/urls.ts";
import type { HashTreeOptions } from "../transfer/hash_trees.ts";
import type { DuePiece } from "../transfer/order.ts";
import type { SharingGoals } from "../transfer/goals.ts";
import type { PieceRange } from "../transfer/wanted.ts";
import type { Geometry } from "../metainfo/geometry.ts";
import type { Message } from "../wire/message.ts";
import type { PeerKey } from "../wire/peer_key.ts";

export type { JobId } from "../bytes/jobs.ts";
export type { CloseReason } from "../swarm/protocol.ts";
export type { BlockVerdict, SavedState, ShareState, StartedPiece } from "../transfer/protocol.ts";
export type { PeerKey } from "../wire/peer_key.ts";

export type Event =
  | { readonly kind: "start" }
  /** Addresses to dial, and their sources; those of trackers arrive with `announced`. */
  | {
    readonly kind: "peers-found";
    readonly addresses: readonly PeerAddress[];
    readonly source: AddressSource;
  }
  | ({ readonly kind: "connected" } & Connected)
  | { readonly kind: "dial-failed"; readonly job: JobId; readonly why: string }
  | { readonly kind: "message"; readonly peer: PeerKey; readonly message: Message }
  | { readonly kind: "disconnected"; readonly peer: PeerKey; readonly why: string }
  /** Bytes that are no message: a frame over the limit, a payload of the wrong size. */
  | { readonly kind: "violated"; readonly peer: PeerKey; readonly why: string }
  | {
    readonly kind: "piece-checked";
    readonly job: JobId;
    readonly matches: boolean;
    /** The file, by its tree, whose layer is known with this piece: pieces of a hybrid tell it. */
    readonly layer?: number | undefined;
  }
  | { readonly kind: "piece-written"; readonly job: JobId }
  /**
   * Blocks of a piece that an earlier run received, with hashes as they were then. They are put
   * into the piece's buffer if that made the piece a started one. Before any peer is there.
   */
  | ({ readonly kind: "blocks-kept" } & StartedPiece)
  /** Blocks whose leaves differ from those that are proven. */
  | { readonly kind: "leaves-compared"; readonly job: JobId; readonly blocks: readonly number[] }
  /** What became of `ask-hashes`: hashes that lead to a known one; others; a reject. */
  | {
    readonly kind: "hashes-proven" | "hashes-wrong" | "hashes-refused";
    readonly peer: PeerKey;
    readonly range: FileHashRange;
  }
  /** The peer asks for a range that is possible. */
  | { readonly kind: "hash-request"; readonly peer: PeerKey; readonly range: FileHashRange }
  /** `answer-hashes` was done. */
  | { readonly kind: "hashes-answered"; readonly peer: PeerKey }
  /** Writing a piece or saving the state failed; the torrent stops asking for more. */
  | { readonly kind: "disk-failed"; readonly job: JobId; readonly message: string }
  /** Payload of `upload` effects that left through the socket. */
  | { readonly kind: "blocks-sent"; readonly peer: PeerKey; readonly bytes: number }
  /** What `take-back-uploads` found: triples of piece, begin, length, which will not be sent. */
  | {
    readonly kind: "uploads-taken-back";
    readonly peer: PeerKey;
    readonly blocks: readonly number[];
  }
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
  /** The torrent's grant of what its process shares; unlimited until the first grant. */
  | ({ readonly kind: "granted" } & Resources)
  /** The user asks for more peers: announce as soon as the trackers allow. */
  | { readonly kind: "announce-now" }
  /** A web server cannot go on: ask again later, or never. Its link is closed. */
  | {
    readonly kind: "web-seed-failed";
    readonly peer: PeerKey;
    readonly verdict: "wait" | "drop";
    readonly why: string;
    /** The pause that the server asked for. */
    readonly waitMs: number | undefined;
  }
  | { readonly kind: "metadata-checked"; readonly job: JobId; readonly matches: boolean }
  /**
   * The info dictionary was found, and what of the content is on disk. Ignored when it was known.
   */
  | {
    readonly kind: "metadata";
    readonly geometry: Geometry;
    /** Pieces on disk, checked. */
    readonly have: Bitfield;
    readonly isPrivate: boolean;
    /** One a piece; undefined where every piece is wanted alike. */
    readonly priorities: Uint8Array | undefined;
    /** Of a v2 torrent or a hybrid. */
    readonly hashTrees?: HashTreeOptions | undefined;
  }
  /** What is wanted changes, and how urgently. Ignored while there is no metadata. */
  | { readonly kind: "prioritize"; readonly ranges: readonly PieceRange[] }
  /** In which order: from the beginning to the end, or rarest first. */
  | { readonly kind: "order"; readonly isSequential: boolean }
  /** What readers of a stream need soon, instead of what was said before. */
  | { readonly kind: "due"; readonly pieces: readonly DuePiece[] }
  /** What the user wants of sharing from now on. Ignored while there is no metadata. */
  | ({ readonly kind: "goals" } & SharingGoals)
  | { readonly kind: "timer" }
  | { readonly kind: "stop" };

/** What is asked of a torrent while it runs. */
export type Wish = Extract<
  Event,
  { kind: "order" | "due" | "prioritize" | "announce-now" | "goals" }
>;

/** What the swarm and the transfer ask of the shell: swarm/protocol.ts, transfer/protocol.ts. */
export type Effect = SwarmEffect | TransferEffect | WebSeedEffect;

/** An open web server is sent `request` and a `send` of `cancel` like a peer, under its key. */
export type WebSeedEffect =
  | {
    readonly kind: "open-web-seed";
    readonly peer: PeerKey;
    readonly url: string;
    readonly seedKind: WebSeedKind;
  }
  | { readonly kind: "close-web-seed"; readonly peer: PeerKey }
  | { readonly kind: "report"; readonly report: WebSeedReport };

/** News for people. */
export type Report = SwarmReport | TransferReport | WebSeedReport;

export interface WebSeedReport {
  readonly kind: "web-seed-failed";
  readonly url: string;
  /** It is never asked again. */
  readonly isDropped: boolean;
  readonly why: string;
}
