/** A torrent looked at closely, for those who ask: its peers, its trackers, its pieces. */
import type { PeerAddress } from "../bytes/address.ts";

/** One connected peer. Rates in bytes a second, sizes in bytes. */
export interface PeerDetails {
  readonly address: PeerAddress;
  /** 20 bytes. */
  readonly id: Uint8Array;
  /** As it calls itself; undefined when it did not say. */
  readonly client: string | undefined;
  /** Where its address came from: "tracker", "dht", "pex" and so on. */
  readonly source: string;
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

export interface TorrentDetails {
  readonly peers: readonly PeerDetails[];
  readonly trackers: readonly TrackerDetails[];
  /** Bits of the pieces on disk, the first one the highest. */
  readonly have: Uint8Array;
  /** For each piece how many connected peers have it. */
  readonly availability: readonly number[];
}
