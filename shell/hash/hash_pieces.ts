/**
 * Hashes the pieces of a torrent as fast as the machine allows: a few lanes, each reading one piece
 * while others are being hashed on other threads.
 */
import { type Geometry, pieceSize } from "../../core/metainfo/geometry.ts";
import { sha1OffThread } from "./sha1.ts";

/** Bytes of piece buffers at once, unless one piece alone is larger. */
const BUFFER_BYTES_MAX = 64 * 1024 * 1024;
/** More readers than this only make a disk seek. */
const LANES_MAX = 16;

export interface HashJob {
  readonly geometry: Geometry;
  /** Which pieces, in the order to be read; all of them unless given. */
  readonly pieces?: Iterable<number>;
  /** Fills `target` with the piece's bytes; false when they are not there. Called concurrently. */
  readPiece(piece: number, target: Uint8Array): Promise<boolean>;
  /** Told once for every piece, as they get ready; undefined when the bytes are not there. */
  onPiece(piece: number, digest: Uint8Array | undefined): void;
  readonly signal?: AbortSignal;
}

/**
 * Runs until every piece was told. Rejects with the first error of a callback, or with the signal's
 * reason, once no read is under way any more.
 */
export async function hashPieces(job: HashJob): Promise<void> {
  const { geometry, signal } = job;
  const pieces = (job.pieces ?? allPieces(geometry))[Symbol.iterator]();
  let stopped = false;

  async function runLane(): Promise<void> {
    const buffer = new Uint8Array(Math.min(geometry.pieceLength, geometry.totalSize));
    while (!stopped) {
      signal?.throwIfAborted();
      const next = pieces.next();
      if (next.done) return;
      const bytes = buffer.subarray(0, pieceSize(geometry, next.value));
      const isThere = await job.readPiece(next.value, bytes);
      job.onPiece(next.value, isThere ? await sha1OffThread(bytes) : undefined);
    }
  }

  const lanes = Array.from({ length: laneCount(geometry) }, () =>
    runLane().catch((error) => {
      stopped = true;
      throw error;
    }));
  const outcomes = await Promise.allSettled(lanes);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}

/** One lane reads while each core hashes, within the memory limit. */
function laneCount(geometry: Geometry): number {
  const affordable = Math.floor(BUFFER_BYTES_MAX / geometry.pieceLength);
  const wanted = Math.min(navigator.hardwareConcurrency + 1, LANES_MAX, geometry.pieceCount);
  return Math.max(1, Math.min(wanted, affordable));
}

function* allPieces(geometry: Geometry): Iterable<number> {
  for (let piece = 0; piece < geometry.pieceCount; piece++) yield piece;
}
