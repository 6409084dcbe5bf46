/** A peer of the simulated world, and its end of each connection: plain data. */
import type { PeerAddress } from "../bytes/address.ts";
import type { Effect, PeerKey, Report } from "../torrent/protocol.ts";
import type { Torrent } from "../torrent/state.ts";
import type { Message } from "../wire/message.ts";
import type { Disk } from "./disk.ts";
import type { NodeOptions } from "./options.ts";

/** What ends with a node: the program, or the machine under it. */
export type Death = "process" | "power";

export interface Node {
  /** 0, 1, 2 and so on in the order of `add`. */
  readonly index: number;
  readonly name: string;
  readonly options: NodeOptions;
  readonly address: PeerAddress;
  /** A new one for each run, as in the field. */
  peerId: Uint8Array;
  torrent: Torrent;
  readonly disk: Disk;
  isOnline: boolean;
  /** Peers of different sides can't reach each other. */
  side: number;
  joinedMs: number;
  completedMs: number | undefined;
  /** With the time of each. */
  readonly reports: { readonly at: number; readonly report: Report }[];
  readonly ends: Map<PeerKey, End>;
  /** What `settle` and `step` want done, until the end of the tick. */
  readonly effects: Effect[];
  /** Effects so far, in all runs. */
  effectCount: number;
  /** The effect at which the program is killed, if any. */
  dieAtEffect: number;
  death: Death;
  isTouched: boolean;
  /** Its items of this tick. */
  readonly due: number[];
  /** The tick of the armed timer. */
  wakeTick: number;
  /** Counts runs, so that answers to a killed one are dropped. */
  run: number;

  /** Blocks of pieces under way: 0 is missing, then GOOD or BAD. */
  readonly buffers: Map<number, Uint8Array>;
  readonly msPerByteUp: number;
  readonly msPerByteDown: number;
  readonly latencyMs: number | undefined;
  /** When the links to and from all nodes are free again. */
  upFreeMs: number;
  downFreeMs: number;
  /** Ends with blocks to send, in turn. */
  ring: End[];
  ringHead: number;
  /** Ends whose blocks are leaving. */
  readonly leaving: End[];
  isPumping: boolean;
}

/** One side of a connection: what comes in here, and the blocks that go out. */
export interface End {
  readonly key: PeerKey;
  readonly node: Node;
  readonly run: number;
  readonly latencyMs: number;
  other: End;
  isOpen: boolean;
  isPaused: boolean;
  /**
   * What is on its way here, as the numbers that `network.ts` writes, from `inboxHead` to `inboxTail`;
   * what is before and behind them was read, and is room to use again.
   */
  inbox: number[];
  inboxHead: number;
  inboxTail: number;
  /** Messages that are more than numbers. */
  readonly messages: Message[];
  /** Nothing arrives before what was sent earlier. */
  lastTick: number;
  /** Blocks to send: triples of piece, begin, length. */
  uploads: number[];
  uploadHead: number;
  /** Bytes that left and did not arrive. */
  inFlight: number;
  /** Bytes that are leaving. */
  leaving: number;
  isInRing: boolean;
  /** The other side sent the beginning of a block and nothing since. */
  isStuck: boolean;
}

/** A block of a buffer. */
export const GOOD = 1;
export const BAD = 2;
