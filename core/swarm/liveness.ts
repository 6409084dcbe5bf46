/**
 * Who is still there. A peer silent for PEER_DEAD_MS counts as dead and is ignored; should it speak, it
 * lives again. When more than half of the peers are dead they are all dropped and the tracker is asked
 * for others.
 */
import type { View } from "../bytes/view.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { requestPeers } from "../tracker/announcer.ts";
import { KEEP_ALIVE_SEND_MS, PEER_DEAD_MS } from "./limits.ts";
import type { SwarmEffects } from "./protocol.ts";
import type { Swarm } from "./state.ts";

interface Own {
  lastHeardMs: number;
  lastSentMs: number;
}

/** A connection's signs of life, in monotonic ms. */
export type Liveness = View<Own>;

/** As of a connection that was made at `now`. */
export function createLiveness(now: number): Liveness {
  return { lastHeardMs: now, lastSentMs: now };
}

/** Whether the peer said nothing for PEER_DEAD_MS; `now` in monotonic ms. */
export function isDead(connection: Liveness, now: number): boolean {
  return now - connection.lastHeardMs >= PEER_DEAD_MS;
}

/** The peer said something, or took something while we did not listen to it. */
export function noteHeard(connection: Liveness, now: number): void {
  (connection as Own).lastHeardMs = now;
}

/** Something goes to the peer, which makes a keep-alive needless. */
export function noteSent(connection: Liveness, now: number): void {
  (connection as Own).lastSentMs = now;
}

/** Once a second: sends keep-alives, and gives the connections that are to be closed as dead. */
export function reviewLiveness(swarm: Swarm, now: number, effects: SwarmEffects): PeerKey[] {
  const dead: PeerKey[] = [];
  for (const connection of swarm.connections.values()) {
    if (isDead(connection, now)) dead.push(connection.key);
    if (now - connection.lastSentMs < KEEP_ALIVE_SEND_MS) continue;
    noteSent(connection, now);
    effects.push({ kind: "send", peer: connection.key, message: { kind: "keep-alive" } });
  }
  if (dead.length * 2 <= swarm.connections.size) return [];
  requestPeers(swarm.announcing.announcer, now);
  return dead;
}
