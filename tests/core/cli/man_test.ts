import { assert, assertEquals } from "@std/assert";
import { COMMAND_NAMES, COMMANDS, GLOBAL_OPTIONS } from "../../../core/cli/commands.ts";
import { EXIT_MEANINGS } from "../../../core/cli/exit_codes.ts";
import { manPage } from "../../../core/cli/man.ts";
import { optionName } from "../../../core/cli/option.ts";

/** The lines from a heading to the next of the same kind. */
function section(heading: string): string[] {
  const lines = manPage("0.1.0").split("\n");
  const from = lines.indexOf(heading);
  assert(from >= 0, heading);
  const kind = heading.slice(0, 4);
  const length = lines.slice(from + 1).findIndex((line) =>
    line.startsWith(kind) || line.startsWith(".SH ")
  );
  return lines.slice(from + 1, length < 0 ? undefined : from + 1 + length);
}

Deno.test("the section of a command has its summary, usage, options and examples", () => {
  assertEquals(section(".SS tt verify"), [
    "Check content against a .torrent, piece by piece.",
    ".PP",
    ".B tt verify X.torrent... [options]",
    ".PP",
    "The exit code is 0 if every piece is present and correct, otherwise 6. If a download selected " +
    "files, only those are checked, unless \\-\\-select or \\-\\-exclude select others.",
    ".TP",
    "\\fB\\-\\-dir\\fR \\fIDIR\\fR",
    "Folder that contains the content of a .torrent (default: the folder of the .torrent).",
    ".TP",
    "\\fB\\-\\-select\\fR \\fIGLOB|NUMBERS\\fR",
    "Check only these files; see tt help get (variable: TT_VERIFY_SELECT).",
    ".TP",
    "\\fB\\-\\-exclude\\fR \\fIGLOB|NUMBERS\\fR",
    "Do not check these files (variable: TT_VERIFY_EXCLUDE).",
    ".TP",
    "\\fB\\-\\-json\\fR",
    "Print events as JSON on stdout, one object per line.",
    ".TP",
    "\\fB\\-\\-quiet\\fR",
    "Print only errors and skipped files, on stderr.",
    ".PP",
    "Examples:",
    ".nf",
    "tt verify film.torrent \\-\\-dir downloads",
    ".fi",
  ]);
  assertEquals(
    section(".SS tt version").includes("Examples:"),
    COMMANDS.version.examples.length > 0,
  );
});

Deno.test("options with a letter show both forms", () => {
  assertEquals(section(".SH OPTIONS OF EVERY COMMAND").filter((line) => line.startsWith("\\fB")), [
    "\\fB\\-\\-config\\fR \\fIFILE\\fR",
    "\\fB\\-h, \\-\\-help\\fR",
    "\\fB\\-V, \\-\\-version\\fR",
  ]);
});

Deno.test("every command, option and exit code is in the page", () => {
  const page = manPage("0.1.0");
  const has = (line: string) => assert(page.includes(`\n${line}`), line);
  for (const name of COMMAND_NAMES) {
    has(`.SS tt ${name}\n`);
    for (const key of Object.keys({ ...COMMANDS[name].options, ...GLOBAL_OPTIONS })) {
      assert(page.includes(`\\-\\-${optionName(key).replaceAll("-", "\\-")}\\fR`), key);
    }
  }
  for (const [code] of EXIT_MEANINGS) has(`.B ${code}\n`);
});

Deno.test("no text becomes a request, an escape or a typographic character", () => {
  const requests = new Set([".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".nf", ".fi"]);
  for (const line of manPage("1.0-rc").split("\n")) {
    if (/^[.']/.test(line)) assert(requests.has(line.split(" ")[0]!), line);
    assert(!/(?<!\\)-/.test(line), line);
    assert(!/["^`]/.test(line.replace(/^\.TH .*/, "")), line);
    assert(!/~/.test(line.replace(/^\.I ~.*/, "").replace(/^Settings, .*/, "")), line);
  }
  assert(manPage("1.0-rc").startsWith('.TH TT 1 "" "tt 1.0\\-rc" "User Commands"\n'));
  assert(manPage("1").endsWith("\n") && !manPage("1").endsWith("\n\n"));
});
