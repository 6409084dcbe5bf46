/**
 * Info hashes and the slots of their swarms: an open table with keyed hashing, so that nobody who
 * chooses info hashes can make it slow. A slot is a small number, by which everything else that is
 * known of a swarm is kept in arrays of its own.
 */
import { halfSipHash, type HashKey } from "./half_sip_hash.ts";
import { grownWords } from "./peer_lists.ts";

/** Words of an info hash. */
export const HASH_WORDS = 5;

export interface SwarmTable {
  readonly key: HashKey;
  /** HASH_WORDS a slot. A free slot's first word leads to the next free one. */
  hashes: Int32Array;
  /** The slot of a swarm, or 0; twice as many entries as slots. */
  index: Int32Array;
  /** Slots that are, or were, in use; slot 0 is none. */
  slotsUsed: number;
  freeSlot: number;
  /** Swarms in the table. */
  count: number;
}

const SLOTS_AT_START = 1 << 8;

/** An empty table. */
export function createSwarmTable(key: HashKey): SwarmTable {
  return {
    key,
    hashes: new Int32Array(SLOTS_AT_START * HASH_WORDS),
    index: new Int32Array(2 * SLOTS_AT_START),
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
  const { index, hashes } = table;
  const mask = index.length - 1;
  let at = halfSipHash(table.key, infoHash, 0, HASH_WORDS, 1) & mask;
  for (let slot = index[at]!; slot !== 0; slot = index[at]!) {
    let i = 0;
    while (i < HASH_WORDS && hashes[slot * HASH_WORDS + i] === infoHash[i]) i++;
    if (i === HASH_WORDS) return slot;
    at = (at + 1) & mask;
  }
  return 0;
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
  return slot;
}

/** Takes the slot of a swarm back. */
export function removeSlot(table: SwarmTable, slot: number): void {
  const { index } = table;
  const mask = index.length - 1;
  let gap = homeOf(table, slot);
  while (index[gap] !== slot) gap = (gap + 1) & mask;
  // Later entries that were pushed beyond the gap move up into it, so that no search stops too early.
  for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
    if (((at - homeOf(table, index[at]!)) & mask) < ((at - gap) & mask)) continue;
    index[gap] = index[at]!;
    gap = at;
  }
  index[gap] = 0;
  table.hashes[slot * HASH_WORDS] = table.freeSlot;
  table.freeSlot = slot;
  table.count--;
}

function insert(table: SwarmTable, slot: number): void {
  const mask = table.index.length - 1;
  let at = homeOf(table, slot);
  while (table.index[at] !== 0) at = (at + 1) & mask;
  table.index[at] = slot;
}

function homeOf(table: SwarmTable, slot: number): number {
  const hash = halfSipHash(table.key, table.hashes, slot * HASH_WORDS, HASH_WORDS, 1);
  return hash & (table.index.length - 1);
}

/** Only when no slot is free, so every slot but 0 is in use. */
function grow(table: SwarmTable): void {
  table.hashes = grownWords(table.hashes, 2 * table.hashes.length);
  table.index = new Int32Array(2 * table.index.length);
  for (let slot = 1; slot < table.slotsUsed; slot++) insert(table, slot);
}
