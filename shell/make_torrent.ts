/** Makes a `.torrent` of a file or folder: lists it, hashes it, and checks that it stood still. */
import { open, stat } from "node:fs/promises";
import { assert } from "../core/bytes/result.ts";
import {
  buildMetainfo,
  choosePieceLength,
  CHOSEN_PIECE_LENGTH_MIN,
  DEFAULT_FORMAT,
  layOutFiles,
  type TorrentPlan,
} from "../core/metainfo/create.ts";
import type { TorrentFormat } from "../core/metainfo/identity.ts";
import { rangesOf } from "../core/metainfo/file_map.ts";
import {
  createGeometry,
  type Geometry,
  pieceOffset,
  pieceSize,
} from "../core/metainfo/geometry.ts";
import { MERKLE_HASH_SIZE } from "../core/metainfo/merkle.ts";
import {
  parseMetainfo,
  PIECE_HASH_SIZE,
  PIECE_LENGTH_MAX,
  PIECES_MAX,
} from "../core/metainfo/parse.ts";
import {
  pieceContentSize,
  pieceNodeHeight,
  type PieceTrees,
  plannedTrees,
  treesOfNodes,
} from "../core/metainfo/piece_trees.ts";
import type { Metainfo, TorrentFile } from "../core/metainfo/types.ts";
import { keepsLeaves } from "./disk/leaves_file.ts";
import { hashPieces } from "./hash/hash_pieces.ts";
import { partsOfPiece } from "./hash/hash_tasks.ts";
import { DIGESTS, MERKLE } from "./hash/sha256.ts";
import {
  attempt,
  type FoundContent,
  type FoundFile,
  listContent,
  type ListOptions,
} from "./list_content.ts";
import { ContentError } from "./content_error.ts";
import { NATIVE_PATH_RULES, readMetainfo } from "./read_metainfo.ts";

export interface MakeTorrentOptions extends ListOptions {
  /** Tiers of trackers, tried in this order. */
  readonly announceTiers?: readonly (readonly string[])[];
  readonly isPrivate?: boolean;
  /** Bytes, a power of two from 16 KiB to 256 MiB; chosen by size unless given. */
  readonly pieceLength?: number | undefined;
  /** DEFAULT_FORMAT unless given. */
  readonly format?: TorrentFormat | undefined;
  readonly webSeeds?: readonly string[];
  readonly source?: string | undefined;
  readonly comment?: string | undefined;
  readonly createdBy?: string;
  /** Called after each piece. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
  /** Called with what was found before it is hashed; an exception ends the work. */
  readonly onListed?: (content: FoundContent) => void;
  readonly signal?: AbortSignal;
}

export interface MadeTorrent {
  /** Of the `.torrent`; the same for the same content and options. */
  readonly bytes: Uint8Array;
  readonly metainfo: Metainfo;
  /** Where the content is that was hashed; padding aside, in the order of the torrent's files. */
  readonly places: readonly string[];
  /** By piece, where `keepsLeaves`. */
  readonly leaves: ReadonlyMap<number, Uint8Array>;
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
  const pieceLength = pieceLengthFor(totalSize, options.pieceLength);
  const format = options.format ?? DEFAULT_FORMAT;
  const layout = layOut(files, format, pieceLength);
  const { pieceCount } = layout.geometry;
  if (pieceCount > PIECES_MAX) {
    throw new ContentError(
      "bad-piece-length",
      `${path} has ${pieceCount} pieces, more than ${PIECES_MAX}; ask for longer pieces`,
    );
  }
  const build = ({ pieceHashes, trees }: ContentHashes) =>
    buildMetainfo({
      name,
      files,
      isFolder,
      pieceLength,
      pieceHashes,
      trees,
      announceTiers: options.announceTiers ?? [],
      isPrivate: options.isPrivate ?? false,
      webSeeds: options.webSeeds,
      source: options.source,
      comment: options.comment,
      createdBy: options.createdBy,
    });
  // Hashes have no part in whether a torrent can be read: this finds out before hours of hashing.
  refuseUnreadable(
    path,
    build({ pieceHashes: emptyHashes(format, pieceCount), trees: layout.trees }),
  );
  const hashes = await hashContent(files, format, layout, options);
  await refuseChanges(files);
  const bytes = build(hashes);
  const metainfo = readMetainfo(bytes);
  assert(metainfo.ok, `a torrent of ours is valid: ${JSON.stringify(metainfo)}`);
  const places = files.map(({ place }) => place);
  return { bytes, metainfo: metainfo.value, places, leaves: hashes.leaves };
}

