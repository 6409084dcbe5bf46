/**
 * What peers say of the content before its metadata is known: as little of it is kept as decides, to be
 * said again once there is a transfer.
 */
import type { Connection } from "../swarm/connections.ts";
import type { Message } from "../wire/message.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import type { Effect } from "./protocol.ts";

/** Haves of one peer; one that announces more has long sent a bitfield, or is no honest peer. */
export const EARLY_HAVES_MAX = 2_048;
/** Pieces that one peer may allow or suggest. */
const EARLY_HINTS_MAX = 64;
/** Bitfields of all peers together: 300 peers with 400,000 pieces each. */
export const EARLY_BITFIELD_BYTES_MAX = 16 * 1024 * 1024;

export type EarlyMessage = Exclude<Message, { kind: "extended" | "port" }>;

/** What one peer said, in a form that grows with the pieces and not with the messages. */
export interface EarlyPeer {
  /** The last bitfield, have-all or have-none. */
  holds: Extract<Message, { kind: "bitfield" | "have-all" | "have-none" }> | undefined;
  readonly haves: Set<number>;
  readonly allowedFast: Set<number>;
  isChoking: boolean;
  isInterested: boolean | undefined;
  /** More came than is kept. */
  isIncomplete: boolean;
}

export interface EarlyNews {
  readonly peers: ReadonlyMap<PeerKey, EarlyPeer>;
  readonly bitfieldBytes: number;
}

interface Own {
  readonly peers: Map<PeerKey, EarlyPeer>;
  bitfieldBytes: number;
}

/** Nothing was said. */
export function createEarlyNews(): EarlyNews {
  const own: Own = { peers: new Map(), bitfieldBytes: 0 };
  return own;
}

/** Keeps what a peer says before the metadata is known. */
export function onEarlyMessage(
  news: EarlyNews,
  connection: Connection,
  message: EarlyMessage,
  effects: Effect[],
): void {
  const { key, features } = connection;
  const early = earlyPeer(news, key);
  switch (message.kind) {
    case "bitfield":
    case "have-all":
    case "have-none":
      return keepHolds(news as Own, early, message);
    case "have":
      return add(early, early.haves, message.piece, EARLY_HAVES_MAX);
    case "allowed-fast":
      if (early.allowedFast.size < EARLY_HINTS_MAX) early.allowedFast.add(message.piece);
      return;
    case "choke":
    case "unchoke":
      early.isChoking = message.kind === "choke";
      return;
    case "interested":
    case "not-interested":
      early.isInterested = message.kind === "interested";
      return;
    case "request": {
      // Spec: BEP 6, every request gets its block or a reject.
      if (!features.fast) return;
      const { piece, begin, length } = message;
      const reject = { kind: "reject", piece, begin, length } as const;
      effects.push({ kind: "send", peer: key, message: reject });
      return;
    }
    default:
      return;
  }
}

/** The connection is gone. */
export function forgetEarlyNews(news: EarlyNews, key: PeerKey): void {
  const own = news as Own;
  const early = own.peers.get(key);
  if (early === undefined) return;
  own.bitfieldBytes -= bitfieldBytes(early.holds);
  own.peers.delete(key);
}

/** What the peer would say if it connected now. */
export function messagesOf(early: EarlyPeer): EarlyMessage[] {
  const messages: EarlyMessage[] = [];
  if (early.holds !== undefined) messages.push(early.holds);
  for (const piece of early.haves) messages.push({ kind: "have", piece });
  for (const piece of early.allowedFast) messages.push({ kind: "allowed-fast", piece });
  if (!early.isChoking) messages.push({ kind: "unchoke" });
  if (early.isInterested === true) messages.push({ kind: "interested" });
  if (early.isInterested === false) messages.push({ kind: "not-interested" });
  return messages;
}

function earlyPeer(news: EarlyNews, key: PeerKey): EarlyPeer {
  const { peers } = news as Own;
  let early = peers.get(key);
  if (early === undefined) {
    early = {
      holds: undefined,
      haves: new Set(),
      allowedFast: new Set(),
      isChoking: true,
      isInterested: undefined,
      isIncomplete: false,
    };
    peers.set(key, early);
  }
  return early;
}

function keepHolds(own: Own, early: EarlyPeer, holds: NonNullable<EarlyPeer["holds"]>): void {
  own.bitfieldBytes += bitfieldBytes(holds) - bitfieldBytes(early.holds);
  early.holds = holds;
  if (own.bitfieldBytes <= EARLY_BITFIELD_BYTES_MAX) return;
  own.bitfieldBytes -= bitfieldBytes(holds);
  early.holds = undefined;
  early.isIncomplete = true;
}

function add(early: EarlyPeer, pieces: Set<number>, piece: number, max: number): void {
  if (pieces.size < max) pieces.add(piece);
  else if (!pieces.has(piece)) early.isIncomplete = true;
}

function bitfieldBytes(holds: EarlyPeer["holds"]): number {
  return holds?.kind === "bitfield" ? holds.bits.length : 0;
}
