/** Scripts that teach a shell to complete command lines, printed from the table of commands. */
import {
  COMMAND_NAMES,
  type CommandName,
  COMMANDS,
  GLOBAL_OPTIONS,
  optionsOf,
} from "./commands.ts";
import { type Option, optionName } from "./option.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** The script; ends with a newline. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      return zsh();
    case "fish":
      return fish();
  }
}

/** What may stand after an option or as an operand. */
type Kind =
  | { readonly kind: "file" | "folder" | "nothing" }
  | { readonly kind: "words"; readonly words: readonly string[] };

const FILE: Kind = { kind: "file" };
const NOTHING: Kind = { kind: "nothing" };

function valueKind({ placeholder }: Option<unknown>): Kind {
  if (placeholder === "DIR") return { kind: "folder" };
  if (placeholder === "FILE" || placeholder === "PATH") return FILE;
  // "on|off" lists its words.
  if (/^[a-z0-9]+(\|[a-z0-9]+)+$/.test(placeholder)) {
    return { kind: "words", words: placeholder.split("|") };
  }
  return NOTHING;
}

function operandKind(name: CommandName): Kind {
  if (name === "help") return { kind: "words", words: COMMAND_NAMES };
  if (name === "completions") return { kind: "words", words: SHELLS };
  const { name: operand } = COMMANDS[name].operands;
  return /PATH|SOURCE|X\.torrent|FILE|DIR/.test(operand) ? FILE : NOTHING;
}

interface Described {
  readonly flag: string;
  readonly takesValue: boolean;
  readonly kind: Kind;
  readonly text: string;
}

function optionsFor(name: CommandName): readonly Described[] {
  return Object.entries(optionsOf(name)).map(([key, option]) => describe(key, option));
}

function describe(key: string, option: Option<unknown>): Described {
  return {
    flag: `--${optionName(key)}`,
    takesValue: option.kind !== "flag",
    kind: valueKind(option),
    text: option.text,
  };
}

const GLOBALS = Object.entries(GLOBAL_OPTIONS).map(([key, option]) => describe(key, option));

function bash(): string {
  const cases = COMMAND_NAMES.map((name) => {
    const options = optionsFor(name);
    const flags = options.map(({ flag }) => flag).join(" ");
    const values = [...groupByKind(options)].map(([reply, of]) => `${of.join("|")}) ${reply} ;;`);
    return `    ${name})
      options="${flags}"
      case $prev in
${values.map((line) => `        ${line}`).join("\n")}
      esac
      operands='${bashReply(operandKind(name))}' ;;`;
  });
  return `# bash completion of tt: source it, or put it in bash-completion's folder
_tt() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= options= operands= word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || { command=$word; break; }
  done
  case $command in
    '')
      COMPREPLY=($(compgen -W "${COMMAND_NAMES.join(" ")} ${
    GLOBALS.map(({ flag }) => flag).join(" ")
  }" -- "$cur"))
      return ;;
${cases.join("\n")}
    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  else
    eval "$operands"
  fi
}
complete -F _tt tt
`;
}

/** What bash does for a kind, and the options that want it. */
function groupByKind(options: readonly Described[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { flag, takesValue, kind } of options) {
    if (!takesValue) continue;
    const reply = `${bashReply(kind)}; return`;
    groups.set(reply, [...groups.get(reply) ?? [], flag]);
  }
  return groups;
}

function bashReply(kind: Kind): string {
  switch (kind.kind) {
    case "file":
      return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))';
    case "folder":
      return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))';
    case "words":
      return `COMPREPLY=($(compgen -W "${kind.words.join(" ")}" -- "$cur"))`;
    case "nothing":
      return ":";
  }
}

function zsh(): string {
  const commands = COMMAND_NAMES.map((name) =>
    `    ${quote(`${name}:${escapeColons(COMMANDS[name].summary)}`)}`
  );
  const cases = COMMAND_NAMES.map((name) => {
    const specs = optionsFor(name).map(({ flag, takesValue, kind, text }) =>
      quote(`*${flag}[${escapeBrackets(text)}]${takesValue ? `:value:${zshAction(kind)}` : ""}`)
    );
    specs.push(quote(`*:argument:${zshAction(operandKind(name))}`));
    return `    ${name})
      _arguments -S \\
        ${specs.join(" \\\n        ")} ;;`;
  });
  return `#compdef tt
# zsh completion of tt: put it into a folder of $fpath as _tt, or source it after compinit
_tt() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_tt" ]; then _tt "$@"; else compdef _tt tt; fi
`;
}

function zshAction(kind: Kind): string {
  switch (kind.kind) {
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "words":
      return `(${kind.words.join(" ")})`;
    case "nothing":
      return " ";
  }
}

function fish(): string {
  const lines = ["# fish completion of tt: put it in ~/.config/fish/completions/tt.fish", ""];
  lines.push("complete -c tt -f");
  for (const name of COMMAND_NAMES) {
    const summary = quote(COMMANDS[name].summary);
    lines.push(`complete -c tt -n __fish_use_subcommand -a ${name} -d ${summary}`);
  }
  for (const { flag, text } of GLOBALS) {
    const summary = quote(text);
    lines.push(`complete -c tt -n __fish_use_subcommand -l ${flag.slice(2)} -d ${summary}`);
  }
  for (const name of COMMAND_NAMES) {
    const when = `-n '__fish_seen_subcommand_from ${name}'`;
    for (const { flag, takesValue, kind, text } of optionsFor(name)) {
      // -x keeps file names out where none is meant.
      const value = takesValue ? `${kind.kind === "file" ? " -r" : " -x"}${fishAction(kind)}` : "";
      lines.push(`complete -c tt ${when} -l ${flag.slice(2)}${value} -d ${quote(text)}`);
    }
    const operands = fishAction(operandKind(name));
    if (operands !== "") lines.push(`complete -c tt ${when}${operands}`);
  }
  return lines.join("\n") + "\n";
}

function fishAction(kind: Kind): string {
  switch (kind.kind) {
    case "file":
      return " -F";
    case "folder":
      return " -a '(__fish_complete_directories)'";
    case "words":
      return ` -a '${kind.words.join(" ")}'`;
    case "nothing":
      return "";
  }
}

/** In single quotes, for every shell of these. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function escapeColons(text: string): string {
  return text.replaceAll(":", "\\:");
}

function escapeBrackets(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("[", "\\[").replaceAll("]", "\\]")
    .replaceAll(":", "\\:");
}
