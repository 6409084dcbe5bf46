/**
 * `bench memory`: how the size of a torrent affects memory during its download. Two torrents of
 * zeros, one small, one huge, each from as many peers at the same rate into sparse files.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BLOCK_SIZE, createGeometry } from "../../core/metainfo/geometry.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type FakePeer, openFakeSeeder } from "./fake_peers.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { readProcessCost } from "./process_cost.ts";
import { readSize } from "./report.ts";
import { torrentOfZeros } from "./zeros.ts";

export const MEMORY_USAGE =
  `memory [--large 200G] [--small 2G] [--piece 4M] [--peers 50] [--rate 4M] [--seconds 5] [--json]
  Peak resident size of tt get for a huge torrent and a small one, from peers at --rate each, and
  whether it grows: --small 0 --rate 40K --seconds 3600 watches the huge one alone for an hour.`;

const SMALL_BYTES_MAX = 180e6;
const EXTRA_BYTES_MAX = 60e6;
/** The file system itself needs memory for what it stores. */
const ROOM_FACTOR = 1.2;
const CONNECTED_DEADLINE_MS = 60_000;
/** Interval between samples of the resident size, in which growth shows. */
const SAMPLES = 60;
/** From the second quarter of the time to the last. */
const GROWTH_MAX = 1.1;

interface Options {
  readonly pieceLength: number;
  readonly peers: number;
  readonly rate: number;
  readonly seconds: number;
}

export async function benchMemory(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      large: { type: "string", default: "200G" },
      small: { type: "string", default: "2G" },
      piece: { type: "string", default: "4M" },
      peers: { type: "string", default: "50" },
      rate: { type: "string", default: "4M" },
      seconds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const options: Options = {
    pieceLength: readSize(flags.piece),
    peers: Number(flags.peers),
    rate: readSize(flags.rate),
    seconds: Number(flags.seconds),
  };
  const smallBytes = readSize(flags.small);
  const small = smallBytes > 0 ? await watch(smallBytes, options) : undefined;
  const large = await watch(readSize(flags.large), options);
  const megabytes = (bytes: number) => `${shorten(bytes / 1e6)} MB`;
  const figures: Figure[] = [];
  if (small !== undefined) {
    figures.push({
      what: `${flags.small} torrent, peak resident`,
      measured: megabytes(small.peakBytes),
      beside: `${megabytes(small.doneBytes)} came`,
      target: atMost(small.peakBytes / 1e6, SMALL_BYTES_MAX / 1e6, " MB"),
    });
  }
  const over = large.peakBytes - (small?.peakBytes ?? SMALL_BYTES_MAX);
  const [early, late] = [quarterOf(large.samples, 1), quarterOf(large.samples, 3)];
  figures.push({
    what: `${flags.large} torrent, peak resident`,
    measured: megabytes(large.peakBytes),
    beside: `${megabytes(large.doneBytes)} came`,
    target: atMost(over / 1e6, EXTRA_BYTES_MAX / 1e6, " MB more"),
  }, {
    what: `${flags.large} torrent, last quarter beside the second`,
    measured: megabytes(late),
    beside: megabytes(early),
    target: atMost(late / early, GROWTH_MAX),
  });
  const title = `${flags.peers} peers, ${flags.rate} a second each, for ${flags.seconds} s`;
  printFigures(title, figures, flags.json);
}

/** The mean of a quarter, counted from 0. */
function quarterOf(samples: readonly number[], quarter: number): number {
  const size = samples.length / 4;
  const part = samples.slice(Math.floor(quarter * size), Math.ceil((quarter + 1) * size));
  return part.reduce((sum, sample) => sum + sample, 0) / part.length;
}

interface Watched {
  readonly peakBytes: number;
  readonly doneBytes: number;
  /** Resident bytes, sampled at equal intervals. */
  readonly samples: readonly number[];
}

/** Downloads zeros for a fixed time. */
async function watch(
  sizeBytes: number,
  { pieceLength, peers, rate, seconds }: Options,
): Promise<Watched> {
  // Twice the time, since connecting takes some.
  const filledBytes = Math.min(sizeBytes, 2 * seconds * peers * rate);
  await using folder = await openMemoryFolder(ROOM_FACTOR * sizeBytes, ROOM_FACTOR * filledBytes);
  const torrentPath = join(folder.path, "zeros.torrent");
  const { pieceCount } = createGeometry(sizeBytes, pieceLength);
  await Deno.writeFile(torrentPath, torrentOfZeros("zeros.bin", sizeBytes, pieceLength));

  const zeros = new Uint8Array(BLOCK_SIZE);
  const seeders = Array.from({ length: peers }, (_, number): FakePeer =>
    openFakeSeeder({
      pieceCount,
      number,
      rateBytesPerSecond: rate,
      read: (_piece, _begin, length) => zeros.subarray(0, length),
    }));
  const port = freshPort();
  const argv = await ttCommand([
    ...["get", torrentPath, "--dir", join(folder.path, "downloads"), "--json"],
    ...["--host", loopback.host, "--port", String(port), "--share-rule", "off"],
    ...seeders.flatMap((seeder) => ["--peer", `127.0.0.1:${seeder.port}`]),
  ]);
  try {
    await using downloader = new ClientProcess({ place: loopback, port, argv });
    await downloader.waitForLine(
      (line) => progressOf(line)?.peers === peers || undefined,
      `connect to ${peers} peers`,
      CONNECTED_DEADLINE_MS,
    );
    const samples: number[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds / SAMPLES));
      samples.push((await readProcessCost(downloader.pid)).residentBytes);
    }
    const { peakResidentBytes: peakBytes } = await readProcessCost(downloader.pid);
    let doneBytes = 0;
    for (const line of downloader.log().split("\n")) {
      doneBytes = progressOf(line)?.bytesDone ?? doneBytes;
    }
    return { peakBytes, doneBytes, samples };
  } finally {
    for (const seeder of seeders) seeder[Symbol.dispose]();
  }
}

function progressOf(line: string): { peers: number; bytesDone: number } | undefined {
  return line.startsWith(`{"event":"progress"`) ? JSON.parse(line) : undefined;
}
