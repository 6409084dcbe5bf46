/**
 * `deno task bench stream`: what a player gets from `tt stream`.
 *
 * - `--simulated`: one player and peers of mixed rates, and a crowd of players (stream_simulated.ts).
 */
import { benchSimulatedStreams } from "./stream_simulated.ts";

export const STREAM_USAGE = `stream --simulated [--seed S] [--runs N] [--json]
  Players: time to first byte, stalls and seek time in simulated swarms, and what a crowd of them costs.`;

const RUNS = 3;

export function benchStream(args: readonly string[]): Promise<void> {
  const json = args.includes("--json");
  benchSimulatedStreams(numberAfter(args, "--seed", 1), numberAfter(args, "--runs", RUNS), json);
  return Promise.resolve();
}

function numberAfter(args: readonly string[], name: string, byDefault: number): number {
  const at = args.indexOf(name);
  if (at < 0) return byDefault;
  const value = Number(args[at + 1]);
  if (!Number.isSafeInteger(value)) throw new Error(`Give a number after ${name}; ${STREAM_USAGE}`);
  return value;
}
