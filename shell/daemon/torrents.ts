/**
 * The daemon's torrents: taken in, kept in the store, started by the queue, changed, removed. A torrent
 * rests without a life in the session until the queue first admits it, so that thousands that wait cost
 * little.
 */
import type { ShareRule } from "../../core/cli/values.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { Ids } from "../../core/rpc/commands.ts";
import type { SessionSettings } from "../../core/rpc/session_settings.ts";
import type { TorrentSettings } from "../../core/rpc/torrent_settings.ts";
import type { QueueMove } from "../../core/session/queue.ts";
import { now } from "../clock.ts";
import { Failure } from "../failure.ts";
import type { Goals, TorrentEvent, TorrentLimits } from "../life/types.ts";
import { type LoadedTorrent, parseTorrent } from "../load_torrent.ts";
import { readMagnet } from "../magnet/metadata_stage.ts";
import type { Session, TorrentHandle } from "../session.ts";
import { TorrentEntry } from "./entry.ts";
import { Magnets, withoutMetadata } from "./magnets.ts";
import { applyRecord } from "./overrides.ts";
import { recentOf, RemovedIds } from "./recent.ts";
import { TorrentQueue } from "./queue.ts";
import { newRecord } from "./record.ts";
import { applyChoice, filePrioritiesOf, orderOf } from "./selection.ts";
import type { Store } from "./store.ts";
import {
  type Added,
  type AddTorrent,
  asFailure,
  hashKey,
  renamedPaths,
  renameOnDisk,
  unixSeconds,
} from "./torrent_parts.ts";

/** Torrents of one daemon; each costs memory, and a list of more is of no use. */
export const TORRENTS_MAX = 100_000;

export interface TorrentsOptions {
  readonly session: Session;
  readonly store: Store;
  readonly shareRule: ShareRule;
  readonly settings: () => SessionSettings;
  readonly limitsOf: (settings: TorrentSettings) => TorrentLimits;
  readonly onEvent: (entry: TorrentEntry, event: TorrentEvent) => void;
  /** Something could not be kept. */
  readonly onTrouble: (failure: Failure) => void;
}

export class Torrents {
  readonly #options: TorrentsOptions;
  readonly #magnets: Magnets;
  readonly #byHash = new Map<InfoHash, TorrentEntry>();
  readonly #byId = new Map<number, TorrentEntry>();
  readonly #removed = new RemovedIds();
  readonly #queue: TorrentQueue;
  #lastId = 0;

