/**
 * Merges flags, environment, config file and defaults into the values of one command. The nearest
 * source wins: what a flag says, no variable can change.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { COMMAND_NAMES, type CommandSpec, GLOBAL_OPTIONS, optionsOf } from "./commands.ts";
import type { ConfigEntry } from "./config_file.ts";
import {
  type Option,
  optionName,
  type Options,
  readBoolean,
  settingName,
  type Values,
  variableName,
} from "./option.ts";
import { nearestWord } from "./nearest.ts";
import { quote, type UsageError } from "./usage_error.ts";

export interface Sources {
  /** Texts by option key. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: Readonly<Record<string, string>>;
  readonly config: readonly ConfigEntry[];
}

/** Where a value came from. */
export type Origin = "flag" | "variable" | "config" | "default";

interface Given {
  readonly origin: Exclude<Origin, "default">;
  readonly texts: readonly string[];
  /** How a message names each text: "Option --port". */
  readonly labels: readonly string[];
}

/**
 * Errors: `bad-value`, naming where the text came from; `conflict` when one source contradicts
 * itself (between two sources the nearer one wins).
 */
export function resolveSettings<O extends Options>(
  spec: CommandSpec<O>,
  sources: Sources,
): Result<Values<O>, UsageError> {
  const given = new Map<string, Given>();
  for (const [key, option] of Object.entries(spec.options)) {
    const found = findGiven(key, option, sources);
    if (found !== undefined) given.set(key, found);
  }
  for (const [left, right] of spec.conflicts) {
    const a = given.get(left);
    const b = given.get(right);
    if (a === undefined || b === undefined || isOff(a, spec.options[left]!)) continue;
    if (a.origin === b.origin) return conflict(a.labels[0]!, b.labels[0]!);
    given.delete(isNearer(a, b) ? right : left);
  }
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(spec.options)) {
    const source = given.get(key);
    const value = option.resolve(source?.texts ?? []);
    if (!value.ok) return badValue(source!, value.error);
    values[key] = value.value;
  }
  return ok(values as Values<O>);
}

/** Where each value that is no default came from, by option key. */
export function originsOf(
  spec: Pick<CommandSpec, "options">,
  sources: Sources,
): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const [key, option] of Object.entries(spec.options)) {
    const found = findGiven(key, option, sources);
    if (found !== undefined) origins.set(key, found.origin);
  }
  return origins;
}

/** A setting as it holds outside the command line. */
export interface SettingInForce {
  /** As in the config file. */
  readonly name: string;
  /** What was written; undefined when a default holds that is no plain value. */
  readonly texts: readonly string[] | undefined;
  /** "default", "TT_PORT" or "line 3 of tt.toml". */
  readonly origin: string;
  /** A password or a token: not to be shown. */
  readonly isSecret: boolean;
  /** A list in the config file. */
  readonly isList: boolean;
}

/**
 * Settings by name, all for no names, in the order of the commands. Errors: `bad-value` for one that no
 * command could read, `missing-operand` for a name that is none.
 */
export function settingsInForce(
  names: readonly string[],
  sources: Omit<Sources, "flags">,
): Result<readonly SettingInForce[], UsageError> {
  const found = new Map<string, SettingInForce>();
  for (const command of COMMAND_NAMES) {
    for (const [key, option] of Object.entries(optionsOf(command))) {
      const name = settingName(key, option);
      // Commands differ in their defaults: one that can be written down says most.
      if (Object.hasOwn(GLOBAL_OPTIONS, key) || found.get(name)?.texts !== undefined) continue;
      const given = findGiven(key, option, { ...sources, flags: new Map() });
      const value = option.resolve(given?.texts ?? []);
      if (!value.ok) return badValue(given!, value.error);
      found.set(name, {
        name,
        texts: given?.texts ?? defaultTexts(option),
        origin: given === undefined ? "default" : originOf(given),
        isSecret: /(^|-)(token|password)$/.test(name),
        isList: option.kind === "many",
      });
    }
  }
  const unknown = names.find((name) => !found.has(name));
  if (unknown !== undefined) {
    const nearest = nearestWord(unknown, [...found.keys()]);
    const advice = nearest === undefined ? "run tt config for all" : `did you mean ${nearest}?`;
    return fail({
      code: "missing-operand",
      message: `There is no setting ${quote(unknown)}; ${advice}`,
    });
  }
  return ok(names.length === 0 ? [...found.values()] : names.map((name) => found.get(name)!));
}

/** Defaults in words ("all", "chosen by the size") are no texts. */
function defaultTexts(option: Option<unknown>): readonly string[] | undefined {
  if (option.kind === "flag") return ["false"];
  const text = option.shownDefault;
  return text !== undefined && option.resolve([]).ok && isSameValue(option, text)
    ? [text]
    : undefined;
}

function isSameValue(option: Option<unknown>, text: string): boolean {
  const [given, byDefault] = [option.resolve([text]), option.resolve([])];
  return given.ok && byDefault.ok && byDefault.value !== undefined &&
    JSON.stringify(given.value) === JSON.stringify(byDefault.value);
}

function originOf({ origin, labels }: Given): string {
  const label = labels[0]!;
  if (origin === "variable") return label.replace(/^Variable /, "");
  return label.replace(/: [^:]*$/, "").replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

function badValue(
  { labels, texts }: Given,
  { index, why }: { readonly index: number; readonly why: string },
): Result<never, UsageError> {
  const message = `${labels[index]!} ${quote(texts[index]!)} ${why}`;
  return fail({ code: "bad-value", message });
}

function findGiven(key: string, option: Option<unknown>, sources: Sources): Given | undefined {
  const flags = sources.flags.get(key);
  if (flags !== undefined) {
    return { origin: "flag", texts: flags, labels: flags.map(() => `Option --${optionName(key)}`) };
  }
  const variable = variableName(key, option);
  const inEnv = sources.env[variable];
  if (inEnv !== undefined && inEnv !== "") {
    const texts = splitList(inEnv, option);
    return { origin: "variable", texts, labels: texts.map(() => `Variable ${variable}`) };
  }
  const name = settingName(key, option);
  const texts: string[] = [];
  const labels: string[] = [];
  for (const entry of sources.config) {
    if (entry.name !== name) continue;
    for (const text of entry.isItem ? [entry.text] : splitList(entry.text, option)) {
      texts.push(text);
      labels.push(`${entry.where}: ${name}`);
    }
  }
  return texts.length === 0 ? undefined : { origin: "config", texts, labels };
}

/** URLs and addresses hold no blanks, so blanks part them. */
function splitList(text: string, option: Option<unknown>): string[] {
  return option.kind === "many" ? text.split(/\s+/).filter((part) => part !== "") : [text];
}

function isOff(given: Given, option: Option<unknown>): boolean {
  const value = option.kind === "flag" ? readBoolean(given.texts.at(-1)!) : undefined;
  return value !== undefined && value.ok && !value.value;
}

const NEARNESS = ["flag", "variable", "config"];

function isNearer(a: Given, b: Given): boolean {
  return NEARNESS.indexOf(a.origin) < NEARNESS.indexOf(b.origin);
}

function conflict(left: string, right: string): Result<never, UsageError> {
  const message = `${left} and ${right.replace(/^Option /, "")} cannot be combined; remove one`;
  return fail({ code: "conflict", message });
}
