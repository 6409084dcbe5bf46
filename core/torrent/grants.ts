/** What a torrent needs of what its process shares, and what it does with what it gets. */
import type { Needs, Resources } from "../limits/resources.ts";
import { countDialable, limitDials } from "../swarm/address_book.ts";
import { type Connection, limitConnections } from "../swarm/connections.ts";
import { limitSlots } from "../transfer/choker.ts";
import { limitBuffers } from "../transfer/partials.ts";
import { bytesMissing } from "../transfer/content.ts";
import { closePeer } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/** One peer may be the one that has nothing; with two there is something to choose. */
const CONNECTIONS_LEAST = 2;
/** Pieces that must be buffered for a download to go on: one that is written, one that comes. */
const PIECES_LEAST = 2;

const NOTHING: Resources = { connections: 0, dials: 0, uploadSlots: 0, bufferBytes: 0 };

/** What the torrent could use at `now` (monotonic ms). */
export function needsOf(torrent: Torrent, now: number): Needs {
  if (torrent.stage !== "running") return { least: NOTHING, most: NOTHING };
  const { swarm, transfer } = torrent;
  const { free, due } = countDialable(swarm.addresses, now);
  const connections = swarm.connections.size + swarm.addresses.dials.size + free;
  let interested = 0;
  for (const peer of transfer?.peers.values() ?? []) if (peer.isInterested) interested++;
  const missing = transfer === undefined ? 0 : bytesMissing(transfer);
  const pieceLength = transfer?.geometry.pieceLength ?? 0;
  const isIdle = connections === 0 && transfer !== undefined && missing === 0;
  const leastConnections = isIdle ? 0 : CONNECTIONS_LEAST;
  return {
    least: {
      connections: leastConnections,
      dials: Math.min(1, due),
      uploadSlots: Math.min(1, interested),
      bufferBytes: Math.min(missing, PIECES_LEAST * pieceLength),
    },
    most: {
      connections: Math.max(leastConnections, connections),
      dials: due,
      uploadSlots: interested,
      bufferBytes: missing,
    },
  };
}

/** Lives within `grant` from now on; connections beyond it are closed, the least useful first. */
export function onGranted(
  torrent: Torrent,
  grant: Resources,
  now: number,
  effects: Effect[],
): void {
  const { swarm, transfer } = torrent;
  limitDials(swarm.addresses, grant.dials, grant.connections);
  limitConnections(swarm, grant.connections);
  if (transfer !== undefined) {
    limitSlots(transfer, grant.uploadSlots);
    limitBuffers(transfer, grant.bufferBytes);
  }
  const surplus = swarm.connections.size - grant.connections;
  if (surplus <= 0) return;
  const ranked = [...swarm.connections.values()]
    .sort((a, b) => useOf(torrent, a) - useOf(torrent, b) || b.key - a.key);
  for (const { key } of ranked.slice(0, surplus)) {
    closePeer(torrent, key, "too-many-peers", now, effects);
  }
}

/** 0 for a connection without interest on either side, else 1 and what it carries in bytes a second. */
function useOf({ transfer }: Torrent, { key }: Connection): number {
  const peer = transfer?.peers.get(key);
  if (peer === undefined || !(peer.amInterested || peer.isInterested)) return 0;
  return 1 + peer.down.rate + peer.up.rate;
}
