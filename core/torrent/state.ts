/**
 * The state of one torrent and of its peers: plain data, made here, changed only by the rooms of
 * `core/torrent` that `step` calls. Opaque to everybody else; `facts.ts` is the window.
 */
import { type Bitfield, copyBitfield, countBits, createBitfield } from "../bytes/bitfield.ts";
import { createRng, nextUint32, type Rng } from "../bytes/random.ts";
import { blockCount, type Geometry } from "../metainfo/geometry.ts";
import type { PeerAddress } from "../bytes/address.ts";
import type { InfoHash, Sha1 } from "../metainfo/types.ts";
import type { Features } from "../wire/handshake.ts";
import { type Announcer, createAnnouncer } from "../tracker/announcer.ts";
import { type Availability, createAvailability } from "./availability.ts";
import { PEER_DEAD_MS, REQQ_DEFAULT } from "./limits.ts";
import { createRateMeter, type RateMeter } from "./rate_meter.ts";
import type { JobId, PeerKey, ShareState } from "./protocol.ts";
import { TUNING, type Tuning } from "./tuning.ts";

export interface ShareRule {
  /** 0 to 100; 0 is off. */
  readonly percent: number;
  /** Never waived. */
  readonly strict: boolean;
}

export interface TorrentOptions {
  readonly infoHash: InfoHash;
  readonly geometry: Geometry;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** The port that we tell others to dial. */
  readonly port: number;
  /** What `v` says in the extension handshake. */
  readonly clientName: string;
  readonly announceTiers: readonly (readonly string[])[];
  readonly isPrivate: boolean;
  /** Pieces on disk, checked. */
  readonly have: Bitfield;
  /** Payload bytes of earlier runs. */
  readonly uploadedBefore: number;
  readonly downloadedBefore: number;
  readonly waivedBefore: boolean;
  readonly shareRule: ShareRule;
  /** Stop seeding once uploaded / total size reaches this. */
  readonly seedRatio: number | undefined;
  /** Stop seeding this long after completion. */
  readonly seedTimeMs: number | undefined;
  readonly seed: number;
  /** For the allowed fast set (BEP 6). */
  readonly sha1: Sha1;
}

/** Where a block of a started piece stands. */
export const BLOCK_FREE = 0;
export const BLOCK_REQUESTED = 1;
export const BLOCK_RECEIVED = 2;

export interface PartialPiece {
  readonly piece: number;
  readonly blocks: number;
  /** BLOCK_* of each block. */
  readonly state: Uint8Array;
  /** How many peers are asked for each block. */
  readonly requesters: Uint8Array;
  /** Who sent each block. */
  readonly senders: Uint32Array;
  free: number;
  received: number;
  /** `open`: blocks are missing. Afterwards the shell has it. */
  stage: "open" | "checking" | "writing";
  /** All blocks must come from one peer, because a mix failed its check before. */
  alone: boolean;
  /** That peer, once chosen. */
  owner: PeerKey | undefined;
}

/** A block we wait for, keyed by `blockKey`; the value is when it was asked for (ms). */
export type Outstanding = Map<number, number>;

/** A piece is not asked of a peer before `untilMs`; the wait was `waitMs`. */
export interface Refusal {
  readonly untilMs: number;
  readonly waitMs: number;
}

export interface Peer {
  readonly key: PeerKey;
  /** Where it listens, once known; until then where it came from. */
  address: PeerAddress;
  readonly incoming: boolean;
  readonly id: Uint8Array;
  readonly features: Features;
  readonly connectedMs: number;

  readonly have: Bitfield;
  haveCount: number;
  /** Counted in `availability.seeds` instead of piece by piece. */
  countedAsSeed: boolean;
  /** Pieces that it has and we lack. */
  offered: number;
  /** All that it offers was started already: there is nothing to search for. */
  hasNothingNew: boolean;
  /** When we last told it of pieces of ours. */
  toldMs: number;
  /** It said since whether it is interested. */
  answered: boolean;

  amChoking: boolean;
  amInterested: boolean;
  isChoking: boolean;
  isInterested: boolean;
  /** When choke state last changed, by us. Orders optimistic unchokes and seeding turns. */
  chokeChangedMs: number;
  optimistic: boolean;

