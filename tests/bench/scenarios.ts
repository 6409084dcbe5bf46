/**
 * `bench scenarios`: transfers that are difficult in different ways, by `tt` and by libtorrent in
 * turn. The ratio is libtorrent's time over ours.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createGeometry, pieceOffset } from "../../core/metainfo/geometry.ts";
import type { Client, Endpoint } from "../interop/clients/client.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { freshPort, loopback } from "../support/network.ts";
import { announceUrl, awaitSeeder, ttTracker } from "../interop/clients/tracker.ts";
import { tt } from "../interop/clients/tt.ts";
import type { Content } from "../support/content.ts";
import { openFakeSeeder } from "./fake_peers.ts";
import { atLeast, type Figure, printFigures, shorten } from "./figures.ts";
import { median, readSize } from "./report.ts";
import { startMixedSwarm } from "./mixed_swarm.ts";
import { prepare, type Prepared, startSeeder, timeDownloads } from "./scenario_run.ts";
import { openSlowLink } from "./slow_link.ts";

interface Options {
  readonly sizeBytes: number;
  readonly files: number;
  readonly peers: number;
  readonly rate: number;
  readonly mixed: number;
  readonly runs: number;
  readonly seeder: Client;
}

const FILE_BYTES = 100_000;
const DOWNLOADERS = 4;
const ROUND_TRIP_MS = 50;
const KIB = 1024;
const MIB = 1024 * KIB;

const SCENARIOS: Readonly<Record<string, (options: Options) => Promise<Figure[]>>> = {
  "pieces-16K": (options) => benchPieces(options, 16 * KIB),
  "pieces-256K": (options) => benchPieces(options, 256 * KIB),
  "pieces-16M": (options) => benchPieces(options, 16 * MIB),
  files: benchFiles,
  peers: benchPeers,
  mixed: benchMixed,
  fanout: benchFanout,
  delay: benchDelay,
};

export const SCENARIOS_USAGE = `scenarios [--only ${Object.keys(SCENARIOS).join(",")}]
    [--size 256M] [--files 2000] [--peers 20] [--rate 5M] [--mixed 100] [--seeder lt|tt]
    [--runs 1] [--json]
  Small and large pieces; files of 100 KB; many peers at --rate each; --mixed seeders of aria2,
  libtorrent, rtorrent and tt; one seeder and ${DOWNLOADERS} downloaders of a kind; a round trip of ${ROUND_TRIP_MS} ms. All beside libtorrent.`;

export async function benchScenarios(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: Object.keys(SCENARIOS).join(",") },
      size: { type: "string", default: "256M" },
      files: { type: "string", default: "2000" },
      peers: { type: "string", default: "20" },
      rate: { type: "string", default: "5M" },
      mixed: { type: "string", default: "100" },
      seeder: { type: "string", default: "lt" },
      runs: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const names = flags.only.split(",");
  const unknown = names.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) throw new Error(`Unknown scenario ${unknown}. ${SCENARIOS_USAGE}`);
  const missing = await libtorrent.missing();
  if (missing !== undefined) throw new Error(`Cannot run libtorrent: ${missing}`);
  const options: Options = {
    sizeBytes: readSize(flags.size),
    files: Number(flags.files),
    peers: Number(flags.peers),
    rate: readSize(flags.rate),
    mixed: Number(flags.mixed),
    runs: Number(flags.runs),
    seeder: flags.seeder === "tt" ? tt : libtorrent,
  };
  const figures: Figure[] = [];
  for (const name of names) {
    console.error(`${name} ...`);
    figures.push(...await SCENARIOS[name]!(options));
  }
  const title = `From ${options.seeder.name} where there is one seeder; median of ${options.runs}`;
  printFigures(title, figures, flags.json);
}

async function benchPieces(options: Options, pieceLength: number): Promise<Figure[]> {
  const what = `pieces of ${pieceLength / KIB} KiB`;
  await using given = await prepare(oneFile(options.sizeBytes, pieceLength), 1);
  const times = await fromOneSeeder(options, given);
  return [compare(what, given.sizeBytes, times, 1.1)];
}

async function benchFiles(options: Options): Promise<Figure[]> {
  const files = Array.from({ length: options.files }, (_, file) => ({
    path: `folder ${file % 100}/${file}.bin`,
    length: FILE_BYTES,
  }));
  const content = { title: "", name: "many files", pieceLength: 256 * KIB, files };
  await using given = await prepare(content, 1);
  const times = await fromOneSeeder(options, given);
  return [compare(`${options.files} files of 100 KB`, given.sizeBytes, times, 1.1)];
}

async function benchDelay(options: Options): Promise<Figure[]> {
  await using given = await prepare(oneFile(options.sizeBytes, MIB), 1);
  await using seeder = await startSeeder(options.seeder, given);
  using link = openSlowLink(seeder, ROUND_TRIP_MS);
  const peers = [{ host: loopback.host, port: link.port }];
  const times = await inTurns(options, (client) => timeDownloads(client, 1, given, peers));
  return [compare(`${ROUND_TRIP_MS} ms round trip, one peer`, given.sizeBytes, times, 0.95)];
}

/** One peer per link, each with its own rate, so that the sum is the maximum. */
async function benchPeers(options: Options): Promise<Figure[]> {
  const content = oneFile(options.sizeBytes, MIB);
  await using given = await prepare(content, 1);
  const geometry = createGeometry(given.sizeBytes, content.pieceLength);
  using file = await Deno.open(join(given.dir, content.name));
  const scratch = new Uint8Array(content.pieceLength);
  const seeders = Array.from({ length: options.peers }, (_, number) =>
    openFakeSeeder({
      pieceCount: geometry.pieceCount,
      number,
      rateBytesPerSecond: options.rate,
      read(piece, begin, length) {
        file.seekSync(pieceOffset(geometry, piece) + begin, Deno.SeekMode.Start);
        const bytes = scratch.subarray(0, length);
        for (let at = 0; at < length;) at += file.readSync(bytes.subarray(at)) ?? length;
        return bytes;
      },
    }));
  try {
    const peers = seeders.map(({ port }): Endpoint => ({ host: loopback.host, port }));
    const times = await inTurns(options, (client) => timeDownloads(client, 1, given, peers));
    const what = `${options.peers} peers at ${shorten(options.rate / 1e6)} MB/s each`;
    const sum = options.peers * options.rate / 1e6;
    const rate = given.sizeBytes / 1e6 / times.tt;
    return [
      compare(what, given.sizeBytes, times, 1),
      {
        what: `${what}, launch included`,
        measured: `${shorten(rate)} MB/s`,
        beside: `the links' ${shorten(sum)} MB/s`,
        target: atLeast(rate / sum, 0.95),
      },
    ];
  } finally {
    for (const seeder of seeders) seeder[Symbol.dispose]();
  }
}

