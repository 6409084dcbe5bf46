/**
 * Changes of swarms as bytes, so that they can be written down and played again: who joined, in which
 * role, who left, and how many downloads were finished. An announce that changes nothing leaves no
 * trace here. Each record is a fact of its own: to play one twice is to play it once.
 *
 *     1   kind: 0 left, 1 joined to download, 2 joined to seed, 3 finished downloads; 4 more for IPv6
 *     20  info hash
 *     then, for a peer: 4 or 16 of IP address, 2 of port, 20 of peer id; else 4 of count
 */
import { type ByteWriter, writeUint16, writeUint32, writeUint8 } from "../../bytes/byte_writer.ts";
import { addressAt, ID_WORDS, peerIdAt, type PeerLists } from "./peer_lists.ts";
import { HASH_WORDS, type SwarmTable } from "./swarm_table.ts";

export const CHANGE = { left: 0, leecher: 1, seeder: 2, completed: 3 } as const;
export const IPV6_FLAG = 4;

/** Appends what happened to the peer at `place`: it must still be there. */
export function writePeerChange(
  writer: ByteWriter,
  change: typeof CHANGE["left" | "leecher" | "seeder"],
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
