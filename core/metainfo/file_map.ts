/** Which bytes of which files a byte range of the torrent covers. */
import type { TorrentFile } from "./types.ts";

export interface FileRange {
  /** Index into the torrent's files. */
  readonly file: number;
  /** Position of the range's first byte in that file. */
  readonly fileOffset: number;
  /** Bytes, 1 or more. */
  readonly length: number;
  /** The bytes are zeros of a padding file: never read from or written to the disk. */
  readonly pad: boolean;
}

/**
 * Splits the torrent's bytes `offset` to `offset + length` into ranges of its files, in order. Empty
 * files never appear; positions that hold nothing, in gaps and beyond the end, are left out.
 */
export function rangesOf(
  files: readonly TorrentFile[],
  offset: number,
  length: number,
): FileRange[] {
  const ranges: FileRange[] = [];
  const end = offset + length;
  let position = offset;
  for (let index = fileAt(files, offset); index < files.length && position < end; index++) {
    const file = files[index]!;
    const fileEnd = file.offset + file.length;
    if (fileEnd <= position) continue;
    // A gap: files of a v2 torrent start at pieces.
    if (file.offset > position) position = file.offset;
    const taken = Math.min(end, fileEnd) - position;
    if (taken <= 0) break;
    ranges.push({
      file: index,
      fileOffset: position - file.offset,
      length: taken,
      pad: file.pad,
    });
    position += taken;
  }
  return ranges;
}

/** Index of the first file that ends after `offset`: the one holding that byte, if any does. */
function fileAt(files: readonly TorrentFile[], offset: number): number {
  let low = 0;
  let high = files.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const file = files[middle]!;
    if (file.offset + file.length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
