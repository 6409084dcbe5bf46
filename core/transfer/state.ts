/**
 * The content of one torrent and its exchange with peers, once the metadata is known. Composed
 * here; each part is declared, made and changed by its owner, and read by all:
 *
 *     content.ts       which pieces are on disk, and which are wanted (wanted.ts changes that)
 *     availability.ts  how rare the others are
 *     partials.ts      pieces that were started
 *     blocks.ts        what came
 *     uploads.ts       what was sent
 *     choker.ts        when unchokes are decided next
 *     share_rule.ts    the share rule's wait
 *     suggesting.ts    what is suggested next
 *     super_seeding.ts which pieces are announced to whom
 *     saving.ts        when the state is saved next
 *     order.ts         which pieces are due, and whether order matters
 *     goals.ts         what the user wants of sharing
 *     seeding.ts       whether seeding was enough
 *     hash_trees.ts    which hashes of v2 trees are wanted
 *     block_blame.ts   which pieces wait for leaves that tell their bad blocks
 *     peers.ts         the peers (peer.ts: one of them)
 *     attention.ts     which of them must be looked at
 *
 * Deliberately absent: addresses, dials, trackers. A transfer does not know of a swarm;
 * `core/torrent` carries the news between them.
 */
import type { Bitfield } from "../bytes/bitfield.ts";
import { createJobs, type JobCounter, type Jobs } from "../bytes/jobs.ts";
import type { Rng } from "../bytes/random.ts";
import type { Geometry } from "../metainfo/geometry.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import type { Sha1 } from "../metainfo/digests.ts";
import { type Attention, createAttention } from "./attention.ts";
import { type Availability, createAvailability } from "./availability.ts";
import { createDownloads, type Downloads } from "./blocks.ts";
import { type BlockBlame, createBlockBlame } from "./block_blame.ts";
import { type Choking, createChoking } from "./choker.ts";
import { type Content, createContent } from "./content.ts";
import { createGoals, type Goals, type SharingGoals } from "./goals.ts";
import {
  createHashTrees,
  type HashTreeOptions,
  type HashTrees,
  piecesNotToAsk,
} from "./hash_trees.ts";
import { createOrder, type Order } from "./order.ts";
import { createPartialPieces, type PartialPieces } from "./partials.ts";
import { createPeerTable, type PeerTable } from "./peers.ts";
import { createSaving, type Saving } from "./saving.ts";
import { createSeeding, type Seeding } from "./seeding.ts";
import { createShare, type Share } from "./share_rule.ts";
import { createSuggesting, type Suggesting } from "./suggesting.ts";
import type { Tuning } from "./tuning.ts";
import { createSuperSeeding, type SuperSeeding } from "./super_seeding.ts";
import { createUploads, type Uploads } from "./uploads.ts";

export interface TransferOptions extends SharingGoals {
  readonly infoHash: InfoHash;
  readonly geometry: Geometry;
  /** Pieces on disk, checked. */
  readonly have: Bitfield;
  /** PRIORITY_SKIP to PRIORITY_MAX, one a piece; undefined: every piece is wanted alike. */
  readonly priorities?: Uint8Array | undefined;
  /** From the beginning to the end instead of rarest first. */
  readonly isSequential?: boolean | undefined;
  /**
   * Announce pieces one by one while no other peer has them, if every piece is here. Spec: BEP 16.
   */
  readonly superSeed?: boolean | undefined;
  /** Payload bytes of earlier runs. */
  readonly uploadedBefore: number;
  readonly downloadedBefore: number;
  readonly waivedBefore: boolean;
  /** For the allowed fast set (BEP 6). */
  readonly sha1: Sha1;
  /** Of a torrent with a v2 part. */
  readonly hashTrees?: HashTreeOptions | undefined;
}

export type TransferJob =
  | { readonly kind: "check"; readonly piece: number }
  | { readonly kind: "write"; readonly piece: number }
  | { readonly kind: "compare"; readonly piece: number }
  | { readonly kind: "save" };

export interface Transfer
  extends
    Content,
    PartialPieces,
    Downloads,
    Uploads,
    Choking,
    Share,
    Suggesting,
    SuperSeeding,
    Saving,
    Goals,
    Seeding,
    Order,
    HashTrees,
    BlockBlame,
    PeerTable,
    Attention {
  readonly options: TransferOptions;
  readonly tuning: Tuning;
  readonly geometry: Geometry;
  readonly rng: Rng;
  readonly jobs: Jobs<TransferJob>;
  readonly availability: Availability;
}

/**
 * A transfer without peers: it wants what `options.priorities` says and `options.have` lacks.
 * `now` in monotonic ms.
 */
export function createTransfer(
  options: TransferOptions,
  tuning: Tuning,
  rng: Rng,
  counter: JobCounter,
  now: number,
): Transfer {
  const { geometry, have, uploadedBefore, downloadedBefore, waivedBefore } = options;
  const hashTrees = createHashTrees(geometry, options.hashTrees);
  const content = createContent(geometry, have, options.priorities, now);
  const isAllHere = content.haveCount === geometry.pieceCount;
  return {
    options,
    tuning,
    geometry,
    rng,
    jobs: createJobs(counter),
    availability: createAvailability(
      geometry.pieceCount,
      piecesNotToAsk(have, hashTrees),
      content.priorities,
    ),
    ...content,
    ...createPartialPieces(geometry),
    ...createDownloads(downloadedBefore, now),
    ...createUploads(uploadedBefore, now),
    ...createChoking(now),
    ...createShare(waivedBefore, now),
    ...createSuggesting(),
    ...createSuperSeeding(isAllHere && options.superSeed === true, geometry, rng, now),
    ...createSaving(),
    ...createGoals(options),
    ...createSeeding(),
    ...createOrder(options.isSequential ?? false),
    ...hashTrees,
    ...createBlockBlame(),
    ...createPeerTable(),
    ...createAttention(),
  };
}
