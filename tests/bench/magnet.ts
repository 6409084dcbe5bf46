/**
 * A magnet link with a peer: the time to the metadata and to the first piece, by each client's own
 * clock, compared with libtorrent fetching from the same seeder: libtorrent, aria2, Transmission
 * and tt.
 */
import { parseArgs } from "node:util";
import type { Client } from "../interop/clients/client.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { aria2 } from "../interop/clients/aria2.ts";
import { transmission } from "../interop/clients/transmission.ts";
import { freshPort, namespacesMissing, openNetwork, type Place } from "../support/network.ts";
import { runCommand } from "../support/process.ts";
import { tt } from "../interop/clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { atMost, type Figure, printFigures } from "./figures.ts";
import { median } from "./report.ts";

export const MAGNET_USAGE = `deno task bench magnet [--runs 5] [--json]
  seconds from a magnet link to its metadata and its first piece, beside libtorrent`;

const DEADLINE_MS = 60_000;
/** Limit for the metadata from a seeder on this machine. */
const METADATA_SECONDS = 0.2;

/**
 * Complete with its first piece, and with metadata of several pieces, because its names are long.
 */
const CONTENT: Content = {
  title: "one piece, much metadata",
  name: "names",
  pieceLength: 256 * 1024,
  files: Array.from({ length: 256 }, (_, i) => ({
    path: `${String(i).padStart(4, "0")} ${"long name ".repeat(20)}.bin`,
    length: 1024,
  })),
};

interface Times {
  readonly metadata: number[];
  readonly piece: number[];
  /** From the program's launch to the first piece, by the clock of this benchmark. */
  readonly launched: number[];
}

export async function benchMagnet(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const missing = await libtorrent.missing() ?? await namespacesMissing();
  if (missing !== undefined) throw new Error(missing);
  await using scratch = await openScratch("tt-bench-");
  await writeContent(scratch.path, CONTENT);
  const torrent = await writeTorrent(scratch.path, CONTENT);
  const shown = await runCommand(await ttCommand(["show", torrent.path, "--json"]));
  const figures: Figure[] = [];
  for (const seeder of [libtorrent, aria2, transmission, tt]) {
    const why = await seeder.missing();
    if (why === undefined) {
      const { magnet } = JSON.parse(shown);
      figures.push(...await from(seeder, magnet, torrent.path, scratch.path, Number(flags.runs)));
    } else console.error(`Without ${seeder.name}: ${why}`);
  }
  printFigures(`A magnet link, median of ${flags.runs}`, figures, flags.json);
}

/** Both clients fetch from one seeder in turn, in a network of two hosts. */
async function from(
  client: Client,
  link: string,
  torrentPath: string,
  dir: string,
  runs: number,
): Promise<Figure[]> {
  await using network = await openNetwork(2);
  const [there, here] = network.places;
  const port = freshPort();
  const magnet = `${link}&x.pe=${there!.host}:${port}`;
  // Started again for each run: some refuse a peer that disconnected a moment ago.
  const fetchFrom = async (downloader: Client, times: Times) => {
    await using _seeder = await client.seed({ torrentPath, dir, place: there!, port });
    await fetchOnce(downloader, magnet, here!, times);
  };
  const ours: Times = { metadata: [], piece: [], launched: [] };
  const theirs: Times = { metadata: [], piece: [], launched: [] };
  for (let run = 0; run < runs; run++) {
    await fetchFrom(tt, ours);
    await fetchFrom(libtorrent, theirs);
  }
  const figure = (what: string, times: keyof Times): Figure => {
    const [a, b] = [median(ours[times]), median(theirs[times])];
    return {
      what: `from ${client.name} to the ${what}`,
      measured: `${a.toFixed(3)} s`,
      beside: `libtorrent ${b.toFixed(3)} s`,
      target: atMost(a / b, 1),
    };
  };
  const metadata = median(ours.metadata);
  // Other clients delay metadata by their own rules.
  const absolute: Figure = {
    what: `from ${client.name} to the metadata, absolute`,
    measured: `${metadata.toFixed(3)} s`,
    target: atMost(metadata, METADATA_SECONDS, " s"),
  };
  // Python and Deno take their time to start, whatever they do then.
  const { target: _, ...launched } = figure("first piece, from the program's launch", "launched");
  return [
    figure("metadata", "metadata"),
    ...(client === libtorrent ? [absolute] : []),
    figure("first piece", "piece"),
    launched,
  ];
}

async function fetchOnce(
  client: Client,
  magnet: string,
  place: Place,
  times: Times,
): Promise<void> {
  await using scratch = await openScratch("tt-bench-");
  const launchedMs = performance.now();
  await using download = await client.download({
    torrentPath: magnet,
    dir: scratch.path,
    place,
    port: freshPort(),
    deadlineMs: DEADLINE_MS,
  });
  const { seconds } = await download.completed;
  times.launched.push((performance.now() - launchedMs) / 1_000);
  const metadata = /"event":"metadata".*"seconds":([\d.]+)|^metadata ([\d.]+)$/m.exec(
    download.log(),
  );
  if (metadata === null || seconds === undefined) throw new Error(`No times in ${download.log()}`);
  const metadataSeconds = Number(metadata[1] ?? metadata[2]);
  times.metadata.push(metadataSeconds);
  // `tt` starts the clock of a download at its metadata.
  times.piece.push(client === tt ? metadataSeconds + seconds : seconds);
}
