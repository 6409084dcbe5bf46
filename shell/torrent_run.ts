/**
 * One torrent's life within a command: lock, look at what is there, join the swarm, leave it with
 * everything saved. What it has to tell goes to the command's output.
 */
import { join } from "node:path";
import {
  type Bitfield,
  copyBitfield,
  countBits,
  createFullBitfield,
  hasBit,
  setBit,
} from "../core/bytes/bitfield.ts";
import type { PeerSettings, TraceSettings } from "../core/cli/command.ts";
import type { OutputEvent, ProgressEvent } from "../core/cli/events.ts";
import { EXIT } from "../core/cli/exit_codes.ts";
import { formatDuration } from "../core/cli/format.ts";
import { checkingView, type ProgressState, type ProgressView } from "../core/cli/progress.ts";
import type { ShareRule } from "../core/cli/values.ts";
import { waitingFor } from "../core/cli/waiting.ts";
import type { TorrentFacts } from "../core/torrent/facts.ts";
import type { Report, SavedState } from "../core/torrent/protocol.ts";
import {
  decodeResume,
  encodeResume,
  type FileOnDisk,
  type ResumeState,
  trustResume,
} from "../core/torrent/resume.ts";
import { checkContent } from "./check_content.ts";
import { now } from "./clock.ts";
import { CommandError, toCommandError } from "./commands/command_error.ts";
import { DiskError } from "./disk/disk_error.ts";
import { lockTorrent, type TorrentLock } from "./disk/lock.ts";
import { loadState, saveState, sweepState } from "./disk/state_file.ts";
import { openStorage, type Storage } from "./disk/storage.ts";
import type { Driver } from "./driver.ts";
import { createPeerId, randomSeed } from "./entropy.ts";
import { sha1 } from "./hash/sha1.ts";
import type { LoadedTorrent } from "./load_torrent.ts";
import type { Session } from "./session.ts";
import type { Output } from "./terminal/output.ts";
import { TraceRecorder } from "./trace/recorder.ts";
import { CLIENT_NAME } from "./version.ts";

/** What the user wants done with the torrent. */
export interface RunOptions {
  readonly loaded: LoadedTorrent;
  /** Where its content is, or goes. */
  readonly dir: string;
  readonly session: Session;
  readonly output: Output;
  readonly settings: PeerSettings;
  readonly role: DownloadRole | SeedRole;
  /** Told once what is here was checked and the torrent goes to its swarm. */
  readonly onJoin?: (() => void) | undefined;
  readonly trace?: TraceSettings | undefined;
}

export interface DownloadRole {
  readonly kind: "download";
  /** Trust the saved state where sizes and times agree. */
  readonly resume: boolean;
  readonly noSeed: boolean;
  readonly shareRule: ShareRule;
}

export interface SeedRole {
  readonly kind: "seed";
  /** The content was hashed a moment ago. */
  readonly isChecked: boolean;
}

const NO_RULE: ShareRule = { percent: 0, strict: false };

/** A torrent's events name it by themselves. */
type Said<E> = E extends { infoHash: string } ? Omit<E, "infoHash" | "name"> : never;
type TorrentEvent = Said<Exclude<OutputEvent, ProgressEvent>>;

