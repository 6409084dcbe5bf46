/**
 * `bench many`: many torrents at once in a process with few file descriptors, from more peers than
 * it can connect to. All must complete, none may starve, and descriptors and memory must stay
 * bounded.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BLOCK_SIZE, createGeometry } from "../../core/metainfo/geometry.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch } from "../support/content.ts";
import { openFakeSeeder } from "./fake_peers.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { readProcessCost } from "./process_cost.ts";
import { measureManyActive } from "./many_active.ts";
import { readSize } from "./report.ts";
import { torrentOfZeros } from "./zeros.ts";

export const MANY_USAGE =
  `many [--torrents 40] [--size 4M] [--peers 20] [--rate 4M] [--descriptors 256] [--down 8M]
     [--active N] [--main FILE] [--json]
  Downloads as many torrents at once as said, each from all peers, under ulimit -n: seconds, how long
  a torrent stood still at the longest, descriptors and memory at their peak. With --active in a
  daemon that downloads N at once while the others wait; also sockets, open files and the memory of
  unfinished pieces. --main measures another main.ts.`;

const PIECE_LENGTH = 256 * 1024;
const DEADLINE_MS = 180_000;
const SAMPLE_MS = 100;
const STILL_SECONDS_MAX = 45;

interface Progress {
  readonly event: string;
  readonly infoHash: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export async function benchMany(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      torrents: { type: "string", default: "40" },
      size: { type: "string", default: "4M" },
      peers: { type: "string", default: "20" },
      rate: { type: "string", default: "4M" },
      descriptors: { type: "string", default: "256" },
      down: { type: "string", default: "8M" },
      active: { type: "string" },
      main: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const count = Number(flags.torrents), size = readSize(flags.size);
  if (flags.active !== undefined) {
    const active = Number(flags.active);
    const figures = await measureManyActive({
      ...{ count, size, active, pieceLength: PIECE_LENGTH, deadlineMs: DEADLINE_MS },
      ...{ peers: Number(flags.peers), rate: readSize(flags.rate), down: readSize(flags.down) },
      ...{ descriptors: Number(flags.descriptors), stillSecondsMax: STILL_SECONDS_MAX },
    });
    return printFigures(
      `${count} torrents of ${flags.size}, ${active} at once`,
      figures,
      flags.json,
    );
  }
  await using scratch = await openScratch("tt-bench-");
  const paths = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const path = join(scratch.path, `${index}.torrent`);
    await Deno.writeFile(path, torrentOfZeros(`zeros-${index}.bin`, size, PIECE_LENGTH));
    return path;
  }));
  const zeros = new Uint8Array(BLOCK_SIZE);
  const seeders = Array.from({ length: Number(flags.peers) }, (_, number) =>
    openFakeSeeder({
      pieceCount: createGeometry(size, PIECE_LENGTH).pieceCount,
      number,
      rateBytesPerSecond: readSize(flags.rate),
      read: (_piece, _begin, length) => zeros.subarray(0, length),
    }));
  const port = freshPort();
  const command = await ttCommand([
    ...["get", ...paths, "--dir", join(scratch.path, "downloads"), "--json", "--no-seed"],
    ...["--host", loopback.host, "--port", String(port), "--share-rule", "off"],
    ...["--down-limit", String(readSize(flags.down))],
    ...seeders.flatMap((seeder) => ["--peer", `127.0.0.1:${seeder.port}`]),
  ]);
  const argv = flags.main === undefined
    ? command
    : command.map((word) => word.endsWith("/main.ts") ? flags.main! : word);
  const log = join(scratch.path, "events");
  const limit = `ulimit -n ${flags.descriptors} && exec "$@" > '${log}'`;
  const startedMs = performance.now();
  let peakDescriptors = 0, peakBytes = 0;
  await using downloader = new ClientProcess({
    ...{ place: loopback, port, argv: ["bash", "-c", limit, "tt", ...argv] },
  });
  let isOver = false;
  downloader.exited.then(() => isOver = true);
  while (!isOver && performance.now() - startedMs < DEADLINE_MS) {
    try {
      peakDescriptors = Math.max(peakDescriptors, countEntries(`/proc/${downloader.pid}/fd`));
      const { peakResidentBytes } = await readProcessCost(downloader.pid);
      if (peakResidentBytes > 0) peakBytes = peakResidentBytes;
    } catch {
      // The process ended in between.
    }
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
  for (const seeder of seeders) seeder[Symbol.dispose]();
  const seconds = (performance.now() - startedMs) / 1000;
  const events: Progress[] = (await Deno.readTextFile(log)).trim().split("\n")
    .map((line) => JSON.parse(line));
  const complete = events.filter(({ event }) => event === "complete").length;
  const still = longestStill(events);
  const figures: Figure[] = [
    {
      what: "torrents that did not arrive",
      measured: `${count - complete}`,
      beside: `${count} after ${shorten(seconds)} s`,
      target: atMost(count - complete, 0),
    },
    {
      what: "longest that one stood still",
      measured: `${still} s`,
      target: atMost(still, STILL_SECONDS_MAX, " s"),
    },
    {
      what: "descriptors at the peak",
      measured: `${peakDescriptors}`,
      beside: `${flags.descriptors} allowed`,
      target: atMost(peakDescriptors, Number(flags.descriptors)),
    },
    { what: "peak resident", measured: `${shorten(peakBytes / 1e6)} MB` },
  ];
  printFigures(`${count} torrents of ${flags.size} from ${flags.peers} peers`, figures, flags.json);
}

/** The longest time in seconds without progress of a torrent, sampled once a second. */
function longestStill(events: readonly Progress[]): number {
  const done = new Map<string, { bytes: number; looks: number }>();
  let longest = 0;
  for (const { event, infoHash, bytesDone, bytesTotal } of events) {
    if (event !== "progress" || bytesDone === bytesTotal) continue;
    const before = done.get(infoHash);
    const looks = before === undefined || bytesDone > before.bytes ? 0 : before.looks + 1;
    done.set(infoHash, { bytes: bytesDone, looks });
    longest = Math.max(longest, looks);
  }
  return longest;
}

function countEntries(folder: string): number {
  let count = 0;
  for (const _ of Deno.readDirSync(folder)) count++;
  return count;
}
