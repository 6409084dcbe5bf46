/**
 * What all torrents of one process share: memory for pieces and for sending, open files, one timer, and
 * the counts of `core/session/grants.ts`, which are shared out anew while anything happens, at most once
 * a second. A process in which nothing happens is not woken.
 */
import type { Needs, Resources } from "../core/limits/resources.ts";
import {
  type Demand,
  grantAll,
  isSameGrant,
  isSettled,
  keepSteady,
  openToPeers,
} from "../core/session/grants.ts";
import {
  fileHandlesMax,
  pendingHandshakesMax,
  processTotals,
  TORRENT_CAP,
} from "../core/session/limits.ts";
import { type Clock, systemClock, type TimerId } from "./clock.ts";
import { errorCode } from "./disk/file_system.ts";
import { HandleCache } from "./disk/handles.ts";
import { PieceMemory } from "./hash/piece_memory.ts";
import type { Network } from "./net/byte_stream.ts";
import { SendBuffers } from "./net/send_buffers.ts";
import { tcpNetwork } from "./net/tcp.ts";
import { SharedTimers } from "./shared_timers.ts";

const REVIEW_MS = 1_000;
/** A review looks at every torrent: with more of them, those that come within one interval share one. */
const REVIEWED_AT_ONCE_MAX = 100;
/** Where the system does not tell: what many systems allow a process. */
const DESCRIPTORS_UNKNOWN = 1_024;
/** With this many more available, no torrent runs short. */
const DESCRIPTORS_PROBED = 640;
/** A process with fewer torrents gets by without knowing. */
const PROBED_FROM_TORRENTS = 4;
/** When descriptors ran out, this many sockets are closed for other needs. */
const CONNECTIONS_SPARED = 8;
const CONNECTIONS_SHORT_MIN = 8;
/** After this long there may be more again. */
const SHORT_MS = 10 * 60_000;
/** What the runtime itself has open. */
const DESCRIPTORS_OWN = 24;
/** With fewer nothing works. */
const DESCRIPTORS_MIN = 96;

/** A torrent in its swarm, as far as it shares. */
export interface Sharer {
  needs(): Needs;
  grant(grant: Resources): void;
  /** Sockets and dials that it has now. */
  readonly socketCount: number;
}

/** For people and tests. */
export interface SessionUsage {
  /** Content files. */
  readonly openFiles: number;
  /** Memory of pieces that are not written yet. */
  readonly pieceBytes: number;
  /** Memory of pieces that is kept for the next ones. */
  readonly retainedBytes: number;
  /** Of the torrents in their swarms. */
  readonly grants: readonly Resources[];
}

export class SessionResources {
  readonly sendBuffers = new SendBuffers();
  readonly pieceMemory = new PieceMemory();
  readonly handles: HandleCache;
  /** For everything that belongs to a torrent. */
  readonly clock: Clock;
  /** As it was given, or the system's; notices when descriptors run out. */
  readonly network: Network;
  #descriptors: number;
  #isKnown: boolean;
  /** Since descriptors ran out. */
  #short: { readonly connections: number; readonly sinceMs: number } | undefined;
  /** What each torrent has. */
  #grants = new Map<Sharer, Resources>();
  #review: TimerId | undefined;
  #reviewedMs = -Infinity;
  /** What the last review that changed anything was about. */
  #reviewed: { readonly total: Resources; readonly demands: Demand<Sharer>[] } | undefined;
  /** What the last review, and those that came since, left over. */
  #left: Resources = TORRENT_CAP;

