/** `tt verify`: checks content against the hashes, piece by piece. */
import { dirname } from "node:path";
import { type Bitfield, countBits, hasBit } from "../../core/bytes/bitfield.ts";
import type { VerifyCommand } from "../../core/cli/command.ts";
import type { BadRange } from "../../core/cli/results.ts";
import { checkingView } from "../../core/cli/progress.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { rangesOf } from "../../core/metainfo/file_map.ts";
import { pieceOffset, pieceSize } from "../../core/metainfo/geometry.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { checkContent } from "../check_content.ts";
import { openStorage } from "../disk/storage.ts";
import { placeForReading } from "../life/place_files.ts";
import { loadTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

export async function verify(command: VerifyCommand, context: Context): Promise<void> {
  let isAllGood = true;
  for (const source of command.torrents) {
    if (!await verifyOne(source, command.dir, context)) isAllGood = false;
  }
  if (isAllGood) return;
  const message = "Content does not match; tt get X.torrent --dir DIR mends it";
  throw new CommandError(EXIT.mismatch, "mismatch", message);
}

/** Whether every piece is there and right. */
async function verifyOne(
  source: string,
  dir: string | undefined,
  { output, signal }: Context,
): Promise<boolean> {
  const content = dir ?? dirname(source);
  const { metainfo } = await placeForReading(await loadTorrent(source, signal), content);
  const { infoHash, name, geometry } = metainfo;
  const storage = openStorage(content, metainfo, {
    readOnly: true,
    infoHash: metainfo.infoHash,
  });
  try {
    const all = Array.from({ length: geometry.pieceCount }, (_, piece) => piece);
    const good = await checkContent(metainfo, storage, all, (bytes) => {
      output.progress([checkingView(infoHash, name, bytes, geometry.totalSize)]);
    }, signal);
    const piecesGood = countBits(good);
    const pieces = geometry.pieceCount;
    const badRanges = badRangesOf(metainfo, good);
    const badFiles = [...new Set(badRanges.map(({ path }) => path))];
    output.result({ event: "verified", infoHash, name, piecesGood, pieces, badFiles, badRanges });
    return piecesGood === pieces;
  } finally {
    await storage.close();
  }
}

/** The bytes of bad pieces, those of neighbours together; padding is nobody's file. */
function badRangesOf({ geometry, files }: Metainfo, good: Bitfield): BadRange[] {
  const ranges: BadRange[] = [];
  let last: { path: string; offset: number; length: number } | undefined;
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    if (hasBit(good, piece)) continue;
    const at = pieceOffset(geometry, piece);
    for (const range of rangesOf(files, at, pieceSize(geometry, piece))) {
      if (range.pad) continue;
      const path = files[range.file]!.path.join("/");
      if (last?.path === path && last.offset + last.length === range.fileOffset) {
        last.length += range.length;
      } else {
        last = { path, offset: range.fileOffset, length: range.length };
        ranges.push(last);
      }
    }
  }
  return ranges;
}
