/**
 * A seed tells those it serves which piece to take next: one that nobody else has, each a piece of its
 * own. Left to chance, two peers ask for the same rare piece before either can tell that it has it, and
 * each copy that the only seed sends twice keeps the whole swarm waiting.
 *
 * Spec: BEP 6, suggest piece; the aim is that of BEP 16, super seeding, without hiding any piece.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { nextUint32 } from "../bytes/random.ts";
import { SUGGEST_LOOKS_MAX } from "./limits.ts";
import type { Effect } from "./protocol.ts";
import { isComplete, type Peer, type Torrent } from "./state.ts";

/**
 * Suggests a piece to the peer if we are a seed, others want pieces too, and one that nobody has is
 * found at once.
 */
export function suggestPiece(torrent: Torrent, peer: Peer, effects: Effect[]): void {
  if (!peer.features.fast || torrent.peers.size < 2 || !isComplete(torrent)) return;
  const piece = nextUnseen(torrent, peer);
  if (piece < 0) return;
  effects.push({ kind: "send", peer: peer.key, message: { kind: "suggest", piece } });
}

/** Goes on where the last suggestion ended, so that no two are the same until all were made. */
function nextUnseen(torrent: Torrent, peer: Peer): number {
  const { availability: { counts }, geometry: { pieceCount } } = torrent;
  torrent.nextSuggestion ??= nextUint32(torrent.rng) % pieceCount;
  const looks = Math.min(pieceCount, SUGGEST_LOOKS_MAX);
  for (let look = 0; look < looks; look++) {
    const piece: number = torrent.nextSuggestion;
    torrent.nextSuggestion = (piece + 1) % pieceCount;
    if (counts[piece] === 0 && !hasBit(peer.have, piece)) return piece;
  }
  return -1;
}
