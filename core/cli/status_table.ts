/**
 * The daemon's torrents as a table: one line each, active ones first, totals below. Pure: the same rows
 * and the same room give the same lines.
 *
 *     #  Name                    Done      Size   Down      Up   Ratio  State
 *     3  debian-12.9.0.iso     42.6 %  661.7 MB  12 MB/s  1 MB/s  0.12  31 s left
 */
import type { JsonObject } from "../rpc/json.ts";
import { TORRENT_STATUS } from "../rpc/torrent_view.ts";
import type { StatusSort } from "./daemon_values.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRatio,
} from "./format.ts";
import type { Canvas } from "./progress_view.ts";
import { cutText, printable, textWidth, toAscii } from "./text.ts";

/** What the table asks for, as the protocol names it. */
export const STATUS_FIELDS = [
  "id",
  "hash_string",
  "name",
  "status",
  "error",
  "error_string",
  "metadata_percent_complete",
  "percent_done",
  "size_when_done",
  "left_until_done",
  "rate_download",
  "rate_upload",
  "upload_ratio",
  "uploaded_ever",
  "peers_connected",
  "eta",
  "recheck_progress",
  "is_finished",
  "is_stalled",
  "added_date",
  "queue_position",
  "labels",
  "download_dir",
  "tt_why",
] as const;

/** One torrent as the daemon reports it. */
export interface StatusRow {
  readonly id: number;
  readonly hash_string: string;
  readonly name: string;
  readonly status: number;
  readonly error: number;
  readonly error_string: string;
  readonly metadata_percent_complete: number;
  readonly percent_done: number;
  readonly size_when_done: number;
  readonly left_until_done: number;
  readonly rate_download: number;
  readonly rate_upload: number;
  readonly upload_ratio: number;
  readonly uploaded_ever: number;
  readonly peers_connected: number;
  readonly eta: number;
  readonly recheck_progress: number;
  readonly is_finished: boolean;
  readonly is_stalled: boolean;
  readonly added_date: number;
  readonly queue_position: number;
  readonly labels: readonly string[];
  readonly download_dir: string;
  readonly tt_why: string;
}

/** A row with every field that the table reads; undefined when one is missing. */
export function readStatusRow(torrent: JsonObject): StatusRow | undefined {
  const isWhole = STATUS_FIELDS.every((field) => torrent[field] !== undefined);
  return isWhole ? torrent as unknown as StatusRow : undefined;
}

export interface TableView {
  readonly rows: readonly StatusRow[];
  readonly sort: StatusSort;
  readonly isReversed: boolean;
  /** Id of the row that is marked; undefined for none. */
  readonly chosen: number | undefined;
}

const COMPARE: Readonly<Record<StatusSort, (a: StatusRow, b: StatusRow) => number>> = {
  activity: (a, b) =>
    activity(b) - activity(a) ||
    b.rate_download + b.rate_upload - a.rate_download - a.rate_upload || byName(a, b),
  name: byName,
  progress: (a, b) => a.percent_done - b.percent_done || byName(a, b),
  size: (a, b) => b.size_when_done - a.size_when_done || byName(a, b),
  ratio: (a, b) => b.upload_ratio - a.upload_ratio || byName(a, b),
  added: (a, b) => b.added_date - a.added_date || byName(a, b),
};

/** The rows in the order of the table. */
export function sortRows({ rows, sort, isReversed }: TableView): StatusRow[] {
  const sorted = [...rows].sort(COMPARE[sort]);
  return isReversed ? sorted.reverse() : sorted;
}

/** Header, rows and totals, without a newline at the end. No line is wider than the canvas. */
export function renderTable(view: TableView, canvas: Canvas): string[] {
  if (view.rows.length === 0) return ["No torrents. Add one with tt add."];
  const columns = columnsFor(canvas.columns);
  const sorted = sortRows(view);
  const cells = sorted.map((row) => columns.map((column) => cellOf(column, row, canvas)));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((row) => textWidth(row[at]!)))
  );
  fitWidths(columns, widths, canvas.columns);
  const line = (texts: readonly string[]) =>
    texts.map((text, at) => fit(text, widths[at]!, columns[at]!.isRight, canvas)).join("  ")
      .trimEnd();
  const header = line(columns.map(({ title }) => title));
  const shown = window(sorted, view.chosen, canvas.rows - 3);
  const lines = shown.map((row) => {
    const text = line(cells[sorted.indexOf(row)]!);
    if (row.id === view.chosen) return paint(text.padEnd(canvas.columns - 1), REVERSE, canvas);
    return paint(text, colourOf(row), canvas);
  });
  const hidden = sorted.length - shown.length;
  const more = hidden > 0 ? [paint(`and ${formatCount(hidden, "more torrent")}`, DIM, canvas)] : [];
  return [paint(header, BOLD, canvas), ...lines, ...more, totalsLine(view.rows, canvas)];
}

