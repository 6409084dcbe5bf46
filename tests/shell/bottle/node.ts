/** One peer in the bottle: the real driver, links, limiters, listener and storage, in memory. */
import { copyBitfield, countBits, hasBit, setBit } from "../../../core/bytes/bitfield.ts";
import type { PeerAddress } from "../../../core/bytes/address.ts";
import { pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import type { Report } from "../../../core/torrent/protocol.ts";
import { decodeResume, encodeResume, trustResume } from "../../../core/transfer/resume.ts";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import { loadState, saveState } from "../../../shell/disk/state_file.ts";
import { openStorage, type Storage } from "../../../shell/disk/storage.ts";
import { Driver } from "../../../shell/driver.ts";
import { PieceMemory } from "../../../shell/hash/piece_memory.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import type { LoadedTorrent } from "../../../shell/load_torrent.ts";
import type { Network } from "../../../shell/net/byte_stream.ts";
import { PeerListener } from "../../../shell/net/listener.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { SendBuffers } from "../../../shell/net/send_buffers.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import type { VirtualClock } from "./virtual_clock.ts";

const DIR = "/d";
export const PORT = 6881;

export interface NodeOptions {
  readonly ip: string;
  readonly loaded: LoadedTorrent;
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly disk: MemoryDisk;
  /** Of every peer of the swarm. */
  readonly peers: readonly PeerAddress[];
  readonly upLimit: number | undefined;
  readonly downLimit: number | undefined;
  /** Of this run; the next one has another. */
  readonly seed: number;
  readonly say: (what: string) => void;
}

/** One run of a program, from its start to its end or its death. */
export class Node {
  readonly #options: NodeOptions;
  readonly #fs: FileSystem;
  readonly #storage: Storage;
  readonly memory = new PieceMemory();
  readonly up: RateLimiter;
  readonly #down: RateLimiter;
  #listener: PeerListener | undefined;
  #driver: Driver | undefined;
  #peerKeys = 0;
  isComplete = false;
  hasFailed = false;

  constructor(options: NodeOptions) {
    const { clock, disk, loaded: { metainfo }, upLimit, downLimit } = options;
    this.#options = options;
    this.#fs = disk.mount();
    this.#storage = openStorage(DIR, metainfo, {
      fileSystem: this.#fs,
      clock: () => clock.now(),
    });
    this.up = new RateLimiter(upLimit, undefined, clock);
    this.#down = new RateLimiter(downLimit, undefined, clock);
  }

  /** Believes the saved state as far as files agree with it, hashes the rest, joins the swarm. */
  async start(): Promise<void> {
    const { loaded: { metainfo }, clock, network, peers, ip, seed, say } = this.#options;
    const bytes = await loadState(DIR, metainfo.infoHash, this.#fs);
    const decoded = bytes && decodeResume(bytes);
    const state = decoded?.ok ? decoded.value : undefined;
    const { trusted, toCheck } = trustResume(state, metainfo, await this.#storage.stamps());
    const have = copyBitfield(trusted);
    for (let piece = 0; piece < have.count; piece++) {
      const isRight = (hasBit(trusted, piece) || hasBit(toCheck, piece)) &&
        await this.#isGood(piece);
      if (hasBit(trusted, piece) && !isRight) say(`LOST piece ${piece}, claimed by the state`);
      if (isRight) setBit(have, piece);
    }
    if (countBits(have) > countBits(trusted)) this.#storage.expectUnflushed();
    say(`starts with ${countBits(have)}`);
    this.isComplete = countBits(have) === have.count;
    if (!this.isComplete) await this.#storage.reserve();
    const listener = new PeerListener({ host: ip, port: PORT, defaultPort: PORT, network, clock });
    this.#listener = listener;
    const driver = new Driver({
      ...{ metainfo, storage: this.#storage, clock, network, hashesHere: true },
      limits: { up: this.up, down: this.#down },
      sendBuffers: new SendBuffers(),
      pieceMemory: this.memory,
      nextPeerKey: () => ++this.#peerKeys,
      torrent: {
        ...{
          infoHash: metainfo.infoHash,
          geometry: metainfo.geometry,
          port: PORT,
          have,
          seed,
          sha1,
        },
        ...{ clientName: "tt", announceTiers: [], isPrivate: false, infoBytes: metainfo.infoBytes },
        peerId: Uint8Array.from({ length: 20 }, (_, i) => (seed >> (i % 4 * 8)) + i),
        uploadedBefore: state?.uploaded ?? 0,
        downloadedBefore: state?.downloaded ?? 0,
        waivedBefore: false,
        shareRule: { percent: 0, strict: false },
        ...{ seedRatio: undefined, seedTimeMs: undefined },
      },
      announce: () => new Promise(() => {}),
      saveState: async (saved) => {
        const files = await this.#storage.stamps();
        const state = { ...saved, infoHash: metainfo.infoHash, files, torrent: undefined };
        await saveState(DIR, metainfo.infoHash, encodeResume(state), this.#fs);
      },
      onReport: (report) => this.#onReport(report),
      onDiskError: () => this.hasFailed = true,
      onReadError: (error) => say(`WRONG read: ${error}`),
      onCrash: (error) => say(`CRASH ${error instanceof Error ? error.stack : error}`),
    });
    this.#driver = driver;
    listener.register(driver.infoHashes, driver);
    driver.start(peers.filter((peer) => peer.ip !== ip));
  }

  get facts() {
    return this.#driver?.facts();
  }

  setLimits(upLimit: number | undefined, downLimit: number | undefined): void {
    this.#driver?.setLimits({ upLimit, downLimit });
  }

  /** Ends in order: the state is saved. */
  async stop(): Promise<void> {
    this.#listener?.close();
    await this.#driver?.stop();
    await this.#storage.close();
  }

  async #isGood(piece: number): Promise<boolean> {
    const { geometry, pieceHashes } = this.#options.loaded.metainfo;
    const bytes = new Uint8Array(pieceSize(geometry, piece));
    try {
      await this.#storage.readInto(pieceOffset(geometry, piece), bytes);
    } catch {
      return false;
    }
    return sha1(bytes).every((byte, i) => byte === pieceHashes[20 * piece + i]);
  }

  #onReport(report: Report): void {
    const { say } = this.#options;
    if (report.kind === "complete") this.isComplete = true;
    if (report.kind === "disk-failed") this.hasFailed = true;
    const isWrong = ["piece-failed", "peer-banned", "peer-violated"].includes(report.kind);
    say(`${isWrong ? "WRONG " : ""}${report.kind}`);
  }
}
