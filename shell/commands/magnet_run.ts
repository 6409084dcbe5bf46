/** A magnet link within a command: its torrent, once peers have given the metadata. */
import { hasAllLayers } from "../../core/metainfo/piece_trees.ts";
import type { PeerSettings } from "../../core/cli/common_settings.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { formatCount, formatDuration } from "../../core/cli/format.ts";
import type { ProgressView } from "../../core/cli/progress_view.ts";
import type { Magnet } from "../../core/metainfo/magnet.ts";
import type { Report } from "../../core/torrent/protocol.ts";
import { now } from "../clock.ts";
import type { Goals } from "../life/types.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { MetadataStage } from "../magnet/metadata_stage.ts";
import type { Session } from "../session.ts";
import type { Output } from "../terminal/output.ts";
import { TorrentOutput } from "../torrent_output.ts";
import { CommandError } from "./command_error.ts";

export interface MagnetRunOptions {
  readonly magnet: Magnet;
  readonly session: Session;
  readonly settings: PeerSettings;
  readonly output: Output;
  /** Where the content will go. */
  readonly dir?: string | undefined;
  readonly goals?: Goals;
  /** Where the `.torrent` is written; undefined: nowhere. */
  readonly saveTorrent?: string | undefined;
}

export class MagnetRun {
  readonly #options: MagnetRunOptions;
  readonly #late = Promise.withResolvers<never>();
  readonly #told = new Set<string>();
  #stage: MetadataStage | undefined;
  #trackerError: string | undefined;
  /** When a tracker answered last, or a peer that has the metadata was there. */
  #answeredMs = now();

  constructor(options: MagnetRunOptions) {
    this.#options = options;
    this.#late.promise.catch(() => {});
  }

  /** Throws a CommandError or a Failure, or the signal's reason. The peers stay in the session. */
  async execute(signal: AbortSignal): Promise<LoadedTorrent> {
    const { magnet, session, settings, dir, goals, saveTorrent, output } = this.#options;
    const file = saveTorrent === undefined
      ? undefined
      : await TorrentOutput.open(saveTorrent, false);
    const stage = this.#stage = await session.fetch({
      ...{ magnet, dir, goals },
      peers: settings.peers,
      onReport: (report) => this.#onReport(report),
    });
    try {
      const loaded = await Promise.race([stage.loaded(signal), this.#late.promise]);
      const { infoHash, name, infoBytes } = loaded.metainfo;
      const seconds = Math.round(now() - stage.startedMs) / 1_000;
      output.event({ event: "metadata", infoHash, name, bytes: infoBytes.length, seconds });
      if (file === undefined) return loaded;
      const write = (bytes: Uint8Array) => file.write(bytes, loaded.metainfo);
      const { trees } = loaded.metainfo;
      if (trees === undefined || hasAllLayers(trees)) await write(loaded.bytes);
      else if (dir !== undefined) return { ...loaded, onLayers: write };
      else throw new CommandError(EXIT.usage, "layers", withoutLayers(name));
      return loaded;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** To be called a few times a second: ends the run when `--timeout` is over. */
  tick(): void {
    const { timeoutMs } = this.#options.settings;
    if (timeoutMs === undefined || this.#stage === undefined) return;
    if (this.#stage.facts().metadata !== undefined) this.#answeredMs = now();
    if (now() - this.#answeredMs < timeoutMs) return;
    const why = this.#trackerError === undefined ? "" : ` (${this.#trackerError})`;
    const message = `Cannot fetch the metadata of ${this.#stage.name}: no peer gave it within ` +
      `${formatDuration(timeoutMs / 1000)}${why}; try again later, or name one with --peer`;
    this.#late.reject(new CommandError(EXIT.network, "timeout", message));
  }

  /** For the progress bars. */
  view(): ProgressView {
    const stage = this.#stage;
    const { peers, metadata } = stage?.facts() ?? { peers: 0, metadata: undefined };
    const { name } = this.#options.magnet;
    return {
      infoHash: stage?.infoHash ?? "",
      name: name ?? stage?.infoHash ?? "",
      state: "metadata",
      bytesDone: metadata?.bytesDone ?? 0,
      bytesTotal: metadata?.bytesTotal ?? 0,
      downRate: 0,
      upRate: 0,
      uploaded: 0,
      ratio: 0,
      peers,
      seeders: undefined,
      etaSeconds: undefined,
      waitingFor: metadata === undefined ? this.#waitingFor(peers) : undefined,
    };
  }

  #waitingFor(peers: number): string {
    if (peers > 0) return `metadata from ${formatCount(peers, "peer")}`;
    const why = this.#trackerError === undefined ? "" : `: ${this.#trackerError}`;
    return `no peers yet, still trying${why}`;
  }

  #onReport(report: Report): void {
    const { output } = this.#options;
    const infoHash = this.#stage?.infoHash ?? "";
    const name = this.#stage?.name ?? "";
    if (report.kind === "tracker") {
      this.#answeredMs = now();
      this.#trackerError = undefined;
      const { url, peers, seeders, leechers } = report;
      if (this.#isNew(`${url} ${peers} ${seeders} ${leechers}`)) {
        const answer = { url, peers, seeders, leechers, error: undefined };
        output.event({ event: "tracker", infoHash, name, ...answer });
      }
    } else if (report.kind === "tracker-failed") {
      const { url, message: error } = report;
      this.#trackerError = error;
      if (this.#isNew(`${url} ${error}`)) {
        const none = { peers: undefined, seeders: undefined, leechers: undefined };
        output.event({ event: "tracker", infoHash, name, url, ...none, error });
      }
    } else if (report.kind === "peer-banned") {
      const { address: peer, why: reason } = report;
      output.event({ event: "peer-banned", infoHash, name, peer, reason });
    }
  }

  #isNew(news: string): boolean {
    const isNew = !this.#told.has(news);
    this.#told.add(news);
    return isNew;
  }
}

function withoutLayers(name: string): string {
  return `Cannot save the .torrent of ${name}: peers give its piece layers with the content only; ` +
    "use tt get with --save-torrent";
}
