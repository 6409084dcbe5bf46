/**
 * Why a peer is not asked for anything: the first obstacle on the way that `settle` takes, from the
 * torrent over the peer to each piece that the peer has and we want. What is in the way of a piece the
 * picker says itself. A look at the state, no change.
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { Connection } from "../swarm/connections.ts";
import { isDead } from "../swarm/liveness.ts";
import { isFinished, isMissing } from "../transfer/content.ts";
import type { Peer } from "../transfer/peer.ts";
import { type Obstacle, startObstacle } from "../transfer/obstacles.ts";
import { askObstacle, isEndgame } from "../transfer/picker.ts";
import { mayRefill, pipelineTarget } from "../transfer/requests.ts";
import { withheldPiece } from "../transfer/share_rule.ts";
import type { Transfer } from "../transfer/state.ts";
import type { Torrent } from "./state.ts";

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
  /** How many of its pieces have which obstacle; none has none. */
  | { readonly kind: "pieces"; readonly standings: Readonly<Partial<Record<Obstacle, number>>> }
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
  const standings: Partial<Record<Obstacle, number>> = {};
  const endgame = isEndgame(transfer);
  for (let piece = 0; piece < transfer.geometry.pieceCount; piece++) {
    if (!hasBit(peer.have, piece) || !isMissing(transfer, piece)) continue;
    const partial = transfer.partials.get(piece);
    const obstacle = partial === undefined
      ? startObstacle(transfer, peer, piece)
      : askObstacle(transfer, peer, partial, endgame, now);
    if (obstacle === undefined) return { kind: "nothing", piece };
    standings[obstacle] = (standings[obstacle] ?? 0) + 1;
  }
  return { kind: "pieces", standings };
}
