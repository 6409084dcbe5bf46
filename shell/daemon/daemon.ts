/**
 * The daemon: one session, its torrents, its settings, and reports about them. The RPC server and
 * the watch folder are adapters on it; `handlers.ts` carries out what they ask.
 */
import { ratesInForce, type SessionChange } from "../../core/rpc/session_settings.ts";
import { isAltTime } from "../../core/rpc/session_settings.ts";
import type { SessionStats, StatsTotals } from "../../core/rpc/session_answer.ts";
import { TORRENT_STATUS } from "../../core/rpc/torrent_view.ts";
import { readCommand } from "../../core/rpc/commands.ts";
import { hasReachedSeedLimit } from "../../core/rpc/seed_limits.ts";
import type { TorrentProgress } from "../../core/torrent/facts.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { ShareRule } from "../../core/cli/values.ts";
import { now } from "../clock.ts";
import { Failure, toFailure } from "../failure.ts";
import type { TorrentEvent } from "../life/types.ts";
import { dhtSettings } from "../dht/settings.ts";
import { filteredNetwork } from "../net/filtered_network.ts";
import { tcpNetwork } from "../net/tcp.ts";
import { Session } from "../session.ts";
import { BlocklistKeeper } from "./blocklist.ts";
import type { TorrentEntry } from "./entry.ts";
import { eventText } from "./event_text.ts";
import { Groups } from "./groups.ts";
import { assert } from "../../core/bytes/result.ts";
import { addTorrent } from "./add_torrent.ts";
import { Log, type LogEntry } from "./log.ts";
import { makePrivateFolder } from "./private_file.ts";
import { SettingsStore, type WrittenSettings } from "./settings.ts";
import { Store, type StoredTotals } from "./store.ts";
import { unixSeconds } from "./torrent_parts.ts";
import { Torrents } from "./torrents.ts";
import { EntryView } from "./view.ts";
import { WatchFolder } from "./watch_folder.ts";
import { Webhook } from "./webhook.ts";

/** How often times are counted and limits are looked at. */
const TICK_MS = 5000;

/** Ticks between two saves of what only counts up. */
const TICKS_A_SAVE = 6;

export interface DaemonOptions {
  /** Folder of the state. */
  readonly stateFolder: string;
  /** IP address for peers; undefined is every address. */
  readonly host: string | undefined;
  readonly defaultPort: number;
  readonly shareRule: ShareRule;
  readonly written: WrittenSettings;
  readonly announceIp?: string | undefined;
  readonly allowLocal?: boolean;
  readonly dhtNodes?: readonly PeerAddress[];
  /** A file of the user; undefined: the list fetched last, if any. */
  readonly blocklist?: string | undefined;
  readonly watchFolder?: string | undefined;
  /** Called for finished downloads. */
  readonly webhook?: string | undefined;
  readonly onLog: (entry: LogEntry) => void;
}

export class Daemon {
  readonly settings: SettingsStore;
  readonly torrents: Torrents;
  readonly session: Session;
  readonly groups: Groups;
  readonly log: Log;
  readonly stateFolder: string;
  readonly blocklist: BlocklistKeeper;
  /** Resolves when someone asks it to end. */
  readonly closeAsked: Promise<void>;
  readonly askToClose: () => void;
  readonly #options: DaemonOptions;
  readonly #store: Store;
  readonly #before: StoredTotals;
  readonly #startedMs = now();
  readonly #webhook: Webhook | undefined;
  #watch: WatchFolder | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  #tickedMs = now();
  #filesAdded = 0;
  #sent = 0;
  #received = 0;
  #lastTrouble: string | undefined;

