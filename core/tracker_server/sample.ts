/**
 * Drawing the peers of an answer: at random, in time that grows with the answer and not with the swarm,
 * and written as they go over the wire.
 */
import { type ByteWriter, writeUint16, writeUint32 } from "../bytes/byte_writer.ts";
import { randomBelow, type Rng } from "../bytes/random.ts";
import { addressAt, ID_WORDS, peerIdAt, type PeerLists } from "./peer_lists.ts";

/** What a draw is for. */
export interface Draw {
  /** At most so many peers. */
  readonly count: number;
  /** Seeders are of no use to a seeder. */
  readonly leechersOnly: boolean;
  /** The asker's own place in this list, or -1. */
  readonly ownPlace: number;
}

/**
 * Appends up to `draw.count` peers to `peers` in compact form, and their ids to `ids` where given.
 * Returns how many. Each candidate is as likely as any other, and none comes twice: the candidates
 * stand in a circle that is cut at a random place into as many arcs as are wanted, and each arc gives
 * one of its own.
 *
 * Spec: BEP 23, BEP 7 (compact peers).
 */
export function samplePeers(
  lists: PeerLists,
  slot: number,
  draw: Draw,
  rng: Rng,
  peers: ByteWriter,
  ids: ByteWriter | undefined,
): number {
  const range = draw.leechersOnly ? lists.leecherCounts[slot]! : lists.counts[slot]!;
  const own = draw.ownPlace >= 0 && draw.ownPlace < range ? draw.ownPlace : range;
  const candidates = own < range ? range - 1 : range;
  const count = Math.min(draw.count, candidates);
  const isAll = count === candidates;
  const turn = isAll ? 0 : randomBelow(rng, candidates);
  let start = 0;
  for (let i = 1; i <= count; i++) {
    let drawn = i - 1;
    if (!isAll) {
      const end = Math.floor((i * candidates) / count);
      drawn = turn + start + randomBelow(rng, end - start);
      if (drawn >= candidates) drawn -= candidates;
      start = end;
    }
    const place = drawn < own ? drawn : drawn + 1;
    writeAddress(lists, addressAt(lists, slot, place), peers);
    if (ids !== undefined) writeWords(lists.words, peerIdAt(lists, slot, place), ID_WORDS, ids);
  }
  return count;
}

function writeAddress(lists: PeerLists, at: number, peers: ByteWriter): void {
  const ipWords = lists.addressWords - 1;
  writeWords(lists.words, at, ipWords, peers);
  writeUint16(peers, lists.words[at + ipWords]!);
}

/** Words in network order. */
export function writeWords(
  words: Int32Array,
  at: number,
  count: number,
  writer: ByteWriter,
): void {
  for (let i = 0; i < count; i++) writeUint32(writer, words[at + i]!);
}