/** Some limits of readers depend on the whole: values, bytes of all paths. */
function refuseUnreadable(path: string, bytes: Uint8Array): void {
  const options = { pathRules: NATIVE_PATH_RULES, layersOptional: true };
  if (parseMetainfo(bytes, DIGESTS, options).ok) return;
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

type ContentHashes = Pick<TorrentPlan, "pieceHashes" | "trees">;
type AllHashes = ContentHashes & Pick<MadeTorrent, "leaves">;

/** How the files lie in the pieces of a format. */
interface Layout {
  readonly geometry: Geometry;
  /** Padding included. */
  readonly files: readonly TorrentFile[];
  /** For v2 and hybrids, without hashes. */
  readonly trees: PieceTrees | undefined;
}

function layOut(
  found: readonly FoundFile[],
  format: TorrentFormat,
  pieceLength: number,
): Layout {
  const files = layOutFiles(found, format, pieceLength);
  const last = files.at(-1)!;
  const trees = format === "v1"
    ? undefined
    : plannedTrees(found.map((file) => file.length), pieceLength);
  const geometry = format === "v2"
    ? trees!.content
    : createGeometry(last.offset + last.length, pieceLength);
  return { geometry, files, trees };
}

function emptyHashes(format: TorrentFormat, pieceCount: number): Uint8Array | undefined {
  return format === "v2" ? undefined : new Uint8Array(pieceCount * PIECE_HASH_SIZE);
}

/** Every byte is read once, whatever the format. */
async function hashContent(
  found: readonly FoundFile[],
  format: TorrentFormat,
  { geometry, files, trees }: Layout,
  options: MakeTorrentOptions,
): Promise<AllHashes> {
  const content = files.flatMap(({ pad }, index) => pad ? [] : [index]);
  const places = new Map(content.map((index, i) => [index, found[i]!.place]));
  const pieceHashes = emptyHashes(format, geometry.pieceCount);
  const nodes = trees && new Uint8Array(geometry.pieceCount * MERKLE_HASH_SIZE);
  const leaves = new Map<number, Uint8Array>();
  let bytesDone = 0;
  await hashPieces({
    geometry,
    keepsLeaves: keepsLeaves({ geometry, trees }),
    plan: { sha1: pieceHashes !== undefined, leaves: nodes !== undefined },
    contentSize: trees && ((piece) => pieceContentSize(trees, piece)),
    nodeHeight: trees && ((piece) => pieceNodeHeight(trees, piece)),
    signal: options.signal,
    async readPiece(piece, target) {
      let filled = 0;
      for (const range of rangesOf(files, pieceOffset(geometry, piece), target.length)) {
        const part = target.subarray(filled, filled + range.length);
        if (range.pad) part.fill(0);
        else await readFully(places.get(range.file)!, range.fileOffset, part);
        filled += range.length;
      }
      return true;
    },
    partsOf: (piece) => partsOfPiece(files, geometry, piece, (file) => places.get(file)),
    onPiece(piece, digest) {
      pieceHashes?.set(digest!.sha1!, piece * PIECE_HASH_SIZE);
      nodes?.set(digest!.node!, piece * MERKLE_HASH_SIZE);
      if (digest!.leaves !== undefined) leaves.set(piece, digest!.leaves);
      bytesDone += pieceSize(geometry, piece);
      options.onProgress?.(bytesDone, geometry.totalSize);
    },
  });
  return { pieceHashes, trees: trees && treesOfNodes(trees, MERKLE, nodes!), leaves };
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
