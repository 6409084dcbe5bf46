/** `tt simulate`: a whole swarm of real cores on a virtual clock, with a report and a picture. */
import { transferOf } from "../../core/torrent/state.ts";
import type { SimulateCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { formatCount, formatDuration } from "../../core/cli/format.ts";
import type { ProgressView } from "../../core/cli/progress_view.ts";
import { plotSvg } from "../../core/cli/simulation_svg.ts";
import { plotText } from "../../core/cli/simulation_text.ts";
import { terminalTraits } from "../../core/cli/terminal.ts";
import { reportOf } from "../../core/sim/report.ts";
import { createSwarm, runSwarm, type Swarm } from "../../core/sim/swarm.ts";
import { sha1 } from "../hash/sha1.ts";
import { namedFileError } from "../disk/named_file.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

/** Work between two looks at the keyboard and the clock. */
const SLICE_MS = 100;
const SLICE_TICKS = 20;

export async function simulate(
  command: SimulateCommand,
  { output, signal }: Context,
): Promise<void> {
  const swarm = createSwarm(command.swarm, sha1);
  const startedMs = performance.now();
  while (!runSlice(swarm)) {
    if (!command.json) output.progress([viewOf(swarm)]);
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal.throwIfAborted();
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const report = reportOf(swarm);
  const cost = {
    realSeconds: Math.round(seconds * 1_000) / 1_000,
    eventsPerSecond: Math.round(report.events / seconds),
    memoryBytes: Deno.memoryUsage().rss,
  };
  if (!command.json) {
    output.finish();
    const { unicode } = terminalTraits(Deno.env.toObject(), true, Deno.build.os);
    output.text(`${plotText(swarm.history, report, unicode)}\n`);
  }
  output.result({ event: "simulated", ...report, ...cost });
  if (command.plot !== undefined) await writePlot(command.plot, plotSvg(swarm, report));
  if (!swarm.isStuck) return;
  const message = `The swarm stopped with ${report.completed} of ` +
    `${formatCount(report.downloaders, "downloader")} complete; a full copy may have left it`;
  throw new CommandError(EXIT.internal, "swarm-stuck", message);
}

function runSlice(swarm: Swarm): boolean {
  const untilMs = performance.now() + SLICE_MS;
  while (performance.now() < untilMs) if (runSwarm(swarm, SLICE_TICKS)) return true;
  return false;
}

/** The average downloader, as if it were a torrent of ours. */
function viewOf({ world, downloaders, options, history }: Swarm): ProgressView {
  let pieces = 0, uploaded = 0, peers = 0;
  for (const { torrent } of downloaders) {
    pieces += transferOf(torrent).haveCount;
    uploaded += transferOf(torrent).uploaded;
    peers += torrent.swarm.connections.size;
  }
  const count = downloaders.length;
  const bytesDone = Math.round(pieces / count / world.geometry.pieceCount * options.size);
  const rate = (history.samples.at(-1)?.uplinkUse ?? 0) * options.up;
  return {
    infoHash: "",
    name: `Swarm of ${count + options.seeders} after ${formatDuration(world.now / 1_000)}`,
    state: "downloading",
    bytesDone,
    bytesTotal: options.size,
    downRate: rate,
    upRate: rate,
    peers: Math.round(peers / count),
    seeders: options.seeders,
    etaSeconds: undefined,
    waitingFor: undefined,
    uploaded: uploaded / count,
    ratio: uploaded / count / options.size,
  };
}

async function writePlot(path: string, svg: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, svg);
  } catch (error) {
    throw namedFileError(error, "write", `the plot ${path}`, "name another file with --plot");
  }
}
