/**
 * Why a peer is not asked for anything: the first obstacle on the way that `settle` takes, from the
 * torrent over the peer to each piece that the peer has and we lack. A look at the state, no change.
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { Connection } from "../swarm/connections.ts";
import { isDead } from "../swarm/liveness.ts";
import { isFinished, isMissing } from "../transfer/content.ts";
import { BLOCK_REQUESTED, blockKey, hasRoom, type PartialPiece } from "../transfer/partials.ts";
import type { Peer } from "../transfer/peer.ts";
import { canGive, hasStuckOwner, isEndgame, mayTake } from "../transfer/picker.ts";
import { mayRefill, pipelineTarget } from "../transfer/requests.ts";
import { mayStartPiece, withheldPiece } from "../transfer/share_rule.ts";
import type { Transfer } from "../transfer/state.ts";
import type { Torrent } from "./state.ts";

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
  /** Only the info hash is known. */
  | { readonly kind: "no-metadata" }
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
export function whyNotAsked(torrent: Torrent, connection: Connection, now: number): WhyNot {
  if (torrent.stage !== "running") return { kind: "not-running", stage: torrent.stage };
  const { transfer } = torrent;
  const peer = transfer?.peers.get(connection.key);
  if (transfer === undefined || peer === undefined) return { kind: "no-metadata" };
  if (isFinished(transfer)) return { kind: "complete" };
  if (transfer.diskFailed) return { kind: "disk-failed" };
  if (peer.offered === 0) return { kind: "nothing-wanted" };
  const withheld = withheldPiece(transfer);
  if (peer.offered === 1 && withheld >= 0 && hasBit(peer.have, withheld)) {
    return { kind: "withheld", piece: withheld };
  }
  if (isDead(connection, now)) return { kind: "dead", silentMs: now - connection.lastHeardMs };
  if (peer.isChoking && peer.allowedFast.size === 0) return { kind: "chokes-us" };
  if (!mayRefill(peer)) {
    const { outstanding: { size: outstanding }, snubbed } = peer;
    return { kind: "pipeline-full", outstanding, target: pipelineTarget(peer), snubbed };
  }
  return whyNoPiece(transfer, peer, now);
}

function whyNoPiece(transfer: Transfer, peer: Peer, now: number): WhyNot {
  const standings: Partial<Record<Standing, number>> = {};
  const endgame = isEndgame(transfer);
  for (let piece = 0; piece < transfer.geometry.pieceCount; piece++) {
    if (!hasBit(peer.have, piece) || !isMissing(transfer, piece)) continue;
    const partial = transfer.partials.get(piece);
    const standing = partial === undefined
      ? standingOfNew(transfer, peer, piece)
      : standingOfStarted(transfer, peer, partial, endgame, now);
    if (standing === "open") return { kind: "nothing", piece };
    standings[standing] = (standings[standing] ?? 0) + 1;
  }
  return { kind: "pieces", standings };
}

function standingOfNew(transfer: Transfer, peer: Peer, piece: number): Standing {
  if (!mayStartPiece(transfer)) return "withheld";
  if (peer.isChoking && !peer.allowedFast.has(piece)) return "choked";
  return hasRoom(transfer) ? "open" : "buffers-full";
}

function standingOfStarted(
  transfer: Transfer,
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
    return isIdle && hasStuckOwner(transfer, partial, now) ? "open" : "reserved";
  }
  if (partial.free > 0) return "open";
  return endgame && mayDuplicate(transfer, peer, partial) ? "open" : "asked";
}

/** Endgame: whether a block that others owe us may be asked of this peer, too. */
function mayDuplicate(transfer: Transfer, peer: Peer, partial: PartialPiece): boolean {
  if (peer.snubbed || peer.onParole || partial.alone) return false;
  if (peer.outstanding.size >= transfer.tuning.endgamePipeline) return false;
  for (let block = 0; block < partial.blocks; block++) {
    if (partial.state[block] !== BLOCK_REQUESTED) continue;
    if (partial.requesters[block]! >= transfer.tuning.endgameRequesters) continue;
    if (!peer.outstanding.has(blockKey(transfer, partial.piece, block))) return true;
  }
  return false;
}
