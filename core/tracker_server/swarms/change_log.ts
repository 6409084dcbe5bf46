/**
 * Changes of swarms as bytes, so that they can be written down and played again: who joined, in which
 * role, who left, and how many downloads were finished. A peer that announces again is written down
 * as if it joined, once in AGE_SECONDS, so that its age is known after a restart; otherwise an announce
 * that changes nothing leaves no trace here. To play a record twice is to play it once.
 *
 *     1   kind: 8, the time of what follows
 *     4   seconds since 1970
 *
 *     1   kind: 0 left, 1 joined to download, 2 joined to seed, 3 finished downloads, 16 joined as a
 *         partial seed; 4 more for IPv6
 *     20  info hash
 *     then, for a peer: 4 or 16 of IP address, 2 of port, 20 of peer id; else 4 of count
 */
import { type ByteWriter, writeUint16, writeUint32, writeUint8 } from "../../bytes/byte_writer.ts";
import { addressAt, ID_WORDS, peerIdAt, type PeerLists, type PeerRole } from "./peer_lists.ts";
import { HASH_WORDS, type SwarmTable } from "./swarm_table.ts";

export const CHANGE = { left: 0, leecher: 1, seeder: 2, completed: 3, partialSeed: 16 } as const;
/** The kind of a record that gives the time. */
export const MARK = 8;
/** Resolution of the times in the log, in seconds. */
export const AGE_SECONDS = 300;
export const IPV6_FLAG = 4;

/** Appends the time of the records that follow, in seconds since 1970. */
export function writeMark(writer: ByteWriter, wallSeconds: number): void {
  writeUint8(writer, MARK);
  writeUint32(writer, wallSeconds);
}

/** The last second at which a peer with this time in the log may have been seen. */
export function latestOf(markSeconds: number): number {
  return (Math.floor(markSeconds / AGE_SECONDS) + 1) * AGE_SECONDS - 1;
}

/** Appends what happened to the peer at `place`: it must still be there. */
export function writePeerChange(
  writer: ByteWriter,
  change: typeof CHANGE["left" | PeerRole],
  table: SwarmTable,
  lists: PeerLists,
  slot: number,
  place: number,
): void {
  const portAt = addressAt(lists, slot, place) + lists.addressWords - 1;
  writeUint8(writer, lists.version === 6 ? change | IPV6_FLAG : change);
  writeWords(writer, table.hashes, slot * HASH_WORDS, HASH_WORDS);
  writeWords(writer, lists.words, addressAt(lists, slot, place), lists.addressWords - 1);
  writeUint16(writer, lists.words[portAt]!);
  writeWords(writer, lists.words, peerIdAt(lists, slot, place), ID_WORDS);
}

/** Appends how many downloads of a swarm were finished, all together. */
export function writeCompleted(
  writer: ByteWriter,
  table: SwarmTable,
  slot: number,
  completed: number,
): void {
  writeUint8(writer, CHANGE.completed);
  writeWords(writer, table.hashes, slot * HASH_WORDS, HASH_WORDS);
  writeUint32(writer, completed);
}

function writeWords(writer: ByteWriter, words: Int32Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) writeUint32(writer, words[i]!);
}
