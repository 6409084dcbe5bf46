/**
 * One torrent's life: it prepares, joins its swarm, rests, is checked again, moves, leaves. Commands come
 * at any time; each waits for those before it, and one that ends an activity interrupts it first. What
 * happens is reported as data, in order; `facts` says how it stands. Nothing is thrown at the caller but
 * what the caller asked wrongly: failures are a state ("failed") and an event.
 *
 * While it is active (checking or in its swarm) a download holds its lock and its files; a torrent that
 * rests holds nothing.
 */
import { resolve } from "node:path";
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { FilePriorities } from "../../core/transfer/file_priorities.ts";
import type { TorrentFacts } from "../../core/torrent/facts.ts";
import type { Report, SavedState } from "../../core/torrent/protocol.ts";
import type { ResumeState } from "../../core/transfer/resume.ts";
import type { TimerId } from "../clock.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { Storage } from "../disk/storage.ts";
import { removeMarker } from "../disk/unfinished_marker.ts";
import type { Driver } from "../driver.ts";
import { type Failure, toFailure } from "../failure.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { saveDownload } from "./keep_layers.ts";
import type { Active, LifeHost, SwarmOptions } from "./host.ts";
import { countClaimed, type Wanted, type WantedBytes, wantedOf, wantFiles } from "./wanting.ts";
import { finishMove, relocate } from "./moving.ts";
import { openContent } from "./open_content.ts";
import { bytesOf, prepare, type Prepared } from "./prepare.ts";
import { removeTorrent } from "./remove_content.ts";
import { openTrace, sharingGoals, swarmTorrent } from "./swarm_torrent.ts";
import { Telling } from "./telling.ts";
import type {
  AddOptions,
  DownloadOrder,
  Goals,
  LifeFacts,
  LifeState,
  TorrentEvent,
  TorrentLimits,
} from "./types.ts";

/** What a transfer keeps, and the hashes of blocks. */
type Kept = Omit<SavedState, "started"> & Pick<ResumeState, "started">;

/** Programs that save a file in several writes are done by then, most of the time. */
const CHANGE_SETTLES_MS = 2_000;

export class TorrentLife {
  #loaded: LoadedTorrent;
  readonly #options: AddOptions;
  readonly #host: LifeHost;
  readonly #telling: Telling;
  readonly #addedMs: number;
  #dir: string;
  #state: LifeState = "paused";
  #failure: Failure | undefined;
  /** Whether the last command was to join the swarm, or to leave it. */
  #wantsToRun = false;
  /** Commands run one after another. */
  #last: Promise<void> = Promise.resolve();
  /** Ends the preparation under way. */
  #interrupt = new AbortController();
  #active: Active | undefined;
  #goals: Goals;
  #limits: TorrentLimits;
  #wanted: Wanted;
  #trust: boolean;
  /** The state saved last by this process; a seeder keeps it in memory only. */
  #ownState: ResumeState | undefined;
  #bytesHave = 0;
  #wantedBytes: WantedBytes;
  #checkedBytes = 0;
  #checkBytesTotal = 0;
  #lastFacts: TorrentFacts | undefined;
  #diskError: unknown;
  #changeTimer: TimerId | undefined;

  /** `emit` must not throw. Call `resume` to start. */
  constructor(options: AddOptions, host: LifeHost, emit: (event: TorrentEvent) => void) {
    this.#loaded = options.loaded;
    this.#options = options;
    this.#host = host;
    this.#addedMs = host.system.clock.now();
    this.#telling = new Telling(emit, host.system.clock);
    this.#dir = options.dir;
    this.#goals = options.goals ?? {};
    this.#limits = options.limits ?? {};
    this.#wanted = { priorities: options.filePriorities, order: options.order ?? {} };
    this.#wantedBytes = countClaimed(this.metainfo, this.#wanted, undefined);
    this.#trust = options.role.kind === "seed" || options.role.resume;
  }

  /** Its files are where they can be stored once it prepared. */
  get loaded(): LoadedTorrent {
    return this.#loaded;
  }