  constructor(
    network: Network = tcpNetwork,
    clock: Clock = systemClock,
    descriptors: number | undefined = descriptorLimit(),
  ) {
    this.#isKnown = descriptors !== undefined;
    this.#descriptors = descriptors ?? DESCRIPTORS_UNKNOWN;
    this.clock = new SharedTimers(clock);
    this.handles = new HandleCache(fileHandlesMax(this.#descriptors));
    this.network = this.#watch(network);
  }

  /** Connections whose handshake may be under way. */
  get pendingHandshakesMax(): number {
    return pendingHandshakesMax(this.#descriptors);
  }

  get usage(): SessionUsage {
    const { retainedBytes, takenBytes: pieceBytes } = this.pieceMemory;
    const openFiles = this.handles.openCount;
    return { openFiles, pieceBytes, retainedBytes, grants: [...this.#grants.values()] };
  }

  /** Whether another peer that dials us may be let in. */
  get hasRoom(): boolean {
    return this.#socketCount() < this.#totals().connections;
  }

  join(sharer: Sharer): void {
    this.#grants.set(sharer, TORRENT_CAP);
    const isDue = this.clock.now() - this.#reviewedMs >= REVIEW_MS;
    if (isDue || this.#grants.size <= REVIEWED_AT_ONCE_MAX) return this.#shareOut();
    const grant = lesser(TORRENT_CAP, this.#left);
    this.#left = without(this.#left, grant);
    this.#grants.set(sharer, grant);
    sharer.grant(grant);
    this.touch();
  }

  /** Number of torrents that will share. */
  expect(torrents: number): void {
    if (this.#isKnown || torrents < PROBED_FROM_TORRENTS) return;
    this.#isKnown = true;
    const free = probeDescriptors();
    if (free >= DESCRIPTORS_PROBED) return;
    const used = DESCRIPTORS_OWN + this.handles.openCount + this.#socketCount();
    this.#descriptors = Math.max(DESCRIPTORS_MIN, free + used);
    this.handles.max = fileHandlesMax(this.#descriptors);
    this.touch();
  }

  leave(sharer: Sharer): void {
    this.#grants.delete(sharer);
    this.#reviewed = undefined;
    this.touch();
  }

  /** Something happened that may change what torrents need. */
  touch(): void {
    if (this.#review !== undefined || this.#grants.size === 0) return;
    this.#review = this.clock.setTimeout(() => {
      this.#review = undefined;
      this.#shareOut();
    }, REVIEW_MS);
    this.clock.unref(this.#review);
  }

  close(): void {
    this.clock.clearTimeout(this.#review);
  }

  #shareOut(): void {
    this.#reviewedMs = this.clock.now();
    const sharers = [...this.#grants.keys()];
    const total = this.#totals();
    const demands = sharers.map((key) => ({ key, ...key.needs() }));
    const isSame = this.#reviewed !== undefined && isSameGrant(this.#reviewed.total, total) &&
      isSettled(total, this.#reviewed.demands, demands);
    if (isSame) return;
    this.#reviewed = { total, demands };
    const wanted = grantAll(total, TORRENT_CAP, demands, this.clock.now());
    const before = this.#grants;
    const steady = keepSteady(total, wanted, before);
    this.#left = [...steady.values()].reduce(without, total);
    this.#grants = openToPeers(steady, demands);
    // What is taken back comes first, so that the sum is kept.
    const changed = [...this.#grants].filter(([key, grant]) =>
      !isSameGrant(before.get(key), grant)
    );
    changed.sort(([a], [b]) =>
      rise(before.get(a), this.#grants.get(a)!) -
      rise(before.get(b), this.#grants.get(b)!)
    );
    for (const [sharer, grant] of changed) sharer.grant(grant);
  }

  #socketCount(): number {
    let count = 0;
    for (const sharer of this.#grants.keys()) count += sharer.socketCount;
    return count;
  }

  /** Where the limit was not known, or others in the process took their part, it shows like this. */
  #watch(network: Network): Network {
    const note = (error: unknown) => {
      if (errorCode(error) === "EMFILE" || errorCode(error) === "ENFILE") this.#onExhausted();
      throw error;
    };
    return {
      dial: (address) => network.dial(address).catch(note),
      listen: (host, port) => {
        const listener = network.listen(host, port);
        return {
          port: listener.port,
          accept: () => listener.accept().catch(note),
          close: () => listener.close(),
        };
      },
    };
  }

  /** There is room for slightly fewer sockets than are open now. */
  #onExhausted(): void {
    const count = Math.max(CONNECTIONS_SHORT_MIN, this.#socketCount() - CONNECTIONS_SPARED);
    if (this.#short === undefined || count < this.#short.connections) {
      this.#short = { connections: count, sinceMs: this.clock.now() };
    }
    this.touch();
  }

  #totals(): Resources {
    const totals = processTotals(this.#descriptors);
    if (this.#short === undefined) return totals;
    if (this.clock.now() - this.#short.sinceMs > SHORT_MS) this.#short = undefined;
    const connections = Math.min(totals.connections, this.#short?.connections ?? Infinity);
    return { ...totals, connections };
  }
}

/** How many files can be opened now, DESCRIPTORS_PROBED at most; all at once, so that none is missed. */
function probeDescriptors(): number {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < DESCRIPTORS_PROBED) files.push(Deno.openSync(Deno.execPath()));
    return files.length;
  } catch (error) {
    return errorCode(error) === "EMFILE" ? files.length : DESCRIPTORS_PROBED;
  } finally {
    for (const file of files) file.close();
  }
}

function lesser(a: Resources, b: Resources): Resources {
  return {
    connections: Math.min(a.connections, b.connections),
    dials: Math.min(a.dials, b.dials),
    uploadSlots: Math.min(a.uploadSlots, b.uploadSlots),
    bufferBytes: Math.min(a.bufferBytes, b.bufferBytes),
  };
}

/** What is left of `a`. */
function without(a: Resources, b: Resources): Resources {
  return {
    connections: Math.max(0, a.connections - b.connections),
    dials: Math.max(0, a.dials - b.dials),
    uploadSlots: Math.max(0, a.uploadSlots - b.uploadSlots),
    bufferBytes: Math.max(0, a.bufferBytes - b.bufferBytes),
  };
}

function rise(before: Resources | undefined, after: Resources): number {
  return after.connections - (before?.connections ?? 0);
}

/** Files and sockets that this process may have open, as far as the system reports. */
function descriptorLimit(): number | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft && Math.max(DESCRIPTORS_MIN, Number(soft)) || undefined;
  } catch {
    // The runtime keeps it from all but programs that may do anything.
    return undefined;
  }
}
