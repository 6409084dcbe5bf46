/**
 * The daemon's queue: the order of its torrents, which of them may run, and how many start at once. What
 * may run is decided by core/session/queue.ts.
 */
import type { SessionSettings } from "../../core/rpc/session_settings.ts";
import { moveInQueue, placeInQueue, planQueue, type QueueMove } from "../../core/session/queue.ts";
import type { TorrentEntry } from "./entry.ts";

/** Torrents that look at their content at once: more only take memory, and wait for the same disk. */
const STARTS_AT_ONCE = 16;

/** How soon the queue is looked at after a change. */
const PLAN_DELAY_MS = 20;

export interface TorrentQueueOptions {
  readonly settings: () => SessionSettings;
  /** A torrent was admitted; it is started when there is room. */
  readonly onAdmitted: (entry: TorrentEntry) => void;
  /** Starts it; resolves when the next one may start. Never rejects. */
  readonly start: (entry: TorrentEntry) => Promise<void>;
}

export class TorrentQueue {
  readonly #options: TorrentQueueOptions;
  #order: TorrentEntry[] = [];
  /** Admitted, and to be started when there is room. */
  #toStart: TorrentEntry[] = [];
  #starting = 0;
  #planTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: TorrentQueueOptions) {
    this.#options = options;
  }

  /** In the order of the queue. */
  list(): readonly TorrentEntry[] {
    return this.#order;
  }

  get size(): number {
    return this.#order.length;
  }

  /** At the end. */
  add(entry: TorrentEntry): void {
    this.#order.push(entry);
  }

  remove(entry: TorrentEntry): void {
    this.#reorder(this.#order.filter((other) => other !== entry));
  }

  /** In the order of the places that were stored. */
  restoreOrder(): void {
    this.#reorder(
      this.#order.toSorted((a, b) =>
        a.record.queuePosition - b.record.queuePosition || a.id - b.id
      ),
    );
  }

  move(chosen: ReadonlySet<TorrentEntry>, move: QueueMove): void {
    this.#reorder(moveInQueue(this.#order, chosen, move));
  }

  place(entry: TorrentEntry, place: number): void {
    this.#reorder(placeInQueue(this.#order, entry, place));
  }

  /** Admits what may run by now. */
  plan(): void {
    if (this.#isClosed) return;
    const settings = this.#options.settings();
    const admitted = planQueue(
      this.#order.map((entry) => ({
        key: entry,
        isComplete: entry.isComplete,
        isWanted: !entry.record.isStopped && !entry.record.isFinished,
        isForced: entry.isForced,
        isAdmitted: entry.isAdmitted,
        isStalled: entry.isStalled,
      })),
      {
        downloads: settings.download_queue_enabled ? settings.download_queue_size : undefined,
        seeds: settings.seed_queue_enabled ? settings.seed_queue_size : undefined,
      },
    );
    for (const entry of this.#order) {
      if (admitted.has(entry) && !entry.isAdmitted) this.admit(entry);
    }
  }

  /** Once for all that comes within a moment: a plan looks at every torrent. */
  planSoon(): void {
    this.#planTimer ??= setTimeout(() => {
      this.#planTimer = undefined;
      this.plan();
    }, PLAN_DELAY_MS);
  }

  /** Lets it run, whatever the plan says. */
  admit(entry: TorrentEntry): void {
    entry.isAdmitted = true;
    this.#options.onAdmitted(entry);
    this.startAgain([entry]);
  }

  /** Starts torrents that are admitted already. */
  startAgain(entries: readonly TorrentEntry[]): void {
    this.#toStart.push(...entries);
    this.#startSome();
  }

  /** No torrent is started any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#planTimer);
  }

  #reorder(order: TorrentEntry[]): void {
    this.#order = order;
    for (const [place, entry] of order.entries()) {
      if (entry.record.queuePosition === place) continue;
      entry.record.queuePosition = place;
      entry.isDirty = true;
    }
  }

  #startSome(): void {
    while (this.#starting < STARTS_AT_ONCE && this.#toStart.length > 0 && !this.#isClosed) {
      const entry = this.#toStart.shift()!;
      // It may have been stopped or removed while it waited.
      if (!entry.isAdmitted || entry.isRemoved) continue;
      this.#starting++;
      void this.#options.start(entry).finally(() => {
        this.#starting--;
        this.#startSome();
      });
    }
  }
}
