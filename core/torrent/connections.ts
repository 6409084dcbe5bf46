/**
 * Who is connected and who is banned. A peer is counted in `availability` exactly while it is in
 * `peers`.
 */
import { addressText } from "../bytes/address.ts";
import { hasBit } from "../bytes/bitfield.ts";
import { toHex } from "../bytes/hex.ts";
import { isLoopbackIp } from "../bytes/ip.ts";
import { removeHolder } from "./availability.ts";
import { claimCandidate, postpone, takeDial } from "./candidates.ts";
import { CONNECTION_WORTH_MS, CONNECTIONS_MAX, DEPARTED_MAX } from "./limits.ts";
import { greet } from "./greeting.ts";
import { giveBackAll } from "./picker.ts";
import type { CloseReason, Effect, Event } from "./protocol.ts";
import {
  createPeer,
  isComplete,
  isDead,
  isSeed,
  markDirty,
  type Peer,
  type Torrent,
} from "./state.ts";

/** Takes a connection whose handshakes are done, or refuses it; greets it with what we have. */
export function onConnected(
  torrent: Torrent,
  event: Extract<Event, { kind: "connected" }>,
  now: number,
  effects: Effect[],
): void {
  const candidate = event.job === undefined ? undefined : takeDial(torrent, event.job);
  const refuse = (why: CloseReason) => {
    effects.push({ kind: "close", peer: event.peer, why });
    if (candidate !== undefined) postpone(torrent, candidate, now);
  };
  if (torrent.stage !== "running") return refuse("stopping");
  const isOurs = isSameId(event.peerId, torrent.options.peerId);
  if (isOurs || isBanned(torrent, event.address.ip, event.peerId)) {
    refuse(isOurs ? "ourselves" : "banned");
    if (candidate !== undefined) candidate.use = "never";
    return;
  }
  if (torrent.peers.size >= CONNECTIONS_MAX) return refuse("too-many-peers");
  const incoming = event.job === undefined;
  let { address } = event;
  const twin = findById(torrent, event.peerId);
  if (twin !== undefined) {
    if (candidate !== undefined) twin.address = candidate.address;
    if (!replacesTwin(torrent, twin, incoming, now)) {
      effects.push({ kind: "close", peer: event.peer, why: "duplicate" });
      if (candidate !== undefined) candidate.use = "connected";
      return;
    }
    closePeer(torrent, twin, "duplicate", now, effects);
    if (!twin.incoming) address = twin.address;
  }
  const { peer: key, peerId, features } = event;
  const peer = createPeer(torrent, key, address, incoming, peerId, features, now);
  torrent.peers.set(key, peer);
  markDirty(torrent, peer);
  if (candidate !== undefined) candidate.use = "connected";
  else claimCandidate(torrent, address);
  greet(torrent, peer, effects);
}

/**
 * Two that dial each other at once must both keep the same connection, or they end with none: it is
 * the one that the greater peer id dialled. Otherwise the older one stays, unless it is dead.
 */
function replacesTwin(torrent: Torrent, twin: Peer, incoming: boolean, now: number): boolean {
  if (isDead(twin, now)) return true;
  if (twin.incoming === incoming) return false;
  const weAreGreater = compareIds(torrent.options.peerId, twin.id) > 0;
  return incoming !== weAreGreater;
}

/** The connection is gone, whoever ended it. */
export function onDisconnected(torrent: Torrent, peer: Peer, now: number, effects: Effect[]): void {
  forget(torrent, peer, now, effects);
}

/** Ends a connection from our side. `detail` is told to the user for a violation. */
export function closePeer(
  torrent: Torrent,
  peer: Peer,
  why: CloseReason,
  now: number,
  effects: Effect[],
  detail?: string,
): void {
  if (!torrent.peers.has(peer.key)) return;
  forget(torrent, peer, now, effects);
  effects.push({ kind: "close", peer: peer.key, why });
  if (why === "protocol-violation" && detail !== undefined) {
    const address = addressText(peer.address);
    effects.push({ kind: "report", report: { kind: "peer-violated", address, why: detail } });
  }
}

/** Closes the connection and takes none from its address, or of its id, again in this run. */
export function banPeer(
  torrent: Torrent,
  peer: Peer,
  why: string,
  now: number,
  effects: Effect[],
): void {
  // Peers on loopback share one address: there, a ban by address would take the innocent along.
  if (!isLoopbackIp(peer.address.ip)) torrent.bannedIps.add(peer.address.ip);
  const address = addressText(peer.address);
  const candidate = torrent.candidates.get(address);
  if (candidate !== undefined) candidate.use = "never";
  torrent.bannedIds.add(toHex(peer.id));
  effects.push({ kind: "report", report: { kind: "peer-banned", address, why } });
  closePeer(torrent, peer, "banned", now, effects);
}

function isBanned(torrent: Torrent, ip: string, id: Uint8Array): boolean {
  return torrent.bannedIps.has(ip) || torrent.bannedIds.has(toHex(id));
}

/** Seeds have nothing for each other. */
export function closeIfBothComplete(
  torrent: Torrent,
  peer: Peer,
  now: number,
  effects: Effect[],
): void {
  if (isComplete(torrent) && isSeed(peer)) {
    closePeer(torrent, peer, "both-complete", now, effects);
  }
}

function forget(torrent: Torrent, peer: Peer, now: number, effects: Effect[]): void {
  torrent.peers.delete(peer.key);
  if (peer.hasGiven) rememberDeparted(torrent, peer);
  torrent.nextDialMs = 0;
  release(torrent, peer, now);
  giveBackAll(torrent, peer, effects);
  if (peer.countedAsSeed) torrent.availability.seeds--;
  else if (peer.haveCount > 0) {
    for (let piece = 0; piece < torrent.geometry.pieceCount; piece++) {
      if (hasBit(peer.have, piece)) removeHolder(torrent.availability, piece);
    }
  }
  torrent.allDirty = true;
}

function rememberDeparted(torrent: Torrent, peer: Peer): void {
  const { departed } = torrent;
  departed.set(peer.key, peer);
  if (departed.size > DEPARTED_MAX) departed.delete(departed.keys().next().value!);
}

/** Its address may be dialled again, unless it has nothing to give and nothing to take. */
function release(torrent: Torrent, peer: Peer, now: number): void {
  const candidate = torrent.candidates.get(addressText(peer.address));
  if (candidate?.use !== "connected") return;
  if (now - peer.connectedMs >= CONNECTION_WORTH_MS) candidate.failures = 0;
  postpone(torrent, candidate, now);
  if (isComplete(torrent) && isSeed(peer)) candidate.use = "never";
}

function findById(torrent: Torrent, id: Uint8Array): Peer | undefined {
  for (const peer of torrent.peers.values()) if (isSameId(peer.id, id)) return peer;
  return undefined;
}

function isSameId(a: Uint8Array, b: Uint8Array): boolean {
  return compareIds(a, b) === 0;
}

function compareIds(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return 0;
}
