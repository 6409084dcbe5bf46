/**
 * The peers of one address family: a list for each swarm, all of them in one array of 32-bit words.
 *
 * A list is a block of room for 1, 2, 4, 8... peers. Leechers come first, then seeders, without a
 * gap, and each of them in random order: a newcomer takes any place, and who was there moves to the
 * end. So any stretch of either is a random draw. A block holds, one section after the other,
 * addresses, times, peer ids and, once a search from end to end would be felt, an index by address.
 * A block that becomes too small or far too large is exchanged for one of another size.
 */
import type { IpVersion } from "../../bytes/compact_peers.ts";
import { randomBelow, type Rng } from "../../bytes/random.ts";
import { halfSipHash, type HashKey } from "../half_sip_hash.ts";

/** Words of a peer id. */
export const ID_WORDS = 5;
/** From 2^5 peers on a block has an index, of two entries a peer so that searches stay short. */
const INDEXED_CLASS = 5;
const SIZE_CLASSES = 31;
const WORDS_AT_START = 1 << 12;

/** A partial seed is a leecher that downloads nothing more. Spec: BEP 21. */
export type PeerRole = "seeder" | "leecher" | "partialSeed";

/** Swarms are named by their slots, peers by their places, which change with every removal. */
export interface PeerLists {
  readonly version: IpVersion;
  /** Words of an address: 1 or 4 of IP in network order, and one for the port. */
  readonly addressWords: number;
  readonly key: HashKey;
  /** All blocks. Word 0 is in none, so that 0 means no block. */
  words: Int32Array;
  /** Words that are, or were, in a block. */
  size: number;
  /** The first block to be used again of each size; its first word leads to the next. */
  readonly freeBlocks: Int32Array;
  /** By slot: */
  blocks: Int32Array;
  sizeClasses: Uint8Array;
  counts: Int32Array;
  /** Partial seeds included. */
  leecherCounts: Int32Array;
  partialSeedCounts: Int32Array;
}

/** Empty lists for `slots` swarms. */
export function createPeerLists(version: IpVersion, slots: number, key: HashKey): PeerLists {
  return {
    version,
    addressWords: version === 4 ? 2 : 5,
    key,
    words: new Int32Array(WORDS_AT_START),
    size: 1,
    freeBlocks: new Int32Array(SIZE_CLASSES),
    blocks: new Int32Array(slots),
    sizeClasses: new Uint8Array(slots),
    counts: new Int32Array(slots),
    leecherCounts: new Int32Array(slots),
    partialSeedCounts: new Int32Array(slots),
  };
}

/** Makes room for more swarms. */
export function growPeerLists(lists: PeerLists, slots: number): void {
  const sizeClasses = new Uint8Array(slots);
  sizeClasses.set(lists.sizeClasses);
  lists.sizeClasses = sizeClasses;
  lists.blocks = grownWords(lists.blocks, slots);
  lists.counts = grownWords(lists.counts, slots);
  lists.leecherCounts = grownWords(lists.leecherCounts, slots);
  lists.partialSeedCounts = grownWords(lists.partialSeedCounts, slots);
}

/** A larger array that begins with the same words. */
export function grownWords(words: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(words);
  return grown;
}

/** The place of the peer with the address, or -1. */
export function findPeer(lists: PeerLists, slot: number, address: Int32Array): number {
  const { words } = lists;
  const block = lists.blocks[slot]!;
  const sizeClass = lists.sizeClasses[slot]!;
  if (block === 0) return -1;
  if (sizeClass < INDEXED_CLASS) {
    const count = lists.counts[slot]!;
    for (let place = 0; place < count; place++) {
      if (hasAddress(lists, block, place, address)) return place;
    }
    return -1;
  }
  const index = indexAt(lists, block, sizeClass);
  const mask = (2 << sizeClass) - 1;
  let at = halfSipHash(lists.key, address, 0, lists.addressWords, 1) & mask;
  for (let entry = words[index + at]!; entry !== 0; entry = words[index + at]!) {
    if (hasAddress(lists, block, entry - 1, address)) return entry - 1;
    at = (at + 1) & mask;
  }
  return -1;
}

/**
 * Adds a peer that is not there; returns its place, which `rng` draws. `id` and `address` are read
 * from their start; `seenAt` is in seconds.
 */
