/**
 * Which piece a web server is asked for next: the one behind the last, so that one request fetches
 * several pieces; where that is taken, the beginning of the longest gap. Spec: BEP 19, piece selection.
 */
import type { View } from "../bytes/view.ts";
import type { Source } from "./source.ts";
import type { Transfer } from "./state.ts";

interface Own {
  /** The piece that it was asked for last; -1 at first. */
  lastOfRun: number;
}

export type PeerRun = View<Own>;

/** It was asked for nothing. */
export function createPeerRun(): PeerRun {
  return { lastOfRun: -1 };
}

/** The wanted piece to go on with, or -1. The peer must have every piece. */
export function nextOfRun(transfer: Transfer, peer: Source): number {
  const { position } = transfer.availability;
  const own = peer as PeerRun as Own;
  const next = own.lastOfRun + 1;
  const isWanted = own.lastOfRun >= 0 && next < position.length && position[next]! >= 0;
  const piece = isWanted ? next : startOfGap(transfer, peer);
  if (piece >= 0) own.lastOfRun = piece;
  return piece;
}

/** Where the longest run of wanted pieces begins; its middle when another server is at its beginning. */
function startOfGap(transfer: Transfer, peer: Source): number {
  const { position } = transfer.availability;
  let longest = 0, start = -1;
  for (let piece = 0, length = 0; piece < position.length; piece++) {
    length = position[piece]! >= 0 ? length + 1 : 0;
    if (length <= longest) continue;
    longest = length;
    start = piece - length + 1;
  }
  for (const other of transfer.peers.values()) {
    const isThere = other !== peer && other.link.isWebSeed && other.lastOfRun === start - 1;
    if (isThere && start > 0) return start + Math.floor(longest / 2);
  }
  return start;
}
