/**
 * The config file: `name = value` lines, names as on the command line without dashes in front. A
 * line that begins with `#` is a comment; a repeated name adds a value. A name that belongs to
 * another command is ignored by this one, so that one file serves all.
 */
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
  /** "Line 3 of tt.conf", for messages. */
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
  const names = knownNames();
  const entries: ConfigEntry[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/^\uFEFF/, "").trim();
    if (line === "" || line.startsWith("#")) continue;
    const where = `Line ${index + 1} of ${path}`;
    const equals = line.indexOf("=");
    if (equals < 1) return badConfig(`${where} is no setting; write name = value`);
    const name = line.slice(0, equals).trim();
    if (!names.includes(name)) {
      const nearest = nearestWord(name, names);
      const advice = nearest === undefined ? "remove it" : `did you mean ${nearest}?`;
      return badConfig(`${where} has the unknown name ${quote(name)}; ${advice}`);
    }
    entries.push({ name, text: line.slice(equals + 1).trim(), where });
  }
  return ok(entries);
}

function knownNames(): string[] {
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
