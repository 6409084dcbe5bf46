/**
 * Pieces that were had and are lost. The message is a piece index, four bytes.
 *
 * Spec: BEP 54, lt_donthave.
 */
import { readUint32 } from "../bytes/byte_reader.ts";
import { type Extension, sendExtended } from "./extensions.ts";
import type { SwarmEffects } from "./protocol.ts";
import type { Swarm } from "./state.ts";

const NAME = "lt_donthave";
const PAYLOAD_SIZE = 4;

export const DONT_HAVE: Extension = {
  name: NAME,
  number: 7,
  createState: () => undefined,
  createPeerState: () => undefined,
  onMessage({ news }, peer, _peerState, payload) {
    if (payload.length !== PAYLOAD_SIZE) return `a dont-have of ${payload.length} bytes`;
    news.push({ kind: "piece-lost", peer: peer.key, piece: readUint32(payload, 0) });
    return undefined;
  },
  // A piece identifies no one.
  anonymize: (payload) => payload,
};

/** Announces to the peers that support the message that we lost the piece. */
export function sendDontHave(swarm: Swarm, piece: number, effects: SwarmEffects): void {
  if (!swarm.extensions.table.includes(DONT_HAVE)) return;
  const payload = new Uint8Array(PAYLOAD_SIZE);
  new DataView(payload.buffer).setUint32(0, piece);
  for (const peer of swarm.connections.values()) sendExtended(peer, NAME, payload, effects);
}
