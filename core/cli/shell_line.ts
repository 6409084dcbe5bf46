/**
 * Lines of `tt shell`: split into words as a shell does, turned into command lines, and completed. Words
 * of its own are seed, download, list, number_of_piece, peerlist, clear, end; the others are commands of
 * tt that speak to the daemon or need nothing else.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { type CommandName, isCommandName, optionsOf } from "./commands.ts";
import { nearestWord } from "./nearest.ts";
import { optionName } from "./option.ts";
import { quote } from "./usage_error.ts";

/** What a line asks for. */
export type ShellRequest =
  | { readonly kind: "nothing" | "clear" | "end" | "help" }
  /** A command line of tt, without the program's name. */
  | { readonly kind: "command"; readonly argv: readonly string[] }
  | { readonly kind: "pieces"; readonly names: readonly string[] };

/** Words of the prompt, and what each does. */
export const SHELL_WORDS: Readonly<Record<string, string>> = {
  seed: "share files, folders or the content of a .torrent",
  download: "download a .torrent, URL, magnet link or a name of the tracker's catalog",
  list: "show every torrent",
  number_of_piece: "count the pieces that are here",
  peerlist: "show who is connected",
  clear: "clear the screen",
  end: "leave the prompt",
};

/** Commands of tt that the prompt has as well. */
export const SHELL_COMMANDS: readonly CommandName[] = [
  "add",
  "status",
  "pause",
  "resume",
  "remove",
  "recheck",
  "move",
  "limit",
  "why",
  "peers",
  "log",
  "show",
  "create",
  "verify",
  "config",
  "help",
];

/** Every first word. */
export const SHELL_VOCABULARY: readonly string[] = [
  ...Object.keys(SHELL_WORDS),
  ...SHELL_COMMANDS,
].toSorted();

/** Longer lines are pasted by mistake. */
const LINE_LENGTH_MAX = 100_000;

/** Errors: one sentence. */
export function parseShellLine(line: string): Result<ShellRequest, string> {
  const split = splitWords(line);
  if (!split.ok) return split;
  const [word, ...rest] = split.value;
  switch (word) {
    case undefined:
      return ok({ kind: "nothing" });
    case "clear":
    case "end":
      return ok({ kind: word });
    case "exit":
    case "quit":
      return ok({ kind: "end" });
    case "help":
      return rest.length === 0 ? ok({ kind: "help" }) : command("help", rest);
    case "seed":
      return command("seed", [...rest, "--daemon"]);
    case "download":
      return command("get", [...rest, "--daemon"]);
    case "list":
      return command("status", rest);
    case "peerlist":
      return command("peers", rest.length === 0 ? ["all"] : rest);
    case "number_of_piece":
      return ok({ kind: "pieces", names: rest });
    default:
      break;
  }
  if (isCommandName(word) && SHELL_COMMANDS.includes(word)) return command(word, rest);
  const nearest = nearestWord(word, SHELL_VOCABULARY);
  const advice = nearest === undefined ? "help lists the words" : `did you mean ${nearest}?`;
  return fail(`${quote(word)} is not a word of this prompt; ${advice}`);
}

function command(name: string, rest: readonly string[]): Result<ShellRequest, string> {
  return ok({ kind: "command", argv: [name, ...rest] });
}

/** Blanks part words; quotes and backslashes keep blanks. Errors: a quote that is not closed. */
export function splitWords(line: string): Result<readonly string[], string> {
  if (line.length > LINE_LENGTH_MAX) return fail("The line is too long");
  const words: string[] = [];
  let word: string | undefined;
  let quoted = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (quoted !== "") {
      if (letter === quoted) quoted = "";
      else if (letter === "\\" && quoted === '"') word += line[++at]!;
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quoted = letter;
      word ??= "";
    } else if (letter === "\\" && at + 1 < line.length) {
      word = (word ?? "") + line[++at]!;
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quoted !== "") return fail(`A ${quoted} is not closed`);
  if (word !== undefined) words.push(word);
  return ok(words);
}

/**
 * What the last word of a line may become: words of the prompt, options, or names of torrents. `names`
 * are those of the daemon.
 */
export function completeShellLine(
  line: string,
  names: readonly string[],
): { readonly found: readonly string[]; readonly word: string } {
  const parts = line.trimStart().split(/\s+/);
  const word = parts.at(-1)!;
  if (parts.length === 1) return { found: startingWith(SHELL_VOCABULARY, word), word };
  const name = { seed: "seed", download: "get", list: "status", peerlist: "peers" }[parts[0]!] ??
    parts[0]!;
  if (word.startsWith("-") && isCommandName(name)) {
    const flags = Object.keys(optionsOf(name)).map((key) => `--${optionName(key)}`);
    return { found: startingWith(flags, word), word };
  }
  const escaped = names.map((text) => text.replace(/([\s'"\\])/g, "\\$1"));
  return { found: startingWith(escaped, word), word };
}

function startingWith(words: readonly string[], start: string): string[] {
  return words.filter((word) => word.startsWith(start));
}

/** What `help` prints. */
export function shellHelp(): string {
  const lines = Object.entries(SHELL_WORDS).map(([word, text]) => `  ${word.padEnd(18)}${text}`);
  return [
    ...lines,
    "",
    `Commands of tt: ${SHELL_COMMANDS.join(", ")}; help COMMAND explains one.`,
  ].join("\n") + "\n";
}
