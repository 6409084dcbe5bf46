/**
 * `bench many --active N`: a daemon with many torrents, of which N download at once and the others wait,
 * in a process that may open few files. What it has open and in memory is counted all the time.
 */
import { join } from "node:path";
import { BLOCK_SIZE, createGeometry } from "../../core/metainfo/geometry.ts";
import { processTotals } from "../../core/session/limits.ts";
import { TORRENT_STATUS } from "../../core/rpc/torrent_view.ts";
import { openScratch } from "../support/content.ts";
import { ttSubject, wait } from "./daemon_subjects.ts";
import { openFakeSeeder } from "./fake_peers.ts";
import { atMost, type Figure, shorten } from "./figures.ts";
import { openMeetingPoint } from "./meeting_point.ts";
import { readProcessCost } from "./process_cost.ts";
import { torrentOfZeros } from "./zeros.ts";

export interface ActiveLoad {
  readonly count: number;
  readonly size: number;
  readonly pieceLength: number;
  readonly active: number;
  readonly peers: number;
  /** Bytes a second of each peer, and of all downloads together. */
  readonly rate: number;
  readonly down: number;
  readonly descriptors: number;
  readonly deadlineMs: number;
  readonly stillSecondsMax: number;
}

const SAMPLE_MS = 200;

interface Peaks {
  active: number;
  descriptors: number;
  sockets: number;
  files: number;
  pieceBytes: number;
  stillMs: number;
}

/** Downloads them all. */
export async function measureManyActive(load: ActiveLoad): Promise<Figure[]> {
  const { count, size, pieceLength, active, descriptors } = load;
  await using scratch = await openScratch("tt-bench-");
  await using tracker = openMeetingPoint();
  const zeros = new Uint8Array(BLOCK_SIZE);
  const { pieceCount } = createGeometry(size, pieceLength);
  const seeders = Array.from({ length: load.peers }, (_, number) =>
    openFakeSeeder({
      ...{ pieceCount, number, rateBytesPerSecond: load.rate },
      read: (_piece, _begin, length) => zeros.subarray(0, length),
    }));
  tracker.setSeeders(seeders.map(({ port }) => port));
  const paths = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const name = `zeros-${index}.bin`;
    const path = join(scratch.path, `${name}.torrent`);
    const bytes = torrentOfZeros(name, size, pieceLength, tracker.announceUrl);
    await Deno.writeFile(path, bytes);
    return path;
  }));
  const options = ["--max-downloads", String(active), "--down-limit", String(load.down)];
  const subject = ttSubject(join(scratch.path, "tt"), false, options, descriptors);
  await using daemon = await subject.start();
  // All that are active are to be the downloads.
  await subject.limitSeeds(1);
  const from = performance.now();
  await subject.add(paths.map((path) => ({ path })), join(scratch.path, "downloads"));
  const peaks: Peaks = {
    ...{ active: 0, descriptors: 0, sockets: 0, files: 0, pieceBytes: 0, stillMs: 0 },
  };
  const progress = new Map<number, { bytes: number; sinceMs: number }>();
  let done = 0;
  while (done < count && performance.now() - from < load.deadlineMs) {
    const torrents = await subject.torrents(["id", "status", "downloadedEver", "leftUntilDone"]);
    done = torrents.filter(({ leftUntilDone }) => leftUntilDone === 0).length;
    const downloading = torrents.filter(({ status }) => status === TORRENT_STATUS.downloading);
    peaks.active = Math.max(peaks.active, downloading.length);
    for (const { id, downloadedEver } of downloading) {
      peaks.stillMs = Math.max(peaks.stillMs, noteProgress(progress, id!, downloadedEver!));
    }
    const open = await openOf(daemon.pid);
    peaks.descriptors = Math.max(peaks.descriptors, open.all);
    peaks.sockets = Math.max(peaks.sockets, open.sockets);
    peaks.files = Math.max(peaks.files, open.content);
    const pieceBytes = await subject.metric("tt_daemon_piece_buffer_bytes");
    peaks.pieceBytes = Math.max(peaks.pieceBytes, pieceBytes);
    await wait(SAMPLE_MS);
  }
  const seconds = (performance.now() - from) / 1_000;
  const { peakResidentBytes, cpuSeconds } = await readProcessCost(daemon.pid);
  for (const seeder of seeders) seeder[Symbol.dispose]();
  const limits = processTotals(descriptors);
  const still = peaks.stillMs / 1_000;
  return [
    {
      what: "torrents that did not arrive",
      measured: `${count - done}`,
      beside: `${count} after ${shorten(seconds)} s, CPU ${shorten(cpuSeconds)} s`,
      target: atMost(count - done, 0),
    },
    { what: "active at once", measured: `${peaks.active}`, target: atMost(peaks.active, active) },
    {
      what: "longest that an active one stood still",
      measured: `${shorten(still)} s`,
      target: atMost(still, load.stillSecondsMax, " s"),
    },
    {
      what: "descriptors at the peak",
      measured: `${peaks.descriptors}`,
      beside: `${peaks.sockets} of them sockets`,
      target: atMost(peaks.descriptors, descriptors),
    },
    { what: "content files open at the peak", measured: `${peaks.files}` },
    {
      what: "memory of unfinished pieces at the peak",
      measured: `${shorten(peaks.pieceBytes / 1e6)} MB`,
      target: atMost(peaks.pieceBytes / 1e6, limits.bufferBytes / 1e6, " MB"),
    },
    { what: "peak resident", measured: `${shorten(peakResidentBytes / 1e6)} MB` },
  ];
}

/** How long ago the torrent got its last byte, in ms. */
function noteProgress(
  progress: Map<number, { bytes: number; sinceMs: number }>,
  id: number,
  bytes: number,
): number {
  const now = performance.now();
  const before = progress.get(id);
  if (before !== undefined && before.bytes === bytes) return now - before.sinceMs;
  progress.set(id, { bytes, sinceMs: now });
  return 0;
}

/** Open files and sockets, and those of the content among them. */
async function openOf(pid: number): Promise<{ all: number; sockets: number; content: number }> {
  let all = 0, sockets = 0, content = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    all++;
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
    if (target.startsWith("socket:")) sockets++;
    if (target.endsWith(".bin")) content++;
  }
  return { all, sockets, content };
}
