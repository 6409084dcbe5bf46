/**
 * One torrent within a command: its life as events, exit codes and progress on the command's
 * output.
 */
import { addressText } from "../../core/bytes/address.ts";
import type { PeerSettings, TraceSettings } from "../../core/cli/common_settings.ts";
import type { OutputEvent, ProgressEvent } from "../../core/cli/events.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { formatDuration } from "../../core/cli/format.ts";
import { checkingView } from "../../core/cli/progress.ts";
import type { ProgressState, ProgressView } from "../../core/cli/progress_view.ts";
import type { ShareRule } from "../../core/cli/values.ts";
import { waitingFor } from "../../core/cli/waiting.ts";
import type { FilePriorities } from "../../core/transfer/file_priorities.ts";
import { now } from "../clock.ts";
import type { Failure } from "../failure.ts";
import type {
  AddOptions,
  DownloadOrder,
  LifeFacts,
  Role,
  SeedRole,
  TorrentEvent,
  TorrentLimits,
} from "../life/types.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { Session, TorrentHandle } from "../session.ts";
import type { Output } from "../terminal/output.ts";
import { CommandError, toCommandError } from "./command_error.ts";

/** What the user wants done with the torrent. */
export interface RunOptions {
  readonly loaded: LoadedTorrent;
  /** Where its content is, or goes. */
  readonly dir: string;
  readonly session: Session;
  readonly output: Output;
  readonly settings: PeerSettings;
  readonly role: DownloadRole | SeedRole;
  /** What is wanted of its files; all of them alike unless given. */
  readonly filePriorities?: FilePriorities | undefined;
  readonly order?: DownloadOrder | undefined;
  /** Where the content goes once it is complete. */
  readonly moveTo?: string | undefined;
  /** Kept for later runs. */
  readonly remember?: Uint8Array | undefined;
  /** Of this torrent, below those of the process. */
  readonly limits?: TorrentLimits;
  /** Called once the existing content was checked and the torrent joins its swarm. */
  readonly onJoin?: ((torrent: TorrentHandle) => void) | undefined;
  readonly trace?: TraceSettings | undefined;
}

export interface DownloadRole {
  readonly kind: "download";
  /** Trust the saved state where sizes and times agree. */
  readonly resume: boolean;
  readonly noSeed: boolean;
  readonly shareRule: ShareRule;
}

const NO_RULE: ShareRule = { percent: 0, strict: false };

/** A torrent's events name it by themselves. */
type Unnamed<E> = E extends { infoHash: string } ? Omit<E, "infoHash" | "name"> : never;
type NamedEvent = Unnamed<Exclude<OutputEvent, ProgressEvent>>;

