/**
 * Makes the bytes of a `.torrent` of either version, or of both. Deterministic: the same content and settings give the same
 * bytes, so no date is written unless it is asked for.
 */
import { type Bencodable, encodeBencode } from "../bencode/encode.ts";
import { byteText } from "../bencode/node.ts";
import { assert } from "../bytes/result.ts";
import { pieceLayersOf } from "./piece_layers.ts";
import type { TorrentFormat } from "./identity.ts";
import type { PieceTrees } from "./piece_trees.ts";
import type { TorrentFile } from "./types.ts";

const UTF8 = new TextEncoder();

/** One block; a smaller piece gains nothing. */
export const CHOSEN_PIECE_LENGTH_MIN = 16 * 1024;
/** Larger pieces cost memory in every client and are refused by some. */
export const CHOSEN_PIECE_LENGTH_MAX = 16 * 1024 * 1024;
/** Keeps a `.torrent` near 40 KB; halving the piece length until here gives 1,000 to 2,000 pieces. */
const CHOSEN_PIECE_COUNT_MAX = 2000;

export interface ContentFile {
  /** Components below the torrent's folder; ignored for a single file. */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
  /** BEP 47 attribute x; false unless given. */
  readonly executable?: boolean;
}

export interface TorrentPlan {
  readonly name: string;
  /** In the order in which they were hashed: sorted by `compareFilePaths`. */
  readonly files: readonly ContentFile[];
  /** False: exactly one file, called `name`. */
  readonly isFolder: boolean;
  readonly pieceLength: number;
  /** 20 bytes a piece, over the files as `layOutFiles` places them; undefined makes a v2 torrent. */
  readonly pieceHashes: Uint8Array | undefined;
  /** The files' roots and layers; undefined makes a v1 torrent. */
  readonly trees?: PieceTrees | undefined;
  readonly announceTiers: readonly (readonly string[])[];
  readonly isPrivate: boolean;
  /** HTTP URLs of the content; one for a folder ends with "/". Spec: BEP 19. */
  readonly webSeeds?: readonly string[];
  /** Gives the same content another info hash, as private trackers want it. */
  readonly source?: string;
  readonly comment?: string;
  readonly createdBy?: string;
  /** Seconds since 1970. */
  readonly creationDate?: number;
}

/**
 * What is made unless the user asks for another format. Every client takes v1; of hybrids Transmission
 * 3.00 cannot open the file, and aria2 1.36 computes another info hash, since neither reads a dictionary
 * with an empty key.
 */
export const DEFAULT_FORMAT: TorrentFormat = "v1";

/** A power of two from 16 KiB to 16 MiB that gives at most 2,000 pieces where that is possible. */
export function choosePieceLength(totalSize: number): number {
  let pieceLength = CHOSEN_PIECE_LENGTH_MIN;
  while (
    pieceLength < CHOSEN_PIECE_LENGTH_MAX && totalSize > pieceLength * CHOSEN_PIECE_COUNT_MAX
  ) pieceLength *= 2;
  return pieceLength;
}

/** Order of files in a torrent: by the UTF-8 bytes of each component in turn, as BEP 52 has it. */
export function compareFilePaths(a: readonly string[], b: readonly string[]): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = compareCodePoints(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The order of code points is that of their UTF-8 bytes, but not that of UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return orderOfUnit(a.charCodeAt(i)) - orderOfUnit(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function orderOfUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

/**
 * The bytes of the `.torrent`. One tracker gives `announce`; several give `announce-list` as well.
 *
 * Spec: BEP 3, metainfo; BEP 12, announce-list; BEP 19, url-list; BEP 27, private; BEP 47, attr; BEP 52,
 * info dictionary, piece layers.
 */
export function buildMetainfo(plan: TorrentPlan): Uint8Array {
  assert(plan.isFolder || plan.files.length === 1, "a torrent without a folder has one file");
  const trackers = plan.announceTiers.flat();
  return encodeBencode({
    announce: trackers[0],
    "announce-list": trackers.length > 1 ? plan.announceTiers : undefined,
    comment: plan.comment,
    "created by": plan.createdBy,
    "creation date": plan.creationDate,
    info: buildInfo(plan),
    "piece layers": plan.trees && pieceLayersOf(plan.trees),
    "url-list": plan.webSeeds?.length ? plan.webSeeds : undefined,
  });
}

/**
 * Where each file lies in the pieces, with the padding that hybrids need after each file but the last
 * one; `path` without the torrent's name.
 *
 * Spec: BEP 47, padding files; BEP 52, upgrade path.
 */
export function layOutFiles(
  files: readonly ContentFile[],
  format: TorrentFormat,
  pieceLength: number,
): TorrentFile[] {
  const placed: TorrentFile[] = [];
  const padCounts = new Map<number, number>();
  let offset = 0;
  for (const { path, length, executable = false } of files) {
    const gap = length > 0 && format !== "v1" ? -offset & (pieceLength - 1) : 0;
    if (gap > 0 && format === "hybrid") {
      // BEP 47 recommends the length as a name; rtorrent refuses a torrent in which one occurs twice.
      const count = (padCounts.get(gap) ?? 0) + 1;
      padCounts.set(gap, count);
      const padPath = [".pad", count === 1 ? String(gap) : `${gap}-${count}`];
      placed.push({ path: padPath, length: gap, offset, pad: true, executable: false });
    }
    offset += gap;
    placed.push({ path, length, offset, pad: false, executable });
    offset += length;
  }
  return placed;
}

function buildInfo(plan: TorrentPlan): Bencodable {
  const { trees, pieceHashes, isFolder, files, pieceLength } = plan;
  const [only] = files;
  const hasV1 = pieceHashes !== undefined;
  const v1Files = hasV1 && isFolder
    ? layOutFiles(files, trees === undefined ? "v1" : "hybrid", pieceLength)
    : undefined;
  return {
    attr: hasV1 && !isFolder && only!.executable ? "x" : undefined,
    "file tree": trees && fileTreeOf(plan, trees),
    files: v1Files?.map(({ path, length, pad, executable }) => {
      return { attr: pad ? "p" : executable ? "x" : undefined, length, path };
    }),
    length: hasV1 && !isFolder ? only!.length : undefined,
    "meta version": trees && 2,
    name: plan.name,
    "piece length": pieceLength,
    pieces: pieceHashes,
    private: plan.isPrivate ? 1 : undefined,
    source: plan.source,
  };
}

type Tree = Map<string, Bencodable>;

function fileTreeOf({ files, isFolder, name }: TorrentPlan, trees: PieceTrees): Tree {
  const roots = new Map(trees.files.map(({ file, root }) => [file, root]));
  const tree: Tree = new Map();
  for (const [index, { path, length, executable }] of files.entries()) {
    let folder = tree;
    for (const component of isFolder ? path : [name]) {
      const key = byteText(UTF8.encode(component));
      let next = folder.get(key) as Tree | undefined;
      if (next === undefined) folder.set(key, next = new Map());
      folder = next;
    }
    const attr = executable ? "x" : undefined;
    folder.set("", { attr, length, "pieces root": roots.get(index) });
  }
  return tree;
}
