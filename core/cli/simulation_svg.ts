/**
 * A simulated swarm as a picture: a line for each downloader from nothing to everything, how many hold
 * which part of the content, and how much of all uplinks is in use.
 */
import { type History, PARTS, type Sample } from "../sim/history.ts";
import type { SwarmReport } from "../sim/report.ts";
import type { Swarm } from "../sim/swarm.ts";
import { formatBytes, formatCount, formatDuration } from "./format.ts";

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 24;
const TOP = 72;
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
.grid { stroke: #0001 }
.bound { stroke: #d33; stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 1; stroke-opacity: .45 }
.rider { stroke: #d33; stroke-opacity: .8 }
.use { fill: #2a8fbd }
.map { fill: #15638f }
@media (prefers-color-scheme: dark) {
text { fill: #ccc } .title { fill: #fff } .note { fill: #999 } .paper { fill: #14171a }
.grid { stroke: #fff2 } .bound, .rider { stroke: #ff6b6b } .map { fill: #5fc3f0 } }
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
    `<text class="note" x="${LEFT}" y="52">${noteOf(report)}</text>`,
    ...timeGrid(report.seconds, useTop + USE_HEIGHT),
    ...lines(history, report, riders),
    ...heading(mapTop, "Who holds what: each row a part of the content, darker is more peers"),
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

function noteOf(report: SwarmReport): string {
  const { worst } = report.honest;
  const end = worst === undefined ? "not all finished" : `all complete after ${worst.toFixed(1)} s`;
  return `${end}; no swarm can do it in less than ${report.boundSeconds.toFixed(1)} s (dashed)`;
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
    const colour = riders.has(i)
      ? `class="line rider"`
      : `class="line" stroke="hsl(${195 + Math.round(i / count * 70)} 65% 48%)"`;
    parts.push(`<polyline ${colour} points="${points.join(" ")}"/>`);
  }
  const x = xOf(report.boundSeconds, report);
  if (report.boundSeconds <= report.seconds) {
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
