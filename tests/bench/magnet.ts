/**
 * A magnet link with a peer: how long until the metadata and the first piece are here, by each client's
 * own clock, beside libtorrent fetching from the same libtorrent seeder.
 */
import { parseArgs } from "node:util";
import type { Client } from "../interop/clients/client.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { freshPort, loopback } from "../support/network.ts";
import { runCommand } from "../support/process.ts";
import { tt } from "../interop/clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { atMost, type Figure, printFigures } from "./figures.ts";
import { median } from "./report.ts";

export const MAGNET_USAGE = `deno task bench magnet [--runs 5] [--json]
  seconds from a magnet link to its metadata and its first piece, beside libtorrent`;

const DEADLINE_MS = 60_000;
/** What a download from a seeder on this machine may take for its metadata. */
const METADATA_SECONDS = 0.2;

/** Complete with its first piece, and with metadata of several pieces: long names take room. */
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
}

export async function benchMagnet(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const missing = await libtorrent.missing();
  if (missing !== undefined) throw new Error(missing);
  await using scratch = await openScratch("tt-bench-");
  await writeContent(scratch.path, CONTENT);
  const torrent = await writeTorrent(scratch.path, CONTENT);
  const shown = await runCommand(await ttCommand(["show", torrent.path, "--json"]));
  const port = freshPort();
  const magnet = `${JSON.parse(shown).magnet}&x.pe=127.0.0.1:${port}`;
  const place = loopback;
  await using _seeder = await libtorrent.seed({
    ...{ torrentPath: torrent.path, dir: scratch.path, place, port },
  });
  const ours: Times = { metadata: [], piece: [] };
  const theirs: Times = { metadata: [], piece: [] };
  for (let run = 0; run < Number(flags.runs); run++) {
    await fetchOnce(tt, magnet, ours);
    await fetchOnce(libtorrent, magnet, theirs);
  }
  const figure = (what: string, times: keyof Times): Figure => {
    const [a, b] = [median(ours[times]), median(theirs[times])];
    return {
      what,
      measured: `${a.toFixed(3)} s`,
      beside: `libtorrent ${b.toFixed(3)} s`,
      target: atMost(a / b, 1),
    };
  };
  const metadata = median(ours.metadata);
  printFigures(`A magnet link, median of ${flags.runs}`, [
    figure("to the metadata", "metadata"),
    {
      what: "to the metadata, absolute",
      measured: `${metadata.toFixed(3)} s`,
      target: atMost(metadata, METADATA_SECONDS, " s"),
    },
    figure("to the first piece", "piece"),
  ], flags.json);
}

async function fetchOnce(client: Client, magnet: string, times: Times): Promise<void> {
  await using scratch = await openScratch("tt-bench-");
  await using download = await client.download({
    torrentPath: magnet,
    dir: scratch.path,
    place: loopback,
    port: freshPort(),
    deadlineMs: DEADLINE_MS,
  });
  const { seconds } = await download.completed;
  const metadata = /"event":"metadata".*"seconds":([\d.]+)|^metadata ([\d.]+)$/m.exec(
    download.log(),
  );
  if (metadata === null || seconds === undefined) throw new Error(`No times in ${download.log()}`);
  const metadataSeconds = Number(metadata[1] ?? metadata[2]);
  times.metadata.push(metadataSeconds);
  // Ours counts a download from its metadata on.
  times.piece.push(client === tt ? metadataSeconds + seconds : seconds);
}
