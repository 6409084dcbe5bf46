/** What goes between the main thread and those that hash. */
import { rangesOf } from "../../core/metainfo/file_map.ts";
import { type Geometry, pieceOffset, pieceSize } from "../../core/metainfo/geometry.ts";
import type { DigestPlan, PieceDigest } from "../../core/metainfo/piece_check.ts";
import type { TorrentFile } from "../../core/metainfo/types.ts";

/** A run of bytes in a file. */
export interface FilePart {
  /** Undefined: zeros of a padding file. */
  readonly path: string | undefined;
  readonly offset: number;
  readonly length: number;
}

export interface HashTask {
  readonly piece: number;
  readonly plan: DigestPlan;
  /** Height of the node to compute from the leaves; undefined: the leaves are wanted. */
  readonly nodeHeight: number | undefined;
  /** Whether the leaves are wanted beside the node. */
  readonly keepsLeaves: boolean;
  /** The piece's bytes, in order; undefined when their place is unknown. */
  readonly parts: readonly FilePart[] | undefined;
}

export interface HashAnswer {
  readonly piece: number;
  /** Undefined when some of the bytes could not be read. */
  readonly digest: PieceDigest | undefined;
}

/** A piece as parts of files; undefined when one of its files has no place. */
export function partsOfPiece(
  files: readonly TorrentFile[],
  geometry: Geometry,
  piece: number,
  placeOf: (file: number) => string | undefined,
): FilePart[] | undefined {
  const parts: FilePart[] = [];
  const offset = pieceOffset(geometry, piece);
  const ranges = rangesOf(files, offset, pieceSize(geometry, piece));
  for (const { file, fileOffset, length, pad } of ranges) {
    const path = pad ? undefined : placeOf(file);
    if (path === undefined && !pad) return undefined;
    parts.push({ path, offset: fileOffset, length });
  }
  return parts;
}
