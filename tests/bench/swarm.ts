/**
 * `bench swarm`: one large file from a seeder to a downloader on loopback, for pairs of clients
 * that alternate. The reference that no client can beat is one SHA-1 pass over the same pieces, on
 * one core, in the same run.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { aria2 } from "../interop/clients/aria2.ts";
import type { Client } from "../interop/clients/client.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { rtorrent } from "../interop/clients/rtorrent.ts";
import { tt, ttWith } from "../interop/clients/tt.ts";
import { webtorrent } from "../interop/clients/webtorrent.ts";
import { type Content, writeContent, writeTorrent } from "../support/content.ts";
import { printFigures } from "./figures.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { type MeetingPoint, openMeetingPoint } from "./meeting_point.ts";
import { type BenchContent, hashFile, type PairRun, runPair } from "./pair_run.ts";
import { INSPECT_PORTS, profileOf } from "./profile.ts";
import { formatTable, median, readSize } from "./report.ts";
import { compareWithTargets, type PairResult, TARGET_PAIRS } from "./swarm_targets.ts";

const CLIENTS: Readonly<Record<string, Client>> = {
  tt,
  lt: libtorrent,
  rt: rtorrent,
  a2: aria2,
  wt: webtorrent,
};
/** The pair that the others are compared with. */
const YARDSTICK = "lt-lt";
/** The memory folder must hold the content twice, and some. */
const ROOM_FACTOR = 2.5;

export const SWARM_USAGE =
  `swarm [--size 1G] [--piece 1M] [--runs 3] [--pairs lt-tt,tt-lt,lt-lt] [--profile] [--json]
  Moves one file from a seeder to a downloader, for each pair SEEDER-DOWNLOADER of
  ${Object.keys(CLIENTS).join(", ")}, or, with --pairs targets, for all that have a target.
  Medians of the runs, beside the targets of those pairs. --profile writes a CPU profile of every
  tt and prints where it spent its time; profiled runs are slower.`;

interface Options {
  readonly sizeBytes: number;
  readonly pieceLength: number;
  readonly runs: number;
  readonly pairs: readonly string[];
  readonly profile: boolean;
  readonly json: boolean;
}

/** Runs the selected benchmark and prints its table or its JSON. */
export async function benchSwarm(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  for (const client of new Set(options.pairs.flatMap((pair) => Object.values(clientsOf(pair))))) {
    const missing = await client.missing();
    if (missing !== undefined) throw new Error(`Cannot run ${client.name}: ${missing}`);
  }
  await using meetingPoint = openMeetingPoint();
  await using scratch = await openMemoryFolder(ROOM_FACTOR * options.sizeBytes);
  const given = await makeContent(scratch.path, options, meetingPoint.announceUrl);
  const sha1MegabytesPerSecond = await measureSha1(given);
  const runs = await runPairs(options, given, meetingPoint);
  const results = summarise(options, given.sizeBytes, runs);
  const figures = compareWithTargets(results, sha1MegabytesPerSecond);
  if (options.json) {
    const { sizeBytes, pieceLength } = options;
    const report = { sizeBytes, pieceLength, sha1MegabytesPerSecond, results, figures };
    console.log(JSON.stringify(report));
  } else {
    printReport(options, results, sha1MegabytesPerSecond);
    if (figures.length > 0) {
      console.log();
      printFigures("The targets of these pairs; ratios unless they have a unit", figures);
    }
  }
}

/**
 * Megabytes a second of the runtime's fastest SHA-1, piece after piece from memory, on one core.
 */
async function measureSha1({ content, dir, sizeBytes }: BenchContent): Promise<number> {
  using file = await Deno.open(join(dir, content.name));
  const piece = new Uint8Array(content.pieceLength);
  const startedMs = performance.now();
  for (let count; (count = file.readSync(piece)) !== null;) {
    await crypto.subtle.digest("SHA-1", piece.subarray(0, count));
  }
  return sizeBytes / 1e3 / (performance.now() - startedMs);
}

/** The pairs alternate, so that a slow minute of the machine affects them alike. */
async function runPairs(
  options: Options,
  given: BenchContent,
  meetingPoint: MeetingPoint,
): Promise<Map<string, PairRun[]>> {
  const runs = new Map(options.pairs.map((pair) => [pair, [] as PairRun[]]));
  for (let turn = 1; turn <= options.runs; turn++) {
    for (const pair of options.pairs) {
      const { seeder, downloader } = clientsOf(pair, options.profile);
      const watch = options.profile ? profileOf(pair, seeder, downloader) : undefined;
      const run = await runPair(seeder, downloader, given, meetingPoint, watch);
      runs.get(pair)!.push(run);
      console.error(`${pair}, run ${turn} of ${options.runs}: ${run.launchSeconds.toFixed(2)} s`);
    }
  }
  return runs;
}

