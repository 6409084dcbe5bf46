/**
 * Every swarm in memory, packed into arrays: a swarm costs about 70 bytes and a peer 32 (IPv4) or
 * 44 (IPv6), plus what blocks keep in reserve. No operation takes a time that grows with the
 * swarms.
 *
 * A peer is an address in a swarm: an announce from it, with any peer id, replaces
 * the earlier ones from there, and no client can announce another address. A client that announces
 * over both families is two peers, one in each list, whose finished download counts once.
 *
 * Silence is found out in two ways, neither of which costs anything noticeable: an announce looks
 * through its own swarm if something there may have expired, and a cursor goes round all swarms in
 * small steps. A swarm without peers is kept for its count of downloads until the room is needed.
 */
import { type ByteWriter, createByteWriter, resetWriter } from "../../bytes/byte_writer.ts";
import { readUint32 } from "../../bytes/byte_reader.ts";
import { IPV4_SIZE } from "../../bytes/ip.ts";
import { createRng, nextUint32, type Rng } from "../../bytes/random.ts";
import { fail, ok, type Result } from "../../bytes/result.ts";
import { countPeer, createCrowds, CROWDED, crowdOf, type Crowds, isCrowded } from "./crowds.ts";
import { nameOthers } from "./name_others.ts";
import { CHANGE, latestOf, writeCompleted, writeMark, writePeerChange } from "./change_log.ts";
import type { HashKey } from "../half_sip_hash.ts";
import { halfSipHash } from "../half_sip_hash.ts";
import {
  addPeer,
  addressAt,
  createPeerLists,
  findPeer,
  grownWords,
  growPeerLists,
  hasIdAt,
  ID_WORDS,
  isSeederAt,
  type PeerLists,
  type PeerRole,
  removePeer,
  roleAt,
  seenAtOf,
  touchPeer,
} from "./peer_lists.ts";
import {
  addSlot,
  createSwarmTable,
  findSlot,
  HASH_WORDS,
  removeSlot,
  slotCapacity,
  type SwarmTable,
} from "./swarm_table.ts";
import {
  type AnnounceQuery,
  type AnnounceReply,
  type PeerCounts,
  type StoreTotals,
  type SwarmCounts,
} from "../types.ts";

/** About 200 MB of IPv4 peers in swarms of two. */
export const PEERS_MAX = 4_000_000;
/** About 150 MB without peers. */
export const SWARMS_MAX = 2_000_000;
/** A swarm is looked through at most this often, however busy it is. */
const SWEEP_GAP_SECONDS = 10;
/** Swarms that are looked through for room before an announce is refused. */
const ROOM_SLOTS = 64;
/** Finished downloads that are remembered, so that a second word of one is not counted. */
const COMPLETIONS_SIZE = 1 << 16;
const ADDRESS_WORDS_MAX = 5;
const WORD_SIZE = 4;
const NO_COUNTS: SwarmCounts = { seeders: 0, leechers: 0, completed: 0, downloaders: 0 };

/** Words of the keys of its four tables. */
export const SECRET_WORDS = 8;

export interface SwarmStoreOptions {
  /** Of what is left to chance, which shows in the answers. Any number. */
  readonly seed: number;
  /**
   * SECRET_WORDS of secret, so that no client can choose a slot in the tables; drawn from the seed,
   * which is enough for a simulation, unless given.
   */
  readonly secret?: Int32Array;
  /** Seconds after its last announce for which a peer is named. */
  readonly expirySeconds: number;
  readonly peersMax?: number;
  readonly swarmsMax?: number;
}

/**
 * Opaque outside this module, except for `expirySeconds` and `changes`, which may be set at any
 * time.
 */
