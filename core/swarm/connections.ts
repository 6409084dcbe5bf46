/** Who is connected, and who is refused. */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { toHex } from "../bytes/hex.ts";
import { isLoopbackIp } from "../bytes/ip.ts";
import type { JobId } from "../bytes/jobs.ts";
import type { ReadonlyBytes, View } from "../bytes/view.ts";
import type { Features } from "../wire/handshake.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import {
  banIp,
  claimAddress,
  claimListenAddress,
  markNever,
  neverDial,
  passAddresses,
  postpone,
  releaseAddresses,
  takeDial,
} from "./address_book.ts";
import { hostOf } from "./address_rules.ts";
import { createPeerExtensions, type PeerExtensions } from "./extension_state.ts";
import { BANS_MAX, CONNECTION_WORTH_MS, CONNECTIONS_MAX, HOST_CONNECTIONS_MAX } from "./limits.ts";
import { createLiveness, isDead, type Liveness } from "./liveness.ts";
import type { CloseReason, SwarmEffects } from "./protocol.ts";
import type { Swarm } from "./state.ts";

interface OwnConnection {
  readonly key: PeerKey;
  /** Where it listens, once known; until then where it came from. */
  address: PeerAddress;
  /** What counts as one host. */
  readonly host: string;
  readonly incoming: boolean;
  /** 20 bytes from its handshake. */
  readonly id: ReadonlyBytes;
  readonly features: Features;
  readonly connectedMs: number;
}

/** A connected peer, as far as a swarm knows it. */
export interface Connection extends View<OwnConnection>, Liveness, PeerExtensions {}

