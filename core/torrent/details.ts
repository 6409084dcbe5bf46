/** A torrent looked at closely, for those who ask: its peers, its trackers, its pieces. */
import type { ReadonlyBytes } from "../bytes/view.ts";
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { readRate } from "../limits/rate_meter.ts";
import type { AddressSource } from "../swarm/address_book.ts";
import type { Connection } from "../swarm/connections.ts";
import { isDead } from "../swarm/liveness.ts";
import { announceDueAt } from "../swarm/announcing.ts";
import { availabilityOf } from "../transfer/availability.ts";
import type { Torrent } from "./state.ts";

/** One connected peer. Rates in bytes a second, sizes in bytes. */
export interface PeerDetails {
  readonly address: PeerAddress;
  /** 20 bytes. */
  readonly id: ReadonlyBytes;
  /** As it calls itself; undefined when it did not say. */
  readonly client: string | undefined;
  /** Where its address came from. */
  readonly source: AddressSource;
  readonly isIncoming: boolean;
  readonly isEncrypted: boolean;
  readonly isUtp: boolean;
  readonly isChokingUs: boolean;
  readonly isChokedByUs: boolean;
  readonly isInteresting: boolean;
  readonly isInterested: boolean;
  readonly piecesHave: number;
  readonly downRate: number;
  readonly upRate: number;
  readonly downloaded: number;
  readonly uploaded: number;
}

/** One tracker. Moments in monotonic ms. */
export interface TrackerDetails {
  readonly url: string;
  readonly tier: number;
  readonly isUnderWay: boolean;
  readonly lastSuccessMs: number | undefined;
  /** One sentence; undefined after a success. */
  readonly error: string | undefined;
  readonly warning: string | undefined;
  readonly seeders: number | undefined;
  readonly leechers: number | undefined;
  /** When it is asked next; undefined when another one of its tier is. */
  readonly nextMs: number | undefined;
}

/** Each is made when it is asked for: there may be thousands of torrents, and of pieces. */
export interface TorrentDetails {
  peers(): readonly PeerDetails[];
  trackers(): readonly TrackerDetails[];
  /** Bits of the pieces on disk, the first one the highest. */
  have(): Uint8Array;
  /** For each piece how many connected peers have it. */
  availability(): readonly number[];
}

/** All there is to know at `now` (monotonic ms). To be read before the torrent's next step. */
export function detailsOf(torrent: Torrent, now: number): TorrentDetails {
  const { swarm, transfer } = torrent;
  return {
    peers: () =>
      [...swarm.connections.values()].filter((peer) => !isDead(peer, now))
        .map((connection) => peerDetails(torrent, connection, now)),
    trackers: () => trackerDetails(torrent),
    have: () => transfer?.have.bytes.slice() ?? new Uint8Array(),
    availability: () =>
      transfer === undefined ? [] : Array.from(
        { length: transfer.geometry.pieceCount },
        (_, piece) => availabilityOf(transfer.availability, piece),
      ),
  };
}

function peerDetails(torrent: Torrent, connection: Connection, now: number): PeerDetails {
  const { address, id, client, incoming } = connection;
  const entry = torrent.swarm.addresses.entries.get(addressText(address));
  const peer = torrent.transfer?.peers.get(connection.key);
  return {
    address,
    id,
    client,
    source: incoming ? "incoming" : entry?.source ?? "tracker",
    isIncoming: incoming,
    isEncrypted: false,
    isUtp: false,
    isChokingUs: peer?.isChoking ?? true,
    isChokedByUs: peer?.amChoking ?? true,
    isInteresting: peer?.amInterested ?? false,
    isInterested: peer?.isInterested ?? false,
    piecesHave: peer?.haveCount ?? 0,
    downRate: peer === undefined ? 0 : readRate(peer.down, now),
    upRate: peer === undefined ? 0 : readRate(peer.up, now),
    downloaded: peer?.down.total ?? 0,
    uploaded: peer?.up.total ?? 0,
  };
}

function trackerDetails({ swarm }: Torrent): TrackerDetails[] {
  const { announcer } = swarm.announcing;
  const dueAt = announceDueAt(swarm);
  return announcer.tiers.flatMap((trackers, tier) =>
    trackers.map((tracker, place): TrackerDetails => ({
      url: tracker.url,
      tier,
      isUnderWay: announcer.underWay?.url === tracker.url,
      lastSuccessMs: tracker.lastSuccessAt,
      error: tracker.lastError?.message,
      warning: tracker.warning,
      seeders: tracker.seeders,
      leechers: tracker.leechers,
      nextMs: tier === announcer.tier && place === announcer.place ? dueAt : undefined,
    }))
  );
}
