/**
 * A seed suggests to the peers it serves which piece to take next: one that no other peer has, each
 * a piece of its own. Left to chance, two peers ask for the same rare piece before either can tell
 * that it has it, and each copy that the only seed sends twice keeps the whole swarm waiting.
 *
 * Spec: BEP 6, suggest piece; the aim is that of BEP 16, super seeding, without hiding any piece.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { nextUint32 } from "../bytes/random.ts";
import type { View } from "../bytes/view.ts";
import { isComplete } from "./content.ts";
import { SUGGEST_LOOKS_MAX } from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { TransferEffects } from "./protocol.ts";
import type { Transfer } from "./state.ts";
import { isSuperSeeding } from "./super_seeding.ts";

interface Own {
  /** Where the search for the next piece to suggest begins; undefined before the first. */
  nextSuggestion: number | undefined;
}

export type Suggesting = View<Own>;

/** Nothing was suggested yet. */
export function createSuggesting(): Suggesting {
  return { nextSuggestion: undefined };
}

/**
 * Suggests a piece to the peer if we are a seed, others want pieces too, and one that nobody has is
 * found at once.
 */
export function suggestPiece(transfer: Transfer, peer: Peer, effects: TransferEffects): void {
  if (!peer.link.features.fast || transfer.peers.size < 2 || !isComplete(transfer)) return;
  if (isSuperSeeding(transfer)) return;
  const piece = nextUnseen(transfer, peer);
  if (piece < 0) return;
  effects.push({ kind: "send", peer: peer.key, message: { kind: "suggest", piece } });
}

/** Goes on where the last suggestion ended, so that no two are the same until all were made. */
function nextUnseen(transfer: Transfer, peer: Peer): number {
  const { availability: { counts }, geometry: { pieceCount } } = transfer;
  const own = transfer as Own;
  own.nextSuggestion ??= nextUint32(transfer.rng) % pieceCount;
  const looks = Math.min(pieceCount, SUGGEST_LOOKS_MAX);
  for (let look = 0; look < looks; look++) {
    const piece: number = own.nextSuggestion;
    own.nextSuggestion = (piece + 1) % pieceCount;
    if (counts[piece] === 0 && !hasBit(peer.have, piece)) return piece;
  }
  return -1;
}
