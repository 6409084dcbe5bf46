/**
 * What a user chooses of a torrent's files. A choice is a pattern (see glob.ts) or numbers as `tt show
 * --files` prints them: 1 for the first file, padding not counted. Text that consists of numbers is
 * numbers; a file of such a name is chosen by a pattern such as `./2024`.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { type Glob, matchesGlob, parseGlob } from "./glob.ts";
import { type IndexRange, isSelected, SELECT_RANGES_MAX } from "./magnet.ts";
import type { TorrentFile } from "./types.ts";

/** One choice as it was typed. */
export interface Selector {
  readonly text: string;
  readonly files:
    | { readonly kind: "glob"; readonly glob: Glob }
    /** Both ends included, counted from 1. */
    | { readonly kind: "numbers"; readonly ranges: readonly IndexRange[] };
}

/** Files of a torrent by what is wanted of them. */
export type FileChoice = "skip" | "low" | "normal" | "high";

export interface SelectionOptions {
  /** None selects every file. */
  readonly select: readonly Selector[];
  /** Taken away from those that are selected. */
  readonly exclude: readonly Selector[];
  /** Priorities of files that are selected; they select nothing by themselves. */
  readonly high?: readonly Selector[];
  readonly low?: readonly Selector[];
  /** `so` of a magnet link, which counts from 0 and counts padding; used where `select` is empty. */
  readonly selectOnly?: readonly IndexRange[] | undefined;
}

export type SelectionError =
  /** No file matches the pattern. */
  | { readonly code: "no-match"; readonly selector: string }
  /** There is no file of that number; the torrent has `count`. */
  | { readonly code: "no-such-number"; readonly number: number; readonly count: number }
  /** Everything that was selected is excluded, or `so` names no file. */
  | { readonly code: "nothing-selected" };

/** A number that is longer names no file. */
const DIGITS_MAX = 9;

/** Reads a choice; undefined when it is neither numbers nor a pattern. */
export function parseSelector(text: string): Selector | undefined {
  if (/^[\d\s,-]*\d[\d\s,-]*$/.test(text)) {
    const ranges = parseNumbers(text);
    return ranges && { text, files: { kind: "numbers", ranges } };
  }
  const glob = parseGlob(text);
  return glob && { text, files: { kind: "glob", glob } };
}

/**
 * What is wanted of each file, in the order of `files`; padding is skipped. Errors: see SelectionError;
 * a pattern of `select` that matches nothing is one, whatever the others match.
 */
export function selectFiles(
  files: readonly Pick<TorrentFile, "path" | "pad">[],
  options: SelectionOptions,
): Result<readonly FileChoice[], SelectionError> {
  const { select, exclude, high = [], low = [], selectOnly } = options;
  const numbered = contentFiles(files);
  const selected = filesOf(files, numbered, select, true);
  if (!selected.ok) return selected;
  const excluded = filesOf(files, numbered, exclude);
  if (!excluded.ok) return excluded;
  const ofHigh = filesOf(files, numbered, high);
  if (!ofHigh.ok) return ofHigh;
  const ofLow = filesOf(files, numbered, low);
  if (!ofLow.ok) return ofLow;

  const chosen = files.map(({ pad }, index): FileChoice => {
    const isIn = select.length > 0 ? selected.value.has(index) : isSelected(selectOnly, index);
    if (pad || !isIn || excluded.value.has(index)) return "skip";
    if (ofHigh.value.has(index)) return "high";
    return ofLow.value.has(index) ? "low" : "normal";
  });
  if (chosen.every((choice) => choice === "skip")) return fail({ code: "nothing-selected" });
  return ok(chosen);
}

/** Indices of the files that are content, in order: file number 1 is the first of them. */
export function contentFiles(files: readonly Pick<TorrentFile, "pad">[]): number[] {
  return files.flatMap(({ pad }, index) => pad ? [] : [index]);
}

/** A sentence's rest: "no file matches *.mkv". */
export function describeSelectionError(error: SelectionError): string {
  switch (error.code) {
    case "no-match":
      return `no file matches ${error.selector}`;
    case "no-such-number":
      return error.count === 1
        ? `there is no file ${error.number}, only one`
        : `there is no file ${error.number}, only 1 to ${error.count}`;
    case "nothing-selected":
      return "no file is left of what is selected";
  }
}

/** Numbers of files as text that `parseSelector` reads: "1-3,7". `numbers`: ascending, from 1. */
export function formatNumbers(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < numbers.length;) {
    let end = at + 1;
    while (end < numbers.length && numbers[end] === numbers[end - 1]! + 1) end++;
    const first = numbers[at]!, last = numbers[end - 1]!;
    parts.push(first === last ? `${first}` : `${first}-${last}`);
    at = end;
  }
  return parts.join(",");
}

function parseNumbers(text: string): IndexRange[] | undefined {
  const parts = text.split(/[,\s]+/).filter((part) => part !== "");
  if (parts.length > SELECT_RANGES_MAX) return undefined;
  const ranges: IndexRange[] = [];
  for (const part of parts) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null || part.length > 2 * DIGITS_MAX + 1) return undefined;
    const first = Number(match[1]), last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    ranges.push({ first, last });
  }
  return ranges;
}

function filesOf(
  files: readonly Pick<TorrentFile, "path">[],
  numbered: readonly number[],
  selectors: readonly Selector[],
  mustMatch = false,
): Result<ReadonlySet<number>, SelectionError> {
  const found = new Set<number>();
  for (const { text, files: wanted } of selectors) {
    if (wanted.kind === "numbers") {
      for (const { first, last } of wanted.ranges) {
        const bad = first < 1 ? first : last;
        if (first < 1 || last > numbered.length) {
          return fail({ code: "no-such-number", number: bad, count: numbered.length });
        }
        for (let number = first; number <= last; number++) found.add(numbered[number - 1]!);
      }
      continue;
    }
    const { glob } = wanted;
    const matching = numbered.filter((index) => matches(glob, files[index]!.path));
    if (matching.length === 0 && mustMatch) return fail({ code: "no-match", selector: text });
    for (const index of matching) found.add(index);
  }
  return ok(found);
}

/** From the top, or from within the torrent's own folder, whose name is the same for all files. */
function matches(glob: Glob, path: readonly string[]): boolean {
  if (matchesGlob(glob, path)) return true;
  return !glob.isName && path.length > 1 && matchesGlob(glob, path.slice(1));
}
