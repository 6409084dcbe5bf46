/**
 * A peer is a connection of the swarm and, once the metadata is known, a peer of the transfer. What
 * happens to the one is carried to the other here.
 */
import { neverDial } from "../swarm/address_book.ts";
import {
  acceptConnection,
  banPeer,
  closeConnection,
  type Connected,
  type Connection,
  forgetConnection,
} from "../swarm/connections.ts";
import { forgetExtensions, sendHandshake } from "../swarm/extensions.ts";
import { noteHeard } from "../swarm/liveness.ts";
import type { CloseReason } from "../swarm/protocol.ts";
import { isComplete } from "../transfer/content.ts";
import { isSeed } from "../transfer/offers.ts";
import type { Peer } from "../transfer/peer.ts";
import { addPeer, onSilence, removePeer } from "../transfer/peers.ts";
import { sendPieces } from "../transfer/pieces.ts";
import type { Transfer } from "../transfer/state.ts";
import { grantFast } from "../transfer/uploads.ts";
import type { PeerKey } from "../wire/peer_key.ts";
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
  const { connection, replaced } = acceptConnection(swarm, connected, isRunning, now, effects);
  if (replaced !== undefined) forgetPeer(torrent, replaced, now, effects);
  if (connection === undefined) return;
  sendHandshake(swarm, connection, effects);
  sendDhtPort(torrent, connection, effects);
  if (transfer !== undefined) attachPeer(transfer, connection, now, effects);
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

/** The connection takes part in the transfer from now on. */
export function attachPeer(
  transfer: Transfer,
  connection: Connection,
  now: number,
  effects: Effect[],
): void {
  const peer = addPeer(transfer, connection, now);
  sendPieces(transfer, peer, effects);
  grantFast(transfer, peer, effects);
}

/** The connection is gone, whoever ended it. */
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

/** Ends a connection from our side. `detail` is told to the user for a violation. */
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
  const peer = transfer?.peers.get(connection.key);
  if (transfer === undefined || peer === undefined) return;
  removePeer(transfer, peer, effects);
  // It has nothing to give and nothing to take.
  if (isComplete(transfer) && isSeed(peer)) neverDial(swarm.addresses, connection.address);
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

/** Seeds have nothing for each other. */
export function closeIfBothComplete(
  torrent: Torrent,
  peer: Peer,
  now: number,
  effects: Effect[],
): void {
  const { transfer } = torrent;
  if (transfer !== undefined && isComplete(transfer) && isSeed(peer)) {
    closePeer(torrent, peer.key, "both-complete", now, effects);
  }
}

/** The connection gave a sign of life. */
export function onHeard(torrent: Torrent, connection: Connection, now: number): void {
  noteHeard(connection, now);
  const peer = torrent.transfer?.peers.get(connection.key);
  if (peer?.isSilent) onSilence(torrent.transfer!, peer, false);
}
