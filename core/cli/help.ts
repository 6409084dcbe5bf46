/** The help screens, printed from the table of commands. No text is wider than HELP_WIDTH. */
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

/** Columns of a common terminal; text is no wider on a wider one. */
export const HELP_WIDTH = 80;

/** Column at which descriptions begin; on a narrow terminal they are below what they describe. */
const TEXT_COLUMN = 24;
const TEXT_COLUMN_NARROW = 6;
const NARROW_COLUMNS = 64;

interface Layout {
  readonly width: number;
  readonly textColumn: number;
}

/** The overview, or one command's screen, for a terminal of `columns`. Ends with a newline. */
export function helpText(
  topic: CommandName | undefined,
  columns: number = HELP_WIDTH,
): string {
  const layout = {
    width: Math.min(HELP_WIDTH, columns),
    textColumn: columns < NARROW_COLUMNS ? TEXT_COLUMN_NARROW : TEXT_COLUMN,
  };
  const lines = topic === undefined
    ? overview(layout)
    : commandHelp(topic, COMMANDS[topic], layout);
  return lines.join("\n") + "\n";
}

function overview(layout: Layout): string[] {
  return [
    "tt: BitTorrent in one executable",
    "",
    "Usage: tt COMMAND [ARGUMENTS] [options]",
    "",
    "Commands:",
    ...COMMAND_NAMES.flatMap((name) => entry(name, COMMANDS[name].summary, layout)),
    "",
    "Options of all commands:",
    ...optionLines(GLOBAL_OPTIONS, layout),
    "",
    ...wrap(
      "Settings are taken from options, then environment variables (TT_UP_LIMIT for --up-limit), " +
        'then the config file (TOML, such as up-limit = "2M"), then defaults. tt config prints the ' +
        "effective settings and where each comes from.",
      0,
      layout,
    ),
    "",
    "Exit codes:",
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => entry(String(code), meaning, layout)),
    "",
    "To get started:",
    "  tt demo",
    "  tt help get",
  ];
}

function commandHelp(
  name: CommandName,
  spec: Omit<CommandSpec, "conflicts">,
  layout: Layout,
): string[] {
  const own = Object.keys(spec.options).length > 0
    ? [
      "",
      "Options:",
      ...optionLines(spec.options, layout),
      "",
      ...optionLines(GLOBAL_OPTIONS, layout),
    ]
    : [];
  const examples = spec.examples.length > 0
    ? ["", "Examples:", ...spec.examples.map((example) => `  ${example}`)]
    : [];
  return [
    ...wrap(`tt ${name}: ${spec.summary}`, 0, layout),
    "",
    "Usage:",
    ...spec.usage.map((usage) => `  tt ${name} ${usage}`.trimEnd()),
    ...spec.about.flatMap((paragraph) => ["", ...wrap(paragraph, 0, layout)]),
    ...own,
    ...examples,
  ];
}

function optionLines(options: Options, layout: Layout): string[] {
  return Object.entries(options).flatMap(([key, option]) => {
    const short = Object.keys(SHORT_OPTIONS).find((letter) => SHORT_OPTIONS[letter] === key);
    const head = `${short === undefined ? "" : `-${short}, `}--${optionName(key)}`;
    return entry(
      `${head} ${option.placeholder}`.trimEnd(),
      describe(key, option),
      layout,
    );
  });
}

function describe(key: string, option: Option<unknown>): string {
  const notes = [];
  if (option.shownDefault !== undefined) {
    notes.push(`default: ${option.shownDefault}`);
  }
  if (option.setting !== undefined) {
    notes.push(`variable: ${variableName(key, option)}`);
  }
  return notes.length > 0 ? `${option.text} (${notes.join("; ")})` : option.text;
}

/** A head and its description beside it, or below when the head is long. */
function entry(head: string, text: string, layout: Layout): string[] {
  const { textColumn } = layout;
  const lines = wrap(text, textColumn, layout);
  const start = `  ${head}`;
  if (start.length + 2 > textColumn) return [start, ...lines];
  return [start.padEnd(textColumn) + lines[0]!.trimStart(), ...lines.slice(1)];
}

function wrap(text: string, indent: number, { width }: Layout): string[] {
  return wrapText(text, width - indent).map((line) => " ".repeat(indent) + line);
}
