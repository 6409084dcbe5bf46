import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";
import { COMMAND_NAMES, COMMANDS, optionsOf } from "../../../core/cli/commands.ts";
import { EXIT, EXIT_MEANINGS } from "../../../core/cli/exit_codes.ts";
import { HELP_WIDTH, helpText } from "../../../core/cli/help.ts";
import { nearestWord } from "../../../core/cli/nearest.ts";
import { optionName } from "../../../core/cli/option.ts";

Deno.test("help lines fit the terminal and have no trailing spaces", () => {
  for (const topic of [undefined, ...COMMAND_NAMES]) {
    for (const line of helpText(topic).split("\n")) {
      assert(line.length <= HELP_WIDTH, line);
      assertEquals(line, line.trimEnd());
    }
  }
});

Deno.test("help text fits narrow and wide terminals, commands to copy excepted", () => {
  for (const columns of [50, 63, 64, 80, 200]) {
    for (const topic of [undefined, ...COMMAND_NAMES]) {
      const text = helpText(topic, columns);
      for (const line of text.split("\n")) {
        const isCommand = line.startsWith("  tt ");
        assert(isCommand || line.length <= Math.min(columns, HELP_WIDTH), line);
      }
      const words = (shown: string) => shown.split(/\s+/).join(" ");
      assertEquals(words(text), words(helpText(topic)));
    }
  }
});

Deno.test("the overview lists all commands and exit codes", () => {
  const overview = helpText(undefined);
  for (const name of COMMAND_NAMES) {
    assertStringIncludes(overview, `\n  ${name} `);
    assertStringIncludes(helpText(name), COMMANDS[name].summary);
  }
  assertEquals(EXIT_MEANINGS.map(([code]) => code), Object.values(EXIT));
  for (const [code] of EXIT_MEANINGS) assertStringIncludes(overview, `\n  ${code} `);
});

Deno.test("the help of a command lists all its options", () => {
  for (const name of COMMAND_NAMES) {
    if (Object.keys(COMMANDS[name].options).length === 0) continue;
    for (const key of Object.keys(optionsOf(name))) {
      assertStringIncludes(helpText(name), `--${optionName(key)}`);
    }
  }
});

Deno.test("every example in the help is accepted by the parser", () => {
  for (const name of COMMAND_NAMES) {
    for (const example of COMMANDS[name].examples) {
      const parsed = parseCommand(example.split(" ").slice(1), {});
      assertEquals(parsed.ok && parsed.value.kind, name);
    }
  }
});

Deno.test("the help of verify is as expected", () => {
  assertEquals(
    helpText("verify"),
    `\
tt verify: Check content against a .torrent, piece by piece

Usage:
  tt verify X.torrent... [options]

The exit code is 0 if every piece is present and correct, otherwise 6. If a
download selected files, only those are checked, unless --select or --exclude
select others.

Options:
  --dir DIR             Folder that contains the content of a .torrent (default:
                        the folder of the .torrent)
  --select GLOB|NUMBERS
                        Check only these files; see tt help get (variable:
                        TT_VERIFY_SELECT)
  --exclude GLOB|NUMBERS
                        Do not check these files (variable: TT_VERIFY_EXCLUDE)
  --json                Print events as JSON on stdout, one object per line
  --quiet               Print only errors and skipped files, on stderr

  --config FILE         Read settings from this file
  -h, --help            Print this help
  -V, --version         Print the version

Examples:
  tt verify film.torrent --dir downloads
`,
  );
});

Deno.test("suggestions tolerate swapped, missing, doubled and wrong letters", () => {
  const words = ["get", "seed", "show", "seed-ratio", "seed-time"];
  assertEquals(nearestWord("gte", words), "get");
  assertEquals(nearestWord("sed", words), "seed");
  assertEquals(nearestWord("shhow", words), "show");
  assertEquals(nearestWord("seed-tame", words), "seed-time");
  assertEquals(nearestWord("seed-r", words), "seed-ratio");
  assertEquals(nearestWord("zzz", words), undefined);
  assertEquals(nearestWord("", words), undefined);
});

Deno.test("a word is suggested for its beginning, else for one mistake in three letters", () => {
  const words = ["get", "seed", "show"];
  assertEquals(nearestWord("s", ["xs", "seed"]), "xs", "one letter is no beginning");
  assertEquals(nearestWord("se", ["sea", "seed"]), "sea");
  assertEquals(nearestWord("gxt", words), "get", "one of three");
  assertEquals(nearestWord("gxx", words), undefined, "two of three");
  assertEquals(nearestWord("sxed", words), "seed");
  assertEquals(nearestWord("abcxyf", ["abcdef"]), "abcdef", "two of six");
  assertEquals(nearestWord("axcxyf", ["abcdef"]), undefined, "three of six");
  assertEquals(nearestWord("abdcef", ["abcxxxx", "abcdef"]), "abcdef", "swapped letters are one");
  assertEquals(nearestWord("teg", ["get", "te"]), "te", "of equals the nearer");
  assertEquals(nearestWord("ab", ["ba", "xx"]), "ba");
  // Without the swap at the very beginning: two letters would be wrong.
  assertEquals(nearestWord("egt", ["get"]), "get");
  assertEquals(nearestWord("x".repeat(10_000), ["get", "y".repeat(99)]), undefined);
});

Deno.test("a head is beside its description as long as two blanks are left", () => {
  const line = (text: string) =>
    helpText("verify").split("\n").find((candidate) => candidate.includes(text))!;
  assertEquals(line("--dir DIR").slice(0, 26), "  --dir DIR             Fo");
  const narrow = helpText("verify", 63).split("\n");
  const at = narrow.indexOf("  --json");
  assertEquals(narrow[at + 1], "      Print events as JSON on stdout, one object per line");
  const overview = helpText(undefined, 63).split("\n");
  assert(overview.includes("  1   Internal error"), "heads of up to two letters");
  assert(overview.includes("  130"));
  const wide = helpText(undefined).split("\n");
  assert(wide.some((shown) => shown.startsWith("  completions           Print")));
});

Deno.test("commands without options or examples have no such headings", () => {
  assertEquals(/Options:|Examples:/.test(helpText("demo")), false);
  assert(helpText(undefined).includes("\nSettings are taken from options"));
});

Deno.test("at 64 columns descriptions are beside their heads, where two blanks are left", () => {
  let longest = 0;
  for (const name of ["get", "daemon", "seed", "tracker", "verify"] as const) {
    const lines = helpText(name, 64).split("\n");
    for (const [key, option] of Object.entries(optionsOf(name))) {
      const head = `--${optionName(key)} ${option.placeholder}`.trimEnd();
      const line = lines.find((line) =>
        /^ {2}(-., )?--/.test(line) && `${line} `.includes(`${head} `)
      )!;
      const end = line.indexOf(head) + head.length;
      if (end <= 22) longest = Math.max(longest, end);
      assertEquals(line.length > end, end <= 22, line);
    }
  }
  assertEquals(longest, 22, "one of them reaches as far as is possible");
});
