/** What `tt config` answers: a line of the config file for each setting. */
import type { SettingInForce } from "./settings.ts";
import { printable } from "./text.ts";

/** `tt config`: one setting. */
export interface SettingResult {
  readonly event: "setting";
  readonly name: string;
  /** Undefined when nothing is set, or not to be shown. */
  readonly value: string | readonly string[] | undefined;
  readonly origin: string;
}

/** A setting as an event of `--json`. */
export function settingResult(setting: SettingInForce): SettingResult {
  const { name, texts, isSecret, isList, origin } = setting;
  const value = texts === undefined || isSecret ? undefined : isList ? texts : texts[0];
  return {
    event: "setting",
    name,
    value,
    origin: isSecret && texts ? `${origin}, hidden` : origin,
  };
}

/** Column at which the origins stand, as long as the settings leave room. */
const ORIGIN_COLUMN = 40;

/** A line of TOML; what is a default, or not shown, is a comment. */
export function settingText({ name, value, origin }: SettingResult): string {
  const plain = value === undefined ? name : `${name} = ${tomlValue(value)}`;
  const line = value === undefined || origin === "default" ? `# ${plain}` : plain;
  return printable(`${line.padEnd(ORIGIN_COLUMN - 1)} # ${origin}`);
}

function tomlValue(value: string | readonly string[]): string {
  if (typeof value !== "string") return `[${value.map(tomlValue).join(", ")}]`;
  if (/^(true|false|0|[1-9]\d{0,14})$/.test(value)) return value;
  return JSON.stringify(value);
}
