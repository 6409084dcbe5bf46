/**
 * Merges flags, environment, config file and defaults into the values of one command. The nearest
 * source wins: what a flag says, no variable can change.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import type { CommandSpec } from "./commands.ts";
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
import { quote, type UsageError } from "./usage_error.ts";

export interface Sources {
  /** Texts by option key. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: Readonly<Record<string, string>>;
  readonly config: readonly ConfigEntry[];
}

interface Given {
  readonly origin: "flag" | "variable" | "config";
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
    if (!value.ok) {
      const { index, why } = value.error;
      const label = source!.labels[index]!;
      const message = `${label} ${quote(source!.texts[index]!)} ${why}`;
      return fail({ code: "bad-value", message });
    }
    values[key] = value.value;
  }
  return ok(values as Values<O>);
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
    for (const text of splitList(entry.text, option)) {
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
  const message = `${left} and ${right.replace(/^Option /, "")} contradict each other; remove one`;
  return fail({ code: "conflict", message });
}
