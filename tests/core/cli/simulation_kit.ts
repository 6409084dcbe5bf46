/** Figures of swarms that were never run, for what is printed and drawn of them. */
import { createHistory, type History, PARTS, type Sample } from "../../../core/sim/history.ts";
import type { SwarmReport } from "../../../core/sim/report.ts";
import type { SwarmOptions } from "../../../core/sim/swarm.ts";

/** Four downloaders, one of them a free rider, and twelve pieces of 64 KiB. */
export const OPTIONS: SwarmOptions = {
  seed: 7,
  seeders: 1,
  peers: 4,
  size: 786_432,
  pieceLength: 65_536,
  up: 1_000_000,
  down: 10_000_000,
  shareRule: { percent: 10, strict: false },
  freeRidersPercent: 25,
  churnPercent: 0,
};

export const REPORT: SwarmReport = {
  options: OPTIONS,
  pieces: 12,
  pieceLength: 65_536,
  downloaders: 4,
  completed: 4,
  seconds: 66,
  boundSeconds: 33,
  honest: { first: 33, median: 44.5, worst: 55 },
  riders: { first: 66, median: 66, worst: 66 },
  boundRatio: 55 / 33,
  wastedBytes: 16_384,
  receivedBytes: 3_276_800,
  shareRatio: { least: 0.1, median: 0.98, most: 1.5 },
  fairness: 0.75,
  debts: { paid: 3, waived: 0, owing: 0 },
  seederCopies: 1.25,
  events: 12_345,
  trace: "0123456789abcdef",
};

/** A sample with the holders of some parts of the content; others have none. */
export function sampleOf(
  atSeconds: number,
  pieces: readonly number[],
  uplinkUse = 0,
  holders: Readonly<Record<number, number>> = {},
): Sample {
  const parts = Float32Array.from({ length: PARTS }, (_, part) => holders[part] ?? 0);
  return { at: atSeconds * 1_000, pieces: Uint32Array.from(pieces), holders: parts, uplinkUse };
}

export function historyOf(samples: readonly Sample[]): History {
  const history = createHistory();
  history.samples.push(...samples);
  return history;
}