  /** What we asked and did not get. */
  readonly outstanding: Outstanding;
  /** How many requests we want under way. */
  pipeline: number;
  /** When it was last asked with nothing under way; undefined once a block came. */
  askedAfreshMs: number | undefined;
  /** From such a request to its block; 0 before the first. */
  roundTripMs: number;
  /** Doubling each round trip until the rate stops growing. */
  slowStart: boolean;
  rateBefore: number;
  snubbed: boolean;
  lastBlockMs: number;
  /** Pieces it rejected while serving us. */
  readonly refused: Map<number, Refusal>;
  /** Some block that we asked for came from it. */
  hasGiven: boolean;
  /** Sent blocks of a piece that failed; takes whole pieces alone until one passes. */
  onParole: boolean;
  /** Pieces it lets us ask for while choking. BEP 6. */
  readonly allowedFast: Set<number>;
  readonly suggested: number[];

  /** What it asked of us: triples of piece, begin, length; `queueHead` is the next one. */
  queue: number[];
  queueHead: number;
  readingPaused: boolean;
  /** Payload handed to the shell and not yet sent. */
  uploadAhead: number;
  /** Pieces we let it ask for while choked. BEP 6. */
  readonly grantedFast: Set<number>;
  lastAskedMs: number;

  readonly down: RateMeter;
  readonly up: RateMeter;
  lastHeardMs: number;
  lastSentMs: number;

  reqq: number;
  client: string | undefined;
  /** Interest or requests must be looked at in `settle`. */
  dirty: boolean;
}

/** How the share rule's wait goes; the clocks start anew with every byte that somebody takes. */
export interface ShareWait {
  reviewedMs: number;
  /** How long nobody was there who could be served. */
  unservedMs: number;
  /** How long somebody was, and took nothing. */
  untakenMs: number;
}

/** An address that we may dial. */
export interface Candidate {
  readonly address: PeerAddress;
  failures: number;
  nextTryMs: number;
  /** Connected, being dialled, or free. */
  use: "free" | "dialling" | "connected" | "never";
}

export interface Torrent {
  readonly options: TorrentOptions;
  readonly tuning: Tuning;
  readonly geometry: Geometry;
  readonly rng: Rng;
  readonly blocksPerPiece: number;
  /** `stopping`: no more peers; checks, writes and the last save are still under way. */
  stage: "idle" | "running" | "stopping" | "stopped";

  readonly have: Bitfield;
  haveCount: number;
  readonly availability: Availability;
  readonly partials: Map<number, PartialPiece>;
  /** Those of `partials` that lack blocks. */
  readonly open: Set<PartialPiece>;
  bufferedBytes: number;
  /** No more pieces are asked for: the disk failed. */
  diskFailed: boolean;

  readonly peers: Map<PeerKey, Peer>;
  /** Those that gave us blocks and left, the latest DEPARTED_MAX: blame finds them here. */
  readonly departed: Map<PeerKey, Peer>;
  readonly candidates: Map<string, Candidate>;
  readonly bannedIps: Set<string>;
  /** Peer ids in hexadecimal. */
  readonly bannedIds: Set<string>;
  readonly dials: Map<JobId, Candidate>;
  readonly jobs: Map<JobId, Job>;
  nextJob: JobId;
  /** Peers that are marked `dirty`, in the order in which they were. */
  dirty: Peer[];
  /** All peers must be looked at in `settle`: blocks came free, or interest changed. */
  allDirty: boolean;

  readonly announcer: Announcer;
  readonly announceKey: number;

  uploaded: number;
  downloaded: number;
  wasted: number;
  lastUploadMs: number;
  readonly down: RateMeter;
  readonly up: RateMeter;
  completedMs: number | undefined;
  seedingDone: boolean;
  /** Where the search for the next piece to suggest begins; undefined before the first. */
  nextSuggestion: number | undefined;

  share: ShareState | undefined;
  waived: boolean;
  /** Waiting under a rule that knows mercy. */
  wait: ShareWait | undefined;

  /** Every block that may be asked for is asked for. */
  inEndgame: boolean;
  nextTickMs: number;
  /** When a candidate may be dialled; 0: look again. */
  nextDialMs: number | undefined;
  nextChokeMs: number;
  nextOptimisticMs: number;
  nextSaveMs: number | undefined;
  saving: boolean;
}

export type Job =
  | { readonly kind: "check"; readonly piece: number }
  | { readonly kind: "write"; readonly piece: number }
  | { readonly kind: "announce"; readonly url: string }
  | { readonly kind: "save" };

/**
 * A torrent that has done nothing yet: it wants every piece that `options.have` lacks. `now` in
 * monotonic ms.
 */
