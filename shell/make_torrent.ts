/** Makes a `.torrent` of a file or folder: lists it, hashes it, and checks that it stood still. */
import { open, stat } from "node:fs/promises";
import { STRING_BYTES_MAX } from "../core/bencode/decode.ts";
import { assert } from "../core/bytes/result.ts";
import {
  buildMetainfo,
  choosePieceLength,
  CHOSEN_PIECE_LENGTH_MIN,
} from "../core/metainfo/create.ts";
import { rangesOf } from "../core/metainfo/file_map.ts";
import {
  createGeometry,
  type Geometry,
  pieceOffset,
  pieceSize,
} from "../core/metainfo/geometry.ts";
import { PIECE_HASH_SIZE, PIECE_LENGTH_MAX } from "../core/metainfo/parse.ts";
import type { Metainfo, TorrentFile } from "../core/metainfo/types.ts";
import { hashPieces } from "./hash/hash_pieces.ts";
import { partsOfPiece } from "./hash/hash_tasks.ts";
import {
  attempt,
  ContentError,
  type FoundContent,
  type FoundFile,
  listContent,
  type ListOptions,
} from "./list_content.ts";
import { readMetainfo } from "./read_metainfo.ts";

/** What a reader of the torrent cannot take is not made. */
const PIECES_MAX = Math.floor(STRING_BYTES_MAX / PIECE_HASH_SIZE);

export interface MakeTorrentOptions extends ListOptions {
  /** Tiers of trackers, tried in this order. */
  readonly announceTiers?: readonly (readonly string[])[];
  readonly isPrivate?: boolean;
  /** Bytes, a power of two from 16 KiB to 256 MiB; chosen by size unless given. */
  readonly pieceLength?: number;
  readonly webSeeds?: readonly string[];
  readonly source?: string | undefined;
  readonly comment?: string | undefined;
  readonly createdBy?: string;
  /** Told after each piece. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
  /** Told what was found before it is hashed; what it throws ends the work. */
  readonly onListed?: (content: FoundContent) => void;
  readonly signal?: AbortSignal;
}

export interface MadeTorrent {
  /** Of the `.torrent`; the same for the same content and options. */
  readonly bytes: Uint8Array;
  readonly metainfo: Metainfo;
  /** Where the content is that was hashed; padding aside, in the order of the torrent's files. */
  readonly places: readonly string[];
}

/** Throws `ContentError`, or the signal's reason. */
export async function makeTorrent(
  path: string,
  options: MakeTorrentOptions = {},
): Promise<MadeTorrent> {
  const content = await listContent(path, options);
  options.onListed?.(content);
  const { name, isFolder, files } = content;
  const totalSize = files.reduce((total, file) => total + file.length, 0);
  const geometry = createGeometry(totalSize, pieceLengthFor(totalSize, options.pieceLength));
  if (geometry.pieceCount > PIECES_MAX) {
    throw new ContentError(
      "bad-piece-length",
      `${path} has ${geometry.pieceCount} pieces, more than ${PIECES_MAX}; ask for longer pieces`,
    );
  }
  const build = (pieceHashes: Uint8Array) =>
    buildMetainfo({
      name,
      files,
      isFolder,
      pieceLength: geometry.pieceLength,
      pieceHashes,
      announceTiers: options.announceTiers ?? [],
      isPrivate: options.isPrivate ?? false,
      webSeeds: options.webSeeds,
      source: options.source,
      comment: options.comment,
      createdBy: options.createdBy,
    });
  // Hashes have no part in whether a torrent can be read: this finds out before hours of hashing.
  refuseUnreadable(path, build(new Uint8Array(geometry.pieceCount * PIECE_HASH_SIZE)));
  const pieceHashes = await hashFiles(files, geometry, options);
  await refuseChanges(files);
  const bytes = build(pieceHashes);
  const metainfo = readMetainfo(bytes);
  assert(metainfo.ok, `a torrent of ours is valid: ${JSON.stringify(metainfo)}`);
  return { bytes, metainfo: metainfo.value, places: files.map(({ place }) => place) };
}

/** Some limits of readers depend on the whole: values, bytes of all paths. */
function refuseUnreadable(path: string, bytes: Uint8Array): void {
  if (readMetainfo(bytes).ok) return;
  const message =
    `${path} holds more files in more folders than a torrent that can be read lists; ` +
    "share an archive, or several parts";
  throw new ContentError("torrent-too-large", message);
}

function pieceLengthFor(totalSize: number, wanted: number | undefined): number {
  if (wanted === undefined) return choosePieceLength(totalSize);
  const isPowerOfTwo = Number.isInteger(Math.log2(wanted));
  if (!isPowerOfTwo || wanted < CHOSEN_PIECE_LENGTH_MIN || wanted > PIECE_LENGTH_MAX) {
    throw new ContentError(
      "bad-piece-length",
      `A piece length of ${wanted} does not work with every client; ` +
        `choose a power of two from ${CHOSEN_PIECE_LENGTH_MIN} to ${PIECE_LENGTH_MAX}`,
    );
  }
  return wanted;
}

async function hashFiles(
  found: readonly FoundFile[],
  geometry: Geometry,
  options: MakeTorrentOptions,
): Promise<Uint8Array> {
  const files = layOut(found);
  const pieceHashes = new Uint8Array(geometry.pieceCount * PIECE_HASH_SIZE);
  let bytesDone = 0;
  await hashPieces({
    geometry,
    signal: options.signal,
    async readPiece(piece, target) {
      let filled = 0;
      for (const range of rangesOf(files, pieceOffset(geometry, piece), target.length)) {
        const part = target.subarray(filled, filled + range.length);
        await readFully(found[range.file]!.place, range.fileOffset, part);
        filled += range.length;
      }
      return true;
    },
    partsOf: (piece) => partsOfPiece(files, geometry, piece, (file) => found[file]!.place),
    onPiece(piece, digest) {
      pieceHashes.set(digest!.sha1!, piece * PIECE_HASH_SIZE);
      bytesDone += pieceSize(geometry, piece);
      options.onProgress?.(bytesDone, geometry.totalSize);
    },
  });
  return pieceHashes;
}

function layOut(found: readonly FoundFile[]): TorrentFile[] {
  let offset = 0;
  return found.map(({ path, length }) => {
    const file = { path, length, offset, pad: false, executable: false };
    offset += length;
    return file;
  });
}

/** Opens the file for each piece: cheap beside hashing one, and no handle is kept for long. */
async function readFully(place: string, offset: number, target: Uint8Array): Promise<void> {
  await attempt(place, async () => {
    const file = await open(place, "r");
    try {
      for (let filled = 0; filled < target.length;) {
        const { bytesRead } = await file.read(
          target,
          filled,
          target.length - filled,
          offset + filled,
        );
        if (bytesRead === 0) throw changedError(place);
        filled += bytesRead;
      }
    } finally {
      await file.close();
    }
  });
}

async function refuseChanges(files: readonly FoundFile[]): Promise<void> {
  for (const { place, length, mtimeMs } of files) {
    const info = await attempt(place, () => stat(place));
    if (info.size !== length || info.mtimeMs !== mtimeMs) throw changedError(place);
  }
}

function changedError(place: string): ContentError {
  return new ContentError(
    "changed",
    `${place} changed while it was being hashed; wait until it is complete and try again`,
  );
}
