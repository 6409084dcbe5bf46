/**
 * Swarms in Redis, shared by any number of trackers. Each tracker also keeps, small and in memory,
 * the peers that announced to it: when Redis is away it answers from those, with a warning, and
 * when Redis is back it sends them again, in case that Redis lost its data.
 */
import { readUint16 } from "../../../core/bytes/byte_reader.ts";
import { createByteWriter, resetWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";
import { fail, ok, type Result } from "../../../core/bytes/result.ts";
import { CROWDED } from "../../../core/tracker_server/swarms/crowds.ts";
import { CHANGE, writePeerChange } from "../../../core/tracker_server/swarms/change_log.ts";
import { type ListedPeer, listPeers } from "../../../core/tracker_server/swarms/list_peers.ts";
import type { StoreState } from "../../../core/tracker_server/metrics/metrics.ts";
import { roleAt } from "../../../core/tracker_server/swarms/peer_lists.ts";
import {
  announce,
  createSwarmStore,
  scrape,
  slotsInUse,
  type SwarmStore,
  sweepSome,
} from "../../../core/tracker_server/swarms/swarm_store.ts";
import type {
  AnnounceQuery,
  AnnounceReply,
  StoreTotals,
  SwarmCounts,
} from "../../../core/tracker_server/types.ts";
import { RedisLink } from "./link.ts";
import { readCounts, readPeers } from "./peers.ts";
import { decodeRequest, encodeRequest } from "./requests.ts";
import { swarmKey } from "./script.ts";
import { NO_TOTALS, readTotals } from "./totals.ts";
import type { SwarmBackend } from "../store/store.ts";

export const STALE_WARNING =
  "The tracker's database is unreachable, so it knows only some of the peers";

/** About 5 MB, sent to a returning Redis within a second or two. */
const RECENT_PEERS_MAX = 50_000;
const RECENT_SWARMS_MAX = 50_000;
const REFILL_PEERS = 64;
const SWEEP_MS = 1_000;
/** A round of sweeps then takes a minute or so. */
const SWEEP_SLOTS = 1_000;
const TOTALS_MS = 10_000;

const INFO_HASH_END = 21;
const PEER_ID_SIZE = 20;
const PORT_SIZE = 2;

export interface RedisBackendOptions {
  /** As in RedisLinkOptions. */
  readonly url: string;
  /** Seconds after its last announce for which a peer is returned, by default. */
  readonly expirySeconds: number;
  /** Any number. */
  readonly seed: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called with one sentence when Redis is away, and when it is back. */
  readonly onProblem: (sentence: string) => void;
}

export class RedisBackend implements SwarmBackend {
  readonly #options: RedisBackendOptions;
  readonly #recent: SwarmStore;
  readonly #timers: ReturnType<typeof setInterval>[];
  #link!: RedisLink;
  #totals: StoreTotals = NO_TOTALS;
  #lostCount = 0;
  #isAway = false;
  #refilling: Promise<void> | undefined;

  private constructor(options: RedisBackendOptions) {
    this.#options = options;
    this.#recent = createSwarmStore({
      seed: options.seed,
      expirySeconds: options.expirySeconds,
      peersMax: RECENT_PEERS_MAX,
      swarmsMax: RECENT_SWARMS_MAX,
    });
    this.#timers = [
      setInterval(() => sweepSome(this.#recent, SWEEP_SLOTS, secondsOf(options.now())), SWEEP_MS),
      setInterval(() => this.refreshTotals(), TOTALS_MS),
    ];
  }

  /** For what else trackers share. */
  get link(): Pick<RedisLink, "command"> {
    return this.#link;
  }

  /** Resolves whether Redis answers or not; it need not be there yet. */
  static async open(options: RedisBackendOptions): Promise<RedisBackend> {
    const backend = new RedisBackend(options);
    const rng = createRng(options.seed);
    backend.#link = await RedisLink.open({
      url: options.url,
      peerSeconds: () => backend.#recent.expirySeconds,
      random: () => nextUint32(rng),
      onChange: (lost) => backend.#noteChange(lost),
    });
    await backend.refreshTotals();
    return backend;
  }

  announce(
    query: AnnounceQuery,
    now: number,
  ): Result<AnnounceReply, string> | Promise<Result<AnnounceReply, string>> {
    if (!this.#link.isUp) return this.#stale(announce(this.#recent, query, secondsOf(now)));
    announce(this.#recent, { ...query, numWant: 0 }, secondsOf(now));
    const request = encodeRequest(query);
    const infoHash = query.infoHash.slice();
    const answered = (reply: AnnounceReply | undefined) =>
      reply === undefined ? fail(CROWDED) : ok(reply);
    return this.#link.announce(swarmKey(toHex(infoHash)), request).then(
      answered,
      (error: Error) => {
        if (error.message.startsWith("OOM")) {
          return fail("This tracker knows as many peers as it can hold, try again later");
        }
        const again = announce(this.#recent, decodeRequest(request, infoHash), secondsOf(now));
        return this.#stale(again.ok ? ok(copyOf(again.value)) : again);
      },
    );
  }

  scrape(hashes: readonly Uint8Array[]): readonly SwarmCounts[] | Promise<readonly SwarmCounts[]> {
    if (!this.#link.isUp) return this.#staleCounts(hashes);
    return Promise.all(hashes.map((hash) => readCounts(this.#link, toHex(hash))))
      .catch(() => this.#staleCounts(hashes));
  }

  async listPeers(infoHash: Uint8Array, countMax: number): Promise<readonly ListedPeer[]> {
    const known = () => listPeers(this.#recent, infoHash, countMax);
    if (!this.#link.isUp) return known();
    return await readPeers(this.#link, toHex(infoHash), countMax).catch(known);
  }

  setExpiry(seconds: number): void {
    this.#recent.expirySeconds = seconds;
  }

  totals(): StoreTotals {
    return this.#totals;
  }

  state(): StoreState {
    return { isUp: this.#link.isUp, lostCount: this.#lostCount };
  }

  /**
   * Brings `totals` up to date, as far as that is this tracker's turn; they stay when Redis is
   * away.
   */
  async refreshTotals(): Promise<void> {
    if (!this.#link.isUp) return;
    this.#totals = await readTotals(this.#link).catch(() => this.#totals);
  }

  async close(): Promise<void> {
    this.#timers.forEach(clearInterval);
    await this.#link.close();
    await this.#refilling;
  }

  #stale(known: Result<AnnounceReply, string>): Result<AnnounceReply, string> {
    return known.ok ? ok({ ...known.value, warning: STALE_WARNING }) : known;
  }

  #staleCounts(hashes: readonly Uint8Array[]): SwarmCounts[] {
    return hashes.map((hash) => scrape(this.#recent, hash));
  }

  /** Each change is reported once, not every failed reconnect. */
  #noteChange(lost: string | undefined): void {
    const { onProblem } = this.#options;
    if (lost === undefined) {
      if (!this.#isAway) return;
      this.#isAway = false;
      onProblem(`Redis at ${this.#shownUrl()} answers again`);
      this.#refilling = this.#refill().catch(() => {});
    } else if (!this.#isAway) {
      this.#isAway = true;
      this.#lostCount++;
      onProblem(
        `Redis at ${this.#shownUrl()} does not answer (${lost}); peers are answered from memory ` +
          `until it does`,
      );
    }
  }

  /** A few at a time, so that announces go on meanwhile. */
  async #refill(): Promise<void> {
    let peers: AnnounceQuery[] = [];
    const last = slotsInUse(this.#recent);
    for (let slot = 1; slot <= last; slot++) {
      peers.push(...peersAt(this.#recent, slot));
      if (peers.length < REFILL_PEERS && slot < last) continue;
      await Promise.all(
        peers.map((query) =>
          this.#link.announce(swarmKey(toHex(query.infoHash)), encodeRequest(query, true))
        ),
      );
      peers = [];
    }
  }

  /** Without a password. */
  #shownUrl(): string {
    return new URL(this.#options.url).host;
  }
}

/** What the store knows of the peers at a slot; none for a free slot. */
function peersAt(store: SwarmStore, slot: number): AnnounceQuery[] {
  const record = createByteWriter();
  const queries: AnnounceQuery[] = [];
  for (const lists of [store.lists4, store.lists6]) {
    for (let place = 0; place < lists.counts[slot]!; place++) {
      const role = roleAt(lists, slot, place);
      resetWriter(record);
      writePeerChange(record, CHANGE[role], store.table, lists, slot, place);
      const bytes = writtenBytes(record).slice();
      const idAt = bytes.length - PEER_ID_SIZE, portAt = idAt - PORT_SIZE;
      queries.push({
        infoHash: bytes.subarray(1, INFO_HASH_END),
        ip: bytes.subarray(INFO_HASH_END, portAt),
        port: readUint16(bytes, portAt),
        peerId: bytes.subarray(idAt),
        isComplete: role === "seeder",
        event: role === "partialSeed" ? "paused" : undefined,
        numWant: 0,
        wantsBothFamilies: false,
        wantsPeerIds: false,
      });
    }
  }
  return queries;
}

/** The store answers with the same object every time; a promise's answer must last longer. */
function copyOf(reply: AnnounceReply): AnnounceReply {
  const copy = (writer: AnnounceReply["peers"]) => {
    const bytes = writtenBytes(writer).slice();
    return { bytes, view: new DataView(bytes.buffer), size: bytes.length };
  };
  return {
    ...reply,
    peers: copy(reply.peers),
    peers6: copy(reply.peers6),
    peerIds: copy(reply.peerIds),
  };
}

function secondsOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000);
}
