/**
 * The config file: TOML, names as on the command line without dashes in front.
 *
 *     dir = "/media/downloads"
 *     port = 6881
 *     up-limit = "2M"
 *     tracker = ["http://127.0.0.1:8000/announce", "udp://127.0.0.1:8000"]
 *
 * A name that belongs to another command is passed over by this one, so that one file serves all.
 * Spec: TOML 1.0, without tables: settings have no sections.
 */
import { parse } from "@std/toml";
import { fail, ok, type Result } from "../bytes/result.ts";
import { COMMAND_NAMES, GLOBAL_OPTIONS, optionsOf } from "./commands.ts";
import { nearestWord } from "./nearest.ts";
import { settingName } from "./option.ts";
import { quote, type UsageError } from "./usage_error.ts";

/** Characters; a file beyond this is not one of settings. */
export const CONFIG_LENGTH_MAX = 256 * 1024;

export interface ConfigEntry {
  readonly name: string;
  readonly text: string;
  /** One item of a list: blanks in it part nothing. */
  readonly isItem: boolean;
  /** "Line 3 of tt.toml", for messages. */
  readonly where: string;
}

/** Errors: `bad-config`, naming the line. */
export function parseConfig(
  text: string,
  path: string,
): Result<readonly ConfigEntry[], UsageError> {
  if (text.length > CONFIG_LENGTH_MAX) {
    return badConfig(`Config file ${path} is too long for settings; choose another with --config`);
  }
  const plain = text.replace(/^\uFEFF/, "");
  const lines = linesOfNames(plain);
  const twice = [...lines].find(([, numbers]) => numbers.length > 1);
  if (twice !== undefined) {
    const [name, numbers] = twice;
    return badConfig(`Line ${numbers[1]} of ${path} sets ${name} again; keep one, or write a list`);
  }
  let root: Readonly<Record<string, unknown>>;
  try {
    root = parse(plain);
  } catch (error) {
    return badConfig(`${whereOf(error, path)} is not a setting; write name = 1 or name = "text"`);
  }
  const names = knownNames();
  const entries: ConfigEntry[] = [];
  for (const [name, value] of Object.entries(root)) {
    const line = lines.get(name)?.[0];
    const where = line === undefined ? `Config file ${path}` : `Line ${line} of ${path}`;
    if (!names.includes(name)) {
      const nearest = nearestWord(name, names);
      const advice = nearest === undefined ? "remove it" : `did you mean ${nearest}?`;
      return badConfig(`${where} has the unknown name ${quote(name)}; ${advice}`);
    }
    const isList = Array.isArray(value);
    for (const item of isList ? value : [value]) {
      const text = textOf(item);
      if (text === undefined) {
        return badConfig(
          `${where}: ${name} must be a text, a number, true, false or a list of them`,
        );
      }
      entries.push({ name, text, isItem: isList, where });
    }
  }
  return ok(entries);
}

/** Where each name is set, as far as a look at the lines can tell: for messages only. */
function linesOfNames(text: string): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const name = /^\s*(?:"([\w-]+)"|'([\w-]+)'|([\w-]+))\s*=/.exec(line);
    if (name === null) continue;
    const key = name[1] ?? name[2] ?? name[3]!;
    lines.set(key, [...lines.get(key) ?? [], index + 1]);
  }
  return lines;
}

/** "Line 3 of tt.toml", out of the message of the TOML parser. */
function whereOf(error: unknown, path: string): string {
  const line = /\bline (\d+)\b/.exec(error instanceof Error ? error.message : "");
  return line === null ? `Config file ${path}` : `Line ${line[1]} of ${path}`;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** Every name that some command reads, in the order of the commands. */
export function knownNames(): string[] {
  const names = new Set<string>();
  for (const command of COMMAND_NAMES) {
    for (const [key, option] of Object.entries(optionsOf(command))) {
      if (!Object.hasOwn(GLOBAL_OPTIONS, key)) names.add(settingName(key, option));
    }
  }
  return [...names];
}

function badConfig(message: string): Result<never, UsageError> {
  return fail({ code: "bad-config", message });
}
