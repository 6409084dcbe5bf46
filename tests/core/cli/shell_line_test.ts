import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  completeShellLine,
  parseShellLine,
  SHELL_VOCABULARY,
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
