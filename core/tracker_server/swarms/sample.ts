/**
 * Drawing the peers of an answer: at random, in time that grows with the answer and not with the
 * swarm, and written as they go over the wire.
 *
 * Leechers and seeders each stand in an order that is random already (see `peer_lists.ts`), so any
 * stretch of them is a fair draw, and lies together in memory where single draws would be spread
 * over all of a large swarm.
 */
import { type ByteWriter, extendWriter, writeUint32 } from "../../bytes/byte_writer.ts";
import { nextUint32, randomBelow, type Rng } from "../../bytes/random.ts";
import { addressAt, ID_WORDS, peerIdAt, type PeerLists } from "./peer_lists.ts";

const WORD_SIZE = 4;
const PORT_SIZE = 2;
const UINT32_COUNT = 0x1_0000_0000;

/** What a draw is for. */
export interface Draw {
  /** Maximum number of peers. */
  readonly count: number;
  /** As `seedersFor` has it. */
  readonly seedersMax: number | undefined;
  /** The client's own place in this list, or -1. */
  readonly ownPlace: number;
}

/**
 * Appends up to `draw.count` peers to `peers` in compact form, and their ids to `ids` where given.
 * Returns how many. Each candidate is as likely as any other of its role, and none comes twice.
 *
 * Spec: BEP 23, BEP 7 (compact peers).
 */
export function samplePeers(
  lists: PeerLists,
  slot: number,
  { count: wanted, seedersMax, ownPlace }: Draw,
  rng: Rng,
  peers: ByteWriter,
  ids: ByteWriter | undefined,
): number {
  const leecherCount = lists.leecherCounts[slot]!;
  const range = lists.counts[slot]!;
  const isOwnLeecher = ownPlace >= 0 && ownPlace < leecherCount;
  const isOwnSeeder = ownPlace >= leecherCount && ownPlace < range;
  const leechers = leecherCount - (isOwnLeecher ? 1 : 0);
  const seeders = range - leecherCount - (isOwnSeeder ? 1 : 0);
  const count = Math.min(wanted, leechers + Math.min(seeders, seedersMax ?? seeders));
  if (count === 0) return 0;
  let ofSeeders = Math.max(0, count - leechers);
  if (seedersMax === undefined && count < leechers + seeders) {
    const share = (count * seeders) / (leechers + seeders);
    ofSeeders = Math.floor(share + nextUint32(rng) / UINT32_COUNT);
  }
  writeStretch(lists, slot, 0, leechers, ownPlace, count - ofSeeders, rng, peers, ids);
  writeStretch(lists, slot, leecherCount, seeders, ownPlace, ofSeeders, rng, peers, ids);
  return count;
}

/**
 * Appends `count` of the `candidates` that stand in a circle from place `first` on, one after the
 * other from anywhere; `ownPlace` is passed over.
 */
function writeStretch(
  lists: PeerLists,
  slot: number,
  first: number,
  candidates: number,
  ownPlace: number,
  count: number,
  rng: Rng,
  peers: ByteWriter,
  ids: ByteWriter | undefined,
): void {
  if (count === 0) return;
  const ipWords = lists.addressWords - 1;
  const peerSize = ipWords * WORD_SIZE + PORT_SIZE;
  const own = ownPlace >= first && ownPlace <= first + candidates ? ownPlace : Infinity;
  let at = extendWriter(peers, count * peerSize);
  let drawn = count < candidates ? randomBelow(rng, candidates) : 0;
  const { words } = lists;
  const { view } = peers;
  for (let i = 0; i < count; i++) {
    const place = first + drawn < own ? first + drawn : first + drawn + 1;
    const address = addressAt(lists, slot, place);
    for (let word = 0; word < ipWords; word++, at += WORD_SIZE) {
      view.setInt32(at, words[address + word]!);
    }
    view.setUint16(at, words[address + ipWords]!);
    at += PORT_SIZE;
    if (ids !== undefined) writeWords(words, peerIdAt(lists, slot, place), ID_WORDS, ids);
    if (++drawn === candidates) drawn = 0;
  }
}

/** Words in network order. */
function writeWords(words: Int32Array, at: number, count: number, writer: ByteWriter): void {
  for (let i = 0; i < count; i++) writeUint32(writer, words[at + i]!);
}
