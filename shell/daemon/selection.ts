/** The file selection of a record, as a torrent's life takes it. */
import type { FileChoice } from "../../core/metainfo/selection.ts";
import { PRIORITY_NORMAL } from "../../core/transfer/availability.ts";
import { type FilePriorities, filePriorities } from "../../core/transfer/file_priorities.ts";
import type { DownloadOrder } from "../life/types.ts";
import type { TorrentEntry } from "./entry.ts";
import type { TorrentRecord } from "./record.ts";
import { unixSeconds } from "./torrent_parts.ts";

const PRIORITIES: Readonly<Record<string, FileChoice>> = { "-1": "low", "1": "high" };

/** Undefined where all files are wanted alike. */
export function filePrioritiesOf(
  { unwanted, priorities }: Pick<TorrentRecord, "unwanted" | "priorities">,
  fileCount: number,
): FilePriorities | undefined {
  if (unwanted.length === 0 && Object.keys(priorities).length === 0) return undefined;
  const skipped = new Set(unwanted);
  const choices = Array.from({ length: fileCount }, (_, file): FileChoice => {
    if (skipped.has(file)) return "skip";
    return PRIORITIES[String(priorities[file])] ?? "normal";
  });
  return filePriorities(choices);
}

export function orderOf({ settings }: Pick<TorrentRecord, "settings">): DownloadOrder {
  return { isSequential: settings.sequential_download, firstLast: settings.tt_first_last };
}

/** Resolves when files are there. True when that made the torrent done, or not done any more. */
export async function applyChoice(entry: TorrentEntry): Promise<boolean> {
  const { record, handle, metainfo: { files } } = entry;
  if (handle === undefined) return false;
  await handle.setFilePriorities(
    filePrioritiesOf(record, files.length) ?? files.map(() => PRIORITY_NORMAL),
  );
  await handle.setOrder(orderOf(record));
  const isDone = handle.facts().bytesWantedMissing === 0;
  if (isDone === record.doneAt > 0) return false;
  record.doneAt = isDone ? unixSeconds() : 0;
  return true;
}