export interface SwarmStore {
  expirySeconds: number;
  /** Where changes are written down, as in `change_log.ts`; nowhere unless set. */
  changes: ByteWriter | undefined;
  /** Of the last time in `changes`, in seconds since 1970; NaN where they have none yet. */
  markedAt: number;
  /** Added to the store's seconds, it makes seconds since 1970. */
  wallOffset: number;
  readonly peersMax: number;
  readonly swarmsMax: number;
  readonly rng: Rng;
  readonly table: SwarmTable;
  readonly lists4: PeerLists;
  readonly lists6: PeerLists;
  /** By slot: */
  completed: Int32Array;
  /** Seconds; nothing expires before. */
  sweepAt: Int32Array;
  /** A ring of the swarms without peers through slot 0, the one that is idle longest first. */
  idleNext: Int32Array;
  idlePrevious: Int32Array;
  readonly totals: { idle: number; seeders: number; leechers: number; completed: number };
  /** The next slot of the round. */
  cursor: number;
  /** Marks of finished downloads, each at the place that its low bits say. */
  readonly completions: Int32Array;
  readonly crowds: Crowds;
  /** The words of the query at hand. */
  readonly infoHash: Int32Array;
  readonly peerId: Int32Array;
  readonly address: Int32Array;
  readonly reply: { -readonly [K in keyof AnnounceReply]: AnnounceReply[K] };
  readonly answer: Result<AnnounceReply, string>;
}

/** A store without swarms. */
export function createSwarmStore(options: SwarmStoreOptions): SwarmStore {
  const rng = createRng(options.seed);
  const { secret } = options;
  let secretAt = 0;
  const word = () => secret === undefined ? nextUint32(rng) | 0 : secret[secretAt++]!;
  const key = (): HashKey => [word(), word()];
  const table = createSwarmTable(key());
  const slots = slotCapacity(table);
  const reply = {
    ...NO_COUNTS,
    peers: createByteWriter(),
    peers6: createByteWriter(),
    peerIds: createByteWriter(),
    warning: undefined,
  };
  return {
    expirySeconds: options.expirySeconds,
    changes: undefined,
    markedAt: NaN,
    wallOffset: 0,
    peersMax: options.peersMax ?? PEERS_MAX,
    swarmsMax: options.swarmsMax ?? SWARMS_MAX,
    rng,
    table,
    lists4: createPeerLists(4, slots, key()),
    lists6: createPeerLists(6, slots, key()),
    completed: new Int32Array(slots),
    sweepAt: new Int32Array(slots),
    idleNext: new Int32Array(slots),
    idlePrevious: new Int32Array(slots),
    totals: { idle: 0, seeders: 0, leechers: 0, completed: 0 },
    cursor: 1,
    completions: new Int32Array(COMPLETIONS_SIZE),
    crowds: createCrowds(key()),
    infoHash: new Int32Array(HASH_WORDS),
    peerId: new Int32Array(ID_WORDS),
    address: new Int32Array(ADDRESS_WORDS_MAX),
    reply,
    answer: ok(reply),
  };
}

/**
 * Notes a peer, or that it stops, and names others to it. `now` is in whole seconds and never goes
 * back by more than a restored peer's age. The answer is the same object every time. Errors: a
 * sentence for the client.
 *
 * Spec: BEP 3, tracker requests; BEP 7, addresses of both families; BEP 21, `paused`.
 */
