/**
 * How far the blocks of a peer are trusted.
 *
 * The only sender of a bad piece is banned. With several senders the culprit is unknown: the piece
 * is fetched again from one peer, and each of its senders is on parole, which means that it takes
 * whole pieces alone until one of them passes or one of them convicts it.
 */
import type { View } from "../bytes/view.ts";

interface Own {
  /** Some block that we asked for came from it. */
  sentUsBlocks: boolean;
  /** Sent blocks of a piece that failed; takes whole pieces alone until one passes. */
  onParole: boolean;
}

export type PeerBlame = View<Own>;

/** It sent nothing yet. */
export function createPeerBlame(): PeerBlame {
  return { sentUsBlocks: false, onParole: false };
}

/** A block that we asked for came from the peer. */
export function noteBlockFrom(peer: PeerBlame): void {
  (peer as Own).sentUsBlocks = true;
}

/** The peer had part in a piece that failed, or sent a good one alone. */
export function setParole(peer: PeerBlame, onParole: boolean): void {
  (peer as Own).onParole = onParole;
}