function summarise(
  options: Options,
  sizeBytes: number,
  runs: Map<string, PairRun[]>,
): PairResult[] {
  const of = (pair: string, read: (run: PairRun) => number) => median(runs.get(pair)!.map(read));
  const rate = (pair: string) => sizeBytes / 1e6 / of(pair, (run) => run.launchSeconds);
  return options.pairs.map((pair) => {
    const told = runs.get(pair)!.every((run) => run.transferSeconds !== undefined);
    return {
      pair,
      runs: options.runs,
      megabytesPerSecond: rate(pair),
      transferMegabytesPerSecond: told
        ? sizeBytes / 1e6 / of(pair, (run) => run.transferSeconds!)
        : null,
      seederCpuSecondsPerGigabyte: of(pair, (run) => run.seeder.cpuSeconds) / (sizeBytes / 1e9),
      downloaderCpuSecondsPerGigabyte: of(pair, (run) => run.downloader.cpuSeconds) /
        (sizeBytes / 1e9),
      seederPeakResidentBytes: of(pair, (run) => run.seeder.peakResidentBytes),
      downloaderPeakResidentBytes: of(pair, (run) => run.downloader.peakResidentBytes),
      ratio: runs.has(YARDSTICK) ? rate(pair) / rate(YARDSTICK) : null,
    };
  });
}

function printReport(
  options: Options,
  results: readonly PairResult[],
  sha1MegabytesPerSecond: number,
): void {
  const { sizeBytes, pieceLength, runs } = options;
  console.log(
    `${sizeBytes / 1e6} MB in pieces of ${pieceLength / 1024} KiB over loopback, median of ${runs}`,
  );
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  console.log(formatTable([
    ["seeder-downloader", "MB/s", "transfer", "CPU s/GB", "", "peak RSS MB", "", "to lt-lt"],
    ["", "wall", "MB/s", "seeder", "downl.", "seeder", "downl.", ""],
    ...results.map((result) => [
      result.pair,
      result.megabytesPerSecond.toFixed(0),
      result.transferMegabytesPerSecond?.toFixed(0) ?? "-",
      result.seederCpuSecondsPerGigabyte.toFixed(2),
      result.downloaderCpuSecondsPerGigabyte.toFixed(2),
      megabytes(result.seederPeakResidentBytes),
      megabytes(result.downloaderPeakResidentBytes),
      result.ratio?.toFixed(2) ?? "-",
    ]),
  ]));
  console.log(
    `One SHA-1 pass over the pieces, one core: ${sha1MegabytesPerSecond.toFixed(0)} MB/s`,
  );
  console.log(
    "Wall: from the downloader's launch until it says it is complete. Transfer: by its own clock.",
  );
}

function readOptions(args: readonly string[]): Options {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "1G" },
      piece: { type: "string", default: "1M" },
      runs: { type: "string", default: "3" },
      pairs: { type: "string", default: `lt-tt,tt-lt,${YARDSTICK}` },
      profile: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const runs = Number(flags.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs takes a number of at least 1");
  return {
    sizeBytes: readSize(flags.size),
    pieceLength: readSize(flags.piece),
    runs,
    pairs: flags.pairs === "targets" ? TARGET_PAIRS : flags.pairs.split(","),
    profile: flags.profile,
    json: flags.json,
  };
}

function clientsOf(pair: string, profile = false): { seeder: Client; downloader: Client } {
  const [seed = "", download = "", ...rest] = pair.split("-");
  if (!Object.hasOwn(CLIENTS, seed) || !Object.hasOwn(CLIENTS, download) || rest.length > 0) {
    throw new Error(`Unknown pair ${pair}. Usage: ${SWARM_USAGE}`);
  }
  const client = (name: string, inspectPort: number) =>
    profile && name === "tt"
      ? ttWith({ shareRule: "off", runtimeFlags: [`--inspect=127.0.0.1:${inspectPort}`] })
      : CLIENTS[name]!;
  return {
    seeder: client(seed, INSPECT_PORTS.seeder),
    downloader: client(download, INSPECT_PORTS.downloader),
  };
}

async function makeContent(
  dir: string,
  { sizeBytes, pieceLength }: Options,
  announceUrl: string,
): Promise<BenchContent> {
  const content: Content = {
    title: "bench",
    name: "bench.bin",
    pieceLength,
    files: [{ path: "", length: sizeBytes }],
  };
  await writeContent(dir, content);
  const torrent = await writeTorrent(dir, content, announceUrl);
  return { content, dir, torrent, sizeBytes, sha1: await hashFile(join(dir, content.name)) };
}