  constructor(options: TorrentsOptions) {
    this.#options = options;
    this.#magnets = new Magnets({
      session: options.session,
      goals: () => this.#goals(),
      onLoaded: (entry, loaded) => this.#onMetadata(entry, loaded),
      onFailed: (entry, failure) => {
        entry.isAdmitted = false;
        entry.record.isStopped = true;
        options.onTrouble(failure);
      },
    });
    this.#queue = new TorrentQueue({
      settings: options.settings,
      onAdmitted: (entry) => {
        entry.record.startedAt = unixSeconds();
        this.touch(entry);
      },
      start: (entry) => this.#startLife(entry),
    });
    options.session.subscribe((handle, event) => {
      const entry = this.#byHash.get(handle.infoHash);
      if (entry?.handle === handle) this.#onEvent(entry, event);
    });
  }

  /** Takes up everything that is stored; one that can't be read any more is reported and left alone. */
  load(): void {
    for (const { torrent, record, infoHash } of this.#options.store.torrents()) {
      try {
        const magnet = record.magnet === "" ? undefined : readMagnet(record.magnet);
        const plain = magnet === undefined
          ? parseTorrent(torrent, `The torrent ${infoHash} of the daemon`, true)
          : withoutMetadata(magnet);
        const loaded = applyRecord(plain, record);
        this.#admitEntry(new TorrentEntry(++this.#lastId, torrent, loaded, record, magnet));
      } catch (error) {
        this.#options.onTrouble(asFailure(error));
      }
    }
    this.#queue.restoreOrder();
  }

  list(): readonly TorrentEntry[] {
    return this.#queue.list();
  }

  get size(): number {
    return this.#queue.size;
  }

  get(infoHash: InfoHash): TorrentEntry | undefined {
    return this.#byHash.get(infoHash);
  }

  /** Those that are named, in the order of their ids; unknown ones are passed over. */
  select(ids: Ids): TorrentEntry[] {
    const all = [...this.#byId.values()];
    if (ids === "all") return all;
    if (ids === "recently_active") return recentOf(all);
    const found = new Set<TorrentEntry>();
    for (const id of ids) {
      const entry = typeof id === "number" ? this.#byId.get(id) : this.#byHash.get(hashKey(id));
      if (entry !== undefined) found.add(entry);
    }
    return [...found].sort((a, b) => a.id - b.id);
  }

  /** Ids of torrents that were removed a moment ago. */
  removedIds(): readonly number[] {
    return this.#removed.recent();
  }

  /** On the disk when it returns. Throws a Failure. */
  add({ torrent, dir, isPaused, incompleteDir = "", change }: AddTorrent): Added {
    const magnet = "magnet" in torrent ? torrent.magnet : undefined;
    const loaded = "magnet" in torrent ? withoutMetadata(torrent.magnet) : torrent;
    const { infoHash } = loaded.metainfo;
    const known = this.#byHash.get(infoHash);
    if (known !== undefined) return { entry: known, isNew: false };
    if (this.#queue.size >= TORRENTS_MAX) {
      const message = `The daemon has ${TORRENTS_MAX} torrents already; remove some first`;
      throw new Failure("usage", "too-many", message);
    }
    const record = newRecord(dir, unixSeconds(), this.#queue.size);
    record.isStopped = isPaused;
    record.magnet = "magnet" in torrent ? torrent.link : "";
    record.incompleteDir = incompleteDir === dir ? "" : incompleteDir;
    change(record);
    const entry = new TorrentEntry(
      this.#lastId + 1,
      loaded.bytes,
      applyRecord(loaded, record),
      record,
      magnet,
    );
    this.#options.store.put({ infoHash, torrent: loaded.bytes, record });
    this.#lastId++;
    this.#admitEntry(entry);
    this.#queue.planSoon();
    return { entry, isNew: true };
  }

  start(entry: TorrentEntry, isForced: boolean): void {
    const { record } = entry;
    record.isStopped = false;
    record.isFinished = false;
    entry.isForced = isForced;
    // One that failed has left the queue by itself.
    if (entry.facts()?.state === "failed") entry.isAdmitted = false;
    this.touch(entry);
  }

  async stop(entry: TorrentEntry): Promise<void> {
    entry.record.isStopped = true;
    this.touch(entry);
    await this.#rest(entry);
  }

  /** Reached its ratio or idle limit. */
  async finish(entry: TorrentEntry): Promise<void> {
    entry.record.isFinished = true;
    this.touch(entry);
    await this.#rest(entry);
  }

  async verify(entry: TorrentEntry): Promise<void> {
    if (entry.magnet !== undefined) return;
    entry.record.doneAt = 0;
    entry.record.isChecked = false;
    this.touch(entry);
    const handle = entry.handle ?? this.#giveLife(entry, true);
    await handle.recheck();
  }

  /** Asks its trackers again, as far as they allow. */
  reannounce(entry: TorrentEntry): void {
    entry.handle?.driver?.tell({ kind: "announce-now" });
  }

  async remove(entry: TorrentEntry, withData: boolean): Promise<void> {
    const { infoHash, id } = entry;
    this.#options.store.remove(infoHash);
    this.#byHash.delete(infoHash);
    this.#byId.delete(id);
    entry.isRemoved = true;
    this.#queue.remove(entry);
    this.#removed.add(id);
    if (entry.magnet !== undefined) await this.#magnets.stop(entry);
    else await (entry.handle ?? this.#giveLife(entry, true)).remove(withData);
    this.plan();
  }

  /** Moves content, or only looks for it elsewhere. Throws a Failure. */
  async relocate(entry: TorrentEntry, dir: string, moves: boolean): Promise<void> {
    if (moves && entry.magnet === undefined) {
      const handle = entry.handle ?? this.#giveLife(entry, true);
      await handle.move(dir);
      const { failure } = handle.facts();
      if (failure !== undefined) throw failure;
      entry.record.dir = handle.dir;
      entry.record.incompleteDir = "";
      return this.touch(entry);
    }
    await this.#reincarnate(entry, () => {
      entry.record.dir = dir;
      entry.record.incompleteDir = "";
      entry.record.isChecked = false;
      entry.record.doneAt = 0;
      entry.record.haveValid = 0;
    });
  }

  /** Runs it under other trackers. */
  async setTrackers(entry: TorrentEntry, tiers: readonly (readonly string[])[]): Promise<void> {
    await this.#reincarnate(entry, () => entry.record.trackers = tiers);
  }

  /** Leaves its swarm and joins it again, for settings that take effect only then. */
  async rejoin(entry: TorrentEntry): Promise<void> {
    await this.#reincarnate(entry, () => {});
  }

  /** Renames a file or a folder on the disk as well. Throws a Failure. */
  async rename(entry: TorrentEntry, path: string, name: string): Promise<void> {
    if (entry.magnet !== undefined) {
      throw new Failure("input", "no-metadata", `The files of ${entry.name} are not known yet`);
    }
    const renames = [...entry.record.renames, { path, name }];
    const before = entry.metainfo;
    const { metainfo: after } = applyRecord(this.#plain(entry), { ...entry.record, renames });
    if (!before.files.some((file, at) => file.path.join("/") !== after.files[at]!.path.join("/"))) {
      throw new Failure("input", "missing", `${entry.name} has no file or folder ${path}`);
    }
    const dir = entry.record.incompleteDir || entry.record.dir;
    const { from, to } = renamedPaths(entry, dir, path, name);
    await this.#reincarnate(entry, async () => {
      await renameOnDisk(from, to);
      entry.record.renames = renames;
    });
  }

  /** New limits and goals, as its settings and those of the session say. */
  applySettings(entry: TorrentEntry): void {
    entry.handle?.setLimits(this.#options.limitsOf(entry.record.settings));
    entry.handle?.setGoals(this.#goals());
  }

  /** What is wanted of its files, and in which order, as its record says. */
  async applyFiles(entry: TorrentEntry): Promise<void> {
    if (await applyChoice(entry)) this.plan();
  }

  /** Accepts peers on another port from now on. Throws a PortError. */
  async setPort(port: number): Promise<void> {
    await this.#options.session.setPort(port);
    const fetching = this.list().filter(({ metadata }) => metadata !== undefined);
    await Promise.all(fetching.map((entry) => this.#magnets.stop(entry)));
    this.#queue.startAgain(fetching);
  }

  moveInQueue(chosen: ReadonlySet<TorrentEntry>, move: QueueMove): void {
    this.#queue.move(chosen, move);
    this.plan();
  }

  placeInQueue(entry: TorrentEntry, place: number): void {
    this.#queue.place(entry, place);
    this.plan();
  }

  /** Notes a change for the store and for those who ask for recent ones. */
  touch(entry: TorrentEntry): void {
    entry.isDirty = true;
    entry.changedMs = now();
  }

  /** Lets the queue start and hold back what it should. */
  plan(): void {
    this.#queue.plan();
  }

  /** Keeps what changed. Throws a Failure; what was not kept is tried again. */
  save(): void {
    const dirty = this.list().filter((entry) => entry.isDirty);
    if (dirty.length === 0) return;
    for (const entry of dirty) this.#noteFacts(entry);
    this.#options.store.update(dirty.map((entry) => [entry.infoHash, entry.record] as const));
    for (const entry of dirty) entry.isDirty = false;
  }

  /** No torrent is started any more. */
  async close(): Promise<void> {
    this.#queue.close();
    for (const entry of this.list()) this.#noteFacts(entry);
    await this.#magnets.stopAll();
  }

  #admitEntry(entry: TorrentEntry): void {
    this.#byHash.set(entry.infoHash, entry);
    this.#byId.set(entry.id, entry);
    this.#queue.add(entry);
    entry.changedMs = now();
  }

  async #startLife(entry: TorrentEntry): Promise<void> {
    if (entry.magnet !== undefined) return this.#magnets.start(entry, entry.magnet);
    await (entry.handle ?? this.#giveLife(entry, true)).resume();
  }

  async #rest(entry: TorrentEntry): Promise<void> {
    entry.isAdmitted = false;
    entry.isForced = false;
    this.plan();
    await this.#magnets.stop(entry);
    await entry.handle?.pause();
  }

  #giveLife(entry: TorrentEntry, paused: boolean): TorrentHandle {
    const { record, loaded } = entry;
    const handle = this.#options.session.add({
      loaded,
      dir: record.incompleteDir || record.dir,
      moveTo: record.incompleteDir === "" ? undefined : record.dir,
      role: {
        kind: "download",
        resume: record.isChecked,
        superSeed: record.settings.tt_super_seed,
      },
      goals: this.#goals(),
      limits: this.#options.limitsOf(record.settings),
      filePriorities: filePrioritiesOf(record, loaded.metainfo.files.length),
      order: orderOf(record),
      paused,
    });
    entry.handle = handle;
    return handle;
  }

  #goals(): Goals {
    return { shareRule: this.#options.shareRule };
  }

  /** Ends its life, changes what it is, and lets it live again as before. */
  async #reincarnate(entry: TorrentEntry, change: () => unknown): Promise<void> {
    const wasAdmitted = entry.isAdmitted;
    const { handle } = entry;
    await this.#magnets.stop(entry);
    if (handle !== undefined) {
      this.#noteFacts(entry);
      entry.handle = undefined;
      await handle.leave();
    }
    try {
      await change();
    } finally {
      entry.loaded = applyRecord(this.#plain(entry), entry.record);
      entry.record.editedAt = unixSeconds();
      this.touch(entry);
      if (wasAdmitted && this.#byHash.has(entry.infoHash)) this.#queue.admit(entry);
    }
  }

  #plain({ magnet, torrent, name }: TorrentEntry): LoadedTorrent {
    return magnet === undefined ? parseTorrent(torrent, name, true) : withoutMetadata(magnet);
  }

  /** From now on it is a torrent like any other. */
  #onMetadata(entry: TorrentEntry, loaded: LoadedTorrent): void {
    const { record, magnet } = entry;
    entry.torrent = loaded.bytes;
    entry.magnet = undefined;
    record.magnet = "";
    if (magnet?.selectOnly !== undefined) {
      const isChosen = (index: number) =>
        magnet.selectOnly!.some(({ first, last }) => first <= index && index <= last);
      record.unwanted = [...loaded.metainfo.files.keys()].filter((index) => !isChosen(index));
    }
    entry.loaded = applyRecord(loaded, record);
    this.touch(entry);
    try {
      this.#options.store.put({ infoHash: entry.infoHash, torrent: entry.torrent, record });
    } catch (error) {
      this.#options.onTrouble(asFailure(error));
    }
    this.#queue.startAgain([entry]);
  }

  #onEvent(entry: TorrentEntry, event: TorrentEvent): void {
    const { record } = entry;
    this.touch(entry);
    if (event.kind === "joined") {
      record.isChecked = true;
      const facts = entry.facts()!;
      if (facts.bytesWantedMissing === 0 && record.doneAt === 0) {
        record.doneAt = unixSeconds();
        this.#queue.planSoon();
      }
    }
    if (event.kind === "moved") {
      record.dir = event.dir;
      record.incompleteDir = "";
    }
    if (event.kind === "piece-failed") record.corruptEver += entry.metainfo.geometry.pieceLength;
    if (event.kind === "failed") {
      entry.isAdmitted = false;
      this.#queue.planSoon();
    }
    this.#options.onEvent(entry, event);
    if (event.kind === "complete") {
      if (record.doneAt === 0) record.doneAt = unixSeconds();
      this.#queue.planSoon();
    }
  }

  #noteFacts(entry: TorrentEntry): void {
    const facts = entry.facts();
    if (facts === undefined) return;
    const { record } = entry;
    if (facts.isJoined || facts.bytesHave > 0) record.haveValid = facts.bytesHave;
    record.uploaded = Math.max(record.uploaded, facts.uploaded);
    record.downloaded = Math.max(record.downloaded, facts.downloaded);
  }
}