export class TorrentRun {
  readonly #options: RunOptions;
  readonly #done = Promise.withResolvers<void>();
  readonly #startedMs = now();
  readonly #said = new Map<string, string>();
  #driver: Driver | undefined;
  #trace: TraceRecorder | undefined;
  #checkedBytes = 0;
  #wasDoneBefore = false;
  #trackerError: string | undefined;
  #diskError: unknown;
  /** When a tracker or a peer last answered. */
  #answeredMs = now();
  #final: TorrentFacts | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /**
   * Runs until the user's aim is reached or `signal` aborts; in both cases the state is saved and the
   * trackers are told. Throws a CommandError, or the signal's reason.
   */
  async execute(signal: AbortSignal): Promise<void> {
    const { loaded: { metainfo }, dir, role } = this.#options;
    const isDownload = role.kind === "download";
    const lock = isDownload ? await lockTorrent(dir, metainfo.infoHash, metainfo.name) : undefined;
    const storage = openStorage(dir, metainfo, { readOnly: !isDownload });
    try {
      const { have, state } = await this.#prepare(storage, signal);
      if (!this.#isDoneBefore(have)) await this.#join(storage, have, state, signal);
    } finally {
      await this.#leave(storage, lock);
    }
  }

  /** For the progress bars. */
  view(): ProgressView {
    const { infoHash, name, geometry } = this.#options.loaded.metainfo;
    const facts = this.#final ?? this.#driver?.facts();
    const bytesTotal = geometry.totalSize;
    if (facts === undefined) {
      const view = checkingView(infoHash, name, this.#checkedBytes, bytesTotal);
      return this.#wasDoneBefore ? { ...view, state: "complete", bytesDone: bytesTotal } : view;
    }
    const { downRate, upRate, peers, seeds: seeders, uploaded } = facts;
    const missing = bytesTotal - facts.bytesHave;
    return {
      ...{ infoHash, name, bytesTotal, bytesDone: facts.bytesHave },
      ...{ downRate, upRate, peers, seeders, uploaded },
      state: this.#stateOf(facts),
      ratio: uploaded / bytesTotal,
      etaSeconds: missing > 0 && downRate > 0 && !facts.isWaiting ? missing / downRate : undefined,
      waitingFor: waitingFor(facts, this.#shareRule().percent, this.#trackerError),
    };
  }

  /** To be called a few times a second: ends the run when `--timeout` is over. */
  tick(): void {
    const { timeoutMs } = this.#options.settings;
    if (timeoutMs === undefined || this.#driver === undefined) return;
    const facts = this.#driver.facts();
    if (facts.peers > 0 || facts.isComplete) this.#answeredMs = now();
    if (now() - this.#answeredMs < timeoutMs) return;
    const { name } = this.#options.loaded.metainfo;
    const why = this.#trackerError === undefined ? "" : ` (${this.#trackerError})`;
    const message = `Cannot download ${name}: no tracker and no peer answered within ` +
      `${formatDuration(timeoutMs / 1000)}${why}; try again later, or name one with --peer`;
    this.#done.reject(new CommandError(EXIT.network, "timeout", message));
  }

  /** Finds out which pieces are here and makes room for the others. */
  async #prepare(
    storage: Storage,
    signal: AbortSignal,
  ): Promise<{ have: Bitfield; state: ResumeState | undefined }> {
    const { loaded: { metainfo }, dir, role } = this.#options;
    const pieces = metainfo.geometry.pieceCount;
    if (role.kind === "seed") {
      if (role.isChecked) return { have: createFullBitfield(pieces), state: undefined };
      const all = createFullBitfield(pieces);
      const have = await this.#check(storage, all, signal);
      const piecesGood = countBits(have);
      this.#say({ event: "checked", piecesGood, pieces });
      if (piecesGood < pieces) throw this.#incomplete(pieces - piecesGood);
      return { have, state: undefined };
    }
    await sweepState(dir, metainfo.infoHash);
    const state = await this.#loadState();
    const trustedState = role.resume ? state : undefined;
    const onDisk = await storage.stamps();
    const { trusted, toCheck } = trustResume(trustedState, metainfo, onDisk);
    const have = copyBitfield(trusted);
    const checkCount = countBits(toCheck);
    if (checkCount > 0) {
      const good = await this.#check(storage, toCheck, signal);
      for (let piece = 0; piece < pieces; piece++) if (hasBit(good, piece)) setBit(have, piece);
      this.#say({ event: "checked", piecesGood: countBits(good), pieces: checkCount });
    }
    const piecesKept = countBits(have);
    const isStrange = state === undefined && piecesKept === 0;
    if (isStrange) this.#refuseStrangers(onDisk);
    if (role.resume || piecesKept > 0) this.#say({ event: "resumed", piecesKept, pieces });
    if (piecesKept < pieces) await storage.reserve();
    return { have, state };
  }

  /** Files that hold data, none of it ours, belong to somebody: writing there would destroy it. */
  #refuseStrangers(onDisk: readonly (FileOnDisk | undefined)[]): void {
    const { loaded: { metainfo }, dir } = this.#options;
    const at = onDisk.findIndex((file) => file !== undefined && file.length > 0 && file.hasData);
    if (at < 0) return;
    const path = join(dir, ...metainfo.files[at]!.path);
    const message = `Will not overwrite ${path}: it holds nothing of ${metainfo.name}; ` +
      "move it away or choose another --dir";
    throw new CommandError(EXIT.disk, "occupied", message);
  }

  async #check(storage: Storage, wanted: Bitfield, signal: AbortSignal): Promise<Bitfield> {
    const { metainfo } = this.#options.loaded;
    const pieces = Array.from({ length: wanted.count }, (_, piece) => piece);
    return await checkContent(
      metainfo,
      storage,
      pieces.filter((piece) => hasBit(wanted, piece)),
      (bytes) => this.#checkedBytes = bytes,
      signal,
    );
  }

  /** The state of an earlier run. One that can't be read is as good as none: content is hashed. */
  async #loadState(): Promise<ResumeState | undefined> {
    const { loaded: { metainfo }, dir } = this.#options;
    const bytes = await loadState(dir, metainfo.infoHash);
    const decoded = bytes && decodeResume(bytes);
    return decoded?.ok ? decoded.value : undefined;
  }

  /** Everything is here and nothing else is wanted: no need to disturb a swarm. */
  #isDoneBefore(have: Bitfield): boolean {
    const { role } = this.#options;
    if (role.kind !== "download" || !role.noSeed || countBits(have) < have.count) return false;
    this.#wasDoneBefore = true;
    this.#sayComplete();
    return true;
  }

