/**
 * A peer is a connection of the swarm and, once the metadata is known, a peer of the transfer. What
 * happens to the one is carried to the other here.
 */
import { setUnneeded } from "../swarm/address_book.ts";
import {
  acceptConnection,
  banPeer,
  closeConnection,
  type Connected,
  type Connection,
  countDialled,
  forgetConnection,
} from "../swarm/connections.ts";
import { forgetExtensions, sendHandshake } from "../swarm/extensions.ts";
import { priorityOf } from "../swarm/announcing.ts";
import {
  CROWD_EVICTION_AGE_MS,
  dialledKept,
  EVICTION_AGE_MS,
  HOST_CONNECTIONS_MAX,
} from "../swarm/limits.ts";
import { isDead, noteHeard } from "../swarm/liveness.ts";
import type { Swarm } from "../swarm/state.ts";
import type { CloseReason } from "../swarm/protocol.ts";
import { isFinished } from "../transfer/content.ts";
import { isSeed } from "../transfer/offers.ts";
import type { Peer } from "../transfer/peer.ts";
import { addPeer, onSilence, removePeer } from "../transfer/peers.ts";
import { sendPieces } from "../transfer/pieces.ts";
import { isSuperSeeding, sendNothing } from "../transfer/super_seeding.ts";
import { grantFast } from "../transfer/uploads.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { forgetEarlyNews } from "./early_news.ts";
import { carryNews } from "./news.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/** Takes a connection, or refuses it; sends our extension handshake, and which pieces we have. */
export function onConnected(
  torrent: Torrent,
  connected: Connected,
  now: number,
  effects: Effect[],
): void {
  const { swarm, transfer } = torrent;
  const isRunning = torrent.stage === "running";
  const { connection, replaced } = acceptConnection(
    swarm,
    connected,
    isRunning,
    () => leastUseful(torrent, connected, now),
    now,
    effects,
  );
  for (const other of replaced) forgetPeer(torrent, other, now, effects);
  if (connection === undefined) return;
  sendHandshake(swarm, connection, effects);
  sendDhtPort(torrent, connection, effects);
  if (transfer !== undefined) {
    const peer = addPeer(transfer, connection, now);
    if (isSuperSeeding(transfer)) return sendNothing(peer, effects);
    sendPieces(transfer, peer, effects);
    grantFast(transfer, peer, effects);
  } else if (connection.features.fast) {
    const message = { kind: "have-none" } as const;
    effects.push({ kind: "send", peer: connection.key, message });
  }
}

/** Spec: BEP 5, "Peer receiving a handshake indicating the remote peer supports the DHT should ...". */
function sendDhtPort(
  { options: { dhtPort } }: Torrent,
  { key, features }: Connection,
  effects: Effect[],
): void {
  if (dhtPort === undefined || !features.dht) return;
  effects.push({ kind: "send", peer: key, message: { kind: "port", port: dhtPort } });
}

/**
 * The connection that gives way to `newcomer` when all places are taken: of those that are dead or where
 * nobody wants anything, the one of least priority; else of a host with more connections than one may
 * have, the oldest without payload; else of those that nothing goes through, the one of least priority,
 * if the newcomer's is higher. Young connections stay. Spec: BEP 40.
 *
 * For one that we dialled, any that dialled us and had no payload gives way, until enough are ours.
 */
function leastUseful(
  torrent: Torrent,
  newcomer: Connected,
  now: number,
): Connection | undefined {
  const { swarm, transfer } = torrent;
  if (newcomer.job !== undefined && countDialled(swarm) < dialledKept(swarm.connectionsMax)) {
    return withoutPayload(torrent, ({ incoming }) => incoming);
  }
  let idle: Connection | undefined, still: Connection | undefined;
  for (const connection of swarm.connections.values()) {
    if (now - connection.connectedMs < EVICTION_AGE_MS) continue;
    const peer = transfer?.peers.get(connection.key);
    const isIdle = isDead(connection, now) ||
      (peer !== undefined && !peer.amInterested && !peer.isInterested);
    if (isIdle) idle = lesser(swarm, idle, connection);
    else if (peer !== undefined && peer.down.rate + peer.up.rate === 0) {
      still = lesser(swarm, still, connection);
    }
  }
  idle ??= inCrowd(torrent, now);
  if (idle !== undefined || still === undefined) return idle;
  return priorityOf(swarm, newcomer.address) > priorityOf(swarm, still.address) ? still : undefined;
}

