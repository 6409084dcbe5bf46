/**
 * Splits a command line into options and operands. Knows which options take values, nothing else.
 * `--` ends the options; `--name value` and `--name=value` are the same.
 */
import { COMMAND_NAMES, COMMANDS, SHORT_OPTIONS } from "./commands.ts";
import { nearestWord } from "./nearest.ts";
import { optionName, type Options } from "./option.ts";
import { quote, type UsageError } from "./usage_error.ts";

export interface Tokens {
  /** Texts by option key, in the order given; a bare flag is "true". */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
  /** The first fault; scanning goes on so that `--help` is found after it. */
  readonly error: UsageError | undefined;
  /** What was not scanned: from the first operand on, with `stopAtOperand`. */
  readonly rest: readonly string[];
}

/** `command` names the reader of the options in messages: "get". */
export function scanTokens(
  argv: readonly string[],
  options: Options,
  command: string | undefined,
  stopAtOperand = false,
): Tokens {
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  let error: UsageError | undefined;
  let at = 0;
  while (at < argv.length) {
    const token = argv[at]!;
    if (token === "--") {
      operands.push(...argv.slice(at + 1));
      at = argv.length;
      break;
    }
    if (!token.startsWith("-") || token === "-") {
      if (stopAtOperand) break;
      operands.push(token);
      at++;
      continue;
    }
    at++;
    const [name, inline] = splitToken(token);
    const key = Object.keys(options).find((candidate) => optionName(candidate) === name);
    if (key === undefined) {
      error ??= unknownOption(token.split("=")[0]!, name, options, command);
      continue;
    }
    const list = given.get(key) ?? [];
    given.set(key, list);
    const next = argv[at];
    if (inline !== undefined) list.push(inline);
    else if (options[key]!.kind === "flag") list.push("true");
    else if (next !== undefined && !next.startsWith("--")) list.push(argv[at++]!);
    else error ??= missingValue(name, options[key]!.placeholder);
  }
  return { given, operands, error, rest: argv.slice(at) };
}

/** "--dir=x" to ["dir", "x"]; "-h" to ["help", undefined]. */
function splitToken(token: string): [string, string | undefined] {
  if (!token.startsWith("--")) return [SHORT_OPTIONS[token.slice(1)] ?? token, undefined];
  const equals = token.indexOf("=");
  return equals < 0
    ? [token.slice(2), undefined]
    : [token.slice(2, equals), token.slice(equals + 1)];
}

function missingValue(name: string, placeholder: string): UsageError {
  return {
    code: "missing-value",
    message: `Option --${name} needs a value; write --${name} ${placeholder}`,
  };
}

/** What to do instead of an option that a user of other programs expects. */
const INSTEAD: Readonly<Record<string, string>> = {
  detach: "it may not start programs; run it in the background by: setsid tt daemon --quiet &",
};

function unknownOption(
  written: string,
  name: string,
  options: Options,
  command: string | undefined,
): UsageError {
  const known = Object.keys(options).map(optionName);
  const owners = COMMAND_NAMES.filter((owner) =>
    Object.keys(COMMANDS[owner].options).some((key) => optionName(key) === name)
  );
  const nearest = nearestWord(name, known);
  const reader = command === undefined ? "tt" : `tt ${command}`;
  let advice = `run ${command === undefined ? "tt help" : `tt help ${command}`}`;
  const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
  if (instead !== undefined) advice = instead;
  else if (nearest !== undefined) advice = `did you mean --${nearest}?`;
  else if (owners.length > 0 && command === undefined) advice = "options follow the command";
  else if (owners.length > 0) advice = `it belongs to ${joinWords(owners)}`;
  return {
    code: "unknown-option",
    message: `Option ${quote(written)} is not one of ${reader}; ${advice}`,
  };
}

function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
