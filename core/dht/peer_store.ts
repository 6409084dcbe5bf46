/**
 * The peers that others announced to us, for the torrents whose info hashes are near our id. An
 * address counts once a torrent, as BEP 33 has it; every list has a limit, and what was not
 * announced again is removed.
 */
import { randomBelow, type Rng } from "../bytes/random.ts";
import { addToBloom, createBloom, type Sha1 } from "./bloom.ts";
import { type Endpoint, hostKey, ipOf, ipVersionOf } from "./endpoint.ts";
import type { NodeId } from "./node_id.ts";

/** Clients announce every 15 to 30 minutes; one missed announce is forgiven. */
export const PEER_LIFE_MS = 45 * 60_000;
/** Torrents; a node of the public network holds some hundreds. */
export const SWARMS_MAX = 2_000;
/** Peers of one torrent; far more than an answer holds. */
export const SWARM_PEERS_MAX = 500;
/** Peers in all: some 4 MB. */
export const PEERS_MAX = 20_000;
/**
 * Torrents that one address may be in: it can be near us with a few by chance, not with hundreds.
 */
export const SWARMS_PER_HOST_MAX = 50;
/** Addresses in an answer, so that it keeps below 1,024 bytes with nodes, and with filters. */
export const VALUES4_MAX = 50;
export const VALUES6_MAX = 20;
export const VALUES_WITH_BLOOM_MAX = 10;

interface StoredPeer {
  readonly endpoint: Endpoint;
  readonly isSeed: boolean;
  readonly at: number;
}

/** By host, in the order in which they were announced. */
type Swarm = Map<string, StoredPeer>;

export interface PeerStore {
  /** In the order in which they were announced to. */
  readonly swarms: Map<NodeId, Swarm>;
  /** Torrents by host. */
  readonly hosts: Map<string, number>;
  peerCount: number;
}

/** A store of no peers. */
export function createPeerStore(): PeerStore {
  return { swarms: new Map(), hosts: new Map(), peerCount: 0 };
}

/** Stores or renews a peer; false when a limit forbids it. Makes room by dropping the oldest. */
export function storePeer(
  store: PeerStore,
  infoHash: NodeId,
  endpoint: Endpoint,
  isSeed: boolean,
  now: number,
): boolean {
  const host = hostKey(endpoint);
  const known = store.swarms.get(infoHash);
  const isNew = known?.has(host) !== true;
  if (isNew && (store.hosts.get(host) ?? 0) >= SWARMS_PER_HOST_MAX) return false;
  if (isNew && known !== undefined && known.size >= SWARM_PEERS_MAX) {
    removePeer(store, infoHash, known, firstKey(known)!);
  }
  // After the removal, which drops a swarm that is empty.
  const swarm = store.swarms.get(infoHash) ?? new Map<string, StoredPeer>();
  if (isNew) {
    store.hosts.set(host, (store.hosts.get(host) ?? 0) + 1);
    store.peerCount++;
  }
  // Deleted first, so that both maps keep the order of announces.
  swarm.delete(host);
  swarm.set(host, { endpoint, isSeed, at: now });
  store.swarms.delete(infoHash);
  store.swarms.set(infoHash, swarm);
  while (store.swarms.size > SWARMS_MAX || store.peerCount > PEERS_MAX) dropOldestSwarm(store);
  return true;
}

/** Peers of one IP version that are still there, at random, at most `max`. */
export function samplePeers(
  store: PeerStore,
  infoHash: NodeId,
  version: 4 | 6,
  noSeeds: boolean,
  max: number,
  now: number,
  rng: Rng,
): Endpoint[] {
  const found: Endpoint[] = [];
  for (const { endpoint, isSeed, at } of store.swarms.get(infoHash)?.values() ?? []) {
    if (now - at > PEER_LIFE_MS || (noSeeds && isSeed)) continue;
    if (ipVersionOf(endpoint) === version) found.push(endpoint);
  }
  const count = Math.min(max, found.length);
  for (let i = 0; i < count && found.length > max; i++) {
    const j = i + randomBelow(rng, found.length - i);
    [found[i], found[j]] = [found[j]!, found[i]!];
  }
  return found.slice(0, count);
}

/**
 * Filters over all that is stored; undefined without any. Spec: BEP 33, new get_peers semantics.
 */
export function bloomOf(
  store: PeerStore,
  infoHash: NodeId,
  sha1: Sha1,
): { seeds: Uint8Array; peers: Uint8Array } | undefined {
  const swarm = store.swarms.get(infoHash);
  if (swarm === undefined) return undefined;
  const seeds = createBloom();
  const peers = createBloom();
  for (const { endpoint, isSeed } of swarm.values()) {
    const ip = Uint8Array.from(ipOf(endpoint), (character) => character.charCodeAt(0));
    addToBloom(isSeed ? seeds : peers, ip, sha1);
  }
  return { seeds, peers };
}

/** Removes what was not announced again in time. */
export function expirePeers(store: PeerStore, now: number): void {
  for (const [infoHash, swarm] of store.swarms) {
    for (const [host, peer] of swarm) {
      if (now - peer.at > PEER_LIFE_MS) removePeer(store, infoHash, swarm, host);
    }
  }
}

function removePeer(store: PeerStore, infoHash: NodeId, swarm: Swarm, host: string): void {
  swarm.delete(host);
  store.peerCount--;
  const left = store.hosts.get(host)! - 1;
  if (left === 0) store.hosts.delete(host);
  else store.hosts.set(host, left);
  if (swarm.size === 0) store.swarms.delete(infoHash);
}

function dropOldestSwarm(store: PeerStore): void {
  const infoHash = firstKey(store.swarms)!;
  const swarm = store.swarms.get(infoHash)!;
  for (const host of [...swarm.keys()]) removePeer(store, infoHash, swarm, host);
}

function firstKey<K>(map: ReadonlyMap<K, unknown>): K | undefined {
  return map.keys().next().value;
}
