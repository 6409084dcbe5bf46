/** Compares content on disk with a torrent's hashes. */
import { type Bitfield, createBitfield, setBit } from "../core/bytes/bitfield.ts";
import { pieceOffset, pieceSize } from "../core/metainfo/geometry.ts";
import { rangesOf } from "../core/metainfo/file_map.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import type { FileOnDisk } from "../core/torrent/resume.ts";
import { DiskError } from "./disk/disk_error.ts";
import type { Storage } from "./disk/storage.ts";
import { hashPieces } from "./hash/hash_pieces.ts";
import type { FilePart } from "./hash/hash_tasks.ts";

const SHA1_SIZE = 20;

/** Which of `pieces` are right. `onProgress` gets the bytes hashed so far. Throws a DiskError. */
export async function checkContent(
  metainfo: Metainfo,
  storage: Storage,
  pieces: readonly number[],
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Bitfield> {
  const { geometry } = metainfo;
  const good = createBitfield(geometry.pieceCount);
  // Looks at every file, so that none is read behind a link.
  const stamps = await storage.stamps();
  let bytes = 0;
  await hashPieces({
    geometry,
    pieces,
    signal,
    readPiece: (piece, target) => readIfThere(storage, pieceOffset(geometry, piece), target),
    partsOf: (piece) => partsOf(metainfo, storage, stamps, piece),
    onPiece(piece, digest) {
      if (digest !== undefined && matchesHash(metainfo, piece, digest)) setBit(good, piece);
      bytes += pieceSize(geometry, piece);
      onProgress(bytes);
    },
  });
  return good;
}

/** Whether `digest` (SHA-1) is the one that the torrent has for the piece. */
export function matchesHash(metainfo: Metainfo, piece: number, digest: Uint8Array): boolean {
  const at = piece * SHA1_SIZE;
  for (let i = 0; i < SHA1_SIZE; i++) {
    if (digest[i] !== metainfo.pieceHashes[at + i]) return false;
  }
  return true;
}

/** Undefined when a file is not there, or some of the piece is padding. */
function partsOf(
  { files, geometry }: Metainfo,
  storage: Storage,
  stamps: readonly (FileOnDisk | undefined)[],
  piece: number,
): FilePart[] | undefined {
  const parts: FilePart[] = [];
  const offset = pieceOffset(geometry, piece);
  for (const { file, fileOffset, length } of rangesOf(files, offset, pieceSize(geometry, piece))) {
    if (stamps[file] === undefined) return undefined;
    parts.push({ path: storage.pathOf(file), offset: fileOffset, length });
  }
  return parts;
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