/** All details of one torrent, for people. */
export function renderDetails(row: StatusRow, canvas: Canvas): string[] {
  const fact = (label: string, text: string) => `${label.padEnd(12)}${text}`;
  const done = row.size_when_done - row.left_until_done;
  const lines = [
    fact("Name", row.name),
    fact("State", stateOf(row)),
    fact("Done", `${formatBytes(done)} of ${formatBytes(row.size_when_done)}`),
    fact("Uploaded", `${formatBytes(row.uploaded_ever)}, ratio ${ratioText(row)}`),
    fact("Peers", String(row.peers_connected)),
    fact("Folder", row.download_dir),
    fact("Info hash", row.hash_string),
  ];
  if (row.labels.length > 0) lines.push(fact("Labels", row.labels.join(", ")));
  if (row.tt_why !== "") lines.push(fact("Waiting for", row.tt_why));
  return lines.map((text) => cutText(safe(text, canvas), canvas.columns, ellipsis(canvas)));
}

/** In a few words what a torrent does: "downloading", "31 s left", "queued". */
export function stateOf(row: StatusRow): string {
  if (row.error_string !== "" && row.error === 3) return `failed: ${row.error_string}`;
  const lacksMetadata = row.metadata_percent_complete < 1;
  switch (row.status) {
    case TORRENT_STATUS.stopped:
      if (lacksMetadata) return "paused, no metadata yet";
      return row.is_finished ? "finished" : row.left_until_done > 0 ? "paused" : "paused, complete";
    case TORRENT_STATUS.checkQueued:
      return "waiting to check";
    case TORRENT_STATUS.checking:
      return `checking ${formatPercent(row.recheck_progress, 1)}`;
    case TORRENT_STATUS.downloadQueued:
      return `queued, number ${row.queue_position + 1}`;
    case TORRENT_STATUS.seedQueued:
      return "queued to seed";
    case TORRENT_STATUS.seeding:
      return row.error_string === "" ? "seeding" : "seeding, tracker failed";
    default:
      break;
  }
  if (lacksMetadata) return row.tt_why || "fetching metadata";
  if (row.eta >= 0) return `${formatDuration(row.eta)} left`;
  if (row.tt_why !== "") return row.tt_why;
  return row.is_stalled ? "stalled" : "downloading";
}

interface Column {
  readonly title: string;
  readonly isRight: boolean;
  /** Narrower than this it is useless; it shrinks to that when room is short. */
  readonly least: number | undefined;
  readonly text: (row: StatusRow) => string;
}

const NUMBER: Column = {
  title: "#",
  isRight: true,
  least: undefined,
  text: ({ id }) => String(id),
};
const NAME: Column = { title: "Name", isRight: false, least: 12, text: ({ name }) => name };
const DONE: Column = {
  title: "Done",
  isRight: true,
  least: undefined,
  text: (row) =>
    row.metadata_percent_complete < 1
      ? ""
      : formatPercent(row.size_when_done - row.left_until_done, row.size_when_done),
};
const SIZE: Column = {
  title: "Size",
  isRight: true,
  least: undefined,
  text: (row) => formatBytes(row.size_when_done),
};
const DOWN: Column = {
  title: "Down",
  isRight: true,
  least: undefined,
  text: (row) => rateText(row.rate_download),
};
const UP: Column = {
  title: "Up",
  isRight: true,
  least: undefined,
  text: (row) => rateText(row.rate_upload),
};
const RATIO: Column = { title: "Ratio", isRight: true, least: undefined, text: ratioText };
const PEERS: Column = {
  title: "Peers",
  isRight: true,
  least: undefined,
  text: ({ peers_connected: peers }) => peers > 0 ? String(peers) : "",
};
const STATE: Column = { title: "State", isRight: false, least: 14, text: stateOf };