export function announce(
  store: SwarmStore,
  query: AnnounceQuery,
  now: number,
): Result<AnnounceReply, string> {
  readQuery(store, query);
  const { peerId, address, reply } = store;
  const role = roleOf(query);
  const lists = query.ip.length === IPV4_SIZE ? store.lists4 : store.lists6;
  let slot = findSlot(store.table, store.infoHash);
  if (slot !== 0 && store.sweepAt[slot]! <= now) {
    sweepSwarm(store, slot, now);
    slot = findSlot(store.table, store.infoHash);
  }
  let place = slot === 0 ? -1 : findPeer(lists, slot, address);
  resetWriter(reply.peers);
  resetWriter(reply.peers6);
  resetWriter(reply.peerIds);

  if (query.event === "stopped") {
    // A late word of a client that ran on this port before is not about the present one.
    const isKnown = place >= 0 && hasIdAt(lists, slot, place, peerId);
    if (isKnown) leave(store, lists, slot, place);
    setCounts(reply, countsAt(store, slot));
    if (isKnown && isEmpty(store, slot)) becomeIdle(store, slot);
    return store.answer;
  }

  if (place < 0) {
    if (peerCount(store) >= store.peersMax && !makeRoom(store, now)) {
      return fail("This tracker knows as many peers as it can hold, try again later");
    }
    // Making room may have closed the swarm.
    slot = findSlot(store.table, store.infoHash) || openSwarm(store, now);
    if (slot === 0) return fail("This tracker serves as many torrents as it can, try again later");
    if (isEmpty(store, slot)) endIdleness(store, slot, now);
    const crowd = crowdOf(store.crowds, store.table, lists, slot, address, 0);
    if (isCrowded(store.crowds, crowd)) {
      if (isEmpty(store, slot)) becomeIdle(store, slot);
      return fail(CROWDED);
    }
    place = join(store, lists, slot, role, now);
    // A peer that is restored may be older than those that were there before.
    store.sweepAt[slot] = Math.min(store.sweepAt[slot]!, now + store.expirySeconds);
  } else if (isSeederAt(lists, slot, place) !== query.isComplete) {
    leave(store, lists, slot, place);
    place = join(store, lists, slot, role, now);
  } else {
    const { wallOffset } = store;
    const isLogged = roleAt(lists, slot, place) === role &&
      latestOf(seenAtOf(lists, slot, place) + wallOffset) === latestOf(now + wallOffset);
    touchPeer(lists, slot, place, peerId, role, now);
    if (!isLogged) logPeer(store, lists, slot, place, role, now);
  }
  if (query.event === "completed" && query.isComplete && isFirstWord(store)) {
    store.completed[slot]!++;
    store.totals.completed++;
    if (store.changes !== undefined) {
      writeCompleted(store.changes, store.table, slot, store.completed[slot]!);
    }
  }
  nameOthers(store, lists, slot, place, query);
  setCounts(reply, countsAt(store, slot));
  return store.answer;
}

/** The counts of a swarm, by the 20 bytes of its info hash. Spec: BEP 48. */
export function scrape(store: SwarmStore, infoHash: Uint8Array): SwarmCounts {
  return countsAt(store, slotOf(store, infoHash));
}

/** The slot of a swarm, by the 20 bytes of its info hash; 0 for one that is not known. */
export function slotOf(store: SwarmStore, infoHash: Uint8Array): number {
  readWords(infoHash, store.infoHash);
  return findSlot(store.table, store.infoHash);
}

/** Numbers of the whole store. */
export function totalsOf(store: SwarmStore): StoreTotals {
  const { idle, seeders, leechers, completed } = store.totals;
  const swarms = store.table.count - idle;
  return { swarms, peers: seeders + leechers, seeders, leechers, completed };
}

/**
 * Looks through the next `slots` swarms of the round for peers that fell silent. `now` as in
 * `announce`.
 */
export function sweepSome(store: SwarmStore, slots: number, now: number): void {
  const last = store.table.slotsUsed - 1;
  for (let i = Math.min(slots, last); i > 0; i--) {
    if (store.cursor > last) store.cursor = 1;
    const slot = store.cursor++;
    if (!isEmpty(store, slot) && store.sweepAt[slot]! <= now) sweepSwarm(store, slot, now);
  }
}

/** How many slots there are to a round of `sweepSome`. */
export function slotsInUse(store: SwarmStore): number {
  return store.table.slotsUsed - 1;
}

