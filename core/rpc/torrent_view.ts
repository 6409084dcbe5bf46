/**
 * What an answer needs to know of a torrent. The daemon hands out an object whose getters compute what
 * is asked for, so that 2,000 torrents with 20 fields each cost no more than these fields.
 */
import type { AddressSource } from "../swarm/address_book.ts";
import type { TorrentSettings } from "./torrent_settings.ts";

/** Spec: Transmission 4.1, rpc-spec, section 3.3, status. */
export const TORRENT_STATUS = {
  stopped: 0,
  checkQueued: 1,
  checking: 2,
  downloadQueued: 3,
  downloading: 4,
  seedQueued: 5,
  seeding: 6,
} as const;

export type TorrentStatus = typeof TORRENT_STATUS[keyof typeof TORRENT_STATUS];

/** What an error concerns. Spec: libtransmission, tr_stat::Error. */
export const TORRENT_ERROR = { none: 0, trackerWarning: 1, trackerError: 2, local: 3 } as const;

/** Sizes in bytes, rates in bytes a second, moments in seconds since 1970 (0 is never). */
export interface TorrentView {
  readonly id: number;
  readonly infoHash: string;
  readonly name: string;
  readonly status: TorrentStatus;
  readonly error: typeof TORRENT_ERROR[keyof typeof TORRENT_ERROR];
  readonly errorText: string;
  readonly downloadDir: string;
  /** Path of the kept `.torrent`. */
  readonly torrentFile: string;
  readonly comment: string;
  readonly creator: string;
  readonly createdAt: number;
  readonly isPrivate: boolean;
  readonly magnetLink: string;

  readonly addedAt: number;
  readonly startedAt: number;
  readonly doneAt: number;
  readonly activeAt: number;
  readonly editedAt: number;
  readonly secondsDownloading: number;
  readonly secondsSeeding: number;

  readonly totalSize: number;
  /** Bytes of files that are wanted. */
  readonly wantedSize: number;
  /** Bytes of checked pieces; the second one of wanted files only. */
  readonly haveValid: number;
  readonly haveWanted: number;
  /** Bytes of pieces that are not whole yet. */
  readonly haveUnchecked: number;
  /** Missing bytes that connected peers have. */
  readonly desiredAvailable: number;
  readonly corruptEver: number;
  readonly downloadedEver: number;
  readonly uploadedEver: number;
  readonly downRate: number;
  readonly upRate: number;
  /** Undefined while nothing moves. */
  readonly etaSeconds: number | undefined;
  /** 0 to 1. */
  readonly metadataDone: number;
  readonly recheckProgress: number;

  readonly pieceCount: number;
  readonly pieceLength: number;
  readonly fileCount: number;
  readonly peersConnected: number;
  readonly peersSendingToUs: number;
  readonly peersGettingFromUs: number;
  readonly webSeedsSendingToUs: number;
  /** Stopped because it reached its ratio or its idle limit. */
  readonly isFinished: boolean;
  readonly isStalled: boolean;
  readonly queuePosition: number;
  readonly settings: TorrentSettings;
  /** One sentence on what it waits for; empty when nothing is in the way. */
  readonly why: string;
  /** A paragraph on the same. */
  readonly explanation: string;
  readonly share: ShareView;

  files(): readonly FileView[];
  peers(): readonly PeerView[];
  peersFrom(): PeersFrom;
  trackers(): readonly TrackerView[];
  webSeeds(): readonly WebSeedView[];
  /** Bits of the pieces that are here, the first one the highest. */
  pieces(): Uint8Array;
  /** For each piece how many connected peers have it; -1 where it is here. */
  availability(): readonly number[];
}

/** Where a torrent stands under the share rule. */
export interface ShareView {
  /** Of the torrent's size. */
  readonly percent: number;
  readonly owedBytes: number;
  readonly sharedBytes: number;
  readonly state: "none" | "owing" | "paid" | "waived";
}

export interface FileView {
  /** Below the download folder, with slashes. */
  readonly name: string;
  readonly length: number;
  readonly bytesCompleted: number;
  /** First piece, and the one after the last. */
  readonly beginPiece: number;
  readonly endPiece: number;
  readonly wanted: boolean;
  readonly priority: number;
}

export interface PeerView {
  readonly address: string;
  readonly port: number;
  readonly clientName: string;
  readonly peerId: string;
  /** Where its address came from, in Transmission's terms. */
  readonly source: PeerSource;
  /** The same in ours, which tell more of them apart. */
  readonly addressSource: AddressSource;
  readonly isIncoming: boolean;
  readonly isEncrypted: boolean;
  readonly isUtp: boolean;
  /** It chokes us; we choke it; and who is interested. */
  readonly clientIsChoked: boolean;
  readonly peerIsChoked: boolean;
  readonly clientIsInterested: boolean;
  readonly peerIsInterested: boolean;
  /** 0 to 1. */
  readonly progress: number;
  readonly rateToClient: number;
  readonly rateToPeer: number;
  readonly bytesToClient: number;
  readonly bytesToPeer: number;
}

export type PeerSource = "tracker" | "incoming" | "dht" | "pex" | "lpd" | "ltep" | "cache";
export type PeersFrom = Readonly<Record<PeerSource, number>>;

export interface TrackerView {
  readonly id: number;
  readonly tier: number;
  readonly announce: string;
  /** Where a scrape would go; empty when there is none. */
  readonly scrape: string;
  /** Another one of its tier answers. */
  readonly isBackup: boolean;
  /** 0 inactive, 1 waiting, 2 queued, 3 under way. */
  readonly announceState: number;
  readonly hasAnnounced: boolean;
  readonly lastAnnounceAt: number;
  readonly lastAnnounceSucceeded: boolean;
  /** "Success" or what the tracker, or the network, said. */
  readonly lastAnnounceResult: string;
  readonly lastAnnouncePeers: number;
  readonly nextAnnounceAt: number;
  /** -1 while unknown. */
  readonly seeders: number;
  readonly leechers: number;
  readonly downloads: number;
}

export interface WebSeedView {
  readonly url: string;
  readonly isDownloading: boolean;
  readonly downRate: number;
}