/** No rate limit: the machine is the shared bottleneck. */
async function benchMixed(options: Options): Promise<Figure[]> {
  await using given = await prepare(oneFile(options.sizeBytes, MIB), 1);
  await using swarm = await startMixedSwarm(options.mixed, given);
  const times = await inTurns(options, (client) => timeDownloads(client, 1, given, swarm.peers));
  return [compare(`${swarm.peers.length} peers, mixed clients`, given.sizeBytes, times, 1)];
}

/** A swarm of one client: the seeder and the downloaders find each other by a tracker. */
async function benchFanout(options: Options): Promise<Figure[]> {
  const port = freshPort();
  const url = announceUrl(loopback.host, port);
  await using given = await prepare(oneFile(options.sizeBytes, MIB), DOWNLOADERS, url);
  const { infoHash } = given.torrent;
  const times = await inTurns(options, async (client) => {
    // A new tracker each time: it must not return peers that have left.
    const infoHashes = [infoHash];
    await using tracker = await ttTracker.start({ place: loopback, port, infoHashes });
    await using _seeder = await startSeeder(client, given);
    await awaitSeeder(loopback, tracker, infoHash);
    return await timeDownloads(client, DOWNLOADERS, given, []);
  });
  const what = `1 seeder, ${DOWNLOADERS} downloaders, until the last`;
  return [compare(what, DOWNLOADERS * given.sizeBytes, times, 1)];
}

async function fromOneSeeder(options: Options, given: Prepared): Promise<Times> {
  await using seeder = await startSeeder(options.seeder, given);
  return await inTurns(options, (client) => timeDownloads(client, 1, given, [seeder]));
}

/** Median seconds. */
interface Times {
  readonly tt: number;
  readonly lt: number;
}

async function inTurns(
  { runs }: Options,
  time: (client: Client) => Promise<number>,
): Promise<Times> {
  const seconds = { tt: [] as number[], lt: [] as number[] };
  for (let run = 0; run < runs; run++) {
    seconds.tt.push(await time(tt));
    seconds.lt.push(await time(libtorrent));
  }
  return { tt: median(seconds.tt), lt: median(seconds.lt) };
}

function compare(what: string, bytes: number, times: Times, target: number): Figure {
  const text = (seconds: number) =>
    `${shorten(bytes / 1e6 / seconds)} MB/s in ${shorten(seconds)} s`;
  return {
    what,
    measured: text(times.tt),
    beside: `libtorrent ${text(times.lt)}`,
    target: atLeast(times.lt / times.tt, target),
  };
}

function oneFile(length: number, pieceLength: number): Content {
  return { title: "", name: "scenario.bin", pieceLength, files: [{ path: "", length }] };
}
