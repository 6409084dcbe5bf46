/** `tt verify`: checks content against the hashes, piece by piece. */
import { dirname } from "node:path";
import { countBits } from "../../core/bytes/bitfield.ts";
import type { VerifyCommand } from "../../core/cli/command.ts";
import { checkingView } from "../../core/cli/progress.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { decodeRemembered, rememberedSelection } from "../../core/cli/remembered.ts";
import { isSelecting } from "../../core/cli/selection_options.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { PRIORITY_SKIP } from "../../core/transfer/availability.ts";
import type { FilePriorities } from "../../core/transfer/file_priorities.ts";
import { choosePriorities } from "../choose_files.ts";
import { loadOptions } from "../disk/state_file.ts";
import { countWanted, wantedPieces } from "../life/wanting.ts";
import { checkContent } from "../check_content.ts";
import { findBadRanges } from "../find_bad_ranges.ts";
import { openStorage } from "../disk/storage.ts";
import { placeForReading } from "../life/place_files.ts";
import { loadTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

export async function verify(command: VerifyCommand, context: Context): Promise<void> {
  let isAllGood = true;
  for (const source of command.torrents) {
    if (!await verifyOne(source, command, context)) isAllGood = false;
  }
  if (isAllGood) return;
  const message = "Content does not match; tt get X.torrent --dir DIR mends it";
  throw new CommandError(EXIT.mismatch, "mismatch", message);
}

/** Whether every piece, or every one of the chosen files, is there and right. */
async function verifyOne(
  source: string,
  command: VerifyCommand,
  { output, signal }: Context,
): Promise<boolean> {
  const content = command.dir ?? dirname(source);
  const { metainfo } = await placeForReading(await loadTorrent(source, signal), content);
  const { infoHash, name, geometry } = metainfo;
  const priorities = await chosenFiles(metainfo, content, command);
  const wanted = wantedPieces(metainfo, { priorities, order: {} });
  const storage = openStorage(content, metainfo, {
    readOnly: true,
    infoHash: metainfo.infoHash,
  });
  try {
    const all = Array.from({ length: geometry.pieceCount }, (_, piece) => piece)
      .filter((piece) => wanted?.[piece] !== PRIORITY_SKIP);
    const { bytesWanted } = countWanted(metainfo, wanted, undefined);
    const good = await checkContent(metainfo, storage, all, (bytes) => {
      output.progress([checkingView(infoHash, name, bytes, bytesWanted)]);
    }, signal);
    const piecesGood = countBits(good);
    const pieces = all.length;
    const badRanges = await findBadRanges(metainfo, storage, content, all, good, signal);
    const badFiles = [...new Set(badRanges.map(({ path }) => path))];
    const filesChecked = priorities?.filter((priority) => priority !== PRIORITY_SKIP).length;
    const counts = { piecesGood, pieces, filesChecked };
    output.result({ event: "verified", infoHash, name, ...counts, badFiles, badRanges });
    return piecesGood === pieces;
  } finally {
    await storage.close();
  }
}

/** What is typed, else the selection of the download there; undefined: every file. */
async function chosenFiles(
  metainfo: Metainfo,
  dir: string,
  { select, exclude }: VerifyCommand,
): Promise<FilePriorities | undefined> {
  const typed = { select, exclude, priorityHigh: [], priorityLow: [] };
  if (isSelecting(typed)) return choosePriorities(metainfo, typed);
  const kept = await loadOptions(dir, metainfo.infoHash);
  return kept && choosePriorities(metainfo, rememberedSelection(decodeRemembered(kept)));
}
