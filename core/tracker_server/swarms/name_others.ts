/** Which peers an announce is answered with. */
import type { ByteWriter } from "../../bytes/byte_writer.ts";
import type { Rng } from "../../bytes/random.ts";
import { type AnnounceQuery, type AnnounceReply, seedersFor } from "../types.ts";
import { ID_WORDS, type PeerLists } from "./peer_lists.ts";
import { samplePeers } from "./sample.ts";

/** What is read of the store, and the reply that is written. */
export interface Naming {
  readonly lists4: PeerLists;
  readonly lists6: PeerLists;
  readonly rng: Rng;
  readonly reply: Pick<AnnounceReply, "peers" | "peers6" | "peerIds">;
}

const ID_SIZE = 4 * ID_WORDS;

/**
 * Adds other peers to the store's reply: those of the client's family first, for it has proved that
 * it supports that one. `near` has the peers of that family, with the client at `ownPlace`.
 */
export function nameOthers(
  store: Naming,
  near: PeerLists,
  slot: number,
  ownPlace: number,
  query: AnnounceQuery,
): void {
  const { reply, rng } = store;
  const seedersMax = seedersFor(query);
  const ids = query.wantsPeerIds ? reply.peerIds : undefined;
  const nearPeers = near.version === 4 ? reply.peers : reply.peers6;
  const draw = { count: query.numWant, seedersMax, ownPlace };
  const named = samplePeers(near, slot, draw, rng, nearPeers, ids);
  if (!query.wantsBothFamilies || named === query.numWant) return;
  const far = near.version === 4 ? store.lists6 : store.lists4;
  if (far.counts[slot] === 0) return;
  const farPeers = near.version === 4 ? reply.peers6 : reply.peers;
  const rest = { count: query.numWant - named, seedersMax, ownPlace: -1 };
  samplePeers(far, slot, rest, rng, farPeers, ids);
  // Ids stand in the order in which the peers are written: those of IPv4 come first.
  if (ids !== undefined && near.version === 6) rotateLeft(ids, named * ID_SIZE);
}

function rotateLeft({ bytes, size }: ByteWriter, count: number): void {
  const head = bytes.slice(0, count);
  bytes.copyWithin(0, count, size);
  bytes.set(head, size - count);
}
