/** Swarms in memory that a log brings back after a restart. */
import type { Result } from "../../../core/bytes/result.ts";
import type { SwarmStoreOptions } from "../../../core/tracker_server/swarms/swarm_store.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../core/tracker_server/types.ts";
import { MemoryStore } from "./memory_store.ts";
import type { SwarmLog } from "./sqlite_file.ts";
import { SwarmKeeper } from "./swarm_keeper.ts";

export class FileStore extends MemoryStore {
  readonly #keeper: SwarmKeeper;

  /** `now` is the tracker's clock, in milliseconds; `onProblem` gets sentences. */
  constructor(
    options: SwarmStoreOptions,
    now: () => number,
    log: SwarmLog,
    onProblem: (sentence: string) => void,
  ) {
    super(options, now);
    const { store } = this;
    const seconds = () => Math.floor(now() / 1000);
    try {
      this.#keeper = new SwarmKeeper({ store, log, now: seconds, onProblem });
    } catch (error) {
      super.close();
      throw error;
    }
  }

  override announce(query: AnnounceQuery, now: number): Result<AnnounceReply, string> {
    const reply = super.announce(query, now);
    this.#keeper.note();
    return reply;
  }

  get settling(): Promise<void> | undefined {
    return this.#keeper.settling;
  }

  settle(): void {
    this.#keeper.settle();
  }

  override close(): void {
    super.close();
    this.#keeper.close();
  }
}
