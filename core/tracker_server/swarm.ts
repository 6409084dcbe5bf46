/**
 * Who is in which swarm. A peer is known by its peer id and key, so one that announces from an IPv4
 * and an IPv6 address counts once; an address belongs to whoever announced from it last, so a client
 * started again on its port replaces its former self.
 *
 * Every operation takes a time that does not grow with the swarms: lists are packed arrays from which
 * the last entry fills a gap, and peers are kept in the order of their last announce, so expiry looks
 * at the expired only. A swarm goes with its last peer, and its count of completed downloads too.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { randomBelow, type Rng } from "../bytes/random.ts";
import type { InfoHash } from "../metainfo/types.ts";

/** About a gigabyte of memory. */
export const PEERS_MAX = 2_000_000;

const VERSIONS: readonly IpVersion[] = [4, 6];
const IPV4_ADDRESS_LENGTH = 6;

type Role = "leechers" | "seeders";

/** A peer's entry in the list of its swarm, address family and role. */
export interface Seat {
  readonly peer: Peer;
  /** As in PeerFacts. */
  readonly address: string;
  place: number;
}

export interface Peer {
  readonly swarm: Swarm;
  /** Info hash, peer id and key. */
  readonly identity: string;
  /** Byte text, 20 characters. */
  readonly peerId: string;
  readonly seats: Record<IpVersion, Seat | undefined>;
  role: Role;
  /** `completed` was counted. */
  hasCompleted: boolean;
  /** Of its last announce, monotonic milliseconds. */
  seenAt: number;
}

export interface Swarm {
  readonly infoHash: InfoHash;
  readonly lists: Readonly<Record<IpVersion, Readonly<Record<Role, Seat[]>>>>;
  /** Peers, however many addresses they have. */
  readonly counts: Record<Role, number>;
  /** Downloads that were finished while the swarm was known. */
  completedCount: number;
}

/** Opaque outside this module, but for reading. */
export interface SwarmStore {
  readonly swarms: Map<InfoHash, Swarm>;
  /** By identity; longest unheard first. */
  readonly peers: Map<string, Peer>;
  /** By info hash and address. */
  readonly seats: Map<string, Seat>;
  readonly peersMax: number;
  readonly counts: Record<Role, number>;
  completedCount: number;
}

/** What one announce says about a peer. */
export interface PeerFacts {
  readonly infoHash: InfoHash;
  /** Byte text, 20 characters. */
  readonly peerId: string;
  /** The client's `key`, or something else that a stranger who knows the peer id does not have. */
  readonly key: string;
  /** Compact form as byte text: 6 characters for IPv4, 18 for IPv6. */
  readonly address: string;
  readonly isSeeder: boolean;
  readonly hasCompleted: boolean;
}

/** A store without swarms; `peersMax` bounds the peers of all swarms together. */
export function createSwarmStore(peersMax: number = PEERS_MAX): SwarmStore {
  return {
    swarms: new Map(),
    peers: new Map(),
    seats: new Map(),
    peersMax,
    counts: { leechers: 0, seeders: 0 },
    completedCount: 0,
  };
}

/** Adds a peer, or takes note of its new address, role and time; undefined when the store is full. */
export function putPeer(store: SwarmStore, facts: PeerFacts, now: number): Peer | undefined {
  const identity = identityOf(facts);
  let peer = store.peers.get(identity);
  if (peer === undefined) {
    if (store.peers.size >= store.peersMax && !store.seats.has(seatKeyOf(facts))) return undefined;
    peer = createPeer(store, facts, identity);
  }
  store.peers.delete(identity);
  store.peers.set(identity, peer);
  peer.seenAt = now;

  const role = facts.isSeeder ? "seeders" : "leechers";
  if (peer.role !== role) changeRole(store, peer, role);
  takeSeat(store, peer, facts);
  if (facts.hasCompleted && !peer.hasCompleted) {
    peer.hasCompleted = true;
    peer.swarm.completedCount++;
    store.completedCount++;
  }
  return peer;
}

/** Removes a peer that says it stops; one that is not known is ignored. */
export function removePeer(store: SwarmStore, facts: PeerFacts): void {
  const peer = store.peers.get(identityOf(facts)) ?? store.seats.get(seatKeyOf(facts))?.peer;
  if (peer?.peerId === facts.peerId) dropPeer(store, peer);
}

/** Removes peers last heard of at or before `time`; returns how many. */
export function expirePeers(store: SwarmStore, time: number): number {
  let count = 0;
  for (const peer of store.peers.values()) {
    if (peer.seenAt > time) break;
    dropPeer(store, peer);
    count++;
  }
  return count;
}

/**
 * Up to `count` others of the peer's swarm with an address of the family, each as likely as any other.
 * A seeder is given leechers only.
 */
