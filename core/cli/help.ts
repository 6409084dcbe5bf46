/** The help screens, printed from the table of commands. No line is wider than HELP_WIDTH. */
import {
  COMMAND_NAMES,
  type CommandName,
  COMMANDS,
  type CommandSpec,
  GLOBAL_OPTIONS,
  SHORT_OPTIONS,
} from "./commands.ts";
import { EXIT_MEANINGS } from "./exit_codes.ts";
import { type Option, optionName, type Options, variableName } from "./option.ts";
import { wrapText } from "./text.ts";

/** Columns of the narrowest terminal in common use. */
export const HELP_WIDTH = 80;

/** Column at which descriptions begin. */
const TEXT_COLUMN = 24;

/** The overview, or one command's screen. Ends with a newline. */
export function helpText(topic: CommandName | undefined): string {
  const lines = topic === undefined ? overview() : commandHelp(topic, COMMANDS[topic]);
  return lines.join("\n") + "\n";
}

function overview(): string[] {
  return [
    "tt: BitTorrent in one executable",
    "",
    "Usage: tt COMMAND [ARGUMENTS] [options]",
    "",
    "Commands:",
    ...COMMAND_NAMES.flatMap((name) => entry(name, COMMANDS[name].summary)),
    "",
    "Options of all commands:",
    ...optionLines(GLOBAL_OPTIONS),
    "",
    ...wrap(
      "Settings are taken from options, then environment variables (TT_UP_LIMIT for --up-limit), " +
        'then the config file (TOML, such as up-limit = "2M"), then defaults. tt config prints the ' +
        "effective settings and where each comes from.",
      0,
    ),
    "",
    "Exit codes:",
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => entry(String(code), meaning)),
    "",
    "To get started:",
    "  tt demo",
    "  tt help get",
  ];
}

function commandHelp(name: CommandName, spec: Omit<CommandSpec, "conflicts">): string[] {
  const own = Object.keys(spec.options).length > 0
    ? ["", "Options:", ...optionLines(spec.options), "", ...optionLines(GLOBAL_OPTIONS)]
    : [];
  const examples = spec.examples.length > 0
    ? ["", "Examples:", ...spec.examples.map((example) => `  ${example}`)]
    : [];
  return [
    `tt ${name}: ${spec.summary}`,
    "",
    "Usage:",
    ...spec.usage.map((usage) => `  tt ${name} ${usage}`.trimEnd()),
    ...spec.about.flatMap((paragraph) => ["", ...wrap(paragraph, 0)]),
    ...own,
    ...examples,
  ];
}

function optionLines(options: Options): string[] {
  return Object.entries(options).flatMap(([key, option]) => {
    const short = Object.keys(SHORT_OPTIONS).find((letter) => SHORT_OPTIONS[letter] === key);
    const head = `${short === undefined ? "" : `-${short}, `}--${optionName(key)}`;
    return entry(`${head} ${option.placeholder}`.trimEnd(), describe(key, option));
  });
}

function describe(key: string, option: Option<unknown>): string {
  const notes = [];
  if (option.shownDefault !== undefined) notes.push(`default: ${option.shownDefault}`);
  if (option.setting !== undefined) notes.push(`variable: ${variableName(key, option)}`);
  return notes.length > 0 ? `${option.text} (${notes.join("; ")})` : option.text;
}

/** A head and its description beside it, or below when the head is long. */
function entry(head: string, text: string): string[] {
  const lines = wrap(text, TEXT_COLUMN);
  const start = `  ${head}`;
  if (start.length + 2 > TEXT_COLUMN) return [start, ...lines];
  return [start.padEnd(TEXT_COLUMN) + lines[0]!.trimStart(), ...lines.slice(1)];
}

function wrap(text: string, indent: number): string[] {
  return wrapText(text, HELP_WIDTH - indent).map((line) => " ".repeat(indent) + line);
}
