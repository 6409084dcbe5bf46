/**
 * Progress as text: a block of lines for each torrent on a terminal, or one plain line. Pure: the
 * same view gives the same picture.
 *
 *     debian-12.9.0-amd64-netinst.iso                 282.1 MB of 661.7 MB, 31 s left
 *     ▕█████████████▋                  ▏ 42.6 %  ↓  12.3 MB/s  ↑   1.2 MB/s   8 peers
 */
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRatio,
} from "./format.ts";
import { percentOf, progressRows } from "./progress_rows.ts";
import type { Canvas, ProgressState, ProgressView } from "./progress_view.ts";
import { cutText, printable, textWidth, toAscii, wrapText } from "./text.ts";

/** The view of content that is being hashed. */
export function checkingView(
  infoHash: string,
  name: string,
  bytesDone: number,
  bytesTotal: number,
): ProgressView {
  return {
    infoHash,
    name,
    state: "checking",
    bytesDone,
    bytesTotal,
    downRate: 0,
    upRate: 0,
    peers: 0,
    seeders: undefined,
    etaSeconds: undefined,
    waitingFor: undefined,
    uploaded: 0,
    ratio: 0,
  };
}

/** Narrower than this the text says more than the bar. */
const BAR_COLUMNS_MIN = 8;

/** In a wider block the figures drift away from the name. */
const BLOCK_COLUMNS_MAX = 96;

/** More torrents than this are shown in a line each. */
export const BLOCKS_MAX = 2;

/** Columns of the name that figures beside it never take. */
const NAME_COLUMNS_MIN = 16;

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** SGR codes. Spec: ECMA-48, 8.3.117. */
const BOLD = 1, DIM = 2, GREEN = 32, YELLOW = 33, BLUE = 34, CYAN = 36;

const STATE_COLOUR: Readonly<Record<ProgressState, number>> = {
  checking: BLUE,
  metadata: CYAN,
  connecting: CYAN,
  downloading: CYAN,
  waiting: YELLOW,
  seeding: GREEN,
  complete: GREEN,
  stopped: YELLOW,
};

/** A block for each of a few torrents, one line each for more. */
export function renderScreen(views: readonly ProgressView[], canvas: Canvas): string[] {
  const blocks = views.flatMap((view) => progressLines(view, canvas));
  if (views.length <= BLOCKS_MAX && (views.length === 1 || blocks.length <= canvas.rows)) {
    return blocks;
  }
  return progressRows(views, canvas, (name) => safeText(name, canvas)).map(({ text, state }) => {
    return paint(text, state === undefined ? BOLD : STATE_COLOUR[state], canvas);
  });
}

/** One torrent's block, without a newline at its end. No line is wider than `canvas.columns`. */
export function renderProgress(view: ProgressView, canvas: Canvas): string {
  return progressLines(view, canvas).join("\n");
}

/** One line for logs and pipes. */
export function renderPlainLine(view: ProgressView): string {
  const parts = [plainState(view)];
  if (!["checking", "complete", "stopped"].includes(view.state)) {
    if (view.state === "downloading") parts.push(`down ${formatRate(view.downRate)}`);
    if (view.state !== "connecting") {
      parts.push(`up ${formatRate(view.upRate)}`, formatCount(view.peers, "peer"));
    }
  }
  if (view.state === "seeding" || view.state === "complete") parts.push(...shareFigures(view));
  if (view.etaSeconds !== undefined) parts.push(timeLeft(view.etaSeconds));
  const waits = view.waitingFor === undefined ? "" : `; ${view.waitingFor}`;
  return printable(`${view.name}: ${parts.join(", ")}${waits}`);
}

/** "1 piece left: waiting for 2 peers to take 2.1 MB, about 40 s". Bytes, seconds. */
export function shareWaitText(wait: {
  readonly remainingBytes: number;
  readonly peersToServe: number;
  /** Undefined while nothing is uploaded. */
  readonly seconds: number | undefined;
}): string {
  const amount = formatBytes(wait.remainingBytes);
  if (wait.peersToServe === 0) {
    return `1 piece left: ${amount} to share, looking for peers to serve`;
  }
  const peers = formatCount(wait.peersToServe, "peer");
  const about = wait.seconds === undefined ? "" : `, about ${formatDuration(coarse(wait.seconds))}`;
  return `1 piece left: waiting for ${peers} to take ${amount}${about}`;
}

/** In steps, so that the figure does not change with every frame. */
function coarse(seconds: number): number {
  const step = seconds < 120 ? 10 : 60;
  return Math.max(step, Math.ceil(seconds / step) * step);
}

function progressLines(view: ProgressView, wide: Canvas): string[] {
  const canvas = { ...wide, columns: Math.min(wide.columns, BLOCK_COLUMNS_MAX) };
  const safe = (text: string) => safeText(text, canvas);
  const lines = [titleLine(view, safe(view.name), canvas), barLine(view, canvas)];
  if (view.waitingFor !== undefined) {
    for (const line of wrapText(safe(view.waitingFor), canvas.columns)) {
      const cut = cutText(line, canvas.columns, ellipsis(canvas));
      lines.push(paint(cut, view.state === "waiting" ? YELLOW : DIM, canvas));
    }
  }
  return lines;
}