function inCrowd(torrent: Torrent, now: number): Connection | undefined {
  const counts = new Map<string, number>();
  for (const { host } of torrent.swarm.connections.values()) {
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return withoutPayload(
    torrent,
    ({ host, connectedMs }) =>
      now - connectedMs >= CROWD_EVICTION_AGE_MS && counts.get(host)! > HOST_CONNECTIONS_MAX,
  );
}

/** The oldest of those that pass and that no payload went through. */
function withoutPayload(
  { swarm, transfer }: Torrent,
  passes: (connection: Connection) => boolean,
): Connection | undefined {
  for (const connection of swarm.connections.values()) {
    const peer = transfer?.peers.get(connection.key);
    if (peer !== undefined && peer.down.total + peer.up.total > 0) continue;
    if (passes(connection)) return connection;
  }
  return undefined;
}

function lesser(swarm: Swarm, one: Connection | undefined, other: Connection): Connection {
  if (one === undefined) return other;
  return priorityOf(swarm, other.address) < priorityOf(swarm, one.address) ? other : one;
}

/** The connection was closed, by either side. */
export function onDisconnected(
  torrent: Torrent,
  key: PeerKey,
  now: number,
  effects: Effect[],
): void {
  const connection = torrent.swarm.connections.get(key);
  if (connection === undefined) return;
  forgetConnection(torrent.swarm, connection, now);
  forgetPeer(torrent, connection, now, effects);
}

/** Ends a connection from our side. `detail` is shown to the user for a violation. */
export function closePeer(
  torrent: Torrent,
  key: PeerKey,
  why: CloseReason,
  now: number,
  effects: Effect[],
  detail?: string,
): void {
  const connection = torrent.swarm.connections.get(key);
  if (connection === undefined) return;
  closeConnection(torrent.swarm, connection, why, now, effects, detail);
  forgetPeer(torrent, connection, now, effects);
}

/** What the transfer and the extensions knew of a connection that is gone from the swarm. */
function forgetPeer(
  torrent: Torrent,
  connection: Connection,
  now: number,
  effects: Effect[],
): void {
  const { swarm, transfer } = torrent;
  carryNews(torrent, effects, (news) => forgetExtensions(swarm, connection, now, effects, news));
  forgetEarlyNews(torrent.early, connection.key);
  const peer = transfer?.peers.get(connection.key);
  if (transfer === undefined || peer === undefined) return;
  const isUseless = isFinished(transfer) && wantsNothing(peer);
  removePeer(transfer, peer, effects);
  if (isUseless) setUnneeded(swarm.addresses, connection.address);
}

/** Closes the connection, if it is still there, and takes none from its address again in this run. */
export function banSender(
  torrent: Torrent,
  { link }: Peer,
  why: string,
  now: number,
  effects: Effect[],
): void {
  banPeer(torrent.swarm, link, why, effects);
  closePeer(torrent, link.key, "banned", now, effects);
}

/** The peer has all that there is, or said that it will download nothing more. Spec: BEP 21. */
function wantsNothing(peer: Peer): boolean {
  return isSeed(peer) || peer.link.isUploadOnly;
}

/** Two that want nothing more have nothing for each other. */
export function closeIfBothDone(
  torrent: Torrent,
  peer: Peer,
  now: number,
  effects: Effect[],
): void {
  const { transfer } = torrent;
  if (transfer !== undefined && isFinished(transfer) && wantsNothing(peer)) {
    closePeer(torrent, peer.key, "both-complete", now, effects);
  }
}

/** The connection gave a sign of life. */
export function onHeard(torrent: Torrent, connection: Connection, now: number): void {
  noteHeard(connection, now);
  const peer = torrent.transfer?.peers.get(connection.key);
  if (peer?.isSilent) onSilence(torrent.transfer!, peer, false);
}
