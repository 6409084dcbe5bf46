/**
 * A simulated swarm in text: a picture of how it filled up, and the figures.
 *
 *     100 % ┤                ░▒▓███
 *      50 % ┤        ░▒▓███████████
 *       0 % ┼──────────────────────
 */
import type { History, Sample } from "../sim/history.ts";
import type { Completion, SwarmReport } from "../sim/report.ts";
import { freeRiderCount } from "../sim/swarm.ts";
import { formatBytes, formatCount, formatDuration, formatRate, formatRatio } from "./format.ts";

/** Shades for the share of peers that have this part, from none to all. */
const SHADES = [" ", "░", "▒", "▓", "█"];
const ASCII_SHADES = [" ", ".", ":", "+", "#"];
const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_BARS = ["_", ".", "-", "~", "=", "+", "*", "#"];
const PLOT_COLUMNS = 66;
const PLOT_ROWS = 12;
const LABEL_COLUMNS = 6;

/**
 * The picture: time goes to the right, pieces go up, and the shade shows how many of the
 * downloaders have at least so much. Below, how much of all uplinks is in use.
 */
export function plotText(history: History, report: SwarmReport, unicode: boolean): string {
  const shades = unicode ? SHADES : ASCII_SHADES;
  const columns = resample(history.samples, report.seconds);
  const lines: string[] = [];
  for (let row = PLOT_ROWS; row >= 1; row--) {
    const least = (row - 0.5) / PLOT_ROWS * report.pieces;
    const cells = columns.map((sample) => shades[shadeOf(partWith(sample, least), shades.length)]!);
    const isLabelled = row === PLOT_ROWS || row === PLOT_ROWS / 2;
    const label = isLabelled ? `${Math.round(row / PLOT_ROWS * 100)} %` : "";
    lines.push(
      `${label.padStart(LABEL_COLUMNS)} ${unicode ? "│" : "|"}${cells.join("").trimEnd()}`,
    );
  }
  const gap = " ".repeat(LABEL_COLUMNS + 1);
  const line = (unicode ? "─" : "-").repeat(PLOT_COLUMNS);
  lines.push(`${gap}${unicode ? "└" : "+"}${markBound(line, report, unicode)}`);
  const bars = unicode ? BARS : ASCII_BARS;
  const use = columns.map(({ uplinkUse }) => bars[Math.min(7, Math.floor(uplinkUse * 8))]!).join(
    "",
  );
  lines.push(`${"uplink".padStart(LABEL_COLUMNS)}  ${use}`);
  const end = formatDuration(report.seconds);
  lines.push(`${gap} 0 s${end.padStart(PLOT_COLUMNS - 3)}`);
  return lines.join("\n");
}

/** One sample for each column: the last one that is not after it. */
function resample(samples: readonly Sample[], seconds: number): Sample[] {
  const columns: Sample[] = [];
  let at = 0;
  for (let column = 1; column <= PLOT_COLUMNS; column++) {
    const untilMs = column / PLOT_COLUMNS * seconds * 1_000;
    while (at + 1 < samples.length && samples[at + 1]!.at <= untilMs) at++;
    columns.push(samples[at]!);
  }
  return columns;
}

function partWith({ pieces }: Sample, least: number): number {
  let count = 0;
  for (const have of pieces) if (have >= least) count++;
  return count / pieces.length;
}

/** Only 0 % is blank and only 100 % is full. */
function shadeOf(part: number, shades: number): number {
  return part === 0 ? 0 : 1 + Math.floor(part * (shades - 2));
}

function markBound(line: string, report: SwarmReport, unicode: boolean): string {
  const at = Math.floor(report.boundSeconds / report.seconds * PLOT_COLUMNS);
  if (at >= PLOT_COLUMNS) return line;
  return line.slice(0, at) + (unicode ? "┴" : "^") + line.slice(at + 1);
}

/** `tt simulate`: the report, and what the run cost. */
export interface SimulatedResult extends SwarmReport {
  readonly event: "simulated";
  /** Wall-clock time. */
  readonly realSeconds: number;
  readonly eventsPerSecond: number;
  readonly memoryBytes: number;
}

