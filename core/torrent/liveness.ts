/**
 * Who is still there. A peer silent for two minutes counts as dead and is ignored; should it speak, it
 * lives again. When more than half of the peers are dead they are all dropped and the tracker is asked
 * for others.
 */
import { requestPeers } from "../tracker/announcer.ts";
import { closePeer } from "./connections.ts";
import { KEEP_ALIVE_SEND_MS } from "./limits.ts";
import type { Effect } from "./protocol.ts";
import { isDead, type Peer, type Torrent } from "./state.ts";

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
  for (const peer of dead) closePeer(torrent, peer, "dead", now, effects);
  requestPeers(torrent.announcer, now);
}