export function addPeer(
  lists: PeerLists,
  slot: number,
  address: Int32Array,
  id: Int32Array,
  role: PeerRole,
  seenAt: number,
  rng: Rng,
): number {
  const count = lists.counts[slot]!;
  if (lists.blocks[slot] === 0) {
    lists.blocks[slot] = takeBlock(lists, 0);
    lists.sizeClasses[slot] = 0;
  } else if (count === 1 << lists.sizeClasses[slot]!) {
    resize(lists, slot, lists.sizeClasses[slot]! + 1);
  }
  const isSeeder = role === "seeder";
  let end = count;
  if (!isSeeder) {
    end = lists.leecherCounts[slot]!++;
    if (end < count) movePeer(lists, slot, end, count);
  }
  const first = isSeeder ? lists.leecherCounts[slot]! : 0;
  const place = first + randomBelow(rng, end - first + 1);
  if (place < end) movePeer(lists, slot, place, end);
  lists.counts[slot] = count + 1;
  const { words, addressWords } = lists;
  const block = lists.blocks[slot]!;
  const at = block + place * addressWords;
  for (let i = 0; i < addressWords; i++) words[at + i] = address[i]!;
  if (role === "partialSeed") lists.partialSeedCounts[slot]!++;
  words[timesAt(lists, block, lists.sizeClasses[slot]!) + place] = timeWord(seenAt, role);
  const idAt = idsAt(lists, block, lists.sizeClasses[slot]!) + place * ID_WORDS;
  for (let i = 0; i < ID_WORDS; i++) words[idAt + i] = id[i]!;
  if (lists.sizeClasses[slot]! >= INDEXED_CLASS) indexPeer(lists, slot, place);
  return place;
}

/** Removes the peer at `place`; others move to fill the gap. */
export function removePeer(lists: PeerLists, slot: number, place: number): void {
  if (lists.sizeClasses[slot]! >= INDEXED_CLASS) unindexPeer(lists, slot, place);
  if (roleAt(lists, slot, place) === "partialSeed") lists.partialSeedCounts[slot]!--;
  const last = lists.counts[slot]! - 1;
  let gap = place;
  if (gap < lists.leecherCounts[slot]!) {
    gap = --lists.leecherCounts[slot]!;
    if (gap !== place) movePeer(lists, slot, gap, place);
  }
  if (gap !== last) movePeer(lists, slot, last, gap);
  lists.counts[slot] = last;
  if (last === 0) {
    releaseBlock(lists, lists.blocks[slot]!, lists.sizeClasses[slot]!);
    lists.blocks[slot] = 0;
  } else if (last === (1 << lists.sizeClasses[slot]!) >> 2) {
    resize(lists, slot, lists.sizeClasses[slot]! - 1);
  }
}

/** Whether the peer at `place` has nothing left to download. */
export function isSeederAt(lists: PeerLists, slot: number, place: number): boolean {
  return place >= lists.leecherCounts[slot]!;
}

/** What the peer at `place` is. */
export function roleAt(lists: PeerLists, slot: number, place: number): PeerRole {
  if (isSeederAt(lists, slot, place)) return "seeder";
  return (lists.words[timeAt(lists, slot, place)]! & 1) === 0 ? "leecher" : "partialSeed";
}

/** Whether the peer at `place` calls itself `id`. */
export function hasIdAt(lists: PeerLists, slot: number, place: number, id: Int32Array): boolean {
  const at = peerIdAt(lists, slot, place);
  for (let i = 0; i < ID_WORDS; i++) {
    if (lists.words[at + i] !== id[i]) return false;
  }
  return true;
}

/**
 * Records that the peer at `place` announced with a peer ID, which may be new, and whether it is a
 * partial seed; a seeder remains one.
 */
export function touchPeer(
  lists: PeerLists,
  slot: number,
  place: number,
  id: Int32Array,
  role: PeerRole,
  seenAt: number,
): void {
  const at = peerIdAt(lists, slot, place);
  for (let i = 0; i < ID_WORDS; i++) lists.words[at + i] = id[i]!;
  if (roleAt(lists, slot, place) === "partialSeed") lists.partialSeedCounts[slot]!--;
  if (role === "partialSeed") lists.partialSeedCounts[slot]!++;
  lists.words[timeAt(lists, slot, place)] = timeWord(seenAt, role);
}

/** Where the words of the peer id at `place` begin. */
export function peerIdAt(lists: PeerLists, slot: number, place: number): number {
  return idsAt(lists, lists.blocks[slot]!, lists.sizeClasses[slot]!) + place * ID_WORDS;
}

/** Seconds, as the peer at `place` was noted with. */
export function seenAtOf(lists: PeerLists, slot: number, place: number): number {
  return lists.words[timeAt(lists, slot, place)]! >> 1;
}

/** Where the words of the address at `place` begin. */
export function addressAt(lists: PeerLists, slot: number, place: number): number {
  return lists.blocks[slot]! + place * lists.addressWords;
}

function hasAddress(lists: PeerLists, block: number, place: number, address: Int32Array): boolean {
  const { words, addressWords } = lists;
  const at = block + place * addressWords;
  // From the port backwards: peers behind one router differ there.
  for (let i = addressWords - 1; i >= 0; i--) {
    if (words[at + i] !== address[i]) return false;
  }
  return true;
}

/** Copies a peer over another place; what was there is lost. */
function movePeer(lists: PeerLists, slot: number, from: number, to: number): void {
  const { words, addressWords } = lists;
  const block = lists.blocks[slot]!;
  const sizeClass = lists.sizeClasses[slot]!;
  if (sizeClass >= INDEXED_CLASS) words[entryOf(lists, slot, from)] = to + 1;
  copyWords(words, block + from * addressWords, block + to * addressWords, addressWords);
  const times = timesAt(lists, block, sizeClass);
  words[times + to] = words[times + from]!;
  const ids = idsAt(lists, block, sizeClass);
  copyWords(words, ids + from * ID_WORDS, ids + to * ID_WORDS, ID_WORDS);
}

