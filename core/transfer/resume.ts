/**
 * What a torrent remembers between two runs, its bytes on disk, and which pieces may be believed
 * when the next run starts.
 *
 * The state is a claim, not a proof: a piece is kept without a new hash only while every file it
 * touches has the size and mtime that were noted when the claim was made. Where a file differs, all
 * its pieces are hashed again, claimed or not, so nothing that is on disk is fetched twice.
 *
 * Reading and writing the file is the shell's matter.
 */
import {
  type Bitfield,
  countBits,
  createBitfield,
  hasBit,
  parseBitfield,
  setBit,
} from "../bytes/bitfield.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { assert, fail, ok, type Result } from "../bytes/result.ts";
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asBytes, asInteger, asList, type BencodeNode, dictGet } from "../bencode/node.ts";
import { MERKLE_HASH_SIZE } from "../metainfo/merkle.ts";
import type { Metainfo } from "../metainfo/types.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import type { StartedPiece } from "./protocol.ts";

/** Number of the layout below; another one is refused, and the content is hashed again. */
const RESUME_VERSION = 1;
const INFO_HASH_BYTES = 20;
const NO_BYTES = new Uint8Array(0);

/** How a file looked when the state was saved. */
export interface FileStamp {
  /** Bytes. */
  readonly length: number;
  /** Whole milliseconds since 1970; may be negative. */
  readonly mtimeMs: number;
}

/** How a file looks now. */
export interface FileOnDisk extends FileStamp {
  /** False when the file system holds no block for it: reserved, never written. */
  readonly hasData: boolean;
}

/** Blocks of one piece, and the SHA-256 of each in their order. */
export interface StartedHashes extends StartedPiece {
  readonly hashes: Uint8Array;
}

export interface ResumeState {
  readonly infoHash: InfoHash;
  /** Bitfield bytes of the pieces whose bytes are flushed. */
  readonly pieces: Uint8Array;
  /** Payload bytes over all runs. */
  readonly uploaded: number;
  /** Payload bytes over all runs. */
  readonly downloaded: number;
  /** The share debt was waived. */
  readonly waived: boolean;
  /** One for each file of the torrent, in its order; undefined for padding and for missing files. */
  readonly files: readonly (FileStamp | undefined)[];
  /** Blocks of pieces that are not complete, whose bytes are flushed; v2 torrents have some. */
  readonly started?: readonly StartedHashes[];
  /** Bytes of the `.torrent`, which was once kept in the state; today it has a file of its own. */
  readonly torrent: Uint8Array | undefined;
}

export type ResumeError =
  | { readonly code: "resume-bencode"; readonly cause: BencodeError }
  | { readonly code: "resume-version"; readonly version: number | undefined }
  | { readonly code: "resume-field"; readonly key: string; readonly offset: number };

/**
 * A bencoded dictionary: `downloaded`, `files` (a list of `[length, mtimeMs]`, or of an empty list
 * for undefined), `info-hash` (20 bytes), `pieces`, `started` (a list of `[piece, blocks, hashes]`, left
 * out if there is none), `torrent` (left out if there is none), `uploaded`, `version`, `waived` (0 or 1).
 */
export function encodeResume(state: ResumeState): Uint8Array {
  const infoHash = fromHex(state.infoHash);
  assert(infoHash?.length === INFO_HASH_BYTES, "an info hash has 40 hexadecimal digits");
  return encodeBencode({
    downloaded: state.downloaded,
    files: state.files.map((stamp) => stamp === undefined ? [] : [stamp.length, stamp.mtimeMs]),
    "info-hash": infoHash,
    pieces: state.pieces,
    started: state.started?.map(({ piece, blocks, hashes }) => [piece, blocks, hashes]),
    torrent: state.torrent,
    uploaded: state.uploaded,
    version: RESUME_VERSION,
    waived: state.waived ? 1 : 0,
  });
}

/**
 * Reads what `encodeResume` wrote. `pieces` and `torrent` are views into `bytes`, and nothing is known
 * yet about how well they fit a torrent. Size and depth are limited by the bencode decoder.
 *
 * Errors: `resume-bencode` (not bencode), `resume-version` (missing or of another layout),
 * `resume-field` (missing or not of its type; `offset` is that of the value, or 0).
 */
