/**
 * A simulated swarm as a picture: a line for each downloader from nothing to everything, how many hold
 * which part of the content, and how much of all uplinks is in use.
 */
import { type History, PARTS, type Sample } from "../sim/history.ts";
import type { Completion, SwarmReport } from "../sim/report.ts";
import type { Swarm } from "../sim/swarm.ts";
import { formatBytes, formatCount, formatDuration } from "./format.ts";
import { hasUploaders, optionsText } from "./simulation_text.ts";

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 24;
const TOP = 116;
const LEGEND_Y = 98;
const LEGEND_COLUMN = 230;
const LINES_HEIGHT = 300;
const MAP_HEIGHT = 144;
const USE_HEIGHT = 48;
const GAP = 44;
/** More lines would hide each other. */
const LINES_MAX = 250;
const MAP_ROWS = 24;
const MAP_COLUMNS = 120;
const MAP_STEPS = 12;
const TICKS_WANTED = 8;

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 19px; font-weight: 600; fill: #111 }
.note { fill: #666 }
.paper { fill: #fff }
.grid { stroke: #0002 }
.bound { stroke: #111; stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 1; stroke: #15638f; stroke-opacity: .35 }
.rider { stroke: #c2410c; stroke-opacity: .7 }
.sample { stroke-width: 3; stroke-opacity: 1 }
.use { fill: #2a8fbd }
.map { fill: #15638f }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .title { fill: #fff } .note { fill: #aaa } .paper { fill: #14171a }
.grid { stroke: #fff3 } .bound { stroke: #fff } .line { stroke: #5fc3f0 }
.rider { stroke: #ff9a5c } .map, .use { fill: #5fc3f0 } }
`;

/** A whole SVG document. */
export function plotSvg(swarm: Swarm, report: SwarmReport): string {
  const { history, downloaders } = swarm;
  const mapTop = TOP + LINES_HEIGHT + GAP;
  const useTop = mapTop + MAP_HEIGHT + GAP;
  const height = useTop + USE_HEIGHT + 40;
  const riders = new Set(
    downloaders.flatMap(({ options }, i) => options.misbehaviour === undefined ? [] : [i]),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" role="img">`,
    `<title>${titleOf(report)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${LEFT}" y="30">${titleOf(report)}</text>`,
    `<text class="note" x="${LEFT}" y="52">${optionsText(report)}</text>`,
    `<text x="${LEFT}" y="74">${outcomeOf(report)}</text>`,
    ...legend(report),
    ...timeGrid(report.seconds, useTop + USE_HEIGHT),
    ...lines(history, report, riders),
    ...heading(
      mapTop,
      "Availability: each row is a part of the content; the stronger the colour, the more peers have it",
    ),
    ...holderMap(history, report, mapTop),
    ...heading(useTop, "Uplinks in use"),
    useArea(history, report, useTop),
    "</svg>",
    "",
  ].join("\n");
}

function titleOf({ options }: SwarmReport): string {
  return `${formatCount(options.peers, "downloader")}, ${
    formatCount(options.seeders, "seeder")
  }, ` +
    formatBytes(options.size);
}

function outcomeOf(report: SwarmReport): string {
  const { honest, riders, boundSeconds } = report;
  const parts: string[] = [];
  if (hasUploaders(report)) parts.push(worstText("downloader", honest));
  if (riders !== undefined) parts.push(worstText("free rider", riders));
  return `Completion: ${parts.join("; ")}; lower bound of the swarm: ${boundSeconds.toFixed(1)} s`;
}

function worstText(who: string, { worst }: Completion): string {
  return `slowest ${who}: ` +
    (worst === undefined ? "not complete" : `${worst.toFixed(1)} s from joining`);
}

/** A sample of each kind of line in the picture, with its name. */
function legend(report: SwarmReport): string[] {
  const kinds: [string, string][] = [];
  if (hasUploaders(report)) kinds.push(["line", "downloader"]);
  if (report.riders !== undefined) kinds.push(["line rider", "free rider, uploads nothing"]);
  if (isBoundShown(report)) kinds.push(["bound", "lower bound"]);
  return kinds.flatMap(([kind, name], i) => {
    const x = LEFT + i * LEGEND_COLUMN;
    return [
      `<line class="${kind} sample" x1="${x}" x2="${x + 24}" y1="${LEGEND_Y - 4}" ` +
      `y2="${LEGEND_Y - 4}"/>`,
      `<text x="${x + 32}" y="${LEGEND_Y}">${name}</text>`,
    ];
  });
}

function isBoundShown({ boundSeconds, seconds }: SwarmReport): boolean {
  return boundSeconds <= seconds;
}

function xOf(atSeconds: number, { seconds }: { readonly seconds: number }): number {
  return round(LEFT + atSeconds / seconds * (WIDTH - LEFT - RIGHT));
}

function timeGrid(seconds: number, bottom: number): string[] {
  const step = niceStep(seconds / TICKS_WANTED);
  const parts: string[] = [];
  for (let at = 0; at <= seconds; at += step) {
    const x = xOf(at, { seconds });
    parts.push(
      `<line class="grid" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"/>`,
      `<text class="note" x="${x}" y="${bottom + 20}" text-anchor="middle">${
        formatDuration(at)
      }</text>`,
    );
  }
  return parts;
}

/** 1, 2 or 5 times a power of ten, not below `least` and not below 1. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find((times) => times * power >= least) ?? 10);
}

function lines(history: History, report: SwarmReport, riders: ReadonlySet<number>): string[] {
  const { samples } = history;
  const bottom = TOP + LINES_HEIGHT;
  const count = samples.at(-1)?.pieces.length ?? 0;
  const stride = Math.max(1, Math.ceil(count / LINES_MAX));
  const parts = ["0 %", "50 %", "100 %"].map((label, i) =>
    `<text class="note" x="${LEFT - 8}" y="${bottom - i * LINES_HEIGHT / 2 + 4}" ` +
    `text-anchor="end">${label}</text>`
  );
  for (let i = 0; i < count; i += stride) {
    const points = samples.map(({ at, pieces }) => {
      const y = round(bottom - pieces[i]! / report.pieces * LINES_HEIGHT);
      return `${xOf(at / 1_000, report)},${y}`;
    });
    const kind = riders.has(i) ? "line rider" : "line";
    parts.push(`<polyline class="${kind}" points="${points.join(" ")}"/>`);
  }
  const x = xOf(report.boundSeconds, report);
  if (isBoundShown(report)) {
    parts.push(`<line class="bound" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"/>`);
  }
  return parts;
}

function heading(top: number, text: string): string[] {
  return [`<text class="note" x="${LEFT}" y="${top - 10}">${text}</text>`];
}

/** Equal neighbours are one rectangle. */
function holderMap(history: History, report: SwarmReport, top: number): string[] {
  const columns = pickSamples(history.samples, MAP_COLUMNS);
  const most = report.options.peers + report.options.seeders;
  const rowHeight = MAP_HEIGHT / MAP_ROWS;
  const perRow = PARTS / MAP_ROWS;
  const parts: string[] = [];
  for (let row = 0; row < MAP_ROWS; row++) {
    const levels = columns.map(({ holders }) => {
      let sum = 0;
      for (let part = row * perRow; part < (row + 1) * perRow; part++) sum += holders[part]!;
      return Math.min(MAP_STEPS, Math.round(sum / perRow / most * MAP_STEPS));
    });
    for (let from = 0; from < levels.length;) {
      let to = from + 1;
      while (to < levels.length && levels[to] === levels[from]) to++;
      const x = xOf(columns[from]!.at / 1_000, report);
      const end = to < columns.length ? xOf(columns[to]!.at / 1_000, report) : WIDTH - RIGHT;
      if (levels[from]! > 0) {
        parts.push(
          `<rect class="map" x="${x}" y="${round(top + row * rowHeight)}" width="${
            round(end - x)
          }" ` +
            `height="${round(rowHeight)}" fill-opacity="${round(levels[from]! / MAP_STEPS)}"/>`,
        );
      }
      from = to;
    }
  }
  return parts;
}

function pickSamples(samples: readonly Sample[], most: number): Sample[] {
  const stride = Math.max(1, Math.ceil(samples.length / most));
  return samples.filter((_, i) => i % stride === 0);
}

function useArea({ samples }: History, report: SwarmReport, top: number): string {
  const bottom = top + USE_HEIGHT;
  const points = samples.map(({ at, uplinkUse }) =>
    `${xOf(at / 1_000, report)},${round(bottom - uplinkUse * USE_HEIGHT)}`
  );
  return `<polygon class="use" points="${LEFT},${bottom} ${points.join(" ")} ` +
    `${WIDTH - RIGHT},${bottom}"/>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