export function sampleOthers(peer: Peer, version: IpVersion, count: number, rng: Rng): Seat[] {
  const { leechers, seeders } = peer.swarm.lists[version];
  const isLeecher = peer.role === "leechers";
  // The peer's own place is stepped over; a seeder is not among those it can be given.
  const own = (isLeecher ? peer.seats[version]?.place : undefined) ?? Infinity;
  const total = leechers.length + (isLeecher ? seeders.length : 0) - (own < Infinity ? 1 : 0);
  return sampleBelow(total, count, rng).map((drawn) => {
    const index = drawn < own ? drawn : drawn + 1;
    return index < leechers.length ? leechers[index]! : seeders[index - leechers.length]!;
  });
}

/** Floyd's sampling: `count` different numbers below `total`, or all of them. */
function sampleBelow(total: number, count: number, rng: Rng): number[] {
  if (total <= count) return Array.from({ length: total }, (_, i) => i);
  const drawn = new Set<number>();
  for (let last = total - count; last < total; last++) {
    const candidate = randomBelow(rng, last + 1);
    drawn.add(drawn.has(candidate) ? last : candidate);
  }
  return [...drawn];
}

function createPeer(store: SwarmStore, facts: PeerFacts, identity: string): Peer {
  let swarm = store.swarms.get(facts.infoHash);
  if (swarm === undefined) {
    swarm = {
      infoHash: facts.infoHash,
      lists: { 4: { leechers: [], seeders: [] }, 6: { leechers: [], seeders: [] } },
      counts: { leechers: 0, seeders: 0 },
      completedCount: 0,
    };
    store.swarms.set(facts.infoHash, swarm);
  }
  const role = facts.isSeeder ? "seeders" : "leechers";
  swarm.counts[role]++;
  store.counts[role]++;
  return {
    swarm,
    identity,
    peerId: facts.peerId,
    seats: { 4: undefined, 6: undefined },
    role,
    hasCompleted: false,
    seenAt: 0,
  };
}

/** Whoever sat at the address before loses it, and goes if it was the last address. */
function takeSeat(store: SwarmStore, peer: Peer, facts: PeerFacts): void {
  const version = versionOf(facts.address);
  const key = seatKeyOf(facts);
  const taken = store.seats.get(key);
  if (taken?.peer === peer) return;
  if (taken !== undefined) {
    leaveSeat(store, taken, version);
    const { seats } = taken.peer;
    if (seats[4] === undefined && seats[6] === undefined) dropPeer(store, taken.peer);
  }
  const former = peer.seats[version];
  if (former !== undefined) leaveSeat(store, former, version);
  const list = peer.swarm.lists[version][peer.role];
  const seat: Seat = { peer, address: facts.address, place: list.length };
  list.push(seat);
  peer.seats[version] = seat;
  store.seats.set(key, seat);
}

function leaveSeat(store: SwarmStore, seat: Seat, version: IpVersion): void {
  unlist(seat, version);
  seat.peer.seats[version] = undefined;
  store.seats.delete(seatKeyOf({ infoHash: seat.peer.swarm.infoHash, address: seat.address }));
}

/** The list's last seat moves to the place that becomes free. */
function unlist(seat: Seat, version: IpVersion): void {
  const list = seat.peer.swarm.lists[version][seat.peer.role];
  const last = list.pop()!;
  if (last === seat) return;
  list[seat.place] = last;
  last.place = seat.place;
}

function changeRole(store: SwarmStore, peer: Peer, role: Role): void {
  const seats = VERSIONS.filter((version) => peer.seats[version] !== undefined);
  for (const version of seats) unlist(peer.seats[version]!, version);
  for (const counts of [store.counts, peer.swarm.counts]) {
    counts[peer.role]--;
    counts[role]++;
  }
  peer.role = role;
  for (const version of seats) {
    const seat = peer.seats[version]!;
    seat.place = peer.swarm.lists[version][role].push(seat) - 1;
  }
}

function dropPeer(store: SwarmStore, peer: Peer): void {
  const { swarm, role } = peer;
  for (const version of VERSIONS) {
    const seat = peer.seats[version];
    if (seat !== undefined) leaveSeat(store, seat, version);
  }
  store.peers.delete(peer.identity);
  store.counts[role]--;
  swarm.counts[role]--;
  if (swarm.counts.leechers + swarm.counts.seeders === 0) store.swarms.delete(swarm.infoHash);
}

function identityOf(facts: PeerFacts): string {
  return facts.infoHash + facts.peerId + facts.key;
}

function seatKeyOf({ infoHash, address }: Pick<PeerFacts, "infoHash" | "address">): string {
  return infoHash + address;
}

function versionOf(address: string): IpVersion {
  return address.length === IPV4_ADDRESS_LENGTH ? 4 : 6;
}
