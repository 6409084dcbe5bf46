/**
 * `deno task bench stream`: `tt stream` and webtorrent's streaming server, both from the same
 * rate-limited seeder, alternating; and the stream of a finished file compared with nginx.
 */
import { join } from "node:path";
import { startNginx } from "../interop/clients/nginx.ts";
import { webtorrentModule } from "../interop/clients/webtorrent_install.ts";
import { fileURLToPath } from "node:url";
import { type Content, writeContent } from "../support/content.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { atLeast, atMost, type Figure, printFigures } from "./figures.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { median } from "./report.ts";

const OF_WEBTORRENT = 0.5;
const OF_NGINX = 0.8;
/** Far from each other and from the beginning, so that none of it is there when it is asked for. */
const SEEKS = [0.7, 0.35, 0.9, 0.5, 0.8, 0.25, 0.6];
/** What a reader takes before it goes elsewhere: the seeder's burst is over by then. */
const READ_BEFORE_SEEK = 768 * 1024;
const URL_DEADLINE_MS = 60_000;
const SCRIPT = fileURLToPath(new URL("stream_webtorrent.mjs", import.meta.url));
const FILE = "film.mkv";

export interface RealStreams {
  /** Bytes of the film, and the rate of its seeder in bytes a second. */
  readonly size: number;
  readonly rate: number;
  /** Bytes of the finished file. */
  readonly finishedSize: number;
  readonly runs: number;
  readonly json: boolean;
}

interface Times {
  /** From the start of the program to the first byte. */
  readonly startMs: number[];
  /** From the request to the first byte, at the start and far beyond the downloaded part. */
  readonly firstMs: number[];
  readonly seekMs: number[];
}

/** Runs the programs in turns and prints medians. */
export async function benchRealStreams(options: RealStreams): Promise<void> {
  const { size, rate, runs, json } = options;
  const figures = [...await loading(options), ...await finished(options)];
  const title = `A film of ${size / 1e6} MB from a seeder of ${rate / 1e6} MB/s, median of ${runs}`;
  printFigures(title, figures, json);
}

async function loading({ size, rate, runs }: RealStreams): Promise<Figure[]> {
  const module = await webtorrentModule();
  if (module === undefined) {
    throw new Error("Install webtorrent first: tests/interop/clients/webtorrent_install.ts");
  }
  await using folder = await openMemoryFolder(6 * size);
  const torrent = await makeFilm(folder.path, size);
  const port = freshPort();
  const seeding = ["seed", torrent, "--dir", folder.path, "--host", loopback.host];
  await using seeder = new ClientProcess({
    place: loopback,
    port,
    argv: await ttCommand([...seeding, "--port", `${port}`, "--up-limit", `${rate}`, "--json"]),
  });
  await seeder.waitForListening();
  const peer = `${loopback.host}:${port}`;
  const streamers = {
    tt: async (dir: string) => [
      ...await ttCommand(["stream", torrent, "--dir", dir, "--peer", peer, "--json"]),
      ...["--host", loopback.host, "--port", "0", "--share-rule", "off"],
    ],
    webtorrent: (dir: string) => Promise.resolve(["node", SCRIPT, module, torrent, dir, peer]),
  };
  const times = { tt: newTimes(), webtorrent: newTimes() };
  for (let run = 0; run < runs; run++) {
    for (const name of ["tt", "webtorrent"] as const) {
      const dir = join(folder.path, `${name}-${run}`);
      await measure(await streamers[name](dir), size, times[name]);
      await Deno.remove(dir, { recursive: true });
    }
  }
  const figure = (what: string, of: (times: Times) => number[]): Figure => ({
    what,
    measured: `${median(of(times.tt)).toFixed(0)} ms`,
    beside: `webtorrent ${median(of(times.webtorrent)).toFixed(0)} ms`,
    target: atMost(median(of(times.tt)) / median(of(times.webtorrent)), OF_WEBTORRENT),
  });
  const { target: _, ...fromStart } = figure("from the start to the first byte", (t) => t.startMs);
  return [
    figure("time to first byte", ({ firstMs }) => firstMs),
    figure(`seek, median of ${times.tt.seekMs.length}`, ({ seekMs }) => seekMs),
    figure("seek, the slowest", ({ seekMs }) => [Math.max(...seekMs)]),
    fromStart,
  ];
}

