/**
 * `deno task bench sim --tune`: the effect of the limits in core/transfer/tuning.ts. One
 * homogeneous swarm for each value, with all other limits unchanged; the table is in SIMULATION.md.
 */
import type { SwarmReport } from "../../core/sim/report.ts";
import type { SwarmOptions } from "../../core/sim/swarm.ts";
import { TUNING, type Tuning } from "../../core/transfer/tuning.ts";

/** Values beside the default ones. */
const TRIALS: { readonly [K in keyof Tuning]: readonly number[] } = {
  uploadSlots: [1, 2, 5, 7],
  seedSlots: [3, 12],
  optimisticSlots: [2, 3],
  servedWanted: [0, 2, 6],
  allowedFastPeers: [4, 1_000],
  suggestFirst: [1, 4],
  randomFirstPieces: [0, 1, 16],
  pipelineFirst: [4, 64],
  pipelineSeconds: [0.25, 1, 2],
  endgameRequesters: [1, 2, 6],
  endgameLateMs: [0, 500, 2_000],
  endgamePipeline: [8, 128],
};

/** Runs the trials, each of `seeds` swarms, and prints a line for each as it ends. */
export function benchTuning(
  options: SwarmOptions,
  seeds: number,
  run: (options: SwarmOptions) => { report: SwarmReport },
): void {
  console.log("| limit | value | worst to bound | median to bound |  wasted | seeder's copies |");
  console.log("| --- | --: | --: | --: | --: | --: |");
  const trial = (limit: string, value: string, tuning: Tuning) => {
    const reports = Array.from(
      { length: seeds },
      (_, i) => run({ ...options, seed: options.seed + i, tuning }).report,
    );
    const mean = (of: (report: SwarmReport) => number) =>
      reports.reduce((sum, report) => sum + of(report), 0) / seeds;
    const figures = [
      mean(({ honest, boundSeconds }) => (honest.worst ?? Infinity) / boundSeconds).toFixed(3),
      mean(({ honest, boundSeconds }) => (honest.median ?? Infinity) / boundSeconds).toFixed(3),
      `${mean((report) => 100 * report.wastedBytes / report.receivedBytes).toFixed(2)} %`,
      mean(({ seederCopies }) => seederCopies).toFixed(3),
    ];
    console.log(`| ${[limit, value, ...figures].join(" | ")} |`);
  };
  trial("as they are", "", TUNING);
  for (const [limit, values] of Object.entries(TRIALS)) {
    for (const value of values) trial(limit, `${value}`, { ...TUNING, [limit]: value });
  }
}
