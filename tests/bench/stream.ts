/**
 * `deno task bench stream`: what a player receives from `tt stream`.
 *
 * - Beside webtorrent's streaming server and nginx, on loopback (stream_real.ts).
 * - `--simulated`: one player and peers of mixed rates, and a crowd of players
 *   (stream_simulated.ts).
 */
import { parseArgs } from "node:util";
import { readSize } from "./report.ts";
import { benchRealStreams } from "./stream_real.ts";
import { benchSimulatedStreams } from "./stream_simulated.ts";

export const STREAM_USAGE =
  `stream [--size 64M] [--rate 4M] [--finished-size 512M] [--runs 3] [--json]
stream --simulated [--seed 1] [--runs 3] [--json]
  Players: time to first byte and seek time beside webtorrent, a finished file beside nginx; in simulated
  swarms stalls, too, and what a crowd of players costs.`;

export async function benchStream(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "64M" },
      rate: { type: "string", default: "4M" },
      "finished-size": { type: "string", default: "512M" },
      runs: { type: "string", default: "3" },
      seed: { type: "string", default: "1" },
      simulated: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const { json } = flags;
  const runs = Number(flags.runs);
  if (flags.simulated) return benchSimulatedStreams(Number(flags.seed), runs, json);
  const [size, rate, finishedSize] = [flags.size, flags.rate, flags["finished-size"]].map(readSize);
  await benchRealStreams({
    size: size!,
    rate: rate!,
    finishedSize: finishedSize!,
    ...{ runs, json },
  });
}
