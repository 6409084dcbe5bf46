/** What keeps a peer from being asked for a piece: the picker's answer, which `why.ts` only counts. */
import { hasBit } from "../bytes/bitfield.ts";
import { hasRoom, isFresh, type PartialPiece } from "./partials.ts";
import type { Source } from "./source.ts";
import { mayStartPiece } from "./share_rule.ts";
import type { Transfer } from "./state.ts";

/** Why not. */
export type Obstacle =
  /** It is here, being checked or written. */
  | "arrived"
  /** The peer lacks it. */
  | "lacking"
  /** The peer chokes us and does not allow this one. */
  | "choked"
  /** The peer rejected it a moment ago. */
  | "refused"
  /** A mix failed its check: one other peer sends it alone. */
  | "reserved"
  /** The peer had part in a piece that failed: it starts pieces of its own only. */
  | "parole"
  /** Every block of it is asked for, of others or as often as endgame allows. */
  | "asked"
  /** Unfinished pieces take all the memory they may; no other is started. */
  | "buffers-full"
  /** The share rule keeps it for last. */
  | "withheld"
  /** It cannot be checked before its hashes come. */
  | "no-hashes";

/** What keeps a wanted piece that was not started from being started with the peer, which has it. */
export function startObstacle(
  transfer: Transfer,
  peer: Source,
  piece: number,
): Obstacle | undefined {
  if (transfer.availability.position[piece]! < 0) return "no-hashes";
  if (!mayStartPiece(transfer)) return "withheld";
  if (peer.isChoking && !peer.allowedFast.has(piece)) return "choked";
  return hasRoom(transfer) ? undefined : "buffers-full";
}

/** What keeps the peer from giving blocks of a started piece. */
export function giveObstacle(
  peer: Source,
  { stage, piece }: PartialPiece,
  now: number,
): Obstacle | undefined {
  if (stage !== "open") return "arrived";
  if (!hasBit(peer.have, piece)) return "lacking";
  if (peer.isChoking && !peer.allowedFast.has(piece)) return "choked";
  const refusal = peer.refused.get(piece);
  return refusal !== undefined && now < refusal.untilMs ? "refused" : undefined;
}

/** The same, and whether a piece that wants one sender has another. */
export function takeObstacle(
  partial: PartialPiece,
  peer: Source,
  now: number,
): Obstacle | undefined {
  const obstacle = giveObstacle(peer, partial, now);
  if (obstacle !== undefined) return obstacle;
  if (partial.alone) {
    return partial.owner === undefined || partial.owner === peer.key ? undefined : "reserved";
  }
  return !peer.onParole || isFresh(partial) ? undefined : "parole";
}

/** Whether free blocks of the piece may be asked of the peer. */
export function mayTake(partial: PartialPiece, peer: Source, now: number): boolean {
  return takeObstacle(partial, peer, now) === undefined;
}

/** Whether the peer has the piece and may be asked for it. */
export function canGive(peer: Source, partial: PartialPiece, now: number): boolean {
  return giveObstacle(peer, partial, now) === undefined;
}