/** From here on there is room for everything. */
const WIDE_COLUMNS = 100;
const NARROW_COLUMNS = 60;

function columnsFor(width: number): readonly Column[] {
  if (width >= WIDE_COLUMNS) return [NUMBER, NAME, DONE, SIZE, DOWN, UP, RATIO, PEERS, STATE];
  if (width >= NARROW_COLUMNS) return [NUMBER, NAME, DONE, DOWN, UP, STATE];
  return [NAME, DONE, STATE];
}

/** Takes what is too much from the name and the state, the wider one first. */
function fitWidths(columns: readonly Column[], widths: number[], room: number): void {
  const excess = () => widths.reduce((sum, width) => sum + width + 2, -2) - (room - 1);
  for (let over = excess(); over > 0; over = excess()) {
    const flexible = columns.flatMap(({ least }, at) =>
      least !== undefined && widths[at]! > least ? [at] : []
    );
    if (flexible.length === 0) return;
    const widest = flexible.reduce((a, b) => widths[b]! > widths[a]! ? b : a);
    widths[widest]!--;
  }
}

function cellOf(column: Column, row: StatusRow, canvas: Canvas): string {
  return safe(column.text(row), canvas);
}

function fit(text: string, width: number, isRight: boolean, canvas: Canvas): string {
  const cut = cutText(text, width, ellipsis(canvas));
  const gap = " ".repeat(Math.max(0, width - textWidth(cut)));
  return isRight ? gap + cut : cut + gap;
}

/** As many rows as fit, the chosen one among them. */
function window(
  rows: readonly StatusRow[],
  chosen: number | undefined,
  room: number,
): readonly StatusRow[] {
  if (rows.length <= room) return rows;
  const count = Math.max(1, room - 1);
  const at = rows.findIndex(({ id }) => id === chosen);
  const from = Math.max(0, Math.min(at - Math.floor(count / 2), rows.length - count));
  return rows.slice(from, from + count);
}

function totalsLine(rows: readonly StatusRow[], canvas: Canvas): string {
  const sum = (pick: (row: StatusRow) => number) =>
    rows.reduce((total, row) => total + pick(row), 0);
  const active = rows.filter((row) => row.rate_download + row.rate_upload > 0).length;
  const parts = [
    `${formatCount(rows.length, "torrent")}, ${active} active`,
    `${canvas.unicode ? "↓" : "down"} ${formatRate(sum((row) => row.rate_download))}`,
    `${canvas.unicode ? "↑" : "up"} ${formatRate(sum((row) => row.rate_upload))}`,
    formatBytes(sum((row) => row.size_when_done)),
  ];
  return paint(cutText(parts.join("   "), canvas.columns - 1, ""), BOLD, canvas);
}

/** What moves counts most, then what tries to. */
function activity(row: StatusRow): number {
  if (row.rate_download > 0 || row.rate_upload > 0) return 3;
  if (row.status === TORRENT_STATUS.checking) return 2;
  return row.status === TORRENT_STATUS.downloading ? 1 : 0;
}

function byName(a: StatusRow, b: StatusRow): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id;
}

function rateText(rate: number): string {
  return rate > 0 ? formatRate(rate) : "";
}

function ratioText({ upload_ratio: ratio }: StatusRow): string {
  return formatRatio(Math.max(0, ratio));
}

function safe(text: string, canvas: Canvas): string {
  return canvas.unicode ? printable(text) : toAscii(printable(text));
}

function ellipsis(canvas: Canvas): string {
  return canvas.unicode ? "…" : "...";
}

/** SGR codes. Spec: ECMA-48, 8.3.117. */
const BOLD = 1, DIM = 2, REVERSE = 7, RED = 31, GREEN = 32, CYAN = 36;

function colourOf(row: StatusRow): number {
  if (row.error === 3) return RED;
  if (row.status === TORRENT_STATUS.downloading) return CYAN;
  if (row.status === TORRENT_STATUS.seeding && row.rate_upload > 0) return GREEN;
  return row.status === TORRENT_STATUS.stopped ? DIM : 0;
}

function paint(text: string, code: number, canvas: Canvas): string {
  return canvas.colour && text !== "" && code !== 0 ? `\x1b[${code}m${text}\x1b[0m` : text;
}