export class TorrentRun {
  readonly #options: RunOptions;
  readonly #done = Promise.withResolvers<void>();
  #torrent: TorrentHandle | undefined;
  /** When a tracker or a peer last answered. */
  #answeredMs = now();

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /**
   * Runs until the user's aim is reached or `signal` aborts; in both cases the state is saved and
   * the trackers are notified. Throws a CommandError, or the signal's reason.
   */
  async execute(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { session, loaded, dir, moveTo, remember, limits, settings, trace } = this.#options;
    refusePeersOfPrivate(loaded, settings);
    const { filePriorities, order } = this.#options;
    const unsubscribe = session.subscribe((torrent, event) => {
      if (torrent.infoHash === loaded.metainfo.infoHash) this.#onEvent(event, torrent);
    });
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      this.#torrent = session.add({
        ...{ loaded, dir, moveTo, remember, limits, peers: settings.peers, trace },
        ...{ filePriorities, order },
        role: this.#role(),
        goals: this.#goals(),
      });
      await Promise.race([this.#done.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      await this.#torrent?.leave();
      unsubscribe();
      // What failed on the way out is what the user must hear, whatever else ended the run.
      this.#throwIfFailed(this.#torrent?.facts().failure);
    }
  }

  /** Whether all that was wanted is here. */
  get isFinished(): boolean {
    return this.#torrent?.facts().swarm?.isFinished === true;
  }

  /** For the progress bars. */
  view(): ProgressView {
    const { infoHash, name, geometry: { totalSize } } = this.#options.loaded.metainfo;
    const facts = this.#torrent?.facts();
    const bytesTotal = facts?.bytesWanted ?? totalSize;
    if (facts?.swarm === undefined) {
      const checkTotal = facts?.checkBytesTotal || bytesTotal;
      const view = checkingView(infoHash, name, facts?.checkedBytes ?? 0, checkTotal);
      return facts?.bytesWantedMissing === 0 && !isActive(facts)
        ? { ...view, state: "complete", bytesDone: bytesTotal, bytesTotal }
        : view;
    }
    const { peers, seeds: seeders, isWaiting } = facts.swarm;
    const { bytesWantedMissing: missing, uploaded, isJoined } = facts;
    // The meters take seconds to decay after the last block.
    const downRate = isJoined && missing > 0 && !isWaiting ? facts.swarm.downRate : 0;
    const upRate = isJoined ? facts.swarm.upRate : 0;
    const bytesDone = bytesTotal - missing;
    const isMoving = isJoined && downRate > 0;
    return {
      ...{ infoHash, name, bytesTotal, bytesDone, downRate, upRate, peers, seeders, uploaded },
      state: stateOf(facts),
      ratio: bytesTotal === 0 ? 0 : uploaded / bytesTotal,
      etaSeconds: isMoving ? missing / downRate : undefined,
      waitingFor: isJoined ? waitingFor(facts.swarm, facts.trackerError) : undefined,
    };
  }

  /** To be called a few times a second: ends the run when `--timeout` is over. */
  tick(): void {
    const { timeoutMs } = this.#options.settings;
    const facts = this.#torrent?.facts();
    if (timeoutMs === undefined || !facts?.isJoined) return;
    const { swarm, trackerAnsweredMs, trackerError } = facts;
    this.#answeredMs = Math.max(this.#answeredMs, trackerAnsweredMs);
    if (swarm!.peers > 0 || swarm!.isFinished) this.#answeredMs = now();
    if (now() - this.#answeredMs < timeoutMs) return;
    const { name } = this.#options.loaded.metainfo;
    const why = trackerError === undefined ? "" : ` (${trackerError})`;
    const message = `Cannot download ${name}: no tracker and no peer answered within ` +
      `${formatDuration(timeoutMs / 1000)}${why}; try again later, or name one with --peer`;
    this.#done.reject(new CommandError(EXIT.network, "timeout", message));
  }

  #role(): Role {
    const { role } = this.#options;
    return role.kind === "seed" ? role : { kind: "download", resume: role.resume };
  }

  #goals(): AddOptions["goals"] {
    const { role, settings: { seedRatio, seedTimeMs } } = this.#options;
    const stopsWhenComplete = role.kind === "download" && role.noSeed;
    return { stopsWhenComplete, shareRule: this.#shareRule(), seedRatio, seedTimeMs };
  }

  #shareRule(): ShareRule {
    const { role } = this.#options;
    return role.kind === "download" ? role.shareRule : NO_RULE;
  }

  #onEvent(event: TorrentEvent, torrent: TorrentHandle): void {
    switch (event.kind) {
      case "joined":
        return this.#options.onJoin?.(torrent);
      case "finished":
        return this.#done.resolve();
      case "failed":
        return this.#done.reject(toCommandError(event.failure));
      case "unreadable":
      case "trace-failed": {
        const code = event.kind === "unreadable" ? "unreadable" : "trace";
        const { message } = event.failure;
        return this.#options.output.event({ event: "error", code, message });
      }
      case "left-out": {
        const { path } = event;
        const reason = "torrent-symlink";
        return this.#options.output.event({ event: "left-out", path, reason });
      }
      case "left":
        return;
      default: {
        const { kind, ...rest } = event;
        // Each of these is an event of the output, by the same name.
        const name = kind satisfies NamedEvent["event"];
        return this.#say({ event: name, ...rest } as NamedEvent);
      }
    }
  }

  #say({ event, ...rest }: NamedEvent): void {
    const { infoHash, name } = this.#options.loaded.metainfo;
    this.#options.output.event(
      { event, infoHash, name, ...rest } as Parameters<Output["event"]>[0],
    );
  }

  #throwIfFailed(failure: Failure | undefined): void {
    if (failure !== undefined) throw toCommandError(failure);
  }
}

function isActive({ state }: LifeFacts): boolean {
  return state === "checking" || state === "queued";
}

function stateOf(facts: LifeFacts): ProgressState {
  const swarm = facts.swarm!;
  if (swarm.isFinished) return facts.isJoined ? "seeding" : "complete";
  if (!facts.isJoined) return "stopped";
  if (swarm.isWaiting) return "waiting";
  return swarm.peers === 0 && swarm.downRate === 0 ? "connecting" : "downloading";
}

/** Spec: BEP 27, a client takes peers of a private torrent from its trackers alone. */
function refusePeersOfPrivate({ metainfo }: LoadedTorrent, { peers }: PeerSettings): void {
  if (!metainfo.isPrivate || peers.length === 0) return;
  const message = `Cannot dial --peer ${addressText(peers[0]!)} for ${metainfo.name}: ` +
    "a private torrent uses only peers from its trackers; remove --peer";
  throw new CommandError(EXIT.usage, "private-torrent", message);
}
