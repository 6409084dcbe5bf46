/**
 * Answering peers that ask for the info dictionary. Each peer may ask for a burst and then at a steady
 * rate; what goes beyond is rejected, as BEP 9 allows, so that no peer turns 30 bytes into 16 KiB at
 * will. The metadata of a private torrent is not given away: its peers have the `.torrent`.
 */
import {
  METADATA_PIECE_SIZE,
  type MetadataMessage,
  metadataPieceCount,
} from "../wire/ut_metadata.ts";

/** 4 MiB at once, the largest metadata seen; clients have 64 requests and fewer under way. */
export const SERVED_BURST_PIECES = 256;
/** 1 MB/s for a peer that has used up its burst. */
export const SERVED_PIECES_PER_SECOND = 64;

/** One peer's allowance. Plain data; only `answerMetadataRequest` changes it. */
export interface MetadataAllowance {
  pieces: number;
  refilledMs: number;
}

/** A peer that has asked for nothing yet. */
export function createMetadataAllowance(now: number): MetadataAllowance {
  return { pieces: SERVED_BURST_PIECES, refilledMs: now };
}

/**
 * The answer to a request. `infoBytes` is undefined while we have no metadata or give none away.
 * Spec: BEP 9, request.
 */
export function answerMetadataRequest(
  infoBytes: Uint8Array | undefined,
  piece: number,
  allowance: MetadataAllowance,
  now: number,
): Exclude<MetadataMessage, { kind: "unknown" }> {
  const refill = (now - allowance.refilledMs) * SERVED_PIECES_PER_SECOND / 1_000;
  allowance.pieces = Math.min(SERVED_BURST_PIECES, allowance.pieces + refill);
  allowance.refilledMs = now;
  const reject = { kind: "reject", piece } as const;
  if (infoBytes === undefined || piece >= metadataPieceCount(infoBytes.length)) return reject;
  if (allowance.pieces < 1) return reject;
  allowance.pieces--;
  const begin = piece * METADATA_PIECE_SIZE;
  const payload = infoBytes.subarray(begin, begin + METADATA_PIECE_SIZE);
  return { kind: "data", piece, totalSize: infoBytes.length, payload };
}
