/** Who is in a swarm, for people who look at it. */
import type { PeerAddress } from "../../bytes/address.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE } from "../../bytes/ip.ts";
import { addressAt, isSeederAt, type PeerLists } from "./peer_lists.ts";
import { slotOf, type SwarmStore } from "./swarm_store.ts";

export interface ListedPeer extends PeerAddress {
  readonly isSeeder: boolean;
}

/** Up to `countMax` peers by the 20 bytes of the info hash; of a larger swarm, some from all over it. */
export function listPeers(
  store: SwarmStore,
  infoHash: Uint8Array,
  countMax: number,
): ListedPeer[] {
  const slot = slotOf(store, infoHash);
  const count4 = store.lists4.counts[slot]!;
  const total = count4 + store.lists6.counts[slot]!;
  const count = Math.min(total, countMax);
  return Array.from({ length: count }, (_, i) => {
    const place = Math.floor(i * total / count);
    return place < count4
      ? peerAt(store.lists4, slot, place)
      : peerAt(store.lists6, slot, place - count4);
  });
}

function peerAt(lists: PeerLists, slot: number, place: number): ListedPeer {
  const bytes = new Uint8Array(lists.version === 4 ? IPV4_SIZE : IPV6_SIZE);
  const view = new DataView(bytes.buffer);
  const at = addressAt(lists, slot, place);
  const ipWords = lists.addressWords - 1;
  for (let i = 0; i < ipWords; i++) view.setInt32(4 * i, lists.words[at + i]!);
  return {
    ip: formatIp(bytes),
    port: lists.words[at + ipWords]!,
    isSeeder: isSeederAt(lists, slot, place),
  };
}
