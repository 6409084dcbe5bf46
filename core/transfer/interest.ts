/** Interest, both ways. Ours is a promise to ask; theirs decides who can be served. */
import { hasBit } from "../bytes/bitfield.ts";
import type { View } from "../bytes/view.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";

interface Own {
  amInterested: boolean;
  isInterested: boolean;
  /** When we last announced pieces of ours to it. */
  lastHaveSentMs: number;
  /** It said since whether it is interested. */
  interestKnown: boolean;
}

export type PeerInterest = View<Own>;

/** No peer is interested. Spec: BEP 3, "Connections start out choked and not interested". */
export function createPeerInterest(now: number): PeerInterest {
  return { amInterested: false, isInterested: false, lastHaveSentMs: now, interestKnown: false };
}

/** The peer said whether it is interested. */
export function onInterest(peer: PeerInterest, isInterested: boolean): void {
  const own = peer as Own;
  own.isInterested = isInterested;
  own.interestKnown = true;
}

/** We announced a piece to the peer: its interest may change. */
export function noteHaveSent(peer: PeerInterest, now: number): void {
  const own = peer as Own;
  own.lastHaveSentMs = now;
  own.interestKnown = false;
}

/**
 * Sends our interest when it changed. The piece that the share rule withholds (or -1) does not
 * count.
 */
export function tellInterest(
  transfer: Transfer,
  peer: Peer,
  withheld: number,
  effects: TransferEffects,
): void {
  const asksNothing = withheld >= 0 && hasBit(peer.have, withheld) ? 1 : 0;
  const wants = peer.offered - asksNothing > 0 && !transfer.diskFailed;
  if (wants === peer.amInterested) return;
  (peer as Own).amInterested = wants;
  const message = wants ? { kind: "interested" } as const : { kind: "not-interested" } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}
