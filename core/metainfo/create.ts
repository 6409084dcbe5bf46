/**
 * Makes the bytes of a v1 `.torrent`. Deterministic: the same content and settings give the same
 * bytes, so no date is written unless it is asked for.
 */
import { type Bencodable, encodeBencode } from "../bencode/encode.ts";
import { assert } from "../bytes/result.ts";

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
  /** 20 bytes a piece. */
  readonly pieceHashes: Uint8Array;
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
 * Spec: BEP 3, metainfo; BEP 12, announce-list; BEP 19, url-list; BEP 27, private; BEP 47, attr.
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
    "url-list": plan.webSeeds?.length ? plan.webSeeds : undefined,
  });
}

function buildInfo(plan: TorrentPlan): Bencodable {
  const files = plan.files.map(({ path, length, executable }) => {
    return { attr: executable ? "x" : undefined, length, path };
  });
  return {
    attr: plan.isFolder ? undefined : files[0]!.attr,
    files: plan.isFolder ? files : undefined,
    length: plan.isFolder ? undefined : files[0]!.length,
    name: plan.name,
    "piece length": plan.pieceLength,
    pieces: plan.pieceHashes,
    private: plan.isPrivate ? 1 : undefined,
    source: plan.source,
  };
}
