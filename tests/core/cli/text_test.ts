import { assertEquals } from "@std/assert";
import { cutText, printable, textWidth, wrapText } from "../../../core/cli/text.ts";

Deno.test("a character takes the columns that the Unicode tables give it", () => {
  const widths = [["a", 1], ["é", 1], ["映", 2], ["🎬", 2], ["⌚", 2], ["\u0301", 0], [
    "ﾊ",
    1,
  ]] as const;
  for (const [character, width] of widths) assertEquals(textWidth(character), width, character);
});

Deno.test("cut text is never wider than asked for, and says that it was cut", () => {
  assertEquals(cutText("映画 film", 5, "…"), "映画…");
  assertEquals(cutText("映画 film", 4, "…"), "映…");
  assertEquals(cutText("film", 4, "…"), "film");
  assertEquals(cutText("film", 0, "…"), "");
});

Deno.test("text wraps at blanks, and a longer word stands alone", () => {
  assertEquals(wrapText("one two three", 7), ["one two", "three"]);
  assertEquals(wrapText("a loooooong b", 5), ["a", "loooooong", "b"]);
});

Deno.test("what could move a cursor or reorder a line is replaced", () => {
  assertEquals(printable("a\x1b[2Jb\u202ec\r\nd\u2028"), "a?[2Jb?c??d?");
});