export function decodeResume(bytes: Uint8Array): Result<ResumeState, ResumeError> {
  const root = decodeBencode(bytes);
  if (!root.ok) return fail({ code: "resume-bencode", cause: root.error });
  const version = asInteger(dictGet(root.value, "version"));
  if (version !== RESUME_VERSION) return fail({ code: "resume-version", version });

  const badField = (key: string) =>
    fail({ code: "resume-field" as const, key, offset: dictGet(root.value, key)?.start ?? 0 });
  const infoHash = asBytes(dictGet(root.value, "info-hash"));
  if (infoHash?.length !== INFO_HASH_BYTES) return badField("info-hash");
  const pieces = asBytes(dictGet(root.value, "pieces"));
  if (pieces === undefined) return badField("pieces");
  const uploaded = asInteger(dictGet(root.value, "uploaded"));
  if (uploaded === undefined || uploaded < 0) return badField("uploaded");
  const downloaded = asInteger(dictGet(root.value, "downloaded"));
  if (downloaded === undefined || downloaded < 0) return badField("downloaded");
  const waived = asInteger(dictGet(root.value, "waived"));
  if (waived !== 0 && waived !== 1) return badField("waived");
  const files = readStamps(asList(dictGet(root.value, "files")));
  if (files === undefined) return badField("files");
  const started = readStarted(dictGet(root.value, "started"));
  if (started === undefined) return badField("started");
  const torrent = asBytes(dictGet(root.value, "torrent"));
  if (torrent === undefined && dictGet(root.value, "torrent") !== undefined) {
    return badField("torrent");
  }
  return ok({
    infoHash: toHex(infoHash) as InfoHash,
    pieces,
    uploaded,
    downloaded,
    waived: waived === 1,
    files,
    ...(started.length > 0 && { started }),
    torrent,
  });
}

/** Undefined unless every item is a piece with blocks and a hash for each of them. */
function readStarted(list: BencodeNode | undefined): StartedHashes[] | undefined {
  const started: StartedHashes[] = [];
  if (list === undefined) return started;
  for (const item of asList(list) ?? [list]) {
    const [piece, blocks, hashes] = asList(item) ?? [];
    const read = {
      piece: asInteger(piece) ?? -1,
      blocks: asBytes(blocks) ?? NO_BYTES,
      hashes: asBytes(hashes) ?? NO_BYTES,
    };
    const count = countBits({ bytes: read.blocks, count: 8 * read.blocks.length });
    const isWhole = read.piece >= 0 && count > 0 &&
      read.hashes.length === count * MERKLE_HASH_SIZE;
    if (!isWhole) return undefined;
    started.push(read);
  }
  return started;
}

/** Undefined unless every item is an empty list or a length and an mtime. */
function readStamps(
  items: readonly BencodeNode[] | undefined,
): (FileStamp | undefined)[] | undefined {
  if (items === undefined) return undefined;
  const stamps: (FileStamp | undefined)[] = [];
  for (const item of items) {
    const numbers = asList(item);
    if (numbers?.length === 0) {
      stamps.push(undefined);
      continue;
    }
    const length = asInteger(numbers?.[0]);
    const mtimeMs = asInteger(numbers?.[1]);
    if (numbers?.length !== 2 || length === undefined || length < 0 || mtimeMs === undefined) {
      return undefined;
    }
    stamps.push({ length, mtimeMs });
  }
  return stamps;
}

export interface Trust {
  /** Pieces to keep as they are. */
  readonly trusted: Bitfield;
  /** Pieces to hash; those in neither set are not on disk. */
  readonly toCheck: Bitfield;
}

/**
 * Decides which pieces a download that starts again may keep. `state` is undefined when there is
 * none or it shall not be trusted; a state of another torrent counts as none. `onDisk` has one entry
 * for each file of the torrent, undefined where it is missing or padding.
 *
 * A piece of a file that is missing or was never written is not on disk: it is in neither set. That
 * rule is for downloads; a seeder, whose sparse file may be meant to be zeros, hashes every piece.
 */
export function trustResume(
  state: ResumeState | undefined,
  metainfo: Pick<Metainfo, "infoHash" | "geometry" | "files">,
  onDisk: readonly (FileOnDisk | undefined)[],
): Trust {
  const { geometry, files } = metainfo;
  const claim = claimOf(state, metainfo);
  const absent = createBitfield(geometry.pieceCount);
  const changed = createBitfield(geometry.pieceCount);
  for (const [index, file] of files.entries()) {
    if (file.pad || file.length === 0) continue;
    const now = onDisk[index];
    const then = claim?.files[index];
    if (
      now?.length === file.length && then?.length === file.length && now.mtimeMs === then.mtimeMs
    ) continue;
    const touched = now?.hasData ? changed : absent;
    const lastPiece = Math.floor((file.offset + file.length - 1) / geometry.pieceLength);
    for (let piece = Math.floor(file.offset / geometry.pieceLength); piece <= lastPiece; piece++) {
      setBit(touched, piece);
    }
  }

  const trusted = createBitfield(geometry.pieceCount);
  const toCheck = createBitfield(geometry.pieceCount);
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    if (hasBit(absent, piece)) continue;
    if (hasBit(changed, piece)) setBit(toCheck, piece);
    else if (claim !== undefined && hasBit(claim.pieces, piece)) setBit(trusted, piece);
  }
  return { trusted, toCheck };
}

/** The parts of a state that fit this torrent, or undefined. */
function claimOf(
  state: ResumeState | undefined,
  metainfo: Pick<Metainfo, "infoHash" | "geometry" | "files">,
): { pieces: Bitfield; files: ResumeState["files"] } | undefined {
  if (state?.infoHash !== metainfo.infoHash) return undefined;
  if (state.files.length !== metainfo.files.length) return undefined;
  const pieces = parseBitfield(state.pieces, metainfo.geometry.pieceCount);
  return pieces.ok ? { pieces: pieces.value, files: state.files } : undefined;
}