interface Own {
  readonly connections: Map<PeerKey, Connection>;
  /**
   * Peers behind an address that is not banned, because it is shared: loopback. By address and peer
   * id, since any peer can claim any ID.
   */
  readonly bannedPeers: Set<string>;
  /** What the session grants. */
  connectionsMax: number;
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

/** No peer is connected or banned. */
export function createConnectionTable(): ConnectionTable {
  const own: Own = {
    connections: new Map(),
    bannedPeers: new Set(),
    connectionsMax: CONNECTIONS_MAX,
  };
  return own;
}

/**
 * Takes a connection, or refuses it. Two are duplicates when peer id and IP address agree: an id
 * alone is anybody's to claim. The one that stays uses the addresses of both until it ends. When
 * all places are taken, the connection that `leastUseful` names gives way.
 *
 * `replaced` lists connections that were closed for it; other owners of them must drop them before
 * it learns of the new one.
 */
export function acceptConnection(
  swarm: Swarm,
  connected: Connected,
  isRunning: boolean,
  leastUseful: () => Connection | undefined,
  now: number,
  effects: SwarmEffects,
): { readonly connection?: Connection; readonly replaced: readonly Connection[] } {
  const { addresses } = swarm;
  const { peer: key, peerId, features, job, address } = connected;
  const incoming = job === undefined;
  const entry = incoming ? undefined : takeDial(addresses, job);
  const refuse = (why: CloseReason) => {
    effects.push({ kind: "close", peer: key, why });
    if (entry !== undefined) postpone(addresses, entry, now);
    return { replaced: [] };
  };
  if (!isRunning) return refuse("stopping");
  if (isSameId(peerId, swarm.options.peerId)) {
    refuse("ourselves");
    if (entry !== undefined) markNever(entry);
    return { replaced: [] };
  }
  if (isBanned(swarm, address.ip, peerId)) return refuse("banned");
  const duplicate = findDuplicate(swarm, address.ip, peerId);
  if (duplicate !== undefined) {
    if (!replacesDuplicate(swarm, duplicate, incoming, now)) {
      effects.push({ kind: "close", peer: key, why: "duplicate" });
      if (entry !== undefined) claimAddress(addresses, entry, duplicate.key);
      return { replaced: [] };
    }
    passAddresses(addresses, duplicate.key, key);
    closeConnection(swarm, duplicate, "duplicate", now, effects);
  } else {
    const isTyped = entry?.source === "user";
    if (!isTyped && isHostFull(swarm, address.ip)) return refuse("too-many-from-host");
  }
  const replaced = duplicate === undefined ? [] : [duplicate];
  if (swarm.connections.size >= swarm.connectionsMax) {
    const evicted = leastUseful();
    if (evicted === undefined) return refuse("too-many-peers");
    closeConnection(swarm, evicted, "too-many-peers", now, effects);
    replaced.push(evicted);
  }
  const connection: Connection = {
    key,
    address,
    host: hostOf(address.ip),
    incoming,
    id: peerId,
    features,
    connectedMs: now,
    ...createLiveness(now),
    ...createPeerExtensions(),
  };
  (swarm as ConnectionTable as Own).connections.set(key, connection);
  if (entry !== undefined) claimAddress(addresses, entry, key);
  return { connection, replaced };
}

function isHostFull(swarm: Swarm, ip: string): boolean {
  if (isLoopbackIp(ip)) return false;
  const host = hostOf(ip);
  let count = 0;
  for (const connection of swarm.connections.values()) if (connection.host === host) count++;
  return count >= HOST_CONNECTIONS_MAX;
}

/** How many of the connections we dialled. */
export function countDialled({ connections }: Swarm): number {
  let count = 0;
  for (const { incoming } of connections.values()) if (!incoming) count++;
  return count;
}

/** Takes no more connections than this; those that are there stay. */
export function limitConnections(swarm: Swarm, count: number): void {
  (swarm as ConnectionTable as Own).connectionsMax = Math.min(CONNECTIONS_MAX, count);
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

/** The peer announced its listening port: it is not dialled while connected, and can be later. */
export function onListenPort(
  swarm: Swarm,
  connection: Connection,
  port: number,
  now: number,
): void {
  if (!connection.incoming) return;
  const address = { ip: connection.address.ip, port };
  claimListenAddress(swarm.addresses, address, connection.key, now);
  (connection as OwnConnection).address = address;
}

/** The connection is closed, by either side: its address may be dialled again. */
export function forgetConnection(swarm: Swarm, connection: Connection, now: number): void {
  (swarm as ConnectionTable as Own).connections.delete(connection.key);
  const wasWorthIt = now - connection.connectedMs >= CONNECTION_WORTH_MS;
  releaseAddresses(swarm.addresses, connection.key, wasWorthIt, now);
}

/** Ends a connection from our side. `detail` is shown to the user for a violation. */
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

/** Takes no connection from the peer's address again in this run. */
export function banPeer(
  swarm: Swarm,
  { address, id }: Pick<Connection, "address" | "id">,
  why: string,
  effects: SwarmEffects,
): void {
  if (!isLoopbackIp(address.ip)) banIp(swarm.addresses, address.ip);
  else {
    // Peers on loopback share one address: there, a ban by address would take the innocent along.
    const { bannedPeers } = swarm as ConnectionTable as Own;
    bannedPeers.add(`${address.ip} ${toHex(id)}`);
    if (bannedPeers.size > BANS_MAX) bannedPeers.delete(bannedPeers.keys().next().value!);
  }
  neverDial(swarm.addresses, address);
  const report = { kind: "peer-banned", address: addressText(address), why } as const;
  effects.push({ kind: "report", report });
}

function isBanned(swarm: Swarm, ip: string, id: Uint8Array): boolean {
  return swarm.addresses.bannedIps.has(ip) || swarm.bannedPeers.has(`${ip} ${toHex(id)}`);
}

function findDuplicate(swarm: Swarm, ip: string, id: Uint8Array): Connection | undefined {
  for (const other of swarm.connections.values()) {
    if (other.address.ip === ip && isSameId(other.id, id)) return other;
  }
  return undefined;
}

function isSameId(a: ReadonlyBytes, b: ReadonlyBytes): boolean {
  return compareIds(a, b) === 0;
}

function compareIds(a: ReadonlyBytes, b: ReadonlyBytes): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return 0;
}
