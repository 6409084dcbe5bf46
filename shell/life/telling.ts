/** Events of a torrent's life: each is reported once, and trackers' answers are remembered. */
import type { Report } from "../../core/torrent/protocol.ts";
import type { Clock } from "../clock.ts";
import { DiskError } from "../disk/disk_error.ts";
import { toFailure } from "../failure.ts";
import { newsOf } from "./news.ts";
import type { LifeFacts, TorrentEvent } from "./types.ts";

export class Telling {
  /** Reports an event whenever it happens. */
  readonly tell: (event: TorrentEvent) => void;
  readonly #clock: Clock;
  readonly #told = new Map<string, string>();
  #trackerError: string | undefined;
  #trackerAnsweredMs: number;

  /** `tell` must not throw. */
  constructor(tell: (event: TorrentEvent) => void, clock: Clock) {
    this.tell = tell;
    this.#clock = clock;
    this.#trackerAnsweredMs = clock.now();
  }

  get trackers(): Pick<LifeFacts, "trackerError" | "trackerAnsweredMs"> {
    return { trackerError: this.#trackerError, trackerAnsweredMs: this.#trackerAnsweredMs };
  }

  /** It goes to its swarm: what trackers said before counts no more. */
  forgetTrackers(): void {
    this.#trackerAnsweredMs = this.#clock.now();
    this.#trackerError = undefined;
  }

  /** Reports what the core reports; false for what is not an event, but must be handled. */
  report(report: Report): boolean {
    const news = newsOf(report);
    if (news === undefined) return false;
    const { event, once } = news;
    if (event.kind === "tracker") {
      this.#trackerError = event.error;
      if (event.error === undefined) this.#trackerAnsweredMs = this.#clock.now();
    }
    if (once === undefined) this.tell(event);
    else this.#tellOnce(...once, event);
    return true;
  }

  /**
   * Once for each file: what follows is the same damage at other places. A change is reported by
   * itself.
   */
  unreadable(error: unknown): void {
    if (error instanceof DiskError && error.code === "changed") return;
    const failure = toFailure(error);
    const about = error instanceof DiskError ? error.path : failure.message;
    this.#tellOnce(about, "unreadable", { kind: "unreadable", failure });
  }

  #tellOnce(about: string, says: string, event: TorrentEvent): void {
    if (this.#told.get(about) === says) return;
    this.#told.set(about, says);
    this.tell(event);
  }
}
