/**
 * `bench start`: the time before anything happens. Runs of `tt` and of an empty program alternate.
 * The compiled file is measured when TT_BIN names one, beside an empty program compiled in the same
 * way.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ClientProcess } from "../support/process.ts";
import { freshPort, loopback } from "../support/network.ts";
import { tt } from "../interop/clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { timeCommand } from "./launch.ts";
import { openMeetingPoint } from "./meeting_point.ts";
import { median } from "./report.ts";

export const START_USAGE = `start [--runs 5] [--json]
  tt --version beside an empty program, and tt get from its launch to its first verified piece.`;

const VERSION_EXTRA_SECONDS = 0.1;
const FIRST_PIECE_SECONDS = 0.4;
const DEADLINE_MS = 60_000;

/** A port without a peer: the tracker then returns an address that refuses connections. */
const NOBODY = 1;

/** Complete with its first piece, so the completion event is that piece's event. */
const CONTENT: Content = {
  title: "one piece",
  name: "one piece.bin",
  pieceLength: 256 * 1024,
  files: [{ path: "", length: 256 * 1024 }],
};

export async function benchStart(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const runs = Number(flags.runs);
  const figures = [await benchVersion(runs), ...await benchFirstPiece(runs)];
  const which = Deno.env.get("TT_BIN") === undefined ? "tt from its source" : "the compiled tt";
  printFigures(`Launch of ${which}, median of ${runs}`, figures, flags.json);
}

async function benchVersion(runs: number): Promise<Figure> {
  await using scratch = await openScratch("tt-bench-");
  const empty = await emptyProgram(scratch.path);
  const version = await ttCommand(["--version"]);
  const seconds = { version: [] as number[], empty: [] as number[] };
  // The first run of each fills caches.
  for (let run = 0; run <= runs; run++) {
    const [ours, theirs] = [await timeCommand(version), await timeCommand(empty)];
    if (run === 0) continue;
    seconds.version.push(ours.seconds);
    seconds.empty.push(theirs.seconds);
  }
  const [ours, theirs] = [median(seconds.version), median(seconds.empty)];
  return {
    what: "tt --version",
    measured: `${shorten(ours)} s`,
    beside: `an empty program ${shorten(theirs)} s`,
    target: atMost(ours - theirs, VERSION_EXTRA_SECONDS, " s more"),
  };
}

/** A program that does nothing, run as `tt` is run. */
async function emptyProgram(dir: string): Promise<string[]> {
  const source = join(dir, "empty.ts");
  await Deno.writeTextFile(source, "export {};\n");
  const run = [Deno.execPath(), "run", "--quiet", source];
  if (Deno.env.get("TT_BIN") === undefined) return run;
  const binary = join(dir, "empty");
  try {
    await timeCommand([Deno.execPath(), "compile", "--quiet", "--output", binary, source]);
    return [binary];
  } catch {
    console.error("Nothing can be compiled here: the empty program runs from its source");
    return run;
  }
}

/** Both ways to find a seeder: a tracker, and an address on the command line. */
async function benchFirstPiece(runs: number): Promise<Figure[]> {
  await using scratch = await openScratch("tt-bench-");
  await using meetingPoint = openMeetingPoint();
  const dir = scratch.path;
  await writeContent(dir, CONTENT);
  const torrent = await writeTorrent(dir, CONTENT, meetingPoint.announceUrl);
  const port = freshPort();
  await using _seeder = await tt.seed({ torrentPath: torrent.path, dir, port, place: loopback });

  const seconds = { listening: [] as number[], tracker: [] as number[], address: [] as number[] };
  for (let run = 0; run <= runs; run++) {
    meetingPoint.setSeeder(port);
    const byTracker = await timeGet(torrent.path, join(dir, `t${run}`), []);
    // From here on only the address finds the seeder.
    meetingPoint.setSeeder(NOBODY);
    const byAddress = await timeGet(torrent.path, join(dir, `a${run}`), [
      ...["--peer", `127.0.0.1:${port}`],
    ]);
    if (run === 0) continue;
    seconds.listening.push(byTracker.listening);
    seconds.tracker.push(byTracker.complete);
    seconds.address.push(byAddress.complete);
  }
  const figure = (what: string, values: readonly number[]): Figure => ({
    what,
    measured: `${shorten(median(values))} s`,
    target: atMost(median(values), FIRST_PIECE_SECONDS, " s"),
  });
  return [
    { what: "tt get: listening", measured: `${shorten(median(seconds.listening))} s` },
    figure("tt get: first verified piece, by a tracker", seconds.tracker),
    figure("tt get: first verified piece, by --peer", seconds.address),
  ];
}

/** Seconds from launch until the process reports that it listens, and that it is complete. */
async function timeGet(
  torrentPath: string,
  dir: string,
  more: readonly string[],
): Promise<{ listening: number; complete: number }> {
  const port = freshPort();
  const argv = await ttCommand([
    ...["get", torrentPath, "--dir", dir, "--host", loopback.host, "--port", String(port)],
    ...["--json", "--share-rule", "off", ...more],
  ]);
  const startedMs = performance.now();
  await using process = new ClientProcess({ place: loopback, port, argv });
  const heard = async (event: string) => {
    await process.waitForLine(
      (line) => line.startsWith(`{"event":"${event}"`) || undefined,
      `say ${event}`,
      DEADLINE_MS,
    );
    return (performance.now() - startedMs) / 1000;
  };
  const [listening, complete] = await Promise.all([heard("listening"), heard("complete")]);
  return { listening, complete };
}
