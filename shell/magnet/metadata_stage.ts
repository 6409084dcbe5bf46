/**
 * A torrent of which only a magnet link is known, until its metadata is here. Its driver goes to the
 * swarm without content; once the torrent is added to its session, the same driver goes on with the
 * content, so that the peers which gave the metadata keep their connections.
 */
import { torrentOfInfo } from "../../core/metainfo/from_info.ts";
import { createGeometry } from "../../core/metainfo/geometry.ts";
import { keyOf } from "../../core/metainfo/identity.ts";
import { describeMagnetError, type Magnet, parseMagnet } from "../../core/metainfo/magnet.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { TorrentFacts } from "../../core/torrent/facts.ts";
import type { Report } from "../../core/torrent/protocol.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { TimerId } from "../clock.ts";
import type { Storage } from "../disk/storage.ts";
import type { Driver } from "../driver.ts";
import { Failure } from "../failure.ts";
import { sha1 } from "../hash/sha1.ts";
import type { SwarmOptions } from "../life/host.ts";
import { readState } from "../life/prepare.ts";
import type { Goals } from "../life/types.ts";
import { type LoadedTorrent, parseTorrent } from "../load_torrent.ts";
import type { System } from "../system.ts";
import { CLIENT_NAME } from "../version.ts";

/** Metadata is kept with its peers this long for a torrent that is checked or queued first. */
const KEPT_MS = 10 * 60_000;

/** Errors: a Failure of kind `input` that names the link. */
export function readMagnet(link: string): Magnet {
  const magnet = parseMagnet(link);
  if (magnet.ok) return magnet.value;
  const why = describeMagnetError(magnet.error);
  throw new Failure("input", magnet.error.code, `The magnet link cannot be used: ${why}`);
}

export interface FetchOptions {
  readonly magnet: Magnet;
  /** Where the content will go: what was up- and downloaded in earlier runs is known there. */
  readonly dir?: string | undefined;
  /** Dialled besides those that the link, its trackers and the other sources name. */
  readonly peers?: readonly PeerAddress[];
  readonly goals?: Goals;
  readonly onReport?: (report: Report) => void;
}

/** What the stage needs of its session. */
export interface StageHost {
  readonly system: System;
  readonly port: number;
  start(options: SwarmOptions, peers: readonly PeerAddress[]): Driver;
  stop(driver: Driver): Promise<void>;
}

export class MetadataStage {
  readonly infoHash: InfoHash;
  readonly name: string;
  readonly startedMs: number;
  readonly #magnet: Magnet;
  readonly #host: StageHost;
  readonly #found = Promise.withResolvers<LoadedTorrent>();
  readonly #driver: Driver;
  #isStopped = false;
  #timer: TimerId | undefined;

  private constructor(options: FetchOptions, host: StageHost, before: Before) {
    const { magnet, peers = [], goals = {}, onReport } = options;
    this.#magnet = magnet;
    this.#host = host;
    const { system } = host;
    this.startedMs = system.clock.now();
    this.infoHash = keyOf(magnet.identity);
    this.name = magnet.name ?? this.infoHash;
    const metainfo = placeholderOf(magnet, this.name);
    this.#found.promise.catch(() => {});
    const swarm: SwarmOptions = {
      metainfo,
      storage: NO_STORAGE,
      torrent: {
        infoHash: this.infoHash,
        geometry: undefined,
        have: undefined,
        peerId: system.createPeerId(),
        port: host.port,
        clientName: CLIENT_NAME,
        announceTiers: metainfo.announceTiers,
        isPrivate: false,
        ...before,
        shareRule: goals.shareRule ?? { percent: 0, strict: false },
        seedRatio: goals.seedRatio,
        seedTimeMs: goals.seedTimeMs,
        seed: system.randomSeed(),
        sha1,
      },
      saveState: () => Promise.resolve(),
      onReport: (report) => {
        if (report.kind === "metadata") this.#take(report.bytes);
        else onReport?.(report);
      },
      onDiskError: () => {},
      onReadError: () => {},
      onCrash: (error) => this.#found.reject(error),
    };
    this.#driver = host.start(swarm, [...magnet.peers, ...peers]);
  }

  static async start(options: FetchOptions, host: StageHost): Promise<MetadataStage> {
    const { magnet, dir } = options;
    const { fileSystem } = host.system;
    const state = dir === undefined
      ? undefined
      : await readState(dir, keyOf(magnet.identity), fileSystem);
    return new MetadataStage(options, host, {
      uploadedBefore: state?.uploaded ?? 0,
      downloadedBefore: state?.downloaded ?? 0,
      waivedBefore: state?.waived ?? false,
    });
  }

  facts(): TorrentFacts {
    return this.#driver.facts();
  }

  /** The torrent, or a Failure ("input") when what its hash names cannot be read. */
  async loaded(signal: AbortSignal): Promise<LoadedTorrent> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([this.#found.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** A torrent goes on with the driver: this stage no longer stops it. */
  handOver(): Driver {
    this.#isStopped = true;
    this.#host.system.clock.clearTimeout(this.#timer);
    return this.#driver;
  }

  /** Leaves the swarm, unless a torrent has taken the driver over. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#host.system.clock.clearTimeout(this.#timer);
    await this.#host.stop(this.#driver);
  }

  #take(infoBytes: Uint8Array): void {
    const { clock } = this.#host.system;
    this.#timer = clock.setTimeout(() => void this.stop(), KEPT_MS);
    clock.unref(this.#timer);
    try {
      this.#found.resolve(parseTorrent(torrentOfInfo(infoBytes, this.#magnet), this.name, true));
    } catch (error) {
      this.#found.reject(error);
    }
  }
}

interface Before {
  readonly uploadedBefore: number;
  readonly downloadedBefore: number;
  readonly waivedBefore: boolean;
}

/** What a driver needs to know of a torrent before anything is known of its content. */
export function placeholderOf(magnet: Magnet, name: string): Metainfo {
  return {
    infoHash: keyOf(magnet.identity),
    identity: magnet.identity,
    infoBytes: new Uint8Array(),
    name,
    geometry: createGeometry(1, 1),
    pieceHashes: new Uint8Array(),
    trees: undefined,
    files: [],
    symlinks: [],
    isFolder: false,
    isPrivate: false,
    announceTiers: magnet.trackers.map((url) => [url]),
    webSeeds: magnet.webSeeds,
    comment: undefined,
    createdBy: undefined,
    creationDate: undefined,
  };
}

/** Nothing is read or written before the content is known. */
const NO_STORAGE = new Proxy({}, {
  get(_, name) {
    throw new Failure("internal", "no-content", `${String(name)} of content that is not known`);
  },
}) as Storage;
