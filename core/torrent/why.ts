/**
 * Why a peer is not asked for anything: the first obstacle on the way that `settle` takes, from the
 * torrent over the peer to each piece that the peer has and we lack. A look at the state, no change.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { canGive, hasRoom, hasStuckOwner, isEndgame, mayTake } from "./picker.ts";
import { mayRefill, pipelineTarget } from "./requests.ts";
import { mayStartPiece, withheldPiece } from "./share_rule.ts";
import {
  BLOCK_REQUESTED,
  blockKey,
  isComplete,
  isDead,
  type PartialPiece,
  type Peer,
  type Torrent,
} from "./state.ts";

/** Where a piece that the peer has and we lack stands, seen from this peer. */
export type Standing =
  /** Nothing is in the way. */
  | "open"
  /** Every block of it is asked for, of others or as often as endgame allows. */
  | "asked"
  /** It is here, being checked or written. */
  | "arrived"
  /** The peer chokes us and does not allow this one. */
  | "choked"
  /** The peer rejected it a moment ago. */
  | "refused"
  /** A mix failed its check: one other peer sends it alone. */
  | "reserved"
  /** The peer had part in a piece that failed: it starts pieces of its own only. */
  | "parole"
  /** Unfinished pieces take all the memory they may; no other is started. */
  | "buffers-full"
  /** The share rule keeps it for last. */
  | "withheld";

export type WhyNot =
  | { readonly kind: "not-running"; readonly stage: Torrent["stage"] }
  | { readonly kind: "complete" }
  | { readonly kind: "disk-failed" }
  /** It has nothing that we lack. */
  | { readonly kind: "nothing-wanted" }
  /** All it has for us is the piece that the share rule withholds. */
  | { readonly kind: "withheld"; readonly piece: number }
  | { readonly kind: "dead"; readonly silentMs: number }
  | { readonly kind: "chokes-us" }
  /** Its requests are under way, as many as it should have for now. */
  | {
    readonly kind: "pipeline-full";
    readonly outstanding: number;
    readonly target: number;
    readonly snubbed: boolean;
  }
  /** How many of its pieces stand where; none is open. */
  | { readonly kind: "pieces"; readonly standings: Readonly<Partial<Record<Standing, number>>> }
  /** It will be asked for this piece when it is looked at next. */
  | { readonly kind: "nothing"; readonly piece: number };

/** The obstacle for this peer at `now` (monotonic ms), as seen after a `settle`. */
export function whyNotAsked(torrent: Torrent, peer: Peer, now: number): WhyNot {
  if (torrent.stage !== "running") return { kind: "not-running", stage: torrent.stage };
  if (isComplete(torrent)) return { kind: "complete" };
  if (torrent.diskFailed) return { kind: "disk-failed" };
  if (peer.offered === 0) return { kind: "nothing-wanted" };
  const withheld = withheldPiece(torrent);
  if (peer.offered === 1 && withheld >= 0 && hasBit(peer.have, withheld)) {
    return { kind: "withheld", piece: withheld };
  }
  if (isDead(peer, now)) return { kind: "dead", silentMs: now - peer.lastHeardMs };
  if (peer.isChoking && peer.allowedFast.size === 0) return { kind: "chokes-us" };
  if (!mayRefill(peer)) {
    const { outstanding: { size: outstanding }, snubbed } = peer;
    return { kind: "pipeline-full", outstanding, target: pipelineTarget(peer), snubbed };
  }
  return whyNoPiece(torrent, peer, now);
}

function whyNoPiece(torrent: Torrent, peer: Peer, now: number): WhyNot {
  const standings: Partial<Record<Standing, number>> = {};
  const endgame = isEndgame(torrent);
  for (let piece = 0; piece < torrent.geometry.pieceCount; piece++) {
    if (!hasBit(peer.have, piece) || hasBit(torrent.have, piece)) continue;
    const partial = torrent.partials.get(piece);
    const standing = partial === undefined
      ? standingOfNew(torrent, peer, piece)
      : standingOfStarted(torrent, peer, partial, endgame, now);
    if (standing === "open") return { kind: "nothing", piece };
    standings[standing] = (standings[standing] ?? 0) + 1;
  }
  return { kind: "pieces", standings };
}

function standingOfNew(torrent: Torrent, peer: Peer, piece: number): Standing {
  if (!mayStartPiece(torrent)) return "withheld";
  if (peer.isChoking && !peer.allowedFast.has(piece)) return "choked";
  return hasRoom(torrent) ? "open" : "buffers-full";
}

function standingOfStarted(
  torrent: Torrent,
  peer: Peer,
  partial: PartialPiece,
  endgame: boolean,
  now: number,
): Standing {
  if (partial.stage !== "open") return "arrived";
  if (!canGive(peer, partial, now)) {
    return peer.isChoking && !peer.allowedFast.has(partial.piece) ? "choked" : "refused";
  }
  const isIdle = peer.outstanding.size === 0 && !peer.snubbed;
  if (!mayTake(partial, peer, now)) {
    if (!partial.alone) return isIdle && partial.free > 0 ? "open" : "parole";
    return isIdle && hasStuckOwner(torrent, partial, now) ? "open" : "reserved";
  }
  if (partial.free > 0) return "open";
  return endgame && mayDuplicate(torrent, peer, partial) ? "open" : "asked";
}

/** Endgame: whether a block that others owe us may be asked of this peer, too. */
function mayDuplicate(torrent: Torrent, peer: Peer, partial: PartialPiece): boolean {
  if (peer.snubbed || peer.onParole || partial.alone) return false;
  if (peer.outstanding.size >= torrent.tuning.endgamePipeline) return false;
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    if (partial.requesters[block]! >= torrent.tuning.endgameRequesters) continue;
    if (!peer.outstanding.has(blockKey(torrent, partial.piece, block))) return true;
  }
  return false;
}
