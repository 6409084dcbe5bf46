/**
 * The state of one torrent: plain data, a swarm and, once the metadata is known, a transfer. Opaque
 * outside the core; `facts.ts` is the window. Its own part is changed by lifecycle.ts, deadlines.ts and
 * settle.ts.
 */
import { hasBit } from "../bytes/bitfield.ts";
import type { JobCounter } from "../bytes/jobs.ts";
import { assert } from "../bytes/result.ts";
import { createRng } from "../bytes/random.ts";
import type { Extension } from "../swarm/extensions.ts";
import { setUploadOnly } from "../swarm/extensions.ts";
import type { SwarmEffects } from "../swarm/protocol.ts";
import { createSwarm, type Swarm, type SwarmOptions } from "../swarm/state.ts";
import {
  isComplete as isTransferComplete,
  isFinished as isTransferFinished,
} from "../transfer/content.ts";
import { isHolding } from "../transfer/super_seeding.ts";
import { createTransfer, type Transfer, type TransferOptions } from "../transfer/state.ts";
import { TUNING, type Tuning } from "../transfer/tuning.ts";
import type { Bitfield } from "../bytes/bitfield.ts";
import type { Geometry } from "../metainfo/geometry.ts";
import { createEarlyNews, type EarlyNews } from "./early_news.ts";
import { EXTENSIONS } from "./extensions.ts";
import { createWebSeeds, type WebSeedOptions, type WebSeeds } from "./web_seeds.ts";

export interface TorrentOptions extends SwarmOptions, Omit<TransferOptions, "geometry" | "have"> {
  /** Undefined, as is `have`, where only the info hash is known: a `metadata` event brings them. */
  readonly geometry: Geometry | undefined;
  readonly have: Bitfield | undefined;
  readonly seed: number;
  /** Web servers that have the content. Spec: BEP 19, BEP 17. */
  readonly webSeeds?: readonly WebSeedOptions[] | undefined;
}

/** `stopping`: no more peers; checks, writes and the last save are still under way. */
export type Stage = "idle" | "running" | "stopping" | "stopped";

/** The part of the state that belongs to the torrent itself. */
export interface TorrentOwn {
  stage: Stage;
  nextTickMs: number;
  /** Every block that may be asked for is asked for. */
  inEndgame: boolean;
  /** Undefined until the metadata is known. */
  transfer: Transfer | undefined;
}

export interface Torrent extends Readonly<TorrentOwn> {
  readonly options: TorrentOptions;
  readonly tuning: Tuning;
  readonly swarm: Swarm;
  readonly webSeeds: WebSeeds;
  /** What peers said of the content while the metadata was not known. */
  readonly early: EarlyNews;
}

/**
 * A torrent that has done nothing yet: it wants the pieces that `options.have` lacks, or, without
 * `options.geometry`, the metadata first. `now` in monotonic ms.
 */
export function createTorrent(
  options: TorrentOptions,
  now: number,
  tuning: Tuning = TUNING,
  extensions: readonly Extension[] = EXTENSIONS,
): Torrent {
  const rng = createRng(options.seed);
  const counter: JobCounter = { next: 1 };
  const swarm = createSwarm(options, extensions, rng, counter);
  const { geometry, have } = options;
  const transfer = geometry && have &&
    createTransfer({ ...options, geometry, have }, tuning, rng, counter, now);
  const torrent: Torrent = {
    options,
    tuning,
    swarm,
    early: createEarlyNews(),
    transfer,
    webSeeds: createWebSeeds(options.webSeeds ?? []),
    stage: "idle",
    nextTickMs: now,
    inEndgame: false,
  };
  tellUploadOnly(torrent, []);
  return torrent;
}

/**
 * Peers hear whether we will download nothing more. Not while super-seeding: one that sees two pieces and
 * hears that there will be no others may leave. Spec: BEP 21, upload_only; BEP 16.
 */
export function tellUploadOnly({ swarm, transfer }: Torrent, effects: SwarmEffects): void {
  if (transfer === undefined) return;
  setUploadOnly(swarm, isTransferFinished(transfer) && !isHolding(transfer), effects);
}

/** Whether every piece is on disk. */
export function isComplete({ transfer }: Torrent): boolean {
  return transfer !== undefined && isTransferComplete(transfer);
}

/** Whether the piece is on disk. */
export function hasPiece({ transfer }: Torrent, piece: number): boolean {
  return transfer !== undefined && hasBit(transfer.have, piece);
}

/** Whether blocks of the piece are here, or asked for. */
export function hasBlocks({ transfer }: Torrent, piece: number): boolean {
  return transfer?.partials.has(piece) === true;
}

/** Whether every wanted piece is on disk. */
export function isFinished({ transfer }: Torrent): boolean {
  return transfer !== undefined && isTransferFinished(transfer);
}

/** The transfer of a torrent whose metadata is known. */
export function transferOf({ transfer }: Torrent): Transfer {
  assert(transfer !== undefined, "the metadata is known");
  return transfer;
}