/** Sets the finished downloads of a swarm, as they were counted before a restart. */
export function restoreCompleted(
  store: SwarmStore,
  infoHash: Uint8Array,
  completed: number,
  now: number,
): void {
  readWords(infoHash, store.infoHash);
  const slot = findSlot(store.table, store.infoHash) || openSwarm(store, now);
  if (slot === 0) return;
  store.totals.completed += completed - store.completed[slot]!;
  store.completed[slot] = completed;
}

/** The counts at a slot; zeros at slot 0, which is no swarm. */
export function countsAt(store: SwarmStore, slot: number): SwarmCounts {
  if (slot === 0) return NO_COUNTS;
  const { lists4, lists6, completed } = store;
  const leechers = lists4.leecherCounts[slot]! + lists6.leecherCounts[slot]!;
  const seeders = lists4.counts[slot]! + lists6.counts[slot]! - leechers;
  const partialSeeds = lists4.partialSeedCounts[slot]! + lists6.partialSeedCounts[slot]!;
  return {
    seeders,
    leechers,
    completed: completed[slot]!,
    downloaders: leechers - partialSeeds,
  };
}

function roleOf({ isComplete, event }: AnnounceQuery): PeerRole {
  if (isComplete) return "seeder";
  return event === "paused" ? "partialSeed" : "leecher";
}

function readQuery(store: SwarmStore, { infoHash, peerId, ip, port }: AnnounceQuery): void {
  readWords(infoHash, store.infoHash);
  readWords(peerId, store.peerId);
  readWords(ip, store.address);
  store.address[ip.length / WORD_SIZE] = port;
}

function readWords(bytes: Uint8Array, words: Int32Array): void {
  for (let at = 0; at < bytes.length; at += WORD_SIZE) {
    words[at / WORD_SIZE] = readUint32(bytes, at);
  }
}

function setCounts(reply: SwarmStore["reply"], counts: PeerCounts): void {
  reply.seeders = counts.seeders;
  reply.leechers = counts.leechers;
  reply.completed = counts.completed;
}

function join(
  store: SwarmStore,
  lists: PeerLists,
  slot: number,
  role: PeerRole,
  now: number,
): number {
  store.totals[role === "seeder" ? "seeders" : "leechers"]++;
  countPeer(store.crowds, crowdOf(store.crowds, store.table, lists, slot, store.address, 0), 1);
  const place = addPeer(lists, slot, store.address, store.peerId, role, now, store.rng);
  logPeer(store, lists, slot, place, role, now);
  return place;
}

/** Records that the peer at `place` was seen now. */
function logPeer(
  store: SwarmStore,
  lists: PeerLists,
  slot: number,
  place: number,
  role: PeerRole,
  now: number,
): void {
  const { changes, table, wallOffset } = store;
  if (changes === undefined) return;
  if (store.markedAt !== now + wallOffset) {
    store.markedAt = now + wallOffset;
    writeMark(changes, store.markedAt);
  }
  writePeerChange(changes, CHANGE[role], table, lists, slot, place);
}

function leave(store: SwarmStore, lists: PeerLists, slot: number, place: number): void {
  store.totals[isSeederAt(lists, slot, place) ? "seeders" : "leechers"]--;
  if (store.changes !== undefined) {
    writePeerChange(store.changes, CHANGE.left, store.table, lists, slot, place);
  }
  const at = addressAt(lists, slot, place);
  countPeer(store.crowds, crowdOf(store.crowds, store.table, lists, slot, lists.words, at), -1);
  removePeer(lists, slot, place);
}

/**
 * Whether the download that the query calls finished was not counted before: some clients say so
 * twice, and those with addresses of both families say so over each.
 */
function isFirstWord({ completions, table, infoHash, peerId }: SwarmStore): boolean {
  const byHash = halfSipHash(table.key, infoHash, 0, HASH_WORDS, 1);
  const byPeer = halfSipHash([byHash, table.key[1]], peerId, 0, ID_WORDS, 1);
  const at = byPeer & (COMPLETIONS_SIZE - 1);
  // The low bits of `byPeer` are known from the place, so the rest of both makes the mark; 0 is
  // none.
  const mark = (byHash ^ (byPeer >>> 16)) | 1;
  if (completions[at] === mark) return false;
  completions[at] = mark;
  return true;
}

