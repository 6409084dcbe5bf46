/**
 * Keeps swarms through a restart: every change goes into a log before the response that depends on
 * it leaves, and rounds of snapshots keep the log short. A round writes down swarm by swarm, a
 * little at a time, among the changes that go on meanwhile; when it is through, all that was
 * written before it is forgotten. Whatever moment this process ends at, the log read from its start
 * gives the swarms.
 *
 * A log that fails stops nothing: swarms live on in memory, and a new round writes them all down
 * once the log works again.
 */
import { createByteWriter, resetWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { restoreChanges, writeSwarm } from "../../../core/tracker_server/swarms/restore.ts";
import { slotsInUse, type SwarmStore } from "../../../core/tracker_server/swarms/swarm_store.ts";
import type { SwarmLog } from "./sqlite_file.ts";

/** A log of this size is read in a moment, so there is nothing to gain by a round. */
const ROUND_BYTES_MIN = 4 * 1024 * 1024;
/** One entry of a snapshot; a large swarm makes a larger one. */
const ENTRY_BYTES = 64 * 1024;
const TICK_MS = 100;
/** Of each tick, so that a round takes a few hundredths of the time there is. */
const TICK_BUDGET_MS = 4;
/** Entries that are deleted in one tick. */
const TRIM_ENTRIES = 500;
/** By so much a killed tracker may take its peers for older than they are. */
const ALIVE_MS = 10_000;
/** Between attempts to use a log that failed. */
const RETRY_MS = 10_000;
const NOTHING = new Uint8Array(0);

export interface KeeperOptions {
  readonly store: SwarmStore;
  readonly log: SwarmLog;
  /** The store's time, in whole seconds. */
  readonly now: () => number;
  /** Called with one sentence when the log fails, and when it works again. */
  readonly onProblem: (sentence: string) => void;
}

/** A snapshot of all swarms that is being written. */
interface Round {
  /** The place of its first entry. */
  readonly start: number;
  /** The next slot. */
  slot: number;
  bytes: number;
}

export class SwarmKeeper {
  readonly #options: KeeperOptions;
  readonly #changes = createByteWriter();
  readonly #snapshot = createByteWriter(ENTRY_BYTES);
  readonly #timer: ReturnType<typeof setInterval>;
  #settling: Promise<void> | undefined;
  #round: Round | undefined;
  /** Written since the last round began; the log of an earlier process counts as long. */
  #bytesSinceRound = Infinity;
  #lastRoundBytes = 0;
  /** Entries before this place are to be deleted. */
  #trimBefore = 0;
  #aliveMs = -Infinity;
  /** When the log failed last, if it has not worked since. */
  #brokenMs: number | undefined;

  /** Brings the swarms back, then follows their changes. Throws when the log can't be read. */
  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#restore();
    options.store.changes = this.#changes;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /**
   * To be called after each operation of the store: its changes go into the log together with those
   * of other operations of the same turn of the event loop.
   */
  note(): void {
    if (this.#changes.size > 0) this.#settling ??= Promise.resolve().then(() => this.settle());
  }

  /** While there are changes that are not in the log yet; resolves when they are. */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  /** Writes the changes down now. */
  settle(): void {
    this.#settling = undefined;
    if (this.#changes.size === 0) return;
    const bytes = writtenBytes(this.#changes);
    if (this.#brokenMs === undefined) this.#attempt(() => this.#options.log.append(bytes));
    this.#bytesSinceRound += bytes.length;
    resetWriter(this.#changes);
    this.#options.store.markedAt = NaN;
  }

  /** Leaves the store alone; everything is in the log. */
  close(): void {
    clearInterval(this.#timer);
    this.settle();
    this.#options.store.changes = undefined;
    this.#attempt(() => this.#options.log.setAliveAt(wallSeconds()));
  }

  /**
   * No peer could announce while the tracker was away, so all are as old as its absence, or older.
   */
  #restore(): void {
    const { store, log, now, onProblem } = this.#options;
    const awaySeconds = Math.max(0, wallSeconds() - (log.aliveAt() ?? 0));
    const aliveAt = now() - Math.min(awaySeconds, store.expirySeconds);
    store.wallOffset = wallSeconds() - now();
    const secondsOf = (wallSeconds: number) =>
      Math.max(wallSeconds - store.wallOffset, now() - store.expirySeconds);
    let isWhole = true;
    for (const changes of log.read()) {
      isWhole = restoreChanges(store, changes, aliveAt, secondsOf).ok && isWhole;
    }
    if (!isWhole) onProblem("Some saved peers can't be read; they return with their next announce");
  }

  #tick(): void {
    this.settle();
    const nowMs = performance.now();
    if (this.#brokenMs !== undefined && nowMs < this.#brokenMs + RETRY_MS) return;
    this.#attempt(() => {
      if (nowMs >= this.#aliveMs + ALIVE_MS) {
        this.#options.log.setAliveAt(wallSeconds());
        this.#aliveMs = nowMs;
      }
      if (this.#round !== undefined) this.#continueRound(this.#round, nowMs + TICK_BUDGET_MS);
      else if (this.#trimBefore > 0) this.#trim();
      else if (this.#bytesSinceRound > Math.max(ROUND_BYTES_MIN, this.#lastRoundBytes)) {
        this.#round = { start: this.#options.log.append(NOTHING), slot: 1, bytes: 0 };
        this.#bytesSinceRound = 0;
      }
      this.#onSuccess();
    });
  }

  #continueRound(round: Round, deadlineMs: number): void {
    const { store, log } = this.#options;
    while (round.slot <= slotsInUse(store)) {
      if (performance.now() >= deadlineMs) return;
      while (round.slot <= slotsInUse(store) && this.#snapshot.size < ENTRY_BYTES) {
        writeSwarm(store, round.slot++, this.#snapshot);
      }
      log.append(writtenBytes(this.#snapshot));
      round.bytes += this.#snapshot.size;
      resetWriter(this.#snapshot);
    }
    this.#trimBefore = round.start;
    this.#lastRoundBytes = round.bytes;
    this.#round = undefined;
  }

  #trim(): void {
    if (this.#options.log.trim(this.#trimBefore, TRIM_ENTRIES)) this.#trimBefore = 0;
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (this.#brokenMs === undefined) {
        this.#options.onProblem(
          `Cannot save the swarms: ${why}; they are kept in memory, and saved once that works`,
        );
      }
      this.#brokenMs = performance.now();
      this.#round = undefined;
      this.#bytesSinceRound = Infinity;
      resetWriter(this.#snapshot);
    }
  }

  #onSuccess(): void {
    if (this.#brokenMs === undefined) return;
    this.#brokenMs = undefined;
    this.#options.onProblem("Saving the swarms works again");
  }
}

function wallSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
