/** One run of a program: the shell's own session, with all its torrents, in memory. */
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";
import type { Clock, TimerId } from "../../../shell/clock.ts";
import { Session, type SessionOptions } from "../../../shell/session.ts";
import type { System } from "../../../shell/system.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import type { MemoryNetwork } from "./memory_network.ts";
import type { MemoryTracker } from "./memory_tracker.ts";
import type { VirtualClock } from "./virtual_clock.ts";

export const PORT = 6881;

/** A computer: what persists when its program ends. */
export interface Computer {
  readonly ip: string;
  readonly disk: MemoryDisk;
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly tracker: MemoryTracker;
}

/** The clock of one program: when it is killed, none of its timers fires. */
class ProgramClock implements Clock {
  readonly #clock: VirtualClock;
  readonly #timers = new Set<TimerId>();
  isStopped = false;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get pendingCount(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimeout(callback: () => void, ms: number): TimerId {
    const id = this.#clock.setTimeout(() => {
      this.#timers.delete(id);
      if (!this.isStopped) callback();
    }, ms);
    this.#timers.add(id);
    return id;
  }

  clearTimeout(id: TimerId | undefined): void {
    if (id !== undefined) this.#timers.delete(id);
    this.#clock.clearTimeout(id);
  }

  unref(): void {}

  nextTurn(): Promise<void> {
    return new Promise((resolve) => void this.setTimeout(resolve, 0));
  }
}

export class Program {
  readonly #computer: Computer;
  readonly #clock: ProgramClock;
  readonly system: System;
  readonly session: Session;

  /** `seed` is of this run; the next one has another. */
  constructor(computer: Computer, seed: number, options: Partial<SessionOptions> = {}) {
    const { ip, disk, network, tracker } = computer;
    this.#computer = computer;
    const clock = this.#clock = new ProgramClock(computer.clock);
    const rng = createRng(seed);
    const fileSystem = disk.mount();
    this.system = {
      ...{ clock, fileSystem, network: network.of(ip), hashesHere: true },
      contentFileSystem: () => fileSystem,
      announce: (_, request) => tracker.announce(ip, clock, request),
      randomSeed: () => nextUint32(rng),
      createPeerId: () => Uint8Array.from({ length: 20 }, () => nextUint32(rng)),
    };
    this.session = new Session({
      ...{ host: ip, port: PORT, defaultPort: PORT, descriptors: 1_024 },
      ...{ upLimit: undefined, downLimit: undefined, allowLocal: true },
      ...options,
      system: this.system,
    });
  }

  /** Shuts down. Throws when a resource is left. */
  async stop(): Promise<void> {
    const { clock, disk } = this.#computer;
    await clock.settle(this.session.close());
    await clock.run(LAST_TIMER_MS);
    const { openFiles, retainedBytes } = this.session.usage;
    const left = {
      ...{ openFiles, retainedBytes, timers: this.#clock.pendingCount, held: disk.heldCount },
    };
    if (Object.values(left).some((count) => count > 0)) {
      throw new Error(`A program left behind: ${JSON.stringify(left)}`);
    }
  }

  /** Its sockets close, and its pending work does not happen. */
  kill(): void {
    this.#clock.isStopped = true;
    this.#computer.disk.kill();
    this.#computer.network.unplug(this.#computer.ip);
  }
}

/** Harmless timers that nothing clears have fired by then. */
const LAST_TIMER_MS = 5_000;