/** A few words at a time, where a call of copyWithin would cost more than the copy. */
function copyWords(words: Int32Array, from: number, to: number, count: number): void {
  for (let i = 0; i < count; i++) words[to + i] = words[from + i]!;
}

function indexPeer(lists: PeerLists, slot: number, place: number): void {
  const { words } = lists;
  const sizeClass = lists.sizeClasses[slot]!;
  const index = indexAt(lists, lists.blocks[slot]!, sizeClass);
  const mask = (2 << sizeClass) - 1;
  let at = homeOf(lists, slot, place) & mask;
  while (words[index + at] !== 0) at = (at + 1) & mask;
  words[index + at] = place + 1;
}

/**
 * Later entries that were pushed beyond the gap move up into it, so that no search stops too
 * early.
 */
function unindexPeer(lists: PeerLists, slot: number, place: number): void {
  const { words } = lists;
  const sizeClass = lists.sizeClasses[slot]!;
  const index = indexAt(lists, lists.blocks[slot]!, sizeClass);
  const mask = (2 << sizeClass) - 1;
  let gap = entryOf(lists, slot, place) - index;
  for (let at = (gap + 1) & mask; words[index + at] !== 0; at = (at + 1) & mask) {
    const home = homeOf(lists, slot, words[index + at]! - 1) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    words[index + gap] = words[index + at]!;
    gap = at;
  }
  words[index + gap] = 0;
}

/** Which word of the index names the place. */
function entryOf(lists: PeerLists, slot: number, place: number): number {
  const { words } = lists;
  const sizeClass = lists.sizeClasses[slot]!;
  const index = indexAt(lists, lists.blocks[slot]!, sizeClass);
  const mask = (2 << sizeClass) - 1;
  let at = homeOf(lists, slot, place) & mask;
  while (words[index + at] !== place + 1) at = (at + 1) & mask;
  return index + at;
}

function homeOf(lists: PeerLists, slot: number, place: number): number {
  return halfSipHash(lists.key, lists.words, addressAt(lists, slot, place), lists.addressWords, 1);
}

/** Moves the list into a block of another size. */
function resize(lists: PeerLists, slot: number, sizeClass: number): void {
  const from = lists.blocks[slot]!;
  const fromClass = lists.sizeClasses[slot]!;
  const count = lists.counts[slot]!;
  const to = takeBlock(lists, sizeClass);
  const { words, addressWords } = lists;
  words.copyWithin(to, from, from + count * addressWords);
  const times = timesAt(lists, from, fromClass);
  words.copyWithin(timesAt(lists, to, sizeClass), times, times + count);
  const ids = idsAt(lists, from, fromClass);
  words.copyWithin(idsAt(lists, to, sizeClass), ids, ids + count * ID_WORDS);
  lists.blocks[slot] = to;
  lists.sizeClasses[slot] = sizeClass;
  releaseBlock(lists, from, fromClass);
  if (sizeClass < INDEXED_CLASS) return;
  words.fill(0, indexAt(lists, to, sizeClass), to + blockSize(lists, sizeClass));
  for (let place = 0; place < count; place++) indexPeer(lists, slot, place);
}

function takeBlock(lists: PeerLists, sizeClass: number): number {
  const free = lists.freeBlocks[sizeClass]!;
  if (free !== 0) {
    lists.freeBlocks[sizeClass] = lists.words[free]!;
    return free;
  }
  const block = lists.size;
  lists.size += blockSize(lists, sizeClass);
  if (lists.size > lists.words.length) {
    lists.words = grownWords(lists.words, Math.max(lists.size, 2 * lists.words.length));
  }
  return block;
}

function releaseBlock(lists: PeerLists, block: number, sizeClass: number): void {
  lists.words[block] = lists.freeBlocks[sizeClass]!;
  lists.freeBlocks[sizeClass] = block;
}

/** Whole seconds, doubled, and one bit that marks a partial seed. */
function timeWord(seenAt: number, role: PeerRole): number {
  return seenAt * 2 + (role === "partialSeed" ? 1 : 0);
}

function timeAt(lists: PeerLists, slot: number, place: number): number {
  return timesAt(lists, lists.blocks[slot]!, lists.sizeClasses[slot]!) + place;
}

function timesAt(lists: PeerLists, block: number, sizeClass: number): number {
  return block + (lists.addressWords << sizeClass);
}

function idsAt(lists: PeerLists, block: number, sizeClass: number): number {
  return block + ((lists.addressWords + 1) << sizeClass);
}

function indexAt(lists: PeerLists, block: number, sizeClass: number): number {
  return block + ((lists.addressWords + 1 + ID_WORDS) << sizeClass);
}

function blockSize(lists: PeerLists, sizeClass: number): number {
  return (lists.addressWords + 1 + ID_WORDS + (sizeClass >= INDEXED_CLASS ? 2 : 0)) << sizeClass;
}
