/**
 * Hashes the pieces of a torrent as fast as the machine allows. Much content that lies in files is
 * read and hashed by a thread a core. Otherwise a few lanes read one piece each while others are
 * being hashed elsewhere; that path also reads what the threads could not, and reports why.
 */
import { type Geometry, pieceSize } from "../../core/metainfo/geometry.ts";
import { type DigestPlan, type PieceDigest, SHA1_PLAN } from "../../core/metainfo/piece_check.ts";
import { HashPool, type HashThread } from "./hash_pool.ts";
import type { FilePart, HashTask } from "./hash_tasks.ts";
import { digestHere, digestOffThread, withNode } from "./digest.ts";
import { hashesFastHere } from "./sha1.ts";

/** Bytes of piece buffers at once, unless one piece alone is larger. */
const BUFFER_BYTES_MAX = 64 * 1024 * 1024;
/** More readers than this only make a disk seek. */
const LANES_MAX = 16;
/** Less is hashed sooner than threads start. */
const THREADS_FROM_BYTES = 128 * 1024 * 1024;
/** Work sent to a thread at once: a message costs as much as hashing 100 KiB. */
const TASKS_BYTES = 8 * 1024 * 1024;
/** Messages under way to a thread, so that it never waits for the next one. */
const MESSAGES_AHEAD = 2;

export interface HashJob {
  readonly geometry: Geometry;
  /** Which pieces, in the order to be read; all of them unless given. */
  readonly pieces?: readonly number[];
  /** Fills `target` with the piece's bytes; false when they are not there. Called concurrently. */
  readPiece(piece: number, target: Uint8Array): Promise<boolean>;
  /** Where the piece's bytes are; undefined when only `readPiece` can tell. */
  partsOf?(piece: number): readonly FilePart[] | undefined;
  /** What to compute; SHA-1 unless given. */
  readonly plan?: DigestPlan;
  /** Bytes of a piece that leaves cover; the whole piece unless given. */
  contentSize?(piece: number): number;
  /** Heights of the nodes to give in place of leaves; leaves are given unless it is there. */
  nodeHeight?(piece: number): number;
  /** Gives the leaves beside the nodes. */
  readonly keepsLeaves?: boolean;
  /** Called once for every piece, as they get ready; undefined when the bytes are not there. */
  onPiece(piece: number, digest: PieceDigest | undefined): void;
  readonly signal?: AbortSignal;
  /** Hash on this thread alone, whatever that costs. */
  readonly hashesHere?: boolean | undefined;
}

/**
 * Runs until every piece was reported. Rejects with the first error of a callback, or with the
 * signal's reason, once no read is under way any more. `onThreads`: for tests.
 */
export async function hashPieces(job: HashJob, onThreads = isWorthThreads(job)): Promise<void> {
  const run = new HashRun(job);
  if (!onThreads) return await run.all(laneCount(job.geometry), () => run.readAndHash());
  using pool = new HashPool();
  const lanes = pool.threads.flatMap((thread) => Array<HashThread>(MESSAGES_AHEAD).fill(thread));
  await run.all(lanes.length, (lane) => run.tell(lanes[lane]!));
}

/** Where hashing on a thread of ours is slow, the runtime's own threads are faster. */
function isWorthThreads({ geometry, pieces, partsOf, hashesHere }: HashJob): boolean {
  if (hashesHere) return false;
  const count = pieces?.length ?? geometry.pieceCount;
  const isMuch = count * geometry.pieceLength >= THREADS_FROM_BYTES && count > 1;
  return partsOf !== undefined && isMuch && hashesFastHere();
}

class HashRun {
  readonly #job: HashJob;
  readonly #pieces: readonly number[];
  readonly #plan: DigestPlan;
  #next = 0;
  #isStopped = false;

  constructor(job: HashJob) {
    this.#job = job;
    this.#plan = job.plan ?? SHA1_PLAN;
    this.#pieces = job.pieces ??
      Array.from({ length: job.geometry.pieceCount }, (_, piece) => piece);
  }

  /** Runs this many lanes to their ends; after a failure all of them stop. */
  async all(lanes: number, runLane: (lane: number) => Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled(
      Array.from({ length: lanes }, (_, lane) =>
        runLane(lane).catch((error) => {
          this.#isStopped = true;
          throw error;
        })),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** One lane: reads a piece after the other here and has it hashed elsewhere. */
  async readAndHash(): Promise<void> {
    const buffer = this.#buffer();
    for (let piece = this.#take(); piece !== undefined; piece = this.#take()) {
      await this.#readAndHash(piece, buffer);
    }
  }

  /** One lane: has a thread read and hash piece after piece. */
  async tell(thread: HashThread): Promise<void> {
    let buffer: Uint8Array | undefined;
    for (let tasks = this.#takeTasks(); tasks.length > 0; tasks = this.#takeTasks()) {
      for (const { piece, digest } of await thread(tasks)) {
        this.#job.signal?.throwIfAborted();
        if (digest !== undefined) this.#job.onPiece(piece, digest);
        else await this.#readAndHash(piece, buffer ??= this.#buffer());
      }
    }
  }

  async #readAndHash(piece: number, buffer: Uint8Array): Promise<void> {
    const { geometry, readPiece, onPiece } = this.#job;
    const bytes = buffer.subarray(0, pieceSize(geometry, piece));
    const isThere = await readPiece(piece, bytes);
    onPiece(piece, isThere ? await this.#digest(piece, bytes) : undefined);
  }

  async #digest(piece: number, bytes: Uint8Array): Promise<PieceDigest> {
    const content = bytes.subarray(0, this.#job.contentSize?.(piece));
    const { sha1, leaves } = this.#job.hashesHere
      ? digestHere(this.#plan, bytes, content)
      : await digestOffThread(this.#plan, bytes, content);
    const { nodeHeight, keepsLeaves = false } = this.#job;
    return withNode(sha1, leaves, nodeHeight?.(piece), keepsLeaves);
  }

  #buffer(): Uint8Array {
    const { pieceLength, totalSize } = this.#job.geometry;
    return new Uint8Array(Math.min(pieceLength, totalSize));
  }

  #take(): number | undefined {
    this.#job.signal?.throwIfAborted();
    return this.#isStopped ? undefined : this.#pieces[this.#next++];
  }

  #takeTasks(): HashTask[] {
    const tasks: HashTask[] = [];
    for (let bytes = 0; bytes < TASKS_BYTES; bytes += this.#job.geometry.pieceLength) {
      const piece = this.#take();
      if (piece === undefined) break;
      const { keepsLeaves = false, partsOf } = this.#job;
      const nodeHeight = this.#job.nodeHeight?.(piece);
      tasks.push({ piece, plan: this.#plan, nodeHeight, keepsLeaves, parts: partsOf!(piece) });
    }
    return tasks;
  }
}

/** One lane reads while each core hashes, within the memory limit. */
function laneCount(geometry: Geometry): number {
  const affordable = Math.floor(BUFFER_BYTES_MAX / geometry.pieceLength);
  const wanted = Math.min(navigator.hardwareConcurrency + 1, LANES_MAX, geometry.pieceCount);
  return Math.max(1, Math.min(wanted, affordable));
}