function newTimes(): Times {
  return { startMs: [], firstMs: [], seekMs: [] };
}

async function measure(argv: readonly string[], size: number, times: Times): Promise<void> {
  const startedMs = performance.now();
  await using program = new ClientProcess({ place: loopback, port: 0, argv: [...argv] });
  const url = await program.waitForLine(urlOf, "print its URL", URL_DEADLINE_MS);
  times.firstMs.push(
    await firstByteMs(url, 0, () => times.startMs.push(performance.now() - startedMs)),
  );
  for (const part of SEEKS) times.seekMs.push(await firstByteMs(url, Math.floor(size * part)));
}

/** The URL from `tt stream --json`, or from the script. */
function urlOf(line: string): string | undefined {
  if (line.startsWith("url ")) return line.slice(4);
  return /"event":"stream".*"url":"([^"]+)"/.exec(line)?.[1];
}

/** From the request to the first byte; then the reader goes on a little. */
async function firstByteMs(url: string, start: number, onFirst = () => {}): Promise<number> {
  const askedMs = performance.now();
  const answer = await fetch(url, { headers: { range: `bytes=${start}-` } });
  const reader = answer.body!.getReader();
  const { value } = await reader.read();
  const ms = performance.now() - askedMs;
  onFirst();
  for (let taken = value!.length; taken < READ_BEFORE_SEEK;) {
    const { value } = await reader.read();
    taken += value!.length;
  }
  await reader.cancel();
  return ms;
}

/** curl of the stream of a finished file, and of the same file from nginx. */
async function finished({ finishedSize: size, runs }: RealStreams): Promise<Figure[]> {
  await using folder = await openMemoryFolder(2 * size);
  const torrent = await makeFilm(folder.path, size);
  await using nginx = await startNginx(folder.path, folder.path);
  const argv = await ttCommand([
    ...["stream", torrent, "--dir", folder.path, "--json", "--keep", "--no-portmap"],
    ...["--host", loopback.host, "--port", "0"],
  ]);
  await using program = new ClientProcess({ place: loopback, port: 0, argv });
  const url = await program.waitForLine(urlOf, "print its URL", URL_DEADLINE_MS);
  const speeds = { tt: [] as number[], nginx: [] as number[] };
  for (let run = 0; run < runs; run++) {
    speeds.nginx.push(await curlSpeed(`${nginx.url}${FILE}`));
    speeds.tt.push(await curlSpeed(url));
  }
  const [ours, theirs] = [median(speeds.tt), median(speeds.nginx)];
  return [{
    what: `curl of a finished file of ${size / 1e6} MB`,
    measured: `${(ours / 1e6).toFixed(0)} MB/s`,
    beside: `nginx ${(theirs / 1e6).toFixed(0)} MB/s`,
    target: atLeast(ours / theirs, OF_NGINX),
  }];
}

async function curlSpeed(url: string): Promise<number> {
  const out = ["--output", "/dev/null", "--write-out", "%{speed_download}"];
  return Number(await runCommand(["curl", "--silent", ...out, url]));
}

async function makeFilm(folder: string, size: number): Promise<string> {
  const content: Content = {
    ...{ title: "a film", name: FILE, pieceLength: 256 * 1024 },
    files: [{ path: "", length: size }],
  };
  await writeContent(folder, content);
  const torrent = join(folder, "film.torrent");
  const create = ["create", join(folder, FILE), "--out", torrent, "--piece-length", "256K"];
  await runCommand(await ttCommand(create));
  return torrent;
}
