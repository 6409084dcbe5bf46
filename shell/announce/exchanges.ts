/** One torrent's exchanges with its trackers, and how they end: `stopped` is sent last to each. */
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { mergeSwarms } from "../../core/tracker/merge_answers.ts";
import type { AnnounceRequest, AnnounceResult } from "../../core/tracker/types.ts";
import type { Clock } from "../clock.ts";

/** A tracker that does not take our `stopped` within this is left without. */
const STOPPED_TIMEOUT_MS = 2_000;
/** An announce under way may end first: no tracker gets `started` or `completed` after `stopped`. */
const GRACE_MS = 1_000;

export type Announce = (
  url: string,
  request: AnnounceRequest,
  signal: AbortSignal,
) => Promise<AnnounceResult>;

/**
 * Announces a hybrid in both of its swarms at once, and any other torrent as it is. `infoHashesOf`: the
 * one or two that are known when an announce begins.
 */
export function inAllSwarms(
  announce: Announce,
  infoHashesOf: () => readonly InfoHash[],
): Announce {
  return async (url, request, signal) => {
    const infoHashes = infoHashesOf();
    if (infoHashes.length === 1) return await announce(url, request, signal);
    const results = infoHashes.map((infoHash, i) => {
      // What a tracker said about one swarm does not apply to the other.
      const trackerId = i === 0 ? request.trackerId : undefined;
      return announce(url, { ...request, infoHash, trackerId }, signal);
    });
    return mergeSwarms(await Promise.all(results));
  };
}

export class TrackerExchanges {
  readonly #announce: Announce;
  readonly #clock: Clock;
  readonly #leaving: AbortController;
  /** The exchange under way, or the last one, with each tracker. */
  readonly #last = new Map<string, Promise<void>>();

  /** `leaving` is aborted when exchanges that tell nothing more must end. */
  constructor(announce: Announce, clock: Clock, leaving: AbortController) {
    this.#announce = announce;
    this.#clock = clock;
    this.#leaving = leaving;
  }

  start(
    url: string,
    request: AnnounceRequest,
    onResult: (result: AnnounceResult) => void,
  ): void {
    const before = this.#last.get(url) ?? Promise.resolve();
    const exchange = request.event === "stopped"
      ? this.#announceStopped(url, request, before)
      : this.#announce(url, request, this.#leaving.signal);
    this.#last.set(url, exchange.then(onResult));
  }

  /** Resolves when all exchanges have ended, or have had time to. */
  async finish(): Promise<void> {
    await Promise.race([Promise.all(this.#last.values()), this.#sleep(STOPPED_TIMEOUT_MS)]);
  }

  async #announceStopped(
    url: string,
    request: AnnounceRequest,
    before: Promise<void>,
  ): Promise<AnnounceResult> {
    const late = this.#sleep(GRACE_MS).then(() => this.#leaving.abort());
    await Promise.race([before, late]);
    const timeout = new AbortController();
    this.#sleep(STOPPED_TIMEOUT_MS).then(() => timeout.abort());
    return await this.#announce(url, request, timeout.signal);
  }

  /** A wait that does not keep the process alive. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.unref(this.#clock.setTimeout(resolve, ms)));
  }
}
