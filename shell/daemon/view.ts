/**
 * A torrent of the daemon as the protocol sees it at one moment. Made anew for each request: what it
 * looks up is looked up once, and only if a field asks for it.
 */
import type { ReadonlyBytes } from "../../core/bytes/view.ts";
import { pieceOffset, pieceSize } from "../../core/metainfo/geometry.ts";
import { magnetLink } from "../../core/metainfo/magnet.ts";
import type { TorrentFile } from "../../core/metainfo/types.ts";
import type { TorrentSettings } from "../../core/rpc/torrent_settings.ts";
import {
  type FileView,
  type PeersFrom,
  type PeerSource,
  type PeerView,
  type ShareView,
  TORRENT_ERROR,
  TORRENT_STATUS,
  type TorrentStatus,
  type TorrentView,
  type TrackerView,
  type WebSeedView,
} from "../../core/rpc/torrent_view.ts";
import { explain } from "../../core/rpc/why.ts";
import { formatCount } from "../../core/cli/format.ts";
import { waitingFor } from "../../core/cli/waiting.ts";
import type { AddressSource } from "../../core/swarm/address_book.ts";
import type { PeerDetails, TorrentDetails, TrackerDetails } from "../../core/torrent/details.ts";
import type { LifeFacts } from "../life/types.ts";
import type { TorrentEntry } from "./entry.ts";

/** What the daemon adds to a torrent's facts. */
export interface ViewContext {
  /** Of the share rule, 0 to 100. */
  readonly sharePercent: number;
  /** The moment of the view: monotonic milliseconds, and seconds since 1970. */
  readonly atMs: number;
  readonly atUnix: number;
}

/** A torrent that is not connected to anything shows no more than this. */
const NO_DETAILS: TorrentDetails = {
  peers: () => [],
  trackers: () => [],
  have: () => new Uint8Array(),
  availability: () => [],
};

/** Words of the core for where an address came from, in the words of the protocol. */
const SOURCES: Readonly<Record<AddressSource, PeerSource>> = {
  tracker: "tracker",
  incoming: "incoming",
  dht: "dht",
  pex: "pex",
  lsd: "lpd",
  user: "cache",
  magnet: "cache",
  resume: "cache",
};

export class EntryView implements TorrentView {
  readonly #entry: TorrentEntry;
  readonly #context: ViewContext;
  #facts: LifeFacts | undefined;
  #hasFacts = false;
  #details: TorrentDetails | undefined;

  constructor(entry: TorrentEntry, context: ViewContext) {
    this.#entry = entry;
    this.#context = context;
  }

  get entry(): TorrentEntry {
    return this.#entry;
  }

  get facts(): LifeFacts | undefined {
    if (!this.#hasFacts) this.#facts = this.#entry.facts();
    this.#hasFacts = true;
    return this.#facts;
  }

  get #look(): TorrentDetails {
    const { handle } = this.#entry;
    return this.#details ??= handle?.driver?.details() ??
      { ...NO_DETAILS, have: () => handle?.pieces ?? new Uint8Array() };
  }

  get id(): number {
    return this.#entry.id;
  }
  get infoHash(): string {
    return this.#entry.infoHash;
  }
  get name(): string {
    return this.#entry.name;
  }

  get status(): TorrentStatus {
    const { record, isAdmitted, magnet } = this.#entry;
    if (magnet !== undefined && !record.isStopped) {
      return isAdmitted ? TORRENT_STATUS.downloading : TORRENT_STATUS.downloadQueued;
    }
    const isComplete = this.leftUntilDone === 0;
    switch (this.facts?.state) {
      case "checking":
        return TORRENT_STATUS.checking;
      case "downloading":
      case "seeding":
        return isComplete ? TORRENT_STATUS.seeding : TORRENT_STATUS.downloading;
      case "failed":
        return TORRENT_STATUS.stopped;
      case "queued":
        return TORRENT_STATUS.checkQueued;
    }
    if (record.isStopped || record.isFinished) return TORRENT_STATUS.stopped;
    if (isAdmitted) return TORRENT_STATUS.checkQueued;
    return isComplete ? TORRENT_STATUS.seedQueued : TORRENT_STATUS.downloadQueued;
  }

  get error(): TorrentView["error"] {
    if (this.facts?.failure !== undefined) return TORRENT_ERROR.local;
    return this.#trackerError === undefined ? TORRENT_ERROR.none : TORRENT_ERROR.trackerError;
  }