  get #fs(): FileSystem {
    return this.#host.system.fileSystem;
  }

  get infoHash(): InfoHash {
    return this.loaded.metainfo.infoHash;
  }

  get name(): string {
    return this.loaded.metainfo.name;
  }

  get metainfo(): Metainfo {
    return this.loaded.metainfo;
  }

  get dir(): string {
    return this.#dir;
  }

  /** The connection to its swarm, while it is joined. */
  get driver(): Driver | undefined {
    return this.#active?.driver;
  }

  /** Bits of the pieces in the saved state. */
  get pieces(): Uint8Array | undefined {
    return this.#ownState?.pieces;
  }

  facts(): LifeFacts {
    const driver = this.#active?.driver;
    const swarm = driver?.facts() ?? this.#lastFacts;
    const wanted = driver === undefined ? this.#wantedBytes : swarm!;
    const { trackerError, trackerAnsweredMs } = this.#telling.trackers;
    return {
      state: driver !== undefined && this.#state === "downloading" && swarm!.isFinished
        ? "seeding"
        : this.#state,
      dir: this.#dir,
      failure: this.#failure,
      checkedBytes: this.#checkedBytes,
      checkBytesTotal: this.#checkBytesTotal,
      bytesHave: driver === undefined ? this.#bytesHave : swarm!.bytesHave,
      bytesTotal: this.metainfo.geometry.totalSize,
      bytesWanted: wanted.bytesWanted,
      bytesWantedMissing: wanted.bytesWantedMissing,
      uploaded: swarm?.uploaded ?? this.#ownState?.uploaded ?? 0,
      downloaded: swarm?.downloaded ?? this.#ownState?.downloaded ?? 0,
      swarm,
      isJoined: driver !== undefined,
      trackerError,
      trackerAnsweredMs,
    };
  }

  /** Prepares and joins the swarm, if it does not already. Resolves when it joined, failed or finished. */
  resume(): Promise<void> {
    this.#wantsToRun = true;
    if (this.#active === undefined && this.#state !== "left") this.#state = "queued";
    return this.#enqueue(() => this.#begin());
  }

  /** Leaves the swarm; resolves when the state is saved. */
  pause(): Promise<void> {
    this.#wantsToRun = false;
    this.#interrupt.abort();
    return this.#enqueue(() => this.#end("paused"));
  }

  /** Hashes everything on disk, whatever was known, then goes on as before. */
  recheck(): Promise<void> {
    this.#interrupt.abort();
    return this.#enqueue(async () => {
      await this.#end("paused");
      this.#trust = false;
      await this.#begin(true);
    });
  }

  /** Leaves its swarm and joins it again, if it is there: what holds for a whole stay has changed. */
  rejoin(): Promise<void> {
    this.#stopFor(() => this.#again());
    return this.#last;
  }

  /** Moves content and state to another folder, then goes on as before. Files there are not replaced. */
  move(dir: string): Promise<void> {
    this.#interrupt.abort();
    return this.#enqueue(() => this.#goOnIn(dir));
  }

  /** Uses other goals at once. */
  setGoals(goals: Goals): void {
    this.#goals = goals;
    const { driver } = this.#active ?? {};
    driver?.tell({ kind: "goals", ...sharingGoals(goals) });
    const isOver = goals.stopsWhenComplete && driver?.facts().isFinished;
    if (isOver) this.#stopFor(() => this.#finish());
  }

  /** Uses other limits at once. */
  setLimits(limits: TorrentLimits): void {
    this.#limits = limits;
    const { driver } = this.#active ?? {};
    if (driver !== undefined) this.#host.setLimits(driver, limits);
  }

  /** Wants other files, PRIORITY_SKIP to PRIORITY_MAX each. Resolves when those are there. */
  setFilePriorities(priorities: FilePriorities): Promise<void> {
    return this.#want({ ...this.#wanted, priorities });
  }

  /** Asks for pieces in another order. */
  setOrder(order: DownloadOrder): Promise<void> {
    return this.#want({ ...this.#wanted, order });
  }

  #want(wanted: Wanted): Promise<void> {
    this.#wanted = wanted;
    this.#wantedBytes = countClaimed(this.metainfo, wanted, this.#ownState?.pieces);
    return this.#enqueue(async () => {
      const { storage, driver } = this.#active ?? {};
      if (driver === undefined || this.#options.role.kind === "seed") return;
      await wantFiles(this.metainfo, this.#dir, storage!, driver, wanted, this.#fs)
        .catch((error) => this.#endFailed(toFailure(error)));
    });
  }

  /** Dials these, if it is in its swarm. */
  addPeers(addresses: readonly PeerAddress[]): void {
    this.#active?.driver?.addPeers(addresses);
  }

  /** Leaves its session for good; content and state stay, for a later run. */
  leave(): Promise<void> {
    return this.#leave(() => Promise.resolve());
  }

  /** Leaves for good, and removes the state and, `withData`, the files of the torrent. */
  remove(withData: boolean): Promise<void> {
    return this.#leave(() => removeTorrent(this.loaded, this.#dir, withData, this.#fs));
  }

  #leave(last: () => Promise<void>): Promise<void> {
    this.#wantsToRun = false;
    this.#interrupt.abort();
    return this.#enqueue(async () => {
      await this.#end("paused");
      try {
        await last();
      } catch (error) {
        this.#fail(toFailure(error));
      }
      this.#state = "left";
      this.#host.onLeft(this.infoHash);
      this.#telling.tell({ kind: "left" });
    });
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    return this.#last = this.#last.then(() => this.#state === "left" ? undefined : work());
  }

  async #again(): Promise<void> {
    await this.#end("paused");
    await this.#begin();
  }

  async #goOnIn(dir: string, checkOnly = false): Promise<void> {
    await this.#end("paused");
    if (await this.#relocate(dir)) await this.#begin(checkOnly);
  }

  /** False when it failed, or was interrupted. */
  async #relocate(to: string): Promise<boolean> {
    this.#interrupt = new AbortController();
    const { signal } = this.#interrupt;
    try {
      await relocate(this.#options.loaded, this.#dir, to, this.#host.locks, signal, this.#fs);
      this.#dir = to;
      this.#telling.tell({ kind: "moved", dir: to });
      return true;
    } catch (error) {
      if (!signal.aborted) this.#fail(toFailure(error));
      return false;
    }
  }

  /** Complete content that is not where it belongs then. */
  #mustMove(): boolean {
    const { moveTo } = this.#options;
    return moveTo !== undefined && resolve(moveTo) !== resolve(this.#dir);
  }

  /** `checkOnly`: though it rests, looks at what is on disk. */
  async #begin(checkOnly = false): Promise<void> {
    if (this.#active !== undefined || !(this.#wantsToRun || checkOnly)) return;
    const { role } = this.#options;
    this.#interrupt = new AbortController();
    const { signal } = this.#interrupt;
    this.#state = "checking";
    this.#failure = undefined;
    this.#diskError = undefined;
    try {
      const isSeed = role.kind === "seed";
      const moved = isSeed
        ? undefined
        : await finishMove(this.loaded, this.#dir, this.#host.locks, signal, this.#fs);
      if (moved !== undefined) this.#telling.tell({ kind: "moved", dir: this.#dir = moved });
      const { loaded, storage, lock } = await openContent(
        ...[this.#options.loaded, this.#dir, role, this.#host] as const,
        (path) => this.#onChanged(path),
      );
      this.#loaded = loaded;
      this.#active = { storage, lock, trace: undefined, driver: undefined };
      const prepared = await this.#prepare(storage, signal);
      signal.throwIfAborted();
      if (this.#isDone(prepared)) {
        this.#sayComplete();
        await this.#finish();
      } else if (prepared.bytes.bytesWantedMissing === 0 && this.#mustMove()) {
        await this.#goOnIn(this.#options.moveTo!, checkOnly);
      } else if (this.#wantsToRun) this.#join(this.#active, prepared);
      else await this.#end("paused");
    } catch (error) {
      if (signal.aborted) await this.#end("paused");
      else await this.#endFailed(toFailure(error));
    }
  }

  async #prepare(storage: Storage, signal: AbortSignal): Promise<Prepared> {
    const prepared = await prepare({
      loaded: this.loaded,
      dir: this.#dir,
      role: this.#options.role,
      remember: this.#options.remember,
      wanted: this.#wanted,
      storage,
      trust: this.#trust,
      ownState: this.#ownState,
      say: this.#telling.tell,
      onProgress: (bytes, total) => {
        this.#checkedBytes = bytes;
        this.#checkBytesTotal = total;
      },
      signal,
      system: this.#host.system,
    });
    this.#ownState = prepared.state;
    this.#bytesHave = bytesOf(this.metainfo, prepared.have);
    this.#wantedBytes = prepared.bytes;
    this.#trust = true;
    return prepared;
  }

  /** Everything is here and nothing else is wanted: no need to disturb a swarm. */
  #isDone(prepared: Prepared): boolean {
    return this.#wantsToRun && this.#goals.stopsWhenComplete === true &&
      prepared.bytes.bytesWantedMissing === 0;
  }

  #join(active: Active, prepared: Prepared): void {
    this.#telling.forgetTrackers();
    active.trace = openTrace(this.#options.trace, this.#telling.tell);
    this.#state = "downloading";
    const { storage, trace } = active;
    const { port, system } = this.#host;
    const options: SwarmOptions = {
      metainfo: this.metainfo,
      storage,
      torrent: swarmTorrent(this.metainfo, prepared, this.#goals, port, system),
      saveState: (saved, started) => this.#save(storage, { ...saved, started }),
      kept: prepared.kept,
      trace,
      onReport: (report) => this.#onReport(report),
      onDiskError: (error) => this.#diskError = error,
      onReadError: (error) => this.#telling.unreadable(error),
      onCrash: (error) => this.#stopFor(() => this.#endFailed(toFailure(error))),
    };
    active.driver = this.#host.start(options, this.#options.peers ?? [], this.#limits);
    this.#telling.tell({ kind: "joined" });
  }

  async #save(storage: Storage, saved: Kept): Promise<void> {
    const { infoHash } = this;
    const files = await storage.stamps();
    const state = { ...saved, infoHash, files, torrent: undefined };
    if (this.#options.role.kind === "download") {
      await saveDownload(this.#dir, this.loaded, state, this.#fs);
    }
    this.#ownState = state;
  }

  /** Lets go of everything. Never throws. `then`: the state afterwards. */
  async #end(then: LifeState): Promise<void> {
    const [active, before] = [this.#active, this.#diskError];
    this.#host.system.clock.clearTimeout(this.#changeTimer);
    this.#changeTimer = undefined;
    if (active !== undefined) {
      const { driver, storage, trace, lock } = active;
      try {
        if (driver !== undefined) {
          await this.#host.stop(driver);
          this.#lastFacts = driver.facts();
          active.driver = undefined;
          this.#bytesHave = this.#lastFacts.bytesHave;
          this.#wantedBytes = wantedOf(this.#lastFacts);
          const { uploaded, downloaded } = this.#lastFacts;
          this.#telling.tell({ kind: "stopped", uploaded, downloaded });
        }
        trace?.close();
        await storage.close();
      } catch (error) {
        this.#diskError ??= error;
      }
      await lock?.release();
      this.#active = undefined;
    }
    if (this.#state !== "failed") this.#state = then;
    // Saving failed on the way out: whatever else ended the activity, the user must know.
    if (this.#diskError !== before) this.#fail(toFailure(this.#diskError));
  }

  async #endFailed(failure: Failure): Promise<void> {
    this.#wantsToRun = false;
    await this.#end("failed");
    if (this.#failure === undefined) this.#fail(failure);
  }

  async #finish(): Promise<void> {
    this.#wantsToRun = false;
    await this.#end("finished");
    if (this.#state === "finished" && this.#mustMove()) {
      if (!await this.#relocate(this.#options.moveTo!)) return;
    }
    if (this.#state === "finished") this.#telling.tell({ kind: "finished" });
  }

  #fail(failure: Failure): void {
    this.#wantsToRun = false;
    this.#state = "failed";
    this.#failure = failure;
    this.#telling.tell({ kind: "failed", failure });
  }

  /** The swarm ended by itself, for a reason that `end` acts on, unless a command ended it before. */
  #stopFor(end: () => Promise<void>): void {
    const active = this.#active;
    this.#enqueue(async () => {
      if (active !== undefined && this.#active === active) await end();
    });
  }

  #onReport(report: Report): void {
    if (this.#telling.report(report)) return;
    switch (report.kind) {
      case "complete":
        this.#sayComplete();
        if (this.#goals.stopsWhenComplete) this.#stopFor(() => this.#finish());
        else if (this.#mustMove()) {
          this.#stopFor(() => this.#goOnIn(this.#options.moveTo!));
        }
        return;
      case "seeding-done":
        return this.#stopFor(() => this.#finish());
      case "disk-failed":
        return this.#stopFor(() => this.#endFailed(toFailure(this.#diskError)));
    }
  }

  #sayComplete(): void {
    const seconds = Math.round(this.#host.system.clock.now() - this.#addedMs) / 1000;
    this.#telling.tell({ kind: "complete", bytes: this.facts().bytesWanted, seconds });
    void removeMarker(this.#dir, this.metainfo, this.#fs);
  }

  /** Reported once per file. It is checked again once the change may be complete. */
  #onChanged(path: string): void {
    this.#telling.tell({ kind: "changed", path });
    const checkAgain = () => this.#stopFor(() => this.#again());
    this.#changeTimer ??= this.#host.system.clock.setTimeout(checkAgain, CHANGE_SETTLES_MS);
  }
}