/** The results, one per line. */
export function simulatedText(report: SimulatedResult): string {
  const { options } = report;
  const row = (label: string, text: string) => `${`${label}:`.padEnd(22)}${text}`;
  const lines = [
    row("Swarm", swarmText(report)),
    row("Content", contentText(report)),
    row("Links", `${formatRate(options.up)} up, ${formatRate(options.down)} down`),
    row("Completed", `${report.completed} of ${report.downloaders}`),
  ];
  const isFair = hasUploaders(report);
  if (isFair) lines.push(row("Completion", completionText(report.honest)));
  if (report.riders !== undefined) lines.push(row("Free riders", completionText(report.riders)));
  if (report.boundRatio !== undefined) {
    const bound = `the lower bound is ${formatDuration(report.boundSeconds)}`;
    lines.push(row("Worst to bound", `${report.boundRatio.toFixed(3)} (${bound})`));
  }
  lines.push(row("Wasted", wasteText(report)));
  if (isFair) {
    const { least, median, most } = report.shareRatio;
    const ratios = [least, median, most].map(formatRatio);
    lines.push(
      row("Share ratios", `${ratios[1]} median, ${ratios[0]} to ${ratios[2]}`),
      row("Fairness", `${report.fairness.toFixed(3)} (1 means that all uploaded the same)`),
      row("Share rule", debtText(report)),
    );
  } else lines.push(row("Uploads", "only the seeders upload"));
  lines.push(
    row("Seeders sent", `${report.seederCopies.toFixed(2)} copies`),
    row("Seed", `${options.seed}, trace ${report.trace}`),
    row("Cost", costText(report)),
  );
  return lines.join("\n");
}

/** Whether any downloader uploads; otherwise there is nothing to compare. */
export function hasUploaders({ options }: SwarmReport): boolean {
  return freeRiderCount(options) < options.peers;
}

/** All options of the run, in the words of its command line. */
export function optionsText(report: SwarmReport): string {
  const { options, pieces, pieceLength } = report;
  const { percent, strict } = options.shareRule;
  const rule = percent === 0 ? "off" : `${percent} %${strict ? ", strict" : ""}`;
  return [
    `${formatCount(pieces, "piece")} of ${pieceLength / 1024} KiB`,
    options.format ?? "v1",
    `${formatRate(options.up)} up, ${formatRate(options.down)} down`,
    `share rule ${rule}`,
    `${options.freeRidersPercent} % free riders`,
    `${options.churnPercent} % churn`,
    `seed ${options.seed}`,
  ].join(" · ");
}

function costText(report: SimulatedResult): string {
  const { events, eventsPerSecond, realSeconds, memoryBytes } = report;
  return `${formatCount(events, "event")} in ${realSeconds.toFixed(1)} s, ` +
    `${formatCount(eventsPerSecond, "event")} per second, ${formatBytes(memoryBytes)}`;
}

function swarmText({ options }: SwarmReport): string {
  const { seeders, peers, churnPercent } = options;
  const riders = freeRiderCount(options);
  const extras = [
    riders === 0 ? "" : riders === peers ? ", all free riders" : `, ${riders} of them free riders`,
    churnPercent > 0 ? `, ${churnPercent} % leave` : "",
  ];
  return `${formatCount(seeders, "seeder")}, ${formatCount(peers, "downloader")}${extras.join("")}`;
}

function contentText({ options, pieces, pieceLength }: SwarmReport): string {
  return `${formatBytes(options.size)} in ${formatCount(pieces, "piece")} of ` +
    `${pieceLength / 1024} KiB, ${options.format ?? "v1"}`;
}

function completionText({ first, median, worst }: Completion): string {
  if (first === undefined || median === undefined) return "none finished";
  const last = worst === undefined ? "not all finished" : `${worst.toFixed(1)} s worst`;
  return `${first.toFixed(1)} s first, ${median.toFixed(1)} s median, ${last}`;
}

function wasteText({ wastedBytes, receivedBytes }: SwarmReport): string {
  return `${formatBytes(wastedBytes)}, ${
    (100 * wastedBytes / Math.max(1, receivedBytes)).toFixed(2)
  } %`;
}

function debtText({ options, debts }: SwarmReport): string {
  if (options.shareRule.percent === 0) return "off";
  const parts = [`${debts.paid} paid`, `${debts.waived} waived`];
  if (debts.owing > 0) parts.push(`${debts.owing} owing`);
  return `${options.shareRule.percent} %, ${parts.join(", ")}`;
}
