/**
 * Progress of many torrents: one line each, the active ones first, and a line of totals.
 *
 *     debian-12.9.0-amd64-netinst.iso        42.6 %  ↓  12.3 MB/s  ↑   1.2 MB/s  31 s left
 *     film                                  seeding                ↑   3.4 MB/s  ratio 2.04
 *     2 torrents, 1 downloading, 1 seeding           ↓  12.3 MB/s  ↑   4.6 MB/s
 *
 * Below them the reason of a wait, if there is room.
 */
import { formatCount, formatDuration, formatPercent, formatRate, formatRatio } from "./format.ts";
import type { Canvas, ProgressState, ProgressView } from "./progress_view.ts";
import { cutText, textWidth } from "./text.ts";

/** A row of unpainted text and the state that gives it its colour; none for totals. */
export interface ProgressRow {
  readonly text: string;
  readonly state: ProgressState | undefined;
}

/** Columns that the name keeps, whatever is shown beside it. */
const NAME_COLUMNS_MIN = 18;
const NAME_COLUMNS_MAX = 48;
/** The same before the reason of a wait, which is a sentence. */
const WAIT_NAME_COLUMNS_MIN = 8;
const STATUS_COLUMNS = 10;
const RATE_COLUMNS = 12;
/** "59 min 59 s left". */
const REMARK_COLUMNS = 16;

/** States in the order of the list: what changes, then what waits, then what rests. */
const ORDER: readonly ProgressState[] = [
  "downloading",
  "checking",
  "waiting",
  "metadata",
  "connecting",
  "seeding",
  "complete",
  "stopped",
];

/**
 * As many rows as fit into `canvas.rows`, the totals last; `safe` makes a name printable. No row is
 * wider than `canvas.columns`.
 */
export function progressRows(
  views: readonly ProgressView[],
  canvas: Canvas,
  safe: (name: string) => string,
): ProgressRow[] {
  const sorted = views.toSorted((a, b) => rankOf(a) - rankOf(b));
  const shown = sorted.slice(0, Math.max(1, canvas.rows - 1));
  const rows = shown.map((view): ProgressRow => ({
    text: rowOf(safe(view.name), cellsOf(view, canvas.unicode), canvas),
    state: view.state,
  }));
  if (canvas.rows < 2) return rows;
  const hidden = sorted.length - shown.length;
  rows.push({ text: totalsOf(sorted, hidden, canvas), state: undefined });
  return rows.length < canvas.rows ? [...rows, ...waitRows(sorted, canvas, safe)] : rows;
}

/** Why the first torrent that waits does so, and for how long. */
function waitRows(
  views: readonly ProgressView[],
  canvas: Canvas,
  safe: (name: string) => string,
): ProgressRow[] {
  const view = views.find(({ state }) => state === "waiting");
  if (view?.waitingFor === undefined) return [];
  const mark = canvas.unicode ? "…" : "...";
  const why = safe(view.waitingFor);
  const nameColumns = Math.max(WAIT_NAME_COLUMNS_MIN, canvas.columns - textWidth(why) - 2);
  const text = `${cutText(safe(view.name), nameColumns, mark)}: ${why}`;
  return [{ text: cutText(text, canvas.columns, mark), state: "waiting" }];
}

/** What moves bytes comes first. */
function rankOf(view: ProgressView): number {
  const moves = view.downRate > 0 || view.upRate > 0;
  return ORDER.indexOf(view.state) + (moves ? 0 : ORDER.length);
}

/** Cells right of the name, the most telling first. */
interface Cells {
  readonly status: string;
  readonly down: string;
  readonly up: string;
  readonly remark: string;
}

/** Nothing where no size is known. */
export function percentOf({ state, bytesDone, bytesTotal }: ProgressView): string {
  if (state === "metadata" && bytesTotal === 0) return "";
  return formatPercent(bytesDone, bytesTotal);
}

function cellsOf(view: ProgressView, unicode: boolean): Cells {
  const percent = percentOf(view);
  const status = view.state === "seeding" || view.state === "complete" || view.state === "stopped"
    ? view.state
    : percent;
  return {
    status,
    down: rateCell(unicode ? "↓" : "D", view.downRate),
    up: rateCell(unicode ? "↑" : "U", view.upRate),
    remark: remarkOf(view),
  };
}

function remarkOf(view: ProgressView): string {
  switch (view.state) {
    case "downloading":
      return view.etaSeconds === undefined ? "" : `${formatDuration(view.etaSeconds)} left`;
    case "seeding":
      return `ratio ${formatRatio(view.ratio)}`;
    case "connecting":
      return "finding peers";
    case "complete":
    case "stopped":
      return "";
    default:
      return view.state;
  }
}

/** Nothing for a rate of zero, so that what moves stands out. */
function rateCell(arrow: string, rate: number): string {
  return rate > 0 ? `${arrow} ${formatRate(rate).padStart(RATE_COLUMNS - 2)}` : "";
}

function rowOf(name: string, cells: Cells, canvas: Canvas): string {
  const columns: [string, number][] = [
    [cells.status.padStart(STATUS_COLUMNS), STATUS_COLUMNS],
    [cells.down.padEnd(RATE_COLUMNS), RATE_COLUMNS],
    [cells.up.padEnd(RATE_COLUMNS), RATE_COLUMNS],
    [cells.remark, REMARK_COLUMNS],
  ];
  const taken = () => columns.reduce((sum, [, width]) => sum + width + 2, 0);
  while (columns.length > 0 && canvas.columns - taken() < NAME_COLUMNS_MIN) columns.pop();
  const width = Math.min(NAME_COLUMNS_MAX, canvas.columns - taken());
  const cut = cutText(name, width, canvas.unicode ? "…" : "...");
  const padded = cut + " ".repeat(width - textWidth(cut));
  return cutText(
    [padded, ...columns.map(([text]) => text)].join("  ").trimEnd(),
    canvas.columns,
    "",
  );
}

function totalsOf(views: readonly ProgressView[], hidden: number, canvas: Canvas): string {
  const count = (...states: ProgressState[]) =>
    views.filter(({ state }) => states.includes(state)).length;
  const groups = [
    [count("downloading", "connecting", "waiting"), "downloading"],
    [count("seeding"), "seeding"],
    [count("checking"), "checking"],
  ] as const;
  const parts = groups.filter(([number]) => number > 0).map(([number, word]) =>
    `${number} ${word}`
  );
  const sum = (pick: (view: ProgressView) => number) =>
    views.reduce((total, view) => total + pick(view), 0);
  const rates = [
    rateCell(canvas.unicode ? "↓" : "D", sum((view) => view.downRate)),
    rateCell(canvas.unicode ? "↑" : "U", sum((view) => view.upRate)),
  ].filter((text) => text !== "");
  const more = hidden > 0 ? [`${hidden} not shown`] : [];
  const head = [formatCount(views.length, "torrent")];
  const textOf = () => [[...head, ...parts, ...more].join(", "), ...rates].join("  ");
  // States go before rates when the terminal is narrow.
  while (parts.length > 0 && textWidth(textOf()) > canvas.columns) parts.pop();
  while (rates.length > 0 && textWidth(textOf()) > canvas.columns) rates.pop();
  return cutText(textOf(), canvas.columns, "");
}
