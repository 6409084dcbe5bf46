/** Who is connected, and who is refused. */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { toHex } from "../bytes/hex.ts";
import { isLoopbackIp } from "../bytes/ip.ts";
import type { JobId } from "../bytes/jobs.ts";
import type { View } from "../bytes/view.ts";
import type { Features } from "../wire/handshake.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import {
  addAddresses,
  banIp,
  claimAddress,
  markConnected,
  markNever,
  neverDial,
  postpone,
  releaseAddress,
  takeDial,
} from "./address_book.ts";
import { createPeerExtensions, type PeerExtensions } from "./extension_state.ts";
import { CONNECTION_WORTH_MS, CONNECTIONS_MAX } from "./limits.ts";
import { createLiveness, isDead, type Liveness } from "./liveness.ts";
import type { CloseReason, SwarmEffects } from "./protocol.ts";
import type { Swarm } from "./state.ts";

interface OwnConnection {
  readonly key: PeerKey;
  /** Where it listens, once known; until then where it came from. */
  address: PeerAddress;
  readonly incoming: boolean;
  /** 20 bytes from its handshake. */
  readonly id: Uint8Array;
  readonly features: Features;
  readonly connectedMs: number;
}

/** A connected peer, as far as a swarm knows it. */
export interface Connection extends View<OwnConnection>, Liveness, PeerExtensions {}

interface Own {
  readonly connections: Map<PeerKey, Connection>;
  /** Peer ids in hexadecimal. */
  readonly bannedIds: Set<string>;
}

export type ConnectionTable = View<Own>;

/** A connection whose handshakes are done. */
export interface Connected {
  readonly peer: PeerKey;
  /** The dial that this answers; undefined when they dialled us. */
  readonly job: JobId | undefined;
  readonly address: PeerAddress;
  /** 20 bytes from their handshake. */
  readonly peerId: Uint8Array;
  readonly features: Features;
}

/** Nobody is connected or banned. */
export function createConnectionTable(): ConnectionTable {
  const own: Own = { connections: new Map(), bannedIds: new Set() };
  return own;
}

/**
 * Takes a connection, or refuses it. `replaced` is the duplicate that had to go for it and was closed;
 * whoever else knows it must forget it before it learns of the new one.
 */
export function acceptConnection(
  swarm: Swarm,
  connected: Connected,
  isRunning: boolean,
  now: number,
  effects: SwarmEffects,
): { readonly connection?: Connection; readonly replaced?: Connection } {
  const { addresses } = swarm;
  const { peer: key, peerId, features, job } = connected;
  const entry = job === undefined ? undefined : takeDial(addresses, job);
  const refuse = (why: CloseReason) => {
    effects.push({ kind: "close", peer: key, why });
    if (entry !== undefined) postpone(addresses, entry, now);
    return {};
  };
  if (!isRunning) return refuse("stopping");
  const isOurs = isSameId(peerId, swarm.options.peerId);
  if (isOurs || isBanned(swarm, connected.address.ip, peerId)) {
    refuse(isOurs ? "ourselves" : "banned");
    if (entry !== undefined) markNever(entry);
    return {};
  }
  if (swarm.connections.size >= CONNECTIONS_MAX) return refuse("too-many-peers");
  const incoming = job === undefined;
  let { address } = connected;
  const duplicate = findById(swarm, peerId);
  if (duplicate !== undefined) {
    if (entry !== undefined) (duplicate as OwnConnection).address = entry.address;
    if (!replacesDuplicate(swarm, duplicate, incoming, now)) {
      effects.push({ kind: "close", peer: key, why: "duplicate" });
      if (entry !== undefined) markConnected(entry);
      return {};
    }
    closeConnection(swarm, duplicate, "duplicate", now, effects);
    if (!duplicate.incoming) address = duplicate.address;
  }
  const connection: Connection = {
    key,
    address,
    incoming,
    id: peerId,
    features,
    connectedMs: now,
    ...createLiveness(now),
    ...createPeerExtensions(),
  };
  (swarm as ConnectionTable as Own).connections.set(key, connection);
  if (entry !== undefined) markConnected(entry);
  else claimAddress(addresses, address);
  return { connection, ...(duplicate && { replaced: duplicate }) };
}

/**
 * Two that dial each other at once must both keep the same connection, or they end with none: it is
 * the one that the greater peer id dialled. Otherwise the older one stays, unless it is dead.
 */
function replacesDuplicate(
  swarm: Swarm,
  duplicate: Connection,
  incoming: boolean,
  now: number,
): boolean {
  if (isDead(duplicate, now)) return true;
  if (duplicate.incoming === incoming) return false;
  const weAreGreater = compareIds(swarm.options.peerId, duplicate.id) > 0;
  return incoming !== weAreGreater;
}

/** The peer told where it listens, so that we need not dial it and can, once it is gone. */
export function onListenPort(
  swarm: Swarm,
  connection: Connection,
  port: number,
  now: number,
): void {
  if (!connection.incoming) return;
  const address = { ip: connection.address.ip, port };
  addAddresses(swarm.addresses, [address], "incoming", now);
  claimAddress(swarm.addresses, address);
  (connection as OwnConnection).address = address;
}

/** The connection is gone, whoever ended it: its address may be dialled again. */
export function forgetConnection(swarm: Swarm, connection: Connection, now: number): void {
  (swarm as ConnectionTable as Own).connections.delete(connection.key);
  const wasWorthIt = now - connection.connectedMs >= CONNECTION_WORTH_MS;
  releaseAddress(swarm.addresses, connection.address, wasWorthIt, now);
}

/** Ends a connection from our side. `detail` is told to the user for a violation. */
export function closeConnection(
  swarm: Swarm,
  connection: Connection,
  why: CloseReason,
  now: number,
  effects: SwarmEffects,
  detail?: string,
): void {
  forgetConnection(swarm, connection, now);
  effects.push({ kind: "close", peer: connection.key, why });
  if (why === "protocol-violation" && detail !== undefined) {
    const address = addressText(connection.address);
    effects.push({ kind: "report", report: { kind: "peer-violated", address, why: detail } });
  }
}

/** Takes no connection from the peer's address, or of its id, again in this run. */
export function banPeer(
  swarm: Swarm,
  { address, id }: Pick<Connection, "address" | "id">,
  why: string,
  effects: SwarmEffects,
): void {
  // Peers on loopback share one address: there, a ban by address would take the innocent along.
  if (!isLoopbackIp(address.ip)) banIp(swarm.addresses, address.ip);
  neverDial(swarm.addresses, address);
  (swarm as ConnectionTable as Own).bannedIds.add(toHex(id));
  const report = { kind: "peer-banned", address: addressText(address), why } as const;
  effects.push({ kind: "report", report });
}

function isBanned(swarm: Swarm, ip: string, id: Uint8Array): boolean {
  return swarm.addresses.bannedIps.has(ip) || swarm.bannedIds.has(toHex(id));
}

function findById(swarm: Swarm, id: Uint8Array): Connection | undefined {
  for (const other of swarm.connections.values()) if (isSameId(other.id, id)) return other;
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
