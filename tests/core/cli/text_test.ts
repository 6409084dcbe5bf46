import { assertEquals } from "@std/assert";
import { cutText, printable, textWidth, toAscii, wrapText } from "../../../core/cli/text.ts";

Deno.test("the width of a character follows the Unicode tables", () => {
  const widths = [["a", 1], ["é", 1], ["映", 2], ["🎬", 2], ["⌚", 2], ["\u0301", 0], [
    "ﾊ",
    1,
  ]] as const;
  for (const [character, width] of widths) assertEquals(textWidth(character), width, character);
});

Deno.test("truncated text is never too wide, and ends with an ellipsis", () => {
  assertEquals(cutText("映画 film", 5, "…"), "映画…");
  assertEquals(cutText("映画 film", 4, "…"), "映…");
  assertEquals(cutText("film", 4, "…"), "film");
  assertEquals(cutText("film", 0, "…"), "");
});

Deno.test("text is wrapped at spaces, and a longer word gets its own line", () => {
  assertEquals(wrapText("one two three", 7), ["one two", "three"]);
  assertEquals(wrapText("a loooooong b", 5), ["a", "loooooong", "b"]);
});

Deno.test("characters that move the cursor or reorder text are replaced", () => {
  assertEquals(printable("a\x1b[2Jb\u202ec\r\nd\u2028"), "a?[2Jb?c??d?");
});

Deno.test("a line takes words up to its width, and what cannot be shown is a question mark", () => {
  assertEquals(wrapText("one two", 7), ["one two"]);
  assertEquals(wrapText("one two", 6), ["one", "two"]);
  assertEquals(wrapText("映画 a", 6), ["映画 a"]);
  assertEquals(wrapText("映画 a", 5), ["映画", "a"]);
  assertEquals(cutText("abc", 1, "…"), "…");
  assertEquals(cutText("abc", 3, "..."), "abc");
  assertEquals(cutText("abcd", 3, "..."), "...");
  assertEquals(toAscii("a~ é\u007f映"), "a~ ???");
});

Deno.test("the first of the combining characters has no width", () => {
  assertEquals([textWidth("\u02ff"), textWidth("\u0300"), textWidth("\u0301")], [1, 0, 0]);
});
