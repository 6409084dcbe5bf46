/** What of a torrent's files a download wants, from what the user typed, chose or kept. */
import { fileLines } from "../core/cli/results.ts";
import { isSelecting, type SelectionSettings } from "../core/cli/selection_options.ts";
import { printable } from "../core/cli/text.ts";
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
      ? `${text} is neither a pattern nor numbers`
      : describeSelectionError(choices.error);
    asker.tell(printable(`That cannot be: ${why}`));
  }
}
