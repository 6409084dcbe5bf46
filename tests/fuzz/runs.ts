/**
 * How long to fuzz. Without TT_FUZZ_RUNS: a short run, always the same. With it: that many inputs
 * per property, random ones each time; fast-check prints the seed of a failure, TT_FUZZ_SEED
 * repeats it.
 */
import type { Parameters } from "fast-check";

const SHORT_RUNS = 300;
const SHORT_SEED = 1;

const runs = Deno.env.get("TT_FUZZ_RUNS");
const seed = Deno.env.get("TT_FUZZ_SEED");

/** The parameters of a property that by default runs `shortRuns` times. */
export function fuzzRuns(shortRuns: number): Parameters<unknown> {
  return {
    numRuns: runs === undefined ? shortRuns : Number(runs),
    seed: Number(seed ?? (runs === undefined ? SHORT_SEED : Date.now())),
  };
}

export const fuzzParameters: Parameters<unknown> = fuzzRuns(SHORT_RUNS);
