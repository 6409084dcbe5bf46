/** Compares content on disk with a torrent's hashes. */
import { type Bitfield, createBitfield, setBit } from "../core/bytes/bitfield.ts";
import { pieceOffset, pieceSize } from "../core/metainfo/geometry.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { DiskError } from "./disk/disk_error.ts";
import type { Storage } from "./disk/storage.ts";
import { hashPieces } from "./hash/hash_pieces.ts";
import { partsOfPiece } from "./hash/hash_tasks.ts";
import { LayerLearner } from "./hash/learn_layers.ts";
import { contradiction, pieceCheckOf } from "./hash/piece_checks.ts";

/**
 * Which of `pieces` are right. `onProgress` gets the bytes hashed so far; `hashesHere`: see HashJob.
 * Throws a DiskError.
 */
export async function checkContent(
  metainfo: Metainfo,
  storage: Storage,
  pieces: readonly number[],
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
  hashesHere?: boolean,
): Promise<Bitfield> {
  const { files, geometry } = metainfo;
  const check = pieceCheckOf(metainfo);
  const learner = metainfo.trees && new LayerLearner(metainfo.trees);
  const good = createBitfield(geometry.pieceCount);
  // Looks at every file, so that none is read behind a link.
  const stamps = await storage.stamps();
  // Nothing is where a file is missing, or where padding is.
  const placeOf = (file: number) => stamps[file] && storage.pathOf(file);
  let bytes = 0;
  await hashPieces({
    geometry,
    pieces,
    signal,
    hashesHere,
    plan: check.plan,
    contentSize: (piece) => check.contentSize(piece),
    nodeHeight: (piece) => check.nodeHeight(piece),
    readPiece: (piece, target) => readIfThere(storage, pieceOffset(geometry, piece), target),
    partsOf: (piece) => partsOfPiece(files, geometry, piece, placeOf),
    onPiece(piece, digest) {
      const verdict = digest && check.judge(piece, digest);
      if (verdict === "contradictory") throw contradiction(metainfo, piece);
      if (verdict === "good") setBit(good, piece);
      if (verdict === "unknown" && digest?.node !== undefined) {
        for (const known of learner?.note(piece, digest.node) ?? []) setBit(good, known);
      }
      bytes += pieceSize(geometry, piece);
      onProgress(bytes);
    },
  });
  return good;
}

async function readIfThere(storage: Storage, at: number, target: Uint8Array): Promise<boolean> {
  try {
    await storage.readInto(at, target);
    return true;
  } catch (error) {
    if (error instanceof DiskError && (error.code === "missing" || error.code === "file-short")) {
      return false;
    }
    throw error;
  }
}
