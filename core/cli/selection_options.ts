/** Options that choose files of a torrent and the order of its pieces, for every command that downloads. */
import { fail, ok, type Result } from "../bytes/result.ts";
import { parseSelector, type Selector } from "../metainfo/selection.ts";
import { flag, many } from "./option.ts";

/** What was chosen on the command line. */
export interface SelectionSettings {
  /** None: every file. */
  readonly select: readonly Selector[];
  readonly exclude: readonly Selector[];
  readonly priorityHigh: readonly Selector[];
  readonly priorityLow: readonly Selector[];
}

/** A pattern, or numbers of files. */
export function readSelector(text: string): Result<Selector, string> {
  const selector = parseSelector(text);
  return selector === undefined
    ? fail("is not a pattern or a list of numbers; give one such as *.mkv or 1-3,7")
    : ok(selector);
}

const FILES = "GLOB|NUMBERS";

/** For what is on disk. */
export const checkedFiles = {
  select: many(FILES, readSelector, "Check only these files; see tt help get", {
    setting: "verify-select",
  }),
  exclude: many(FILES, readSelector, "Do not check these files", { setting: "verify-exclude" }),
};

export const selectionOptions = {
  select: many(
    FILES,
    readSelector,
    "Download only these files: a pattern such as *.mkv, or file numbers from tt show --files such " +
      "as 1-3,7; may be repeated",
  ),
  exclude: many(FILES, readSelector, "Do not download these files; may be repeated", {
    setting: "get-exclude",
  }),
  choose: flag("List the files and ask which to download"),
  priorityHigh: many(FILES, readSelector, "Download these files first; may be repeated"),
  priorityLow: many(FILES, readSelector, "Download these files last; may be repeated"),
  sequential: flag("Download the pieces in order"),
  firstLast: flag("Download the first and the last piece of each file before the others"),
};

/** For torrents that a daemon takes. */
const { choose: _, ...addOptions } = selectionOptions;
export { addOptions };

/** Every file alike. */
export const NO_SELECTION: SelectionSettings = {
  select: [],
  exclude: [],
  priorityHigh: [],
  priorityLow: [],
};

/** The values of `selectionOptions` out of those of a command. */
export function selectionOf(
  { select, exclude, priorityHigh, priorityLow }: SelectionSettings,
): SelectionSettings {
  return { select, exclude, priorityHigh, priorityLow };
}

/** Whether anything but all files alike was asked for. */
export function isSelecting(settings: SelectionSettings): boolean {
  return Object.values(selectionOf(settings)).some((selectors) => selectors.length > 0);
}
