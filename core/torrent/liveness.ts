/**
 * Who is still there. A peer silent for two minutes counts as dead and is ignored; should it speak, it
 * lives again. When more than half of the peers are dead they are all dropped and the tracker is asked
 * for others.
 */
import { requestPeers } from "../tracker/announcer.ts";
import { closePeer } from "./connections.ts";
import { KEEP_ALIVE_SEND_MS, PEER_DEAD_MS } from "./limits.ts";
import type { Effect } from "./protocol.ts";
import type { Peer, Torrent } from "./state.ts";

/** Whether the peer said nothing for PEER_DEAD_MS; `now` in monotonic ms. */
export function isDead(peer: Peer, now: number): boolean {
  return now - peer.lastHeardMs >= PEER_DEAD_MS;
}

/** Once a second. */
export function reviewLiveness(torrent: Torrent, now: number, effects: Effect[]): void {
  const dead: Peer[] = [];
  for (const peer of torrent.peers.values()) {
    if (isDead(peer, now)) dead.push(peer);
    if (now - peer.lastSentMs < KEEP_ALIVE_SEND_MS) continue;
    peer.lastSentMs = now;
    effects.push({ kind: "send", peer: peer.key, message: { kind: "keep-alive" } });
  }
  if (dead.length * 2 <= torrent.peers.size) return;
  for (const peer of dead) closePeer(torrent, peer, "dead", effects);
  requestPeers(torrent.announcer, now);
}
