/** What of a torrent's files a download wants, from what the user typed, chose or kept. */
import { fileLines } from "../core/cli/results.ts";
import { isSelecting, type SelectionSettings } from "../core/cli/selection_options.ts";
import { printable } from "../core/cli/text.ts";
import type { JsonObject } from "../core/rpc/json.ts";
import type { IndexRange } from "../core/metainfo/magnet.ts";
import {
  contentFiles,
  describeSelectionError,
  type FileChoice,
  formatNumbers,
  parseSelector,
  selectFiles,
} from "../core/metainfo/selection.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { type FilePriorities, filePriorities } from "../core/transfer/file_priorities.ts";
import { Failure } from "./failure.ts";

type Content = Pick<Metainfo, "name" | "files">;

/** Undefined where all files are wanted alike. Throws a Failure of kind `input`. */
export function chooseFiles(
  content: Content,
  settings: SelectionSettings,
): readonly FileChoice[] | undefined {
  if (!isSelecting(settings)) return undefined;
  const { select, exclude, priorityHigh: high, priorityLow: low } = settings;
  const choices = selectFiles(content.files, { select, exclude, high, low });
  if (choices.ok) return choices.value;
  const why = describeSelectionError(choices.error);
  const message = `Cannot choose files of ${content.name}: ${why}; tt show --files lists them`;
  throw new Failure("input", choices.error.code, message);
}

/** The same as the priorities that the core takes. */
export function choosePriorities(
  content: Content,
  settings: SelectionSettings,
): FilePriorities | undefined {
  const choices = chooseFiles(content, settings);
  return choices && filePriorities(choices);
}

/** The same as parameters of `torrent_add`; in them, an empty list would stand for all files. */
export function chooseParams(content: Content, settings: SelectionSettings): JsonObject {
  const choices = chooseFiles(content, settings);
  if (choices === undefined) return {};
  const numbered = contentFiles(content.files).map((file) => choices[file]!);
  const indices = (choice: FileChoice) =>
    numbered.flatMap((found, index) => found === choice ? [index] : []);
  const lists = {
    files_unwanted: indices("skip"),
    priority_high: indices("high"),
    priority_low: indices("low"),
  };
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}

/** The order of pieces as parameters of `torrent_add`. */
export function orderParams(
  { sequential, firstLast }: { readonly sequential: boolean; readonly firstLast: boolean },
): JsonObject {
  return {
    ...(sequential && { sequential_download: true }),
    ...(firstLast && { tt_first_last: true }),
  };
}

/** Magnet links are handed over as they are. Throws a Failure of kind `usage`. */
export function refuseSelection(link: string, settings: SelectionSettings): void {
  if (!isSelecting(settings)) return;
  const message =
    `Cannot select files of ${link.slice(0, 60)}... for the daemon: its metadata is ` +
    "not known; add it with --paused, or give the .torrent";
  throw new Failure("usage", "no-metadata", message);
}

/** What a magnet link's `so` selects, as text for `--select`. Throws a Failure of kind `input`. */
export function selectOnlyText(content: Content, selectOnly: readonly IndexRange[]): string {
  const choices = selectFiles(content.files, { select: [], exclude: [], selectOnly });
  if (choices.ok) {
    const numbers = contentFiles(content.files)
      .flatMap((file, at) => choices.value[file] === "skip" ? [] : [at + 1]);
    return formatNumbers(numbers);
  }
  const message = `The magnet link selects no file that ${content.name} has; use --select`;
  throw new Failure("input", choices.error.code, message);
}

/** A person at a terminal. */
export interface Asker {
  /** Prints lines. */
  readonly tell: (text: string) => void;
  /** What is typed; undefined at the end of the input. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/** Asks until the answer is a choice: text for `--select`. Throws a Failure at the end of the input. */
export async function askForFiles(content: Content, asker: Asker): Promise<string> {
  const rows = contentFiles(content.files).map((index, at) => {
    const { path, length } = content.files[index]!;
    return { number: at + 1, path: path.join("/"), length };
  });
  asker.tell(fileLines(rows));
  while (true) {
    const answer = await asker.ask("Files to download, such as 1-3,7 or *.mkv (Enter for all): ");
    if (answer === undefined) {
      throw new Failure("usage", "not-chosen", "No files were chosen; use --select, or answer");
    }
    const text = answer.trim() || "*";
    const selector = parseSelector(text);
    const choices = selector && selectFiles(content.files, { select: [selector], exclude: [] });
    if (choices?.ok) return text;
    const why = choices === undefined
      ? `${text} is not a pattern or a list of numbers`
      : describeSelectionError(choices.error);
    asker.tell(printable(`That cannot be: ${why}`));
  }
}
