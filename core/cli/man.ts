/** The manual page, printed from the table of commands. Spec: man(7), groff_man. */
import {
  COMMAND_NAMES,
  type CommandName,
  COMMANDS,
  GLOBAL_OPTIONS,
  SHORT_OPTIONS,
} from "./commands.ts";
import { EXIT_MEANINGS } from "./exit_codes.ts";
import { type Option, optionName, type Options, variableName } from "./option.ts";

/** The page in roff; ends with a newline. `version` as "0.1.0". */
export function manPage(version: string): string {
  return [
    `.TH TT 1 "" "tt ${roff(version)}" "User Commands"`,
    ".SH NAME",
    "tt \\- BitTorrent in one executable",
    ".SH SYNOPSIS",
    ".B tt",
    "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR] [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    "Tracker, seeder, downloader and daemon in one file.",
    ".SH COMMANDS",
    ...COMMAND_NAMES.flatMap(commandSection),
    ".SH OPTIONS OF EVERY COMMAND",
    ...optionLines(GLOBAL_OPTIONS),
    ".SH SETTINGS",
    "Settings are taken from options, then environment variables (TT_UP_LIMIT for \\-\\-up\\-limit), " +
    "then the config file, then defaults.",
    ".B tt config",
    "prints the effective settings and where each comes from.",
    ".SH EXIT STATUS",
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => [".TP", `.B ${code}`, roff(meaning)]),
    ".SH FILES",
    ".TP",
    ".I ~/.config/tt/config.toml",
    "Settings, unless \\-\\-config or TT_CONFIG names another file.",
    ".TP",
    ".I ~/.local/state/tt/",
    "The state of the daemon: its torrents, its RPC token, and settings changed over RPC.",
  ].join("\n") + "\n";
}

function commandSection(name: CommandName): string[] {
  const { usage, summary, about, options, examples } = COMMANDS[name];
  return [
    `.SS tt ${roff(name)}`,
    `${roff(summary)}.`,
    ...usage.flatMap((line) => [".PP", `.B tt ${roff(`${name} ${line}`.trimEnd())}`]),
    ...about.flatMap((paragraph) => [".PP", roff(paragraph)]),
    ...optionLines(options),
    ...(examples.length > 0 ? [".PP", "Examples:", ".nf", ...examples.map(roff), ".fi"] : []),
  ];
}

function optionLines(options: Options): string[] {
  return Object.entries(options).flatMap(([key, option]) => {
    const short = Object.keys(SHORT_OPTIONS).find((letter) => SHORT_OPTIONS[letter] === key);
    const head = `${short === undefined ? "" : `-${short}, `}--${optionName(key)}`;
    const value = option.placeholder === "" ? "" : ` \\fI${roff(option.placeholder)}\\fR`;
    return [".TP", `\\fB${roff(head)}\\fR${value}`, roff(describe(key, option))];
  });
}

function describe(key: string, option: Option<unknown>): string {
  const notes = [];
  if (option.shownDefault !== undefined) notes.push(`default: ${option.shownDefault}`);
  if (option.setting !== undefined) notes.push(`variable: ${variableName(key, option)}`);
  return notes.length > 0 ? `${option.text} (${notes.join("; ")}).` : `${option.text}.`;
}

/** Deliberately absent: texts that begin with a dot or a quote, which would be requests. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq")
    .replaceAll("~", "\\(ti").replaceAll("^", "\\(ha").replaceAll("`", "\\(ga");
}
