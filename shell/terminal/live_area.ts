/**
 * The lines at the bottom of a terminal that are drawn again and again in place. Owns the cursor:
 * hidden from the first frame until `close`. Spec: ECMA-48 (CUU, ED, EL), DEC private mode 25.
 *
 * Between frames the cursor stays in the first column of the last line: a terminal that is resized wraps
 * its lines anew and moves the cursor with the character on which it stands.
 */
import type { Canvas } from "../../core/cli/progress_view.ts";
import { textWidth } from "../../core/cli/text.ts";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ERASE_BELOW = "\x1b[J";
const ERASE_LINE_END = "\x1b[K";
/** From the first column of a row that is not the last one; see `eraseBlock`. */
const ERASE_ROW_AND_BELOW = "\x1b[2K\x1b[1B\x1b[J\x1b[1A";
// deno-lint-ignore no-control-regex
const COLOURS = /\x1b\[\d+m/g;

/** Lines for the given room. */
export type Render = (canvas: Canvas) => readonly string[];

export interface LiveArea {
  /** Replaces the lines. */
  draw(render: Render): void;
  /** Takes the lines away so that other text can be written in their place. */
  erase(): void;
  /** Draws again what was last drawn, if anything. */
  redraw(): void;
  /**
   * Draws below instead of in place the next time: another program has written to the terminal, as a
   * shell does while this one is suspended.
   */
  forget(): void;
  /** Leaves the lines where they are and shows the cursor. */
  close(): void;
}

export function createLiveArea(write: (text: string) => void, canvas: () => Canvas): LiveArea {
  let lastRender: Render | undefined;
  let drawnWidths: readonly number[] = [];
  let drawnColumns = 0;
  let isHidden = false;

  function draw(render: Render): void {
    lastRender = render;
    const room = canvas();
    // The last column and row stay free: filling them makes terminals wrap and scroll.
    const lines = render({ ...room, columns: room.columns - 1, rows: room.rows - 1 });
    // Rows that a narrower window wrapped stay marked as continued until they are erased as a whole.
    const isResized = room.columns !== drawnColumns;
    const back = isResized ? eraseBlock(room.columns) : moveToTop(room.columns);
    drawnColumns = room.columns;
    const body = lines.join(`${ERASE_LINE_END}\n`);
    write(`${isHidden ? "" : HIDE_CURSOR}${back}${body}${ERASE_BELOW}\r`);
    isHidden = true;
    drawnWidths = lines.map((line) => textWidth(line.replace(COLOURS, "")));
  }

  /** A window made narrower since has wrapped what was drawn. */
  function moveToTop(columns: number): string {
    const rows = drawnWidths.slice(0, -1).reduce(
      (sum, width) => sum + Math.max(1, Math.ceil(width / columns)),
      0,
    );
    return rows === 0 ? "\r" : `\x1b[${rows}A\r`;
  }

  /** tmux keeps what is erased from the top left corner on in its history: a second copy of the lines. */
  function eraseBlock(columns: number): string {
    if (drawnWidths.length === 0) return "\r";
    return moveToTop(columns) + (drawnWidths.length > 1 ? ERASE_ROW_AND_BELOW : ERASE_BELOW);
  }

  return {
    draw,
    erase() {
      if (drawnWidths.length > 0) write(eraseBlock(canvas().columns));
      drawnWidths = [];
    },
    redraw() {
      if (lastRender !== undefined) draw(lastRender);
    },
    forget() {
      drawnWidths = [];
    },
    close() {
      if (drawnWidths.length > 0) write("\n");
      if (isHidden) write(SHOW_CURSOR);
      isHidden = false;
      lastRender = undefined;
      drawnWidths = [];
    },
  };
}
