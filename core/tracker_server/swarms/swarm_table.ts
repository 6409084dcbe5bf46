/**
 * Info hashes and the slots of their swarms: an open table with keyed hashing, so that no client that
 * chooses info hashes can make it slow. A slot is a small number, by which everything else that is
 * known of a swarm is kept in separate arrays.
 */
import { halfSipHash, type HashKey } from "../half_sip_hash.ts";
import { grownWords } from "./peer_lists.ts";

/** Words of an info hash. */
export const HASH_WORDS = 5;

export interface SwarmTable {
  readonly key: HashKey;
  /** HASH_WORDS a slot. A free slot's first word leads to the next free one. */
  hashes: Int32Array;
  /** The slot of a swarm, or 0; twice as many entries as slots. */
  index: Int32Array;
  /** The smaller index that this one replaces, while some of its entries are there and not here. */
  former: Int32Array | undefined;
  /** Entries of `former` before this one have moved. */
  movedTo: number;
  /** Slots that are, or were, in use; slot 0 is none. */
  slotsUsed: number;
  freeSlot: number;
  /** Swarms in the table. */
  count: number;
}

const SLOTS_AT_START = 1 << 8;
/**
 * Entries of a former index that each new swarm looks at: a table of a million swarms grows without
 * anybody waiting for it, and is done long before it has to grow again, for which 2 would do.
 */
export const MOVES_A_SWARM = 16;
/** Stands in a former index where an entry was, so that searches go on behind it. */
const GONE = -1;

/** An empty table. */
export function createSwarmTable(key: HashKey): SwarmTable {
  return {
    key,
    hashes: new Int32Array(SLOTS_AT_START * HASH_WORDS),
    index: new Int32Array(2 * SLOTS_AT_START),
    former: undefined,
    movedTo: 0,
    slotsUsed: 1,
    freeSlot: 0,
    count: 0,
  };
}

/** How many slots there is room for. */
export function slotCapacity(table: SwarmTable): number {
  return table.index.length >>> 1;
}

/** The slot of the swarm, or 0. */
export function findSlot(table: SwarmTable, infoHash: Int32Array): number {
  const hash = halfSipHash(table.key, infoHash, 0, HASH_WORDS, 1);
  const slot = findIn(table.index, table.hashes, hash, infoHash);
  if (slot !== 0 || table.former === undefined) return slot;
  return findIn(table.former, table.hashes, hash, infoHash);
}

/** The 20 bytes of the info hash in a slot that is in use. */
export function infoHashAt({ hashes }: SwarmTable, slot: number): Uint8Array {
  const bytes = new Uint8Array(HASH_WORDS * Int32Array.BYTES_PER_ELEMENT);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < HASH_WORDS; i++) view.setInt32(4 * i, hashes[slot * HASH_WORDS + i]!);
  return bytes;
}

/** Gives a slot to an info hash that has none; the table grows when it has to. */
export function addSlot(table: SwarmTable, infoHash: Int32Array): number {
  let slot = table.freeSlot;
  if (slot !== 0) {
    table.freeSlot = table.hashes[slot * HASH_WORDS]!;
  } else {
    if (table.slotsUsed === slotCapacity(table)) grow(table);
    slot = table.slotsUsed++;
  }
  for (let i = 0; i < HASH_WORDS; i++) table.hashes[slot * HASH_WORDS + i] = infoHash[i]!;
  insert(table, slot);
  table.count++;
  moveSome(table);
  return slot;
}

/** Takes the slot of a swarm back. */
export function removeSlot(table: SwarmTable, slot: number): void {
  if (!removeFrom(table, slot)) table.former![entryOf(table.former!, table, slot)] = GONE;
  table.hashes[slot * HASH_WORDS] = table.freeSlot;
  table.freeSlot = slot;
  table.count--;
}

function findIn(
  index: Int32Array,
  hashes: Int32Array,
  hash: number,
  infoHash: Int32Array,
): number {
  const mask = index.length - 1;
  let at = hash & mask;
  for (let slot = index[at]!; slot !== 0; slot = index[at]!) {
    at = (at + 1) & mask;
    if (slot === GONE) continue;
    let i = 0;
    while (i < HASH_WORDS && hashes[slot * HASH_WORDS + i] === infoHash[i]) i++;
    if (i === HASH_WORDS) return slot;
  }
  return 0;
}

/** Takes an entry out of the index; false when it is in the former one. */
function removeFrom(table: SwarmTable, slot: number): boolean {
  const { index } = table;
  const mask = index.length - 1;
  let gap = entryOf(index, table, slot);
  if (index[gap] === 0) return false;
  // Later entries that were pushed beyond the gap move up into it, so that no search stops too early.
  for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
    if (((at - (hashOf(table, index[at]!) & mask)) & mask) < ((at - gap) & mask)) continue;
    index[gap] = index[at]!;
    gap = at;
  }
  index[gap] = 0;
  return true;
}

/** Where an index names the slot, or the empty entry that ends the search for it. */
function entryOf(index: Int32Array, table: SwarmTable, slot: number): number {
  const mask = index.length - 1;
  let at = hashOf(table, slot) & mask;
  while (index[at] !== slot && index[at] !== 0) at = (at + 1) & mask;
  return at;
}

function insert(table: SwarmTable, slot: number): void {
  const mask = table.index.length - 1;
  let at = hashOf(table, slot) & mask;
  while (table.index[at] !== 0) at = (at + 1) & mask;
  table.index[at] = slot;
}

function hashOf(table: SwarmTable, slot: number): number {
  return halfSipHash(table.key, table.hashes, slot * HASH_WORDS, HASH_WORDS, 1);
}

/** Only when no slot is free; what the index held moves into the larger one bit by bit. */
function grow(table: SwarmTable): void {
  moveSome(table, Infinity);
  table.hashes = grownWords(table.hashes, 2 * table.hashes.length);
  table.former = table.index;
  table.movedTo = 0;
  table.index = new Int32Array(2 * table.index.length);
}

function moveSome(table: SwarmTable, countMax: number = MOVES_A_SWARM): void {
  const { former } = table;
  if (former === undefined) return;
  const end = Math.min(former.length, table.movedTo + countMax);
  for (let at = table.movedTo; at < end; at++) {
    if (former[at]! > 0) insert(table, former[at]!);
    if (former[at] !== 0) former[at] = GONE;
  }
  table.movedTo = end;
  if (end === former.length) table.former = undefined;
}
