import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  completeShellLine,
  parseShellLine,
  SHELL_COMMANDS,
  SHELL_VOCABULARY,
  SHELL_WORDS,
  shellHelp,
  splitWords,
} from "../../../core/cli/shell_line.ts";

Deno.test("input is split into words as a shell does", () => {
  assertEquals(splitWords(` a 'b c' "d \\" e" f\\ g '' `), {
    ok: true,
    value: ["a", "b c", 'd " e', "f g", ""],
  });
  assertEquals(splitWords("a 'b"), { ok: false, error: "A ' is not closed" });
});

Deno.test("quoting and splitting round-trips any words", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(" ");
      assertEquals(splitWords(line), { ok: true, value: words });
    }),
    { seed: 14 },
  );
});

Deno.test("input at the prompt becomes command lines", () => {
  const command = (line: string) => {
    const parsed = parseShellLine(line);
    if (!parsed.ok) return parsed.error;
    return parsed.value.kind === "command" ? parsed.value.argv.join(" ") : parsed.value.kind;
  };
  assertEquals(command("seed film.mkv"), "seed film.mkv --daemon");
  assertEquals(command("download film.torrent --dir x"), "get film.torrent --dir x --daemon");
  assertEquals(command("list"), "status");
  assertEquals(command("peerlist"), "peers all");
  assertEquals(command("pause film"), "pause film");
  assertEquals(command("number_of_piece film"), "pieces");
  assertEquals([command("end"), command("quit"), command("clear"), command("  ")], [
    "end",
    "end",
    "clear",
    "nothing",
  ]);
  assertEquals(
    command("dowload x"),
    '"dowload" is not a word of this prompt; did you mean download?',
  );
  assertEquals(command("daemon"), '"daemon" is not a word of this prompt; help lists the words');
});

Deno.test("commands, options and torrent names are completed", () => {
  const names = ["film.mkv", "a film.mkv"];
  assertEquals(completeShellLine("pe", names).found, ["peerlist", "peers"]);
  assertEquals(completeShellLine("download x --sh", names).found, ["--share-rule"]);
  assertEquals(completeShellLine("pause fi", names), { found: ["film.mkv"], word: "fi" });
  assertEquals(completeShellLine("pause a", names).found, ["a\\ film.mkv"]);
  assertEquals(completeShellLine("", names).found, SHELL_VOCABULARY);
});

Deno.test("backslashes and quotes keep what follows, as far as anything follows", () => {
  const words = (line: string) => {
    const split = splitWords(line);
    return split.ok ? split.value : split.error;
  };
  assertEquals(words("a\\"), ["a\\"], "a backslash at the end is itself");
  assertEquals(words("a\\ b"), ["a b"]);
  assertEquals(words("\\'a"), ["'a"]);
  assertEquals(words("'a\\b'"), ["a\\b"], "in single quotes it is a letter");
  assertEquals(words('"a\\"b"'), ['a"b']);
  assertEquals(words('"a\\'), 'A " is not closed');
  assertEquals(words("a'b c'd\"e\""), ["ab cde"]);
  assertEquals(words("\ta \u00a0 b\n"), ["a", "b"]);
  assertEquals(words("x".repeat(100_000)), ["x".repeat(100_000)]);
  assertEquals(words("x".repeat(100_001)), "The line is too long");
});

Deno.test("each word of the prompt has its own command line", () => {
  const line = (text: string) => {
    const parsed = parseShellLine(text);
    if (!parsed.ok) return parsed.error;
    return parsed.value.kind === "command" ? parsed.value.argv : parsed.value;
  };
  assertEquals(line("help"), { kind: "help" });
  assertEquals(line("help get"), ["help", "get"]);
  assertEquals(line("peerlist film"), ["peers", "film"]);
  assertEquals(line("list -w"), ["status", "-w"]);
  assertEquals(line("number_of_piece a b"), { kind: "pieces", names: ["a", "b"] });
  assertEquals(line("exit"), { kind: "end" });
  assertEquals(line("'a"), "A ' is not closed");
  for (const name of SHELL_COMMANDS.filter((name) => name !== "help")) {
    assertEquals(line(`${name} x`), [name, "x"]);
  }
});

Deno.test("names are completed after any word, options only of commands", () => {
  const names = ["film.mkv", "it's", 'a"b', "c\\d"];
  assertEquals(completeShellLine("pause ", names), {
    found: ["film.mkv", "it\\'s", 'a\\"b', "c\\\\d"],
    word: "",
  });
  assertEquals(completeShellLine("  pau", names), { found: ["pause"], word: "pau" });
  assertEquals(completeShellLine("seed --super", names).found, ["--super-seed"]);
  assertEquals(completeShellLine("list --so", names).found, ["--sort"]);
  assertEquals(completeShellLine("peerlist --st", names).found, ["--state"]);
  assertEquals(completeShellLine("nothing --st", names).found, []);
});

Deno.test("the help of the prompt names each word and each command", () => {
  const lines = shellHelp().split("\n");
  for (const [i, [word, text]] of Object.entries(SHELL_WORDS).entries()) {
    assertEquals(lines[i], `  ${word.padEnd(18)}${text}`);
  }
  assertEquals(lines.at(-2)!.startsWith("Commands of tt: add, status, pause"), true);
  assertEquals(lines.at(-1), "");
});

Deno.test("a backslash before the last letter keeps it, and options follow any command", () => {
  assertEquals(splitWords("a\\b"), { ok: true, value: ["ab"] });
  assertEquals(splitWords("\\ "), { ok: true, value: [" "] });
  assertEquals(completeShellLine("status --so", []).found, ["--sort"]);
});
