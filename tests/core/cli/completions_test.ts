import { assert, assertEquals } from "@std/assert";
import { COMMAND_NAMES, COMMANDS, GLOBAL_OPTIONS, optionsOf } from "../../../core/cli/commands.ts";
import { completionScript, SHELLS } from "../../../core/cli/completions.ts";
import { optionName } from "../../../core/cli/option.ts";

const BASH_FILES = 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))';
const BASH_FOLDERS = 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))';

/** The part of a script with `case` that belongs to a command. */
function caseOf(shell: "bash" | "zsh", name: string): string[] {
  const lines = completionScript(shell).split("\n");
  const from = lines.indexOf(`    ${name})`);
  assert(from >= 0, name);
  const length = lines.slice(from).findIndex((line, i) =>
    i > 0 && /^ {4}\S+\)/.test(line) || line === "  esac"
  );
  return lines.slice(from + 1, from + length).map((line) => line.trim());
}

function fishLines(name: string): string[] {
  const when = `complete -c tt -n '__fish_seen_subcommand_from ${name}'`;
  return completionScript("fish").split("\n")
    .filter((line) => line.startsWith(when))
    .map((line) => line.slice(when.length + 1));
}

Deno.test("every command and option is in the script of every shell", () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell);
    assert(script.endsWith("\n") && !script.endsWith("\n\n"), shell);
    for (const name of COMMAND_NAMES) {
      const own = shell === "fish" ? fishLines(name) : caseOf(shell, name);
      for (const key of Object.keys(optionsOf(name))) {
        const flag = shell === "fish" ? `-l ${optionName(key)}` : `--${optionName(key)}`;
        assert(own.some((line) => line.includes(flag)), `${shell} ${name} ${flag}`);
      }
    }
  }
});

Deno.test("bash completes files, folders and words where an option or a command takes them", () => {
  assertEquals(caseOf("bash", "verify"), [
    'options="--dir --select --exclude --json --quiet --config --help --version"',
    "case $prev in",
    `--dir) ${BASH_FOLDERS}; return ;;`,
    "--select|--exclude) :; return ;;",
    `--config) ${BASH_FILES}; return ;;`,
    "esac",
    `operands='${BASH_FILES}' ;;`,
  ]);
  const get = caseOf("bash", "get");
  const words = 'COMPREPLY=($(compgen -W "on off" -- "$cur")); return ;;';
  assert(get.includes(`--lsd|--portmap|--dht) ${words}`), get.join("\n"));
  assertEquals(caseOf("bash", "pause").at(-1), "operands=':' ;;");
  assertEquals(
    caseOf("bash", "completions").at(-1),
    `operands='COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur"))' ;;`,
  );
  assertEquals(
    caseOf("bash", "help").at(-1),
    `operands='COMPREPLY=($(compgen -W "${COMMAND_NAMES.join(" ")}" -- "$cur"))' ;;`,
  );
});

Deno.test("before a command bash completes commands and the options of all", () => {
  const globals = Object.keys(GLOBAL_OPTIONS).map((key) => `--${optionName(key)}`);
  const words = [...COMMAND_NAMES, ...globals].join(" ");
  assert(completionScript("bash").includes(`COMPREPLY=($(compgen -W "${words}" -- "$cur"))`));
});

Deno.test("zsh shows each option with its text and what its value may be", () => {
  assertEquals(caseOf("zsh", "verify"), [
    "_arguments -S \\",
    "'*--dir[Folder that contains the content of a .torrent]:value:_files -/' \\",
    "'*--select[Check only these files; see tt help get]:value: ' \\",
    "'*--exclude[Do not check these files]:value: ' \\",
    "'*--json[Print events as JSON on stdout, one object per line]' \\",
    "'*--quiet[Print only errors and skipped files, on stderr]' \\",
    "'*--config[Read settings from this file]:value:_files' \\",
    "'*--help[Print this help]' \\",
    "'*--version[Print the version]' \\",
    "'*:argument:_files' ;;",
  ]);
  assert(caseOf("zsh", "get").some((line) => /^'\*--lsd\[[^\]]*\]:value:\(on off\)'/.test(line)));
  assertEquals(caseOf("zsh", "completions").at(-1), "'*:argument:(bash zsh fish)' ;;");
  assertEquals(caseOf("zsh", "pause").at(-1), "'*:argument: ' ;;");
});

Deno.test("a colon or a quote in a text ends nothing in zsh", () => {
  const lines = completionScript("zsh").split("\n");
  for (const name of COMMAND_NAMES) {
    const summary = COMMANDS[name].summary.replaceAll(":", "\\:").replaceAll("'", "'\\''");
    assert(lines.includes(`    '${name}:${summary}'`), name);
    for (const line of caseOf("zsh", name).filter((line) => line.startsWith("'*--"))) {
      // Only what follows the text in brackets may be parted by colons.
      assert(/^'\*--[a-z-]+\[([^[\]:\\]|\\.|'\\'')*\](:value:[^:]*)?'/.test(line), line);
    }
  }
});

Deno.test("fish completes files only where they are meant", () => {
  assertEquals(fishLines("verify"), [
    "-l dir -x -a '(__fish_complete_directories)' " +
    "-d 'Folder that contains the content of a .torrent'",
    "-l select -x -d 'Check only these files; see tt help get'",
    "-l exclude -x -d 'Do not check these files'",
    "-l json -d 'Print events as JSON on stdout, one object per line'",
    "-l quiet -d 'Print only errors and skipped files, on stderr'",
    "-l config -r -F -d 'Read settings from this file'",
    "-l help -d 'Print this help'",
    "-l version -d 'Print the version'",
    "-F",
  ]);
  assert(fishLines("get").some((line) => line.startsWith("-l lsd -x -a 'on off' -d ")));
  assertEquals(fishLines("completions").at(-1), "-a 'bash zsh fish'");
  assert(fishLines("pause").at(-1)!.startsWith("-l version"));
  const before = completionScript("fish").split("\n")
    .filter((line) => line.includes(" -n __fish_use_subcommand "));
  assertEquals(before.length, COMMAND_NAMES.length + Object.keys(GLOBAL_OPTIONS).length);
  assert(before.includes("complete -c tt -n __fish_use_subcommand -l help -d 'Print this help'"));
});

Deno.test("fish names no files where nothing else is said", () => {
  assert(completionScript("fish").split("\n").includes("complete -c tt -f"));
});