  async #join(
    storage: Storage,
    have: Bitfield,
    state: ResumeState | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { settings, session, onJoin } = this.#options;
    this.#answeredMs = now();
    this.#trace = this.#openTrace();
    this.#driver = session.start(this.#driverOptions(storage, have, state), settings.peers);
    onJoin?.();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#done.promise, aborted]);
  }

  #driverOptions(
    storage: Storage,
    have: Bitfield,
    state: ResumeState | undefined,
  ): Parameters<Session["start"]>[0] {
    const { loaded: { metainfo }, settings, session, role } = this.#options;
    return {
      metainfo,
      storage,
      torrent: {
        infoHash: metainfo.infoHash,
        geometry: metainfo.geometry,
        peerId: createPeerId(),
        port: session.port,
        clientName: CLIENT_NAME,
        announceTiers: metainfo.announceTiers,
        isPrivate: metainfo.isPrivate,
        have,
        uploadedBefore: state?.uploaded ?? 0,
        downloadedBefore: state?.downloaded ?? 0,
        waivedBefore: state?.waived ?? false,
        shareRule: this.#shareRule(),
        seedRatio: settings.seedRatio,
        seedTimeMs: settings.seedTimeMs,
        seed: randomSeed(),
        sha1,
      },
      saveState: role.kind === "seed" ? undefined : (saved) => this.#save(storage, saved),
      trace: this.#trace,
      onReport: (report) => this.#onReport(report),
      onDiskError: (error) => this.#diskError = error,
      onReadError: (error) => this.#onReadError(error),
      onCrash: (error) => this.#done.reject(toCommandError(error)),
    };
  }

  #openTrace(): TraceRecorder | undefined {
    const { trace, output } = this.#options;
    const onError = ({ message }: Error) =>
      output.event({ event: "error", code: "trace", message });
    return trace && new TraceRecorder({ ...trace, onError });
  }

  async #save(storage: Storage, saved: SavedState): Promise<void> {
    const { loaded: { metainfo, bytes }, dir } = this.#options;
    const { infoHash } = metainfo;
    const files = await storage.stamps();
    const state = { ...saved, infoHash, files, torrent: bytes };
    await saveState(dir, infoHash, encodeResume(state));
  }

  async #leave(storage: Storage, lock: TorrentLock | undefined): Promise<void> {
    const { loaded, session } = this.#options;
    if (this.#driver !== undefined) {
      await session.stop(this.#driver, loaded);
      this.#final = this.#driver.facts();
      const { uploaded, downloaded } = this.#final;
      this.#say({ event: "stopped", uploaded, downloaded });
    }
    this.#trace?.close();
    await storage.close();
    lock?.release();
    // Saving failed on the way out: that is what the user must hear, whatever else ended the run.
    if (this.#diskError !== undefined) throw toCommandError(this.#diskError);
  }

  #onReport(report: Report): void {
    switch (report.kind) {
      case "tracker": {
        const { url, peers, seeders, leechers } = report;
        this.#answeredMs = now();
        this.#trackerError = undefined;
        const news = `${peers} ${seeders} ${leechers}`;
        const event = { event: "tracker", url, peers, seeders, leechers } as const;
        return this.#sayOnce(url, news, () => this.#say({ ...event, error: undefined }));
      }
      case "tracker-failed": {
        const { url, message: error } = report;
        this.#trackerError = error;
        const none = { peers: undefined, seeders: undefined, leechers: undefined };
        return this.#sayOnce(url, error, () => {
          this.#say({ event: "tracker", url, ...none, error });
        });
      }
      case "piece-failed":
        return this.#say({ event: "piece-failed", piece: report.piece, peers: report.senders });
      case "peer-banned":
        return this.#say({ event: "peer-banned", peer: report.address, reason: report.why });
      case "peer-violated":
        return;
      case "share": {
        const { owedBytes, sharedBytes, state } = report;
        return this.#say({ event: "share", owedBytes, sharedBytes, state });
      }
      case "complete":
        this.#sayComplete();
        if (this.#options.role.kind === "download" && this.#options.role.noSeed) {
          this.#done.resolve();
        }
        return;
      case "seeding-done":
        return this.#done.resolve();
      case "disk-failed":
        return this.#done.reject(toCommandError(this.#diskError));
    }
  }

  #say(event: TorrentEvent): void {
    const { infoHash, name } = this.#options.loaded.metainfo;
    const { event: kind, ...rest } = event;
    const named = { event: kind, infoHash, name, ...rest };
    this.#options.output.event(named as Parameters<Output["event"]>[0]);
  }

  #sayComplete(): void {
    const { totalSize } = this.#options.loaded.metainfo.geometry;
    const seconds = Math.round(now() - this.#startedMs) / 1000;
    this.#say({ event: "complete", bytes: totalSize, seconds });
  }

  /** Repeats nothing: news about the same thing are told when they differ. */
  #sayOnce(about: string, news: string, say: () => void): void {
    if (this.#said.get(about) === news) return;
    this.#said.set(about, news);
    say();
  }

  /** Said once for a file: what follows is the same damage at other places. */
  #onReadError(error: unknown): void {
    const { message } = toCommandError(error);
    const about = error instanceof DiskError ? error.path : message;
    this.#sayOnce(about, "unreadable", () => {
      this.#options.output.event({ event: "error", code: "unreadable", message });
    });
  }

  #incomplete(wrong: number): CommandError {
    const { name } = this.#options.loaded.metainfo;
    const message = `Cannot seed ${name}: ${wrong} of its pieces are wrong or missing in ` +
      `${this.#options.dir}; name the right folder with --dir, or complete it with tt get`;
    return new CommandError(EXIT.mismatch, "incomplete", message);
  }

  #shareRule(): ShareRule {
    const { role } = this.#options;
    return role.kind === "download" ? role.shareRule : NO_RULE;
  }

  #stateOf(facts: TorrentFacts): ProgressState {
    if (facts.isComplete) return this.#final === undefined ? "seeding" : "complete";
    if (facts.isWaiting) return "waiting";
    return facts.peers === 0 && facts.downRate === 0 ? "connecting" : "downloading";
  }
}