function safeText(text: string, canvas: Canvas): string {
  return canvas.unicode ? printable(text) : toAscii(printable(text));
}

/** The name on the left; on the right the longest figures that leave the name room. */
function titleLine(view: ProgressView, name: string, canvas: Canvas): string {
  const room = canvas.columns - Math.min(textWidth(name), NAME_COLUMNS_MIN) - 2;
  const right = titleFigures(view).find((figures) => figures.length <= room) ?? "";
  const nameRoom = canvas.columns - (right === "" ? 0 : right.length + 2);
  const left = cutText(name, nameRoom, ellipsis(canvas));
  if (right === "") return paint(left, BOLD, canvas);
  const gap = " ".repeat(canvas.columns - textWidth(left) - right.length);
  return paint(left, BOLD, canvas) + gap + paint(right, DIM, canvas);
}

/** Longest first. */
function titleFigures(view: ProgressView): string[] {
  const whole = formatBytes(view.bytesTotal);
  if (view.state === "metadata") return ["metadata"];
  if (view.state === "seeding" || view.state === "complete") {
    return [`${whole}, ${view.state}`, view.state];
  }
  const amount = `${formatBytes(view.bytesDone)} of ${whole}`;
  if (view.state === "stopped") return [`${amount}, stopped`, "stopped"];
  const doing = view.state === "checking" ? [`checking ${amount}`] : [];
  if (view.etaSeconds === undefined) return [...doing, amount, whole];
  const left = timeLeft(view.etaSeconds);
  return [...doing.map((text) => `${text}, ${left}`), `${amount}, ${left}`, left];
}

/** The bar, the percentage, and as many figures as leave the bar its least width. */
function barLine(view: ProgressView, canvas: Canvas): string {
  const percent = percentOf(view).padStart(7);
  const figures = barFigures(view, canvas.unicode);
  const taken = () => percent.length + 2 + figures.reduce((sum, text) => sum + text.length + 2, 0);
  while (figures.length > 0 && canvas.columns - taken() < BAR_COLUMNS_MIN) figures.pop();
  const cells = canvas.columns - taken();
  const text = [percent, ...figures].join("  ").trimEnd();
  if (cells < BAR_COLUMNS_MIN) return cutText(percent.trimStart(), canvas.columns, "");
  const whenEmpty = view.state === "metadata" ? 0 : 1;
  const part = view.bytesTotal > 0 ? Math.min(1, view.bytesDone / view.bytesTotal) : whenEmpty;
  const bar = canvas.unicode ? fineBar(part, cells) : asciiBar(part, cells);
  const [open, close] = canvas.unicode ? ["▕", "▏"] : ["[", "]"];
  return `${open}${paint(bar, STATE_COLOUR[view.state], canvas)}${close}${text}`;
}

/** Most telling first: the last ones go when the terminal is narrow. Widths hold still. */
function barFigures(view: ProgressView, unicode: boolean): string[] {
  const rate = (arrow: string, word: string, value: number) =>
    `${unicode ? arrow : word} ${formatRate(value).padStart(10)}`;
  const up = rate("↑", "up", view.upRate);
  const peers = formatCount(view.peers, "peer").padStart(8);
  switch (view.state) {
    case "checking":
    case "complete":
    case "stopped":
      return [];
    case "connecting":
    case "metadata":
      return ["looking for peers"];
    case "waiting":
      return [up, peers];
    case "downloading":
      return [rate("↓", "down", view.downRate), up, peers];
    case "seeding":
      return [up, peers, ...shareFigures(view).reverse()];
  }
}

/** Whole cells and one eighth-filled one; full only when everything is there. */
function fineBar(part: number, cells: number): string {
  const eighths = Math.floor(part * cells * 8);
  const bar = "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
  return bar.padEnd(cells);
}

function asciiBar(part: number, cells: number): string {
  const full = Math.floor(part * cells);
  return full === cells ? "#".repeat(cells) : ("#".repeat(full) + ">").padEnd(cells, ".");
}

function plainState(view: ProgressView): string {
  const whole = formatBytes(view.bytesTotal);
  const amount = `${formatPercent(view.bytesDone, view.bytesTotal)} of ${whole}`;
  switch (view.state) {
    case "checking":
      return `checked ${amount}`;
    case "metadata":
      return "fetching the metadata";
    case "connecting":
      return `${amount}, looking for peers`;
    case "downloading":
    case "waiting":
      return amount;
    case "seeding":
      return `seeding ${whole}`;
    case "complete":
      return `complete, ${whole}`;
    case "stopped":
      return `stopped at ${amount}`;
  }
}

function shareFigures(view: ProgressView): string[] {
  return [`uploaded ${formatBytes(view.uploaded)}`, `ratio ${formatRatio(view.ratio)}`];
}

function timeLeft(seconds: number): string {
  return `${formatDuration(seconds)} left`;
}

function ellipsis(canvas: Canvas): string {
  return canvas.unicode ? "…" : "...";
}

function paint(text: string, code: number, canvas: Canvas): string {
  return canvas.colour && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
}