function peerCount({ totals }: SwarmStore): number {
  return totals.seeders + totals.leechers;
}

function isEmpty({ lists4, lists6 }: SwarmStore, slot: number): boolean {
  return lists4.counts[slot] === 0 && lists6.counts[slot] === 0;
}

/** Removes peers that were silent for too long. */
function sweepSwarm(store: SwarmStore, slot: number, now: number): void {
  if (isEmpty(store, slot)) return;
  const deadline = now - store.expirySeconds;
  let oldest = now;
  for (const lists of [store.lists4, store.lists6]) {
    // Downwards: an entry that moves into a gap was looked at already.
    for (let place = lists.counts[slot]! - 1; place >= 0; place--) {
      const seenAt = seenAtOf(lists, slot, place);
      if (seenAt <= deadline) leave(store, lists, slot, place);
      else if (seenAt < oldest) oldest = seenAt;
    }
  }
  store.sweepAt[slot] = Math.max(oldest + store.expirySeconds, now + SWEEP_GAP_SECONDS);
  if (isEmpty(store, slot)) becomeIdle(store, slot);
}

/** Whether silent peers could be removed to make room for one more. */
function makeRoom(store: SwarmStore, now: number): boolean {
  sweepSome(store, ROOM_SLOTS, now);
  return peerCount(store) < store.peersMax;
}

/** A slot for the info hash at hand, idle as yet; 0 when there is no room. */
function openSwarm(store: SwarmStore, now: number): number {
  const { table } = store;
  if (table.count >= store.swarmsMax) {
    if (store.totals.idle === 0) sweepSome(store, ROOM_SLOTS, now);
    if (store.totals.idle > 0) closeSwarm(store, store.idleNext[0]!);
    if (table.count >= store.swarmsMax) return 0;
  }
  const slot = addSlot(table, store.infoHash);
  const slots = slotCapacity(table);
  if (slots > store.completed.length) {
    growPeerLists(store.lists4, slots);
    growPeerLists(store.lists6, slots);
    store.completed = grownWords(store.completed, slots);
    store.sweepAt = grownWords(store.sweepAt, slots);
    store.idleNext = grownWords(store.idleNext, slots);
    store.idlePrevious = grownWords(store.idlePrevious, slots);
  }
  store.completed[slot] = 0;
  enterIdleRing(store, slot);
  return slot;
}

/** The last peer has gone: there is nothing to keep but the count of downloads. */
function becomeIdle(store: SwarmStore, slot: number): void {
  enterIdleRing(store, slot);
  if (store.completed[slot] === 0) closeSwarm(store, slot);
}

function enterIdleRing({ idleNext, idlePrevious, totals }: SwarmStore, slot: number): void {
  const last = idlePrevious[0]!;
  idleNext[last] = slot;
  idlePrevious[slot] = last;
  idleNext[slot] = 0;
  idlePrevious[0] = slot;
  totals.idle++;
}

function leaveIdleRing({ idleNext, idlePrevious, totals }: SwarmStore, slot: number): void {
  idleNext[idlePrevious[slot]!] = idleNext[slot]!;
  idlePrevious[idleNext[slot]!] = idlePrevious[slot]!;
  totals.idle--;
}

function endIdleness(store: SwarmStore, slot: number, now: number): void {
  leaveIdleRing(store, slot);
  store.sweepAt[slot] = now + store.expirySeconds;
}

/** Removes an idle swarm. */
function closeSwarm(store: SwarmStore, slot: number): void {
  leaveIdleRing(store, slot);
  store.completed[slot] = 0;
  removeSlot(store.table, slot);
}