  get errorText(): string {
    return this.facts?.failure?.message ?? this.#trackerError ?? "";
  }

  get #trackerError(): string | undefined {
    return this.facts?.isJoined ? this.facts.trackerError : undefined;
  }

  get downloadDir(): string {
    return this.#entry.record.dir;
  }
  get torrentFile(): string {
    return "";
  }
  get comment(): string {
    return this.#entry.metainfo.comment ?? "";
  }
  get creator(): string {
    return this.#entry.metainfo.createdBy ?? "";
  }
  get createdAt(): number {
    return this.#entry.metainfo.creationDate ?? 0;
  }
  get isPrivate(): boolean {
    return this.#entry.metainfo.isPrivate;
  }
  get magnetLink(): string {
    return this.#entry.record.magnet || magnetLink(this.#entry.metainfo);
  }

  get addedAt(): number {
    return this.#entry.record.addedAt;
  }
  get startedAt(): number {
    return this.#entry.record.startedAt;
  }
  get doneAt(): number {
    return this.#entry.record.doneAt;
  }
  get activeAt(): number {
    return this.#entry.record.activeAt;
  }
  get editedAt(): number {
    return this.#entry.record.editedAt;
  }
  get secondsDownloading(): number {
    return Math.round(this.#entry.record.secondsDownloading);
  }
  get secondsSeeding(): number {
    return Math.round(this.#entry.record.secondsSeeding);
  }

  get totalSize(): number {
    if (this.#entry.magnet !== undefined) return 0;
    return this.#entry.metainfo.geometry.totalSize;
  }
  get wantedSize(): number {
    const { unwanted } = this.#entry.record;
    if (unwanted.length === 0) return this.totalSize;
    const { files } = this.#entry.metainfo;
    return this.totalSize - unwanted.reduce((sum, index) => sum + (files[index]?.length ?? 0), 0);
  }
  get haveValid(): number {
    const { facts } = this;
    const isKnown = facts !== undefined && (facts.isJoined || facts.bytesHave > 0);
    return isKnown ? facts.bytesHave : this.#entry.record.haveValid;
  }
  get haveWanted(): number {
    const { unwanted } = this.#entry.record;
    if (unwanted.length === 0 || this.haveValid === this.totalSize) {
      return Math.min(this.haveValid, this.wantedSize);
    }
    return this.files().reduce((sum, file) => sum + (file.wanted ? file.bytesCompleted : 0), 0);
  }
  get leftUntilDone(): number {
    return Math.max(0, this.wantedSize - this.haveWanted);
  }
  get haveUnchecked(): number {
    return 0;
  }
  get desiredAvailable(): number {
    if (this.leftUntilDone === 0) return 0;
    const [availability, have] = [this.#look.availability(), this.#look.have()];
    const { geometry } = this.#entry.metainfo;
    let bytes = 0;
    for (const [piece, count] of availability.entries()) {
      if (count > 0 && !hasPiece(have, piece)) bytes += pieceSize(geometry, piece);
    }
    return bytes;
  }
  get corruptEver(): number {
    return this.#entry.record.corruptEver;
  }
  get downloadedEver(): number {
    return Math.max(this.facts?.downloaded ?? 0, this.#entry.record.downloaded);
  }
  get uploadedEver(): number {
    return Math.max(this.facts?.uploaded ?? 0, this.#entry.record.uploaded);
  }
  get downRate(): number {
    return this.#swarmNow === undefined ? 0 : Math.round(this.#swarmNow.downRate);
  }
  get upRate(): number {
    return this.#swarmNow === undefined ? 0 : Math.round(this.#swarmNow.upRate);
  }
  get etaSeconds(): number | undefined {
    const { downRate, leftUntilDone } = this;
    if (leftUntilDone === 0 || downRate <= 0 || this.#swarmNow?.isWaiting) return undefined;
    return Math.ceil(leftUntilDone / downRate);
  }
  get metadataDone(): number {
    const { magnet, metadata } = this.#entry;
    if (magnet === undefined) return 1;
    const part = metadata?.facts().metadata;
    return part === undefined || part.bytesTotal === 0 ? 0 : part.bytesDone / part.bytesTotal;
  }
  get recheckProgress(): number {
    const { facts } = this;
    if (facts?.state !== "checking" || facts.checkBytesTotal === 0) return 0;
    return facts.checkedBytes / facts.checkBytesTotal;
  }

  get pieceCount(): number {
    if (this.#entry.magnet !== undefined) return 0;
    return this.#entry.metainfo.geometry.pieceCount;
  }
  get pieceLength(): number {
    return this.#entry.metainfo.geometry.pieceLength;
  }
  get fileCount(): number {
    return contentFiles(this.#entry).length;
  }
  get peersConnected(): number {
    return this.#swarmNow?.peers ?? this.#entry.metadata?.facts().peers ?? 0;
  }
  get peersSendingToUs(): number {
    return this.#swarmNow === undefined ? 0 : this.peers().filter((p) => p.rateToClient > 0).length;
  }
  get peersGettingFromUs(): number {
    return this.#swarmNow === undefined ? 0 : this.peers().filter((p) => p.rateToPeer > 0).length;
  }
  get webSeedsSendingToUs(): number {
    return 0;
  }
  get isFinished(): boolean {
    return this.#entry.record.isFinished;
  }
  get isStalled(): boolean {
    return this.#entry.isStalled;
  }
  get queuePosition(): number {
    return this.#entry.record.queuePosition;
  }
  get settings(): TorrentSettings {
    return this.#entry.record.settings;
  }

  get why(): string {
    const { facts } = this;
    if (this.#entry.metadata !== undefined) return whyNoMetadata(this.peersConnected);
    if (facts?.failure !== undefined) return facts.failure.message;
    const swarm = this.#swarmNow;
    if (swarm === undefined) return "";
    return waitingFor(swarm, facts?.trackerError) ?? "";
  }

  get explanation(): string {
    return explain(this, Math.round(this.#context.atUnix));
  }

  get share(): ShareView {
    const swarm = this.facts?.swarm;
    return {
      percent: this.#context.sharePercent,
      owedBytes: swarm?.owedBytes ?? 0,
      sharedBytes: this.uploadedEver,
      state: swarm?.share ?? "none",
    };
  }

  files(): readonly FileView[] {
    const { record, metainfo } = this.#entry;
    const { geometry, files } = metainfo;
    const isWhole = this.haveValid === this.totalSize;
    const have = isWhole ? undefined : this.#look.have();
    return contentFiles(this.#entry).map((index) => {
      const file = files[index]!;
      const beginPiece = Math.min(
        geometry.pieceCount - 1,
        Math.floor(file.offset / geometry.pieceLength),
      );
      const endPiece = file.length === 0
        ? beginPiece
        : Math.floor((file.offset + file.length - 1) / geometry.pieceLength) + 1;
      return {
        name: file.path.join("/"),
        length: file.length,
        bytesCompleted: have === undefined ? file.length : this.#completed(file, have),
        beginPiece,
        endPiece,
        wanted: !record.unwanted.includes(index),
        priority: record.priorities[index] ?? 0,
      };
    });
  }

  #completed(file: TorrentFile, have: Uint8Array): number {
    const { geometry } = this.#entry.metainfo;
    const end = file.offset + file.length;
    let bytes = 0;
    for (let piece = Math.floor(file.offset / geometry.pieceLength);; piece++) {
      if (piece >= geometry.pieceCount) break;
      const from = pieceOffset(geometry, piece);
      if (from >= end) break;
      if (!hasPiece(have, piece)) continue;
      const to = from + pieceSize(geometry, piece);
      bytes += Math.min(to, end) - Math.max(from, file.offset);
    }
    return bytes;
  }

  peers(): readonly PeerView[] {
    return this.#look.peers().map((peer) => peerView(peer, this.pieceCount));
  }

  peersFrom(): PeersFrom {
    const from = { tracker: 0, incoming: 0, dht: 0, pex: 0, lpd: 0, ltep: 0, cache: 0 };
    for (const { source } of this.peers()) from[source]++;
    return from;
  }

  trackers(): readonly TrackerView[] {
    const known = this.#look.trackers();
    const views: TrackerView[] = [];
    for (const [tier, urls] of this.#entry.metainfo.announceTiers.entries()) {
      for (const url of urls) {
        const details = known.find((tracker) => tracker.url === url);
        views.push(trackerView(url, tier, views.length, details, this.#context));
      }
    }
    return views;
  }

  webSeeds(): readonly WebSeedView[] {
    return this.#entry.metainfo.webSeeds.map((url) => ({ url, isDownloading: false, downRate: 0 }));
  }

  pieces(): Uint8Array {
    if (this.haveValid === this.totalSize) return fullBits(this.pieceCount);
    const have = this.#look.have();
    return have.length > 0 ? have : new Uint8Array(Math.ceil(this.pieceCount / 8));
  }

  availability(): readonly number[] {
    const [availability, have] = [this.#look.availability(), this.#look.have()];
    const isWhole = this.haveValid === this.totalSize;
    return Array.from(
      { length: this.pieceCount },
      (_, piece) => isWhole || hasPiece(have, piece) ? -1 : availability[piece] ?? 0,
    );
  }

  /** The swarm while it is in it. */
  get #swarmNow(): LifeFacts["swarm"] {
    return this.facts?.isJoined ? this.facts.swarm : undefined;
  }
}

function whyNoMetadata(peers: number): string {
  if (peers === 0) return "no peers yet, searching for some that have the metadata";
  return `metadata from ${formatCount(peers, "peer")}`;
}

/** Indices of the files with content, without padding. */
export function contentFiles({ metainfo }: Pick<TorrentEntry, "metainfo">): readonly number[] {
  return metainfo.files.flatMap(({ pad }, index) => pad ? [] : [index]);
}

function peerView(peer: PeerDetails, pieceCount: number): PeerView {
  return {
    address: peer.address.ip,
    port: peer.address.port,
    clientName: peer.client ?? clientOf(peer.id),
    peerId: String.fromCharCode(...peer.id).replace(/[^\x21-\x7e]/g, "."),
    source: SOURCES[peer.source],
    addressSource: peer.source,
    isIncoming: peer.isIncoming,
    isEncrypted: peer.isEncrypted,
    isUtp: peer.isUtp,
    clientIsChoked: peer.isChokingUs,
    peerIsChoked: peer.isChokedByUs,
    clientIsInterested: peer.isInteresting,
    peerIsInterested: peer.isInterested,
    progress: pieceCount > 0 ? peer.piecesHave / pieceCount : 1,
    rateToClient: Math.round(peer.downRate),
    rateToPeer: Math.round(peer.upRate),
    bytesToClient: peer.downloaded,
    bytesToPeer: peer.uploaded,
  };
}

/** "-TR4000-" to "TR 4.0.0.0"; a peer that says nothing better. Spec: BEP 20. */
function clientOf(id: ReadonlyBytes): string {
  const text = String.fromCharCode(...id.slice(0, 8));
  const parts = /^-([A-Za-z]{2})([0-9A-Za-z]{4})-$/.exec(text);
  return parts === null ? "" : `${parts[1]} ${[...parts[2]!].join(".")}`;
}

function trackerView(
  url: string,
  tier: number,
  id: number,
  known: TrackerDetails | undefined,
  { atMs, atUnix }: ViewContext,
): TrackerView {
  const unixOf = (ms: number | undefined) =>
    ms === undefined ? 0 : Math.round(atUnix + (ms - atMs) / 1000);
  const hasAnnounced = known?.lastSuccessMs !== undefined || known?.error !== undefined;
  return {
    id,
    tier,
    announce: url,
    scrape: scrapeUrl(url),
    isBackup: known !== undefined && !hasAnnounced && known.nextMs === undefined,
    announceState: known?.isUnderWay ? 3 : known?.nextMs !== undefined ? 1 : 0,
    hasAnnounced,
    // When it failed is not known, but that was since it was last asked: not long ago.
    lastAnnounceAt: known?.error === undefined ? unixOf(known?.lastSuccessMs) : Math.round(atUnix),
    lastAnnounceSucceeded: hasAnnounced && known?.error === undefined,
    lastAnnounceResult: known?.error ?? (hasAnnounced ? known?.warning ?? "Success" : ""),
    lastAnnouncePeers: (known?.seeders ?? 0) + (known?.leechers ?? 0),
    nextAnnounceAt: unixOf(known?.nextMs),
    seeders: known?.seeders ?? -1,
    leechers: known?.leechers ?? -1,
    downloads: -1,
  };
}

/** Spec: BEP 48: "announce" in the last part of the path becomes "scrape". */
function scrapeUrl(announce: string): string {
  if (/^udp:/i.test(announce)) return announce;
  const at = announce.lastIndexOf("/");
  return announce.startsWith("announce", at + 1)
    ? announce.slice(0, at + 1) + "scrape" + announce.slice(at + 1 + "announce".length)
    : "";
}

function hasPiece(have: Uint8Array, piece: number): boolean {
  return ((have[piece >> 3] ?? 0) >> (7 - (piece & 7)) & 1) === 1;
}

function fullBits(count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8)).fill(0xff);
  if (count % 8 !== 0) bits[bits.length - 1] = 0xff << (8 - count % 8) & 0xff;
  return bits;
}
