/**
 * Text on a terminal's grid: how wide it is, how to cut and wrap it, and how to keep names and
 * untrusted messages from controlling the terminal.
 */
import { eastAsianWidth } from "get-east-asian-width";

/** Controls, line and paragraph separators, and the marks that reorder what follows. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const COMBINING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** The same text with everything that could move a cursor or reorder a line replaced by "?". */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "?");
}

/** Columns taken; `text` is printable. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** At most `width` columns; what was cut from the end is marked. */
export function cutText(text: string, width: number, mark: string): string {
  if (textWidth(text) <= width) return text;
  let room = width - textWidth(mark);
  let kept = "";
  for (const character of text) {
    room -= characterWidth(character);
    if (room < 0) break;
    kept += character;
  }
  return width < textWidth(mark) ? "" : kept + mark;
}

/** Lines of at most `width` columns, broken at blanks; a longer word stands alone. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** ASCII only, for terminals that show nothing else. */
export function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, "?");
}

function characterWidth(character: string): number {
  if (character < "\u0300") return 1;
  if (COMBINING.test(character)) return 0;
  return eastAsianWidth(character.codePointAt(0)!);
}
