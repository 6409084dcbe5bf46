/**
 * What is bad of pieces that failed their check: with the leaves of a v2 piece at hand the blocks that
 * differ, otherwise the whole piece.
 */
import { type Bitfield, hasBit } from "../core/bytes/bitfield.ts";
import type { BadRange } from "../core/cli/results.ts";
import { rangesOf } from "../core/metainfo/file_map.ts";
import { BLOCK_SIZE, pieceOffset, pieceSize } from "../core/metainfo/geometry.ts";
import { hashAt, sameHash } from "../core/metainfo/merkle.ts";
import { pieceContentSize, pieceNodeHeight } from "../core/metainfo/piece_trees.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { openLeaves } from "./disk/leaves_file.ts";
import type { Storage } from "./disk/storage.ts";
import { sha256 } from "./hash/sha256.ts";

type Range = { -readonly [Key in keyof BadRange]: BadRange[Key] };

/**
 * The bytes of `pieces` that are not in `good`, those of neighbours together; padding belongs to no file.
 * `dir`: where leaves are kept. Rejects with the signal's reason.
 */
export async function findBadRanges(
  metainfo: Metainfo,
  storage: Pick<Storage, "readInto">,
  dir: string,
  pieces: readonly number[],
  good: Bitfield,
  signal: AbortSignal,
): Promise<BadRange[]> {
  const { geometry, files, trees } = metainfo;
  const ranges: Range[] = [];
  const add = (at: number, length: number, unit: BadRange["unit"]) => {
    const last = ranges.at(-1);
    for (const range of rangesOf(files, at, length)) {
      if (range.pad) continue;
      const path = files[range.file]!.path.join("/");
      const isNext = last?.path === path && last.unit === unit &&
        last.offset + last.length === range.fileOffset;
      if (isNext) last.length += range.length;
      else {ranges.push({
          path,
          offset: range.fileOffset,
          length: range.length,
          ...unit && { unit },
        });}
    }
  };
  await using kept = await openLeaves(dir, metainfo);
  for (const piece of pieces) {
    if (hasBit(good, piece)) continue;
    signal.throwIfAborted();
    const at = pieceOffset(geometry, piece);
    const hasBlocks = trees !== undefined && pieceNodeHeight(trees, piece) > 0;
    const leaves = hasBlocks ? await kept.of(piece) : undefined;
    const blocks = leaves && await badBlocks(metainfo, storage, piece, leaves);
    // Where no block differs, the two halves of a hybrid contradict each other.
    if (blocks === undefined || blocks.length === 0) {
      add(at, pieceSize(geometry, piece), trees && (hasBlocks ? "piece" : "block"));
      continue;
    }
    for (const block of blocks) {
      const begin = block * BLOCK_SIZE;
      add(at + begin, Math.min(BLOCK_SIZE, pieceContentSize(trees!, piece) - begin), "block");
    }
  }
  return ranges;
}

/** Blocks of the piece that are not there, or not as `leaves` say. */
async function badBlocks(
  { geometry, trees }: Metainfo,
  storage: Pick<Storage, "readInto">,
  piece: number,
  leaves: Uint8Array,
): Promise<number[]> {
  const size = pieceContentSize(trees!, piece);
  const bad: number[] = [];
  const buffer = new Uint8Array(BLOCK_SIZE);
  for (let begin = 0, block = 0; begin < size; begin += BLOCK_SIZE, block++) {
    const bytes = buffer.subarray(0, Math.min(BLOCK_SIZE, size - begin));
    const isThere = await storage.readInto(pieceOffset(geometry, piece) + begin, bytes)
      .then(() => true, () => false);
    if (!isThere || !sameHash(sha256(bytes), hashAt(leaves, block))) bad.push(block);
  }
  return bad;
}