  private constructor(options: DaemonOptions, store: Store, settings: SettingsStore) {
    this.#options = options;
    this.#store = store;
    this.settings = settings;
    this.stateFolder = options.stateFolder;
    this.log = new Log(options.onLog);
    const closing = Promise.withResolvers<void>();
    this.closeAsked = closing.promise;
    this.askToClose = closing.resolve;
    this.#before = store.totals();
    const { host, defaultPort, announceIp, allowLocal, dhtNodes = [] } = options;
    const { down, up } = ratesInForce(settings.current);
    this.blocklist = new BlocklistKeeper(options.stateFolder);
    const isRefused = (ip: string) =>
      settings.current.blocklist_enabled && this.blocklist.isBlocked(ip);
    this.session = new Session({
      ...{ host, port: settings.peerPort, defaultPort, announceIp, allowLocal },
      downLimit: down,
      upLimit: up,
      dht: dhtSettings({ isOn: true, nodes: dhtNodes }, options.stateFolder),
      discovery: {
        lsd: settings.current.lpd_enabled,
        portmap: settings.current.port_forwarding_enabled,
      },
      network: filteredNetwork(tcpNetwork, isRefused),
    });
    this.session.setDht(settings.current.dht_enabled);
    this.#webhook = options.webhook === undefined
      ? undefined
      : new Webhook(options.webhook, (message) => this.#warn(message));
    this.groups = new Groups(
      this.session.rates,
      (name) => settings.groups.find((group) => group.name === name),
    );
    this.torrents = new Torrents({
      session: this.session,
      store,
      shareRule: options.shareRule,
      settings: () => settings.current,
      limitsOf: (own) => this.groups.limitsOf(own),
      onEvent: (entry, event) => this.#onEvent(entry, event),
      onTrouble: (failure) => this.#onTrouble(failure),
    });
  }

  /** Takes up what the last run left, and starts it. Throws a Failure, DiskError or PortError. */
  static async open(options: DaemonOptions): Promise<Daemon> {
    await makePrivateFolder(options.stateFolder);
    const store = Store.open(options.stateFolder);
    try {
      const settings = await SettingsStore.open(options.stateFolder, options.written);
      const daemon = new Daemon(options, store, settings);
      await daemon.#loadBlocklist(options.blocklist);
      daemon.#begin();
      return daemon;
    } catch (error) {
      store.close();
      throw error;
    }
  }

  #begin(): void {
    this.torrents.load();
    this.#store.setTotals({ ...this.#before, sessionCount: this.#before.sessionCount + 1 });
    this.torrents.plan();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    const { watchFolder: folder } = this.#options;
    if (folder !== undefined) {
      this.#watch = new WatchFolder({
        folder,
        add: (source) => this.#addFound(source),
        onTrouble: (message) => this.#warn(message),
      });
    }
    this.log.add("started", `The daemon runs with ${this.torrents.size} torrents`);
  }

  view(entry: TorrentEntry): EntryView {
    return this.views([entry])[0]!;
  }

  /** All of one moment. */
  views(entries: readonly TorrentEntry[]): EntryView[] {
    const { percent: sharePercent } = this.#options.shareRule;
    const context = { sharePercent, atMs: now(), atUnix: Date.now() / 1000 };
    return entries.map((entry) => new EntryView(entry, context));
  }

  /** In force at once; resolves when it is kept. Throws a PortError, and changes nothing then. */
  async changeSettings(change: SessionChange): Promise<void> {
    const { peer_port: port } = change;
    if (port !== undefined && port !== this.session.port) await this.torrents.setPort(port);
    const kept = this.settings.change(change);
    this.#applyRates();
    this.session.setDht(this.settings.current.dht_enabled);
    this.torrents.plan();
    await kept;
  }

  noteAdded(files: number): void {
    this.#filesAdded += files;
  }

  stats(): SessionStats {
    let active = 0, paused = 0, downRate = 0, upRate = 0;
    const entries = this.torrents.list();
    for (const view of this.views(entries)) {
      if (view.status === TORRENT_STATUS.stopped) paused++;
      downRate += view.downRate;
      upRate += view.upRate;
      if (view.downRate > 0 || view.upRate > 0) active++;
    }
    this.#countPayload();
    return {
      activeTorrents: active,
      pausedTorrents: paused,
      torrents: entries.length,
      downRate,
      upRate,
      current: this.#current(),
      cumulative: this.#cumulative(),
    };
  }

  /** Leaves every swarm, keeps everything. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch?.close();
    this.#webhook?.close();
    this.#tick();
    await this.torrents.close();
    await this.session.close();
    this.#save();
    this.#store.close();
  }

  #current(): StatsTotals {
    return {
      uploadedBytes: this.#sent,
      downloadedBytes: this.#received,
      filesAdded: this.#filesAdded,
      secondsActive: Math.round((now() - this.#startedMs) / 1000),
      sessionCount: 1,
    };
  }

  #cumulative(): StatsTotals {
    const current = this.#current();
    const before = this.#before;
    return {
      uploadedBytes: before.uploadedBytes + current.uploadedBytes,
      downloadedBytes: before.downloadedBytes + current.downloadedBytes,
      filesAdded: before.filesAdded + current.filesAdded,
      secondsActive: before.secondsActive + current.secondsActive,
      sessionCount: before.sessionCount + 1,
    };
  }

  #tick(): void {
    const seconds = (now() - this.#tickedMs) / 1000;
    this.#tickedMs = now();
    this.#applySchedule();
    let isQueueChanged = false;
    for (const entry of this.torrents.list()) {
      const progress = entry.handle?.driver?.progress();
      if (progress === undefined) continue;
      this.#countMoved(entry, progress);
      if (this.#review(entry, progress, seconds)) isQueueChanged = true;
    }
    if (isQueueChanged) this.torrents.plan();
    if (++this.#ticks % TICKS_A_SAVE === 0) this.#save();
  }

  #countPayload(): void {
    for (const entry of this.torrents.list()) {
      const progress = entry.handle?.driver?.progress();
      if (progress !== undefined) this.#countMoved(entry, progress);
    }
  }

  /** What moved since the last look. */
  #countMoved(entry: TorrentEntry, { uploaded, downloaded }: TorrentProgress): void {
    const sent = uploaded - entry.seenUploaded;
    const received = downloaded - entry.seenDownloaded;
    entry.seenUploaded = uploaded;
    entry.seenDownloaded = downloaded;
    if (sent <= 0 && received <= 0) return;
    this.#sent += Math.max(0, sent);
    this.#received += Math.max(0, received);
    entry.record.activeAt = unixSeconds();
    this.torrents.touch(entry);
  }

  /** Whether it stalled, or goes on: then others may run. */
  #review(entry: TorrentEntry, progress: TorrentProgress, seconds: number): boolean {
    const { record, isStalled: wasStalled } = entry;
    const settings = this.settings.current;
    if (progress.isFinished) record.secondsSeeding += seconds;
    else record.secondsDownloading += seconds;
    // Times alone are not worth a turn of the disk: they are kept with the next change.
    const quietSeconds = unixSeconds() - Math.max(record.activeAt, record.startedAt);
    entry.isStalled = settings.queue_stalled_enabled &&
      quietSeconds > settings.queue_stalled_minutes * 60;
    const isDone = progress.isFinished && hasReachedSeedLimit(settings, record.settings, {
      uploadedBytes: progress.uploaded,
      sizeBytes: entry.metainfo.geometry.totalSize,
      quietSeconds,
    });
    if (isDone) {
      const { name, infoHash } = entry;
      this.log.add("finished", `${name}: reached its limit, stopped`, { infoHash, name });
      void this.torrents.finish(entry);
    }
    return entry.isStalled !== wasStalled;
  }

  #applySchedule(): void {
    const date = new Date();
    const minute = date.getHours() * 60 + date.getMinutes();
    const isAlt = isAltTime(this.settings.current, { day: date.getDay(), minute });
    if (isAlt === undefined || isAlt === this.settings.current.alt_speed_enabled) return;
    this.settings.changeForNow({ alt_speed_enabled: isAlt });
    this.#applyRates();
  }

  #applyRates(): void {
    const { down, up } = ratesInForce(this.settings.current);
    const least = (rate: number | undefined) => rate === undefined ? undefined : Math.max(1, rate);
    this.session.setLimits({ downLimit: least(down), upLimit: least(up) });
  }

  #onEvent(entry: TorrentEntry, event: TorrentEvent): void {
    const text = eventText(event, entry.name);
    if (text !== undefined) {
      const { infoHash, name } = entry;
      this.log.add(event.kind, text.message, { level: text.level, infoHash, name });
    }
    if (event.kind === "complete") this.#tellComplete(entry);
    if (event.kind === "joined" && !entry.wasJoined) {
      entry.wasJoined = true;
      const facts = entry.facts()!;
      entry.seenUploaded = facts.uploaded;
      entry.seenDownloaded = facts.downloaded;
    }
  }

  /** Content that was complete when it was added is not reported. */
  #tellComplete(entry: TorrentEntry): void {
    if ((entry.facts()?.downloaded ?? 0) === 0) return;
    this.#webhook?.tell({
      event: "complete",
      infoHash: entry.infoHash,
      name: entry.name,
      bytes: entry.metainfo.geometry.totalSize,
      dir: entry.record.dir,
      labels: entry.record.settings.labels,
      at: unixSeconds(),
    });
  }

  async #addFound(
    source: { readonly path: string } | { readonly magnet: string },
  ): Promise<void> {
    const filename = "path" in source ? source.path : source.magnet;
    const command = readCommand("torrent_add", { filename });
    if (!command.ok) throw new Failure("input", "unreadable", command.error.message);
    const { value } = command;
    assert(value.method === "torrent_add", "a command is read under its name");
    await addTorrent(this, value, new AbortController().signal);
  }

  async #loadBlocklist(path: string | undefined): Promise<void> {
    try {
      await this.blocklist.load(path);
    } catch (error) {
      // A list that the user named must hold; one that was fetched is fetched again.
      if (path !== undefined) throw error;
      this.#warn(toFailure(error).message);
    }
  }

  #warn(message: string): void {
    this.log.add("warning", message, { level: "warning" });
  }

  #save(): void {
    try {
      this.torrents.save();
      this.#store.setTotals(this.#cumulative());
      this.#lastTrouble = undefined;
    } catch (error) {
      this.#onTrouble(toFailure(error));
    }
  }

  /** Reported once: a full disk stays full for a while. */
  #onTrouble(failure: Failure): void {
    if (failure.message === this.#lastTrouble) return;
    this.#lastTrouble = failure.message;
    this.log.add("trouble", failure.message, { level: "error" });
  }
}
