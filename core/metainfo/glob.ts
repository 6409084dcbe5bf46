/**
 * Patterns for paths, as users type them to choose or leave out files. Case is ignored: names in
 * torrents come from systems that differ in it.
 *
 * - `*` is any run of characters but "/", `?` any one of them, `[abc]`, `[a-z]` and `[!a]` one of a set.
 * - A component `**` is any number of folders, none included.
 * - A pattern without "/" matches the name of a file or of any folder that it is in; one with "/"
 *   matches a path from the top, or that of a folder that it is in.
 *
 * Time is bounded by pattern length times path length, whatever either of them holds.
 */

/** Longer than any path that can be opened. */
export const GLOB_LENGTH_MAX = 4096;

/** A pattern that was read. */
export interface Glob {
  /** Matched against any one component. */
  readonly isName: boolean;
  readonly components: readonly (readonly Part[] | "any-folders")[];
}

type Part =
  | { readonly kind: "character"; readonly character: string }
  | { readonly kind: "any" | "any-run" }
  | { readonly kind: "set"; readonly isNegated: boolean; readonly ranges: readonly string[] };

/** Reads a pattern; undefined when it is empty, too long, or a set in it is not closed. */
export function parseGlob(pattern: string): Glob | undefined {
  const trimmed = pattern.replace(/^\.?\/+|\/+$/g, "");
  if (trimmed === "" || trimmed.length > GLOB_LENGTH_MAX) return undefined;
  const components: (readonly Part[] | "any-folders")[] = [];
  for (const text of trimmed.split(/\/+/)) {
    const component = text === "**" ? "any-folders" : parseComponent(text);
    if (component === undefined) return undefined;
    components.push(component);
  }
  return { isName: !trimmed.includes("/"), components };
}

/** Whether the pattern matches the path or a folder on the way to it. */
export function matchesGlob(glob: Glob, path: readonly string[]): boolean {
  const folded = path.map((component) => [...fold(component)]);
  if (glob.isName) {
    const [pattern] = glob.components;
    return pattern === "any-folders" || folded.some((name) => matchesName(pattern!, name));
  }
  return matchesFrom(glob.components, folded);
}

function parseComponent(text: string): Part[] | undefined {
  const parts: Part[] = [];
  const characters = [...fold(text)];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "?") parts.push({ kind: "any" });
    else if (character === "*") {
      if (parts.at(-1)?.kind !== "any-run") parts.push({ kind: "any-run" });
    } else if (character === "[") {
      const isNegated = characters[at + 1] === "!" || characters[at + 1] === "^";
      const first = at + (isNegated ? 2 : 1);
      // A "]" that comes first is one of the set.
      const end = characters.indexOf("]", first + 1);
      if (end < 0) return undefined;
      parts.push({ kind: "set", isNegated, ranges: rangesOfSet(characters.slice(first, end)) });
      at = end;
    } else parts.push({ kind: "character", character });
  }
  return parts;
}

/** Pairs of the first and the last character, as strings of two. */
function rangesOfSet(characters: readonly string[]): string[] {
  const ranges: string[] = [];
  for (let at = 0; at < characters.length; at++) {
    const isRange = characters[at + 1] === "-" && at + 2 < characters.length;
    ranges.push(characters[at]! + "\0" + (isRange ? characters[at + 2]! : characters[at]!));
    if (isRange) at += 2;
  }
  return ranges;
}

/** Greedy with one point to return to: the last `**` that was met. */
function matchesFrom(
  pattern: Glob["components"],
  path: readonly (readonly string[])[],
): boolean {
  let at = 0, next = 0;
  let returnPattern = -1, returnPath = 0;
  while (next < path.length) {
    const component = pattern[at];
    // The rest of the path lies in a folder that matched.
    if (component === undefined) return true;
    if (component === "any-folders") {
      returnPattern = at++;
      returnPath = next;
    } else if (matchesName(component, path[next]!)) {
      at++;
      next++;
    } else if (returnPattern >= 0) {
      at = returnPattern + 1;
      next = ++returnPath;
    } else return false;
  }
  while (pattern[at] === "any-folders") at++;
  return at === pattern.length;
}

/** The same for the characters of one component. */
function matchesName(pattern: readonly Part[], name: readonly string[]): boolean {
  let at = 0, next = 0;
  let returnPattern = -1, returnName = 0;
  while (next < name.length) {
    const part = pattern[at];
    if (part?.kind === "any-run") {
      returnPattern = at++;
      returnName = next;
    } else if (part !== undefined && matchesCharacter(part, name[next]!)) {
      at++;
      next++;
    } else if (returnPattern >= 0) {
      at = returnPattern + 1;
      next = ++returnName;
    } else return false;
  }
  while (pattern[at]?.kind === "any-run") at++;
  return at === pattern.length;
}

function matchesCharacter(part: Part, character: string): boolean {
  switch (part.kind) {
    case "character":
      return part.character === character;
    case "any":
    case "any-run":
      return true;
    case "set": {
      const isIn = part.ranges.some((range) => {
        const [first, last] = range.split("\0");
        return character >= first! && character <= last!;
      });
      return isIn !== part.isNegated;
    }
  }
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}