export function createTorrent(
  options: TorrentOptions,
  now: number,
  tuning: Tuning = TUNING,
): Torrent {
  const { geometry } = options;
  const rng = createRng(options.seed);
  const have = copyBitfield(options.have);
  const haveCount = countBits(have);
  return {
    options,
    tuning,
    geometry,
    rng,
    blocksPerPiece: blockCount(geometry, 0),
    stage: "idle",
    have,
    haveCount,
    availability: createAvailability(geometry.pieceCount, have),
    partials: new Map(),
    open: new Set(),
    bufferedBytes: 0,
    diskFailed: false,
    peers: new Map(),
    departed: new Map(),
    candidates: new Map(),
    bannedIps: new Set(),
    bannedIds: new Set(),
    dials: new Map(),
    jobs: new Map(),
    nextJob: 1,
    dirty: [],
    allDirty: false,
    announcer: createAnnouncer(options.announceTiers, rng),
    announceKey: nextUint32(rng),
    uploaded: options.uploadedBefore,
    downloaded: options.downloadedBefore,
    wasted: 0,
    lastUploadMs: now,
    down: createRateMeter(now),
    up: createRateMeter(now),
    completedMs: haveCount === geometry.pieceCount ? now : undefined,
    seedingDone: false,
    nextSuggestion: undefined,
    share: undefined,
    waived: options.waivedBefore,
    wait: undefined,
    inEndgame: false,
    nextTickMs: now,
    nextDialMs: undefined,
    nextChokeMs: now,
    nextOptimisticMs: now,
    nextSaveMs: undefined,
    saving: false,
  };
}

/**
 * A peer just connected, of which nothing is known: both sides choke, nobody is interested.
 *
 * Spec: BEP 3, "Connections start out choked and not interested".
 */
export function createPeer(
  torrent: Torrent,
  key: PeerKey,
  address: PeerAddress,
  incoming: boolean,
  id: Uint8Array,
  features: Features,
  now: number,
): Peer {
  return {
    key,
    address,
    incoming,
    id,
    features,
    connectedMs: now,
    have: createBitfield(torrent.geometry.pieceCount),
    haveCount: 0,
    countedAsSeed: false,
    offered: 0,
    hasNothingNew: false,
    toldMs: now,
    answered: false,
    amChoking: true,
    amInterested: false,
    isChoking: true,
    isInterested: false,
    chokeChangedMs: now,
    optimistic: false,
    outstanding: new Map(),
    pipeline: torrent.tuning.pipelineFirst,
    askedAfreshMs: undefined,
    roundTripMs: 0,
    slowStart: true,
    rateBefore: 0,
    snubbed: false,
    lastBlockMs: now,
    refused: new Map(),
    hasGiven: false,
    onParole: false,
    allowedFast: new Set(),
    suggested: [],
    queue: [],
    queueHead: 0,
    readingPaused: false,
    uploadAhead: 0,
    grantedFast: new Set(),
    lastAskedMs: now,
    down: createRateMeter(now),
    up: createRateMeter(now),
    lastHeardMs: now,
    lastSentMs: now,
    reqq: REQQ_DEFAULT,
    client: undefined,
    dirty: false,
  };
}

/** `settle` will look at the peer. */
export function markDirty(torrent: Torrent, peer: Peer): void {
  if (peer.dirty) return;
  peer.dirty = true;
  torrent.dirty.push(peer);
}

/** Whether every piece is on disk. */
export function isComplete(torrent: Torrent): boolean {
  return torrent.haveCount === torrent.geometry.pieceCount;
}

/** Whether the peer told that it has every piece. */
export function isSeed(peer: Peer): boolean {
  return peer.haveCount === peer.have.count;
}

/** Whether the peer said nothing for PEER_DEAD_MS; `now` in monotonic ms. */
export function isDead(peer: Peer, now: number): boolean {
  return now - peer.lastHeardMs >= PEER_DEAD_MS;
}

/** One number for a block of the torrent. */
export function blockKey(torrent: Torrent, piece: number, block: number): number {
  return piece * torrent.blocksPerPiece + block;
}

/** Registers a job; its answer carries the number. */
export function startJob(torrent: Torrent, job: Job): JobId {
  const id = torrent.nextJob++;
  torrent.jobs.set(id, job);
  return id;
}

/** Takes the job out if it is known and of the kind that the answer answers. */
export function finishJob<K extends Job["kind"]>(
  torrent: Torrent,
  id: JobId,
  ...kinds: K[]
): Extract<Job, { kind: K }> | undefined {
  const job = torrent.jobs.get(id);
  if (job === undefined || !(kinds as string[]).includes(job.kind)) return undefined;
  torrent.jobs.delete(id);
  return job as Extract<Job, { kind: K }>;
}
